# SPDX-License-Identifier: GPL-2.0-or-later
"""What others do to our addresses, routes, rules and next hops is repaired, and said.

    app - gw(vpnd) - net - city(wireguard-go) - host
"""
import os
import pathlib
import signal
import time

import pytest

from lab.gate import Gate
from lab.site import CITY_NET
from lab.waiting import wait_until

REPAIRED_S = 1
SLACK = 5
MAIN = ("-4 route replace 203.0.113.0/24 dev uplink", "-4 route replace default via 203.0.113.1",
        "-4 route replace 10.40.15.0/24 dev lan")
FAULTS = {
    "main table": ("-4 route flush table main", *MAIN),
    "routes of ours": ("-4 route flush proto 71", "-6 route flush proto 71"),
    "link down": ("link set {dev} down",),
    "addresses": ("addr flush dev {dev}",),
    "rules": ("-4 rule flush", "-4 rule add pref 32766 lookup main", "-6 rule flush",
              "-6 rule add pref 32766 lookup main"),
    "next hops": ("nexthop flush proto 71",),
    "link": ("link del {dev}",),
    "mtu": ("link set {dev} mtu 1300",),
}


def held(gate):
    """All that is ours, but for the number of the interface."""
    gw = gate.site.gw
    links = [(link["mtu"], "UP" in link["flags"], sorted(a["local"] for a in link["addr_info"]
                                                         if a["scope"] == "global"))
             for link in gw.ip_json("addr") if link["ifname"] == gate.ifname]
    return links, *(sorted(line for line in gw.output("ip", *words).splitlines()
                           if "proto 71" in line or words[-1] == "71")
                    for words in (("-4", "route", "show", "table", "all", "proto", "71"),
                                  ("-6", "route", "show", "table", "all", "proto", "71"),
                                  ("-4", "rule"), ("-6", "rule"), ("nexthop",)))


def do(gate, lines):
    for line in lines:
        gate.site.gw.run("ip", *line.format(dev=gate.ifname).split(), check=False)


@pytest.mark.parametrize("what", FAULTS)
def test_what_others_change_is_repaired_within_a_second_and_said(site, what, measured):
    gate = Gate(site)
    assert gate.works()
    before = held(gate)
    do(gate, FAULTS[what])
    start = time.monotonic()
    wait_until(lambda: held(gate) == before, "all is as it was", REPAIRED_S * SLACK)
    measured(f"repaired ({what}): {time.monotonic() - start:.2f} s")
    wait_until(lambda: gate.works(1), "the tunnel works again")
    log = gate.vpnd.log()
    assert "repaired what another program changed" in log or "is made again" in log


def test_what_is_not_ours_stays(site):
    strangers = ("-4 route add 10.99.0.0/16 via 203.0.113.1 proto 70 metric 50",
                 "-4 rule add pref 7200 to 10.99.0.0/16 lookup 99",
                 "nexthop add id 7100000 dev uplink", "-4 addr add 192.0.2.99/32 dev lo")
    gate = Gate(site, begin=False)
    do(gate, strangers)
    gate.vpnd.start()
    for end in (lambda: do(gate, FAULTS["routes of ours"]), gate.vpnd.stop,
                lambda: site.gw.run(gate.vpnd.program, "--flush", "--run-dir", gate.vpnd.run_dir)):
        end()
        assert "10.99.0.0/16" in site.gw.output("ip", "route")
        assert "lookup 99" in site.gw.output("ip", "rule")
        assert "7100000" in site.gw.output("ip", "nexthop")
        assert "192.0.2.99" in site.gw.output("ip", "addr", "show", "dev", "lo")


def test_state_of_a_crashed_run_is_adopted(site):
    """Also what that run had and this one does not: a prefix that went from the config."""
    gate = Gate(site)
    before = held(gate)
    gate.vpnd.kill()
    do(gate, ("-4 route add unreachable 10.77.0.0/16 proto 71 metric 4294967295",
              "-4 rule add pref 7101 to 10.77.0.0/16 unreachable proto 71"))
    gate.vpnd.start()
    wait_until(lambda: held(gate) == before, "all is as it was, and no more")


def test_overrun_is_counted_and_costs_no_repair(site):
    """While the monitor sleeps, more happens than its socket holds."""
    gate = Gate(site)
    assert gate.works()
    before = held(gate)
    flood = site.file("flood", "".join(f"route {verb} blackhole 10.66.{n >> 8}.{n & 255}/32\n"
                                       for n in range(12000) for verb in ("add", "del")))
    os.kill(gate.vpnd.pid, signal.SIGSTOP)
    try:
        do(gate, FAULTS["routes of ours"])
        site.gw.run("ip", "-batch", flood)
    finally:
        os.kill(gate.vpnd.pid, signal.SIGCONT)
    wait_until(lambda: held(gate) == before, "all is as it was", REPAIRED_S * SLACK)
    assert "more than could be read" in gate.vpnd.log()


def test_fight_is_no_busy_loop_and_is_said(site):
    gate = Gate(site)
    assert gate.works()
    stat = pathlib.Path(f"/proc/{gate.vpnd.pid}/stat")

    def ticks():
        return sum(map(int, stat.read_text().split()[13:15]))
    before, begun, lasted = ticks(), time.monotonic(), 0
    while lasted < 6 or lasted < 30 and "again and again" not in gate.vpnd.log():
        do(gate, ("-4 route flush proto 71",))
        lasted = time.monotonic() - begun
    assert "again and again" in gate.vpnd.log()
    assert ticks() - before < lasted * os.sysconf("SC_CLK_TCK") / 2
    wait_until(lambda: CITY_NET[4] in site.gw.output("ip", "route", "show", "dev", gate.ifname),
               "the last repair", REPAIRED_S * SLACK)
