# SPDX-License-Identifier: GPL-2.0-or-later
"""Allowed IPs hold both ways, with the longest prefix over the whole interface.

    gw(vpnd IFNAME) - net - city(wireguard-go)   peer of 10.0.0.0/8 and fd00::/8
                       |
                      web(wireguard-go)          peer of 10.242.0.0/16 and fd42::/16, inside those
"""
import pytest

from lab.capture import Capture
from lab.gatehouse import VPND
from lab.site import CITY, PORT, WEB, uri
from lab.waiting import wait_until
from lab.wireguard import Device, Keys, WireguardGo, wg_interface, wg_peer

GW_INNER = {4: "10.99.0.1", 6: "fd99::1"}
WIDE = {4: "10.5.0.1", 6: "fd05::1"}      # of the peer with the wide prefixes
NARROW = {4: "10.242.0.10", 6: "fd42::10"}  # of the other
LENGTH = {4: 32, 6: 128}


class Nested:
    """The drawing above, with both tunnels up."""

    def __init__(self, site):
        self.site = site
        keys, self.wide_keys, self.narrow_keys = Keys(), Keys(), Keys()
        self.wide = self._far_end(site.city, self.wide_keys, keys, WIDE)
        self.narrow = self._far_end(site.web, self.narrow_keys, keys, NARROW)
        self.device = Device(site.gw, site.ifname("nest"))
        site.gw.run(VPND, self.device.ifname)
        self.device.configure(
            wg_interface(keys, PORT) +
            wg_peer(self.wide_keys.public, ["10.0.0.0/8", "fd00::/8"], uri(CITY[4], PORT)) +
            wg_peer(self.narrow_keys.public, ["10.242.0.0/16", "fd42::/16"], uri(WEB[4], PORT)))
        self.device.up([f"{GW_INNER[4]}/32", f"{GW_INNER[6]}/128"],
                       ["10.5.0.0/16", "10.242.0.0/16", "fd05::/16", "fd42::/16"])

    @staticmethod
    def _far_end(namespace, keys, gw_keys, inner):
        end = WireguardGo(namespace)
        end.configure(wg_interface(keys, PORT) + wg_peer(gw_keys.public, ["0.0.0.0/0", "::/0"]))
        end.up([f"{inner[family]}/{LENGTH[family]}" for family in (4, 6)],
               [f"{GW_INNER[family]}/{LENGTH[family]}" for family in (4, 6)])
        return end


@pytest.fixture(name="nested")
def nested_peers(site):
    made = Nested(site)
    for family in (4, 6):
        assert site.gw.reaches(WIDE[family]) and site.gw.reaches(NARROW[family])
    return made


@pytest.mark.parametrize("family", [4, 6])
def test_packets_go_to_the_peer_of_the_longest_prefix(site, nested, family):
    with Capture(site.city, nested.wide.ifname) as wide, \
            Capture(site.web, nested.narrow.ifname) as narrow:
        assert site.gw.reaches(WIDE[family]) and site.gw.reaches(NARROW[family])
    assert wide.count(f"host {WIDE[family]}") == 2 and not wide.count(f"host {NARROW[family]}")
    assert narrow.count(f"host {NARROW[family]}") == 2 and not narrow.count(f"host {WIDE[family]}")


@pytest.mark.parametrize("family", [4, 6])
def test_source_of_a_narrower_peer_is_refused_while_the_endpoint_still_roams(site, nested, family):
    """What was authenticated moves the endpoint, whatever its inner source."""
    site.city.ip(f"addr add {NARROW[family]}/{LENGTH[family]} dev lo")
    nested.wide.wg("set", "listen-port", 40001)
    moved = uri(CITY[4], 40001)
    with Capture(site.gw, nested.device.ifname) as inner:
        assert site.city.ping(GW_INNER[family], timeout=0.5,
                              options=("-I", NARROW[family])).received == 0
        wait_until(lambda: nested.device.show("endpoints")[nested.wide_keys.public] == moved,
                   "the endpoint has moved")
        assert not inner.count(f"host {NARROW[family]}")
        assert site.city.ping(GW_INNER[family], options=("-I", WIDE[family])).received == 1
        assert site.web.ping(GW_INNER[family], options=("-I", NARROW[family])).received == 1
    assert inner.count(f"src host {NARROW[family]}") == 1
    assert nested.device.show("endpoints")[nested.narrow_keys.public] == uri(WEB[4], PORT)


def test_narrower_peer_gone_leaves_its_addresses_to_the_wider(site, nested):
    site.city.ip(f"addr add {NARROW[4]}/32 dev lo")
    nested.device.wg("set", "peer", nested.narrow_keys.public, "remove")
    assert site.gw.reaches(NARROW[4])  # the City's now
    assert site.city.ping(GW_INNER[4], options=("-I", NARROW[4])).received == 1
