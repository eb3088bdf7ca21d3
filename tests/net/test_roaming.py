# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses on both ends change under traffic, and no ping is lost.

    app - gw(vpnd) ===uplink=== net - city(wireguard-go) - host
                   ===second===

The Internet drops what comes by an uplink with an address that is not of that uplink (BCP 38).
"""
import contextlib
import time

import pytest

from lab.capture import Capture
from lab.city import CITY_ADDRESSES, GW_ADDRESSES, TO_CITY, TO_SITE
from lab.gate import Gate
from lab.gatehouse import VPND
from lab.netns import Ping
from lab.relay import Weather
from lab.site import APP, CITY, GW, HOST, PORT, TUNNEL_CITY, UPLINK_ROUTER, uri
from lab.waiting import wait_until
from lab.wireguard import Device, Keys, wg_interface, wg_peer

FAMILIES = pytest.mark.parametrize("family", [4, 6])
SECOND_GW = {4: "203.0.114.7", 6: "2001:db8:114::7"}
SECOND_ROUTER = {4: "203.0.114.1", 6: "2001:db8:114::1"}
SPARE = {4: "203.0.113.77", 6: "2001:db8:113::77"}  # on the first uplink
BITS = {4: 24, 6: 64}
HOST_BITS = {4: 32, 6: 128}

INGRESS = """
    table inet ingress {
        chain in {
            type filter hook prerouting priority 0
            iifname "gw" ip saddr != 203.0.113.0/24 drop
            iifname "gw2" ip saddr != 203.0.114.0/24 drop
            iifname "gw" meta nfproto ipv6 ip6 saddr != { 2001:db8:113::/64, fe80::/10 } drop
            iifname "gw2" meta nfproto ipv6 ip6 saddr != { 2001:db8:114::/64, fe80::/10 } drop
        }
    }
    """


def two_uplinks(site):
    site.wire(site.gw, "second", site.net, "gw2")
    site.gw.ip(*(f"addr add {SECOND_GW[f]}/{BITS[f]} dev second" for f in (4, 6)))
    site.net.ip(*(f"addr add {SECOND_ROUTER[f]}/{BITS[f]} dev gw2" for f in (4, 6)))
    site.net.run("nft", "-f", "-", stdin=INGRESS)


@contextlib.contextmanager
def no_ping_lost(source, target, seconds=3.0):
    """Ping twenty times a second while the body runs, which has `seconds` to do so.

    It begins between two pings, for no daemon can know of a change before the kernel says it.
    """
    count = int(seconds * 20)
    process = source.start("ping", "-n", "-i", 0.05, "-c", count, "-W", 1, target,
                           log=f"ping.{time.monotonic_ns()}")
    time.sleep(0.5)
    answers = process.log().count("icmp_seq")
    wait_until(lambda: process.log().count("icmp_seq") > answers, "a ping is answered", every=0.001)
    yield
    assert process.running, "the change came too late"
    process.wait(timeout=seconds + 10)
    ping = Ping(process.log())
    assert ping.sent == count and ping.lost == 0, process.log()


def sources(capture, family):
    """Addresses that our datagrams came from."""
    lines = capture.lines(f"{'ip' if family == 4 else 'ip6'} and udp and dst port {PORT}"
                          f" and dst host {CITY[family]}")
    return {line.split()[1].rpartition(".")[0] for line in lines}


@FAMILIES
def test_peer_behind_a_nat_that_rebinds_is_followed(site, family):
    gate = Gate(site, outer=family, weather=Weather())
    assert gate.works()
    for address, port in (UPLINK_ROUTER[family], 7777), (SPARE[family], 7001):
        site.net.ip(f"addr replace {address}/{BITS[family]} dev gw")
        with no_ping_lost(site.host, APP[4]):
            gate.relay.move(0, (address, port))
        assert gate.device.show("endpoints")[gate.city_keys.public] == uri(address, port)
        with no_ping_lost(site.app, HOST[4], 1.5):
            pass


@FAMILIES
def test_answers_stay_at_the_address_that_was_spoken_to(site, family):
    """Whatever else happens to the host's routes and addresses."""
    two_uplinks(site)
    site.gw.ip(f"addr add {SPARE[family]}/{BITS[family]} dev uplink preferred_lft 0")
    gate = Gate(site, gw_knows=False)
    gate.city.wg("set", "peer", gate.keys.public, "endpoint", uri(SPARE[family], PORT))
    assert site.host.reaches(APP[4])
    with Capture(site.net, "gw") as capture, no_ping_lost(site.app, HOST[4]):
        site.gw.ip("route add 198.18.0.0/15 dev second", "addr add 198.51.100.77/32 dev second",
                   "route add 2001:db8:ffff::/48 dev second")
        time.sleep(0.3)
        site.gw.ip("addr del 198.51.100.77/32 dev second", "link set second down")
    assert sources(capture, family) == {SPARE[family]}


@FAMILIES
def test_removed_address_costs_no_ping(site, family):
    site.gw.ip(f"addr add {SPARE[family]}/{BITS[family]} dev uplink")
    gate = Gate(site, gw_knows=False)
    gate.city.wg("set", "peer", gate.keys.public, "endpoint", uri(SPARE[family], PORT))
    assert site.host.reaches(APP[4])
    with Capture(site.net, "gw") as capture, no_ping_lost(site.app, HOST[4]):
        site.gw.ip(f"addr del {SPARE[family]}/{BITS[family]} dev uplink")
    assert sources(capture, family) == {SPARE[family], GW[family]}


@FAMILIES
def test_better_route_costs_no_ping(site, family):
    two_uplinks(site)
    gate = Gate(site, outer=family)
    assert gate.works()
    better = f"{CITY[family]}/{HOST_BITS[family]} via {SECOND_ROUTER[family]} dev second"
    with Capture(site.net, "gw2") as capture:
        for command, address in (("add", SECOND_GW), ("del", GW), ("add", SECOND_GW)):
            with no_ping_lost(site.app, HOST[4], 2):
                site.gw.ip(f"route {command} {better}")
            wait_until(lambda at=uri(address[family], PORT):
                       gate.city.show("endpoints")[gate.keys.public] == at,
                       "the City knows us by the address of that uplink")
    assert sources(capture, family) == {SECOND_GW[family]}


@FAMILIES
def test_uplink_that_goes_down_costs_no_ping(site, family):
    two_uplinks(site)
    gate = Gate(site, outer=family)
    site.gw.ip(f"route add default via {SECOND_ROUTER[family]} dev second metric 2000")
    assert gate.works()
    with no_ping_lost(site.app, HOST[4], 2):
        site.gw.ip(f"route add default via {SECOND_ROUTER[family]} dev second metric 1"
                   if family == 6 else "link set uplink down")


def both_ours(site):
    """The City's end by vpnd as well: wireguard-go loses answers when its peer changes families."""
    ours, theirs = Keys(), Keys()
    ends = [Device(namespace, site.ifname("end")) for namespace in (site.gw, site.city)]
    for end in ends:
        end.namespace.run(VPND, end.ifname)
    ends[0].configure(wg_interface(ours, PORT) + wg_peer(theirs.public, TO_CITY, uri(CITY[4], PORT)))
    ends[1].configure(wg_interface(theirs, PORT) + wg_peer(ours.public, TO_SITE))
    ends[0].up(GW_ADDRESSES)
    ends[1].up(CITY_ADDRESSES)
    return ends[0], theirs


def test_endpoint_of_the_other_family_costs_no_ping(site):
    device, city = both_ours(site)
    assert site.gw.reaches(TUNNEL_CITY[4])
    for family in (6, 4, 6):
        with Capture(site.net, "gw") as capture, no_ping_lost(site.gw, TUNNEL_CITY[4], 1.5):
            device.wg("set", "peer", city.public, "endpoint", uri(CITY[family], PORT))
        assert sources(capture, family) == {GW[family]}
