# SPDX-License-Identifier: GPL-2.0-or-later
"""A peer that is known by its name is reached, sooner or later, whatever the name servers do.

    app - gw(vpnd, a name server of its own) - net - city(wireguard-go) - host
"""
import pytest

from lab.gate import Gate
from lab.names import NAME, Names
from lab.site import CITY, PORT
from lab.waiting import wait_until

NOBODY = {4: "192.0.2.99", 6: "2001:db8:2::99"}


@pytest.fixture(name="names")
def name_server(site):
    return Names(site)


def named(site):
    return Gate(site, gw_knows=False, peer={"endpoint": f"{NAME}:{PORT}"})


def test_name_servers_that_are_dead_at_boot_cost_only_time(site, names):
    gate = named(site)
    wait_until(lambda: "cannot look up" in gate.vpnd.log(), "that is said")
    tunnel, = gate.ctl.status()[1]["tunnels"]
    assert f"{NAME}:{PORT} cannot be resolved" in tunnel["reason"]
    names.serve(CITY[4])
    wait_until(lambda: gate.works(1), "the tunnel works", 40)


@pytest.mark.parametrize("addresses", [(NOBODY[4], CITY[4]), (NOBODY[6], CITY[4]),
                                       (NOBODY[4], NOBODY[6], CITY[6])],
                         ids=["second", "other family", "third"])
def test_each_address_of_a_name_is_tried(site, names, addresses):
    names.serve(*addresses)
    gate = named(site)
    wait_until(lambda: gate.works(1), "the tunnel works", 60)


def test_peer_that_moves_is_followed_by_its_name(site, names):
    """Its new address is not known by any packet from there: only the name tells."""
    names.serve(CITY[4])
    gate = named(site)
    assert gate.works()
    site.city.ip("addr del 192.0.2.10/24 dev uplink", "addr add 192.0.2.77/24 dev uplink",
                 "route replace default via 192.0.2.1")
    names.set("192.0.2.77")
    wait_until(lambda: gate.works(1), "the tunnel works again", 60)
