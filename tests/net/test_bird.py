# SPDX-License-Identifier: GPL-2.0-or-later
"""Dynamic routing: configs/bird-gatehouse.conf over two tunnels, against a BIRD at the City.

                     / tunnel a \\
    app - gw(vpnd, bird) - net - city(wireguard-go twice, bird) - host
                     \\ tunnel b /
"""
import time

import pytest

from lab.bird import Bird
from lab.pair import SECOND_CITY, SECOND_GW, Pair
from lab.site import CITY_NET, HOST, TREE, TUNNEL_CITY, TUNNEL_GW
from lab.waiting import wait_until

EXAMPLE = TREE / "configs" / "bird-gatehouse.conf"
WIDE = "140.241.0.0/16"  # the City may announce of it; vpnd.conf has no route to it
INSIDE, BESIDE = "10.241.64.10", "140.241.7.10"  # within a prefix of vpnd.conf, and not
MOVED_S, SLACK = 1.0, 5
CITY_CONF = """
router id {city_a};
protocol device {{ }}
protocol static {{ ipv4; route 10.241.64.0/24 via "lan"; route 140.241.7.0/24 via "lan";
  route 10.40.15.128/25 via "lan"; }}
protocol kernel {{ ipv4 {{ export where source = RTS_BGP; }}; }}
protocol bfd {{ interface "*" {{ interval 200 ms; multiplier 4; }}; }}
template bgp site {{ local as 64513; direct; bfd on; connect retry time 5; error wait time 1, 30;
  ipv4 {{ import all; export where source = RTS_STATIC; }}; }}
protocol bgp site_a from site {{ neighbor {gw_a} as 64512; ipv4 {{ preference 110; }}; }}
protocol bgp site_b from site {{ neighbor {gw_b} as 64512; }}
"""


class Dynamic(Pair):
    def __init__(self, site):
        super().__init__(site, more_allowed=[WIDE])
        site.host.ip(*(f"addr add {address}/32 dev eth0" for address in (INSIDE, BESIDE)))
        site.city.ip("route add 140.241.7.0/24 dev lan")
        site.city.run("ip", "route", "flush", "to", "10.40.15.0/24")  # BGP will bring it
        text = EXAMPLE.read_text()
        for old, new in (("city-a", self.first.ifname), ("city-b", self.name),
                         ("169.254.10.1", TUNNEL_CITY[4]), ("169.254.10.5", SECOND_CITY[4])):
            assert old in text
            text = text.replace(old, new)
        self.bird = Bird(site.gw, text)
        self.city_bird = Bird(site.city, CITY_CONF.format(
            city_a=TUNNEL_CITY[4], gw_a=TUNNEL_GW[4], gw_b=SECOND_GW[4]))
        self.wait()

    def wait(self):
        wait_until(lambda: self.bird.established("city_a", "city_b") and self.reached(),
                   "BGP is up and pings pass", 40)
        wait_until(lambda: {self.via(INSIDE), self.via(BESIDE)} == {self.first.ifname},
                   "the better tunnel carries them")
        wait_until(lambda: self.bird.show("bfd", "sessions").count(" Up ") == 2, "and BFD")

    def reached(self):
        return all(self.site.app.reaches(address, 1) for address in (INSIDE, BESIDE, HOST[4]))


@pytest.fixture(name="pair")
def make_pair(site):
    return Dynamic(site)


def routes(pair, protocol):
    """What the gateway's kernel has of one protocol: routes of all tables, next hops."""
    return [pair.site.gw.output("ip", "-4", *words).splitlines()
            for words in (("route", "show", "table", "all", "proto", protocol),
                          ("nexthop", "show", "proto", protocol))]


def test_prefixes_that_the_city_announces_are_used(pair):
    learned = pair.bird.show("route", "all")
    assert CITY_NET[4] in learned and "Kernel.source: 71" in learned, "ours can be imported"
    assert "unreachable" not in learned, "but not the guards"
    assert "10.40.15.128/25" not in learned, "nor what the City has no business to announce"


def test_bfd_finds_a_black_path_and_the_prefixes_move(pair, measured):
    pair.blacken()
    start = time.monotonic()
    wait_until(lambda: pair.site.app.reaches(BESIDE, 0.2) and pair.site.app.reaches(INSIDE, 0.2),
               "they go by the second tunnel", MOVED_S * SLACK, every=0.01)
    measured(f"BFD moved the prefixes in {time.monotonic() - start:.2f} s")
    assert (pair.via(INSIDE), pair.via(BESIDE)) == (pair.name,) * 2
    pair.clear()
    wait_until(lambda: pair.via(BESIDE) == pair.first.ifname, "and back", 60)
    assert pair.reached()


def test_neither_touches_what_is_the_others(pair):
    ours, theirs = routes(pair, 71), routes(pair, 12)
    assert ours[0] and theirs[0]
    pair.vpnd.reload()
    assert (routes(pair, 71), routes(pair, 12)) == (ours, theirs)
    pair.bird.stop()
    assert routes(pair, 71) == ours and not routes(pair, 12)[0]
    assert pair.via(INSIDE) == pair.first.ifname, "the wider route of vpnd.conf has it again"
    pair.bird.start()
    pair.wait()
    assert routes(pair, 71) == ours


def test_guards_hold_for_what_is_announced_when_vpnd_is_away(pair):
    pair.vpnd.stop()
    assert pair.via(INSIDE) is None and pair.via(HOST[4]) is None
    assert "Destination" in pair.site.app.run("ping", "-c1", "-W1", INSIDE, check=False).stdout
    pair.vpnd.start()
    pair.wait()
