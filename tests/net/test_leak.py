# SPDX-License-Identifier: GPL-2.0-or-later
"""Not one packet for or from the City's prefixes is on the uplink in clear, whatever happens.

    app - gw(vpnd) - net - city(wireguard-go) - host

Traffic for the City runs all the time, forwarded and from the gateway itself, in both families. A
capture on the gateway's uplink holds what left there; the default route would carry all of it.
"""
import itertools
import os
import signal
import time

import pytest

from lab import process
from lab.capture import Capture
from lab.gate import Gate
from lab.gatehouse import VPND
from lab.installed import Installed, upgrade
from lab.pair import Pair
from lab.site import APP_NET, CITY_NET, HOST
from lab.waiting import wait_until

CLEAR = " or ".join(f"net {prefix}" for prefix in (*CITY_NET.values(), *APP_NET.values()))
TORTURE_S = 2.0


class Traffic:
    """Pings for the City's host from the application and from the gateway, 200 a second each."""

    def __init__(self, site):
        self._pings = [namespace.start("ping", "-n", "-q", "-i", 0.005, address,
                                       log=f"ping.{namespace.name}.{family}")
                       for namespace in (site.app, site.gw) for family, address in HOST.items()]

    def stop(self):
        for ping in self._pings:
            ping.stop(signal.SIGINT)


@pytest.fixture(name="wire")
def watch_the_uplink(site):
    """What is on the uplink while traffic runs; to be closed by calling it."""
    capture = Capture(site.gw, "uplink")
    traffic = None

    def end():
        traffic.stop()
        capture.stop()
        leaked = capture.lines(CLEAR)
        assert not leaked, f"{len(leaked)} packets in clear, the first: {leaked[:5]}"
        return capture

    def begin():
        nonlocal traffic
        traffic = Traffic(site)
        return end

    yield begin


def test_the_capture_sees_what_leaks(site, wire):
    """Without vpnd all of it leaves in clear: were this not seen, the others would show nothing."""
    end = wire()
    time.sleep(0.5)
    with pytest.raises(AssertionError, match="packets in clear"):
        end()


def test_nothing_leaks_when_monitor_and_engine_are_killed(site, wire):
    gate = Gate(site)
    assert gate.works()
    end = wire()
    for _ in range(2):
        engine = gate.vpnd.engine
        gate.vpnd.kill()
        wait_until(lambda: not process.alive(engine), "the engine is gone too")
        time.sleep(0.5)
        gate.vpnd.start()
        wait_until(lambda: gate.works(1), "the tunnel works again", 20)
    end()


def test_nothing_leaks_when_both_die_in_any_order(site, wire):
    gate = Gate(site)
    assert gate.works()
    end = wire()
    monitor, engine = gate.vpnd.pid, gate.vpnd.engine
    os.kill(engine, signal.SIGKILL)
    os.kill(monitor, signal.SIGKILL)
    time.sleep(1)
    end()


def test_nothing_leaks_after_a_clean_stop_until_the_flush(site, wire):
    gate = Gate(site)
    assert gate.works()
    end = wire()
    gate.vpnd.stop()
    time.sleep(0.5)
    end()
    flush = site.gw.run(gate.vpnd.program, "--flush", "-c", gate.vpnd.config, "--run-dir",
                        gate.vpnd.run_dir)
    assert flush.returncode == 0
    for family in ("-4", "-6"):
        for table in ("rule", "nexthop"):
            assert "proto 71" not in site.gw.output("ip", family, table, "show")
        assert not site.gw.output("ip", family, "route", "show", "table", "all", "proto", 71)


def test_nothing_leaks_while_programs_change(site, wire):
    gate, installed = Gate(site, begin=False), Installed(site)
    gate.vpnd.program = installed.path
    gate.vpnd.start()
    assert gate.works()
    end = wire()
    for _ in range(3):
        installed.replace(VPND)
        upgrade(gate.vpnd)
        gate.vpnd.stop()
        gate.vpnd.start()
        wait_until(lambda: gate.works(1), "the tunnel works again", 20)
    end()


def test_nothing_leaks_when_tunnels_fail_one_after_another(site, wire):
    pair = Pair(site)
    wait_until(pair.works, "the tunnels work", 20)
    end = wire()
    pair.blacken()
    wait_until(lambda: pair.via() == pair.name, "all goes by the second", 30)
    pair.second.kill()
    wait_until(lambda: pair.via() is None, "nothing goes", 30)
    pair.clear()
    wait_until(lambda: pair.via() == pair.first.ifname and pair.works(), "it goes again", 60)
    end()


def test_nothing_leaks_before_the_peer_is_there(site, wire):
    gate = Gate(site, begin=False)
    gate.city.kill()
    gate.vpnd.spawn()
    wait_until(lambda: "unreachable" in site.gw.output("ip", "-6", "route", "show", "proto", 71),
               "the guards stand", every=0.001)
    end = wire()
    time.sleep(2)
    gate.city.start()
    wait_until(lambda: gate.works(1), "the tunnel works", 20)
    assert end().count("udp port 51820") > 0


def guarded(site):
    """The prefixes that have a guard route, and those that have rules, as the kernel holds them."""
    families = ("-4", "-6")
    routes = {route["dst"] for family in families
              for route in site.gw.ip_json(family, "route", "show", "type", "unreachable")}
    rules = "".join(site.gw.output("ip", family, "rule") for family in families)
    return routes, {prefix for prefix in CITY_NET.values() if f"to {prefix} unreachable" in rules}


def test_nothing_leaks_when_the_config_changes(site, wire):
    """What stays in the config is guarded all the time; what goes from it is not any more."""
    gate = Gate(site)
    assert gate.works()
    both = gate.vpnd.config.read_text()
    end = wire()
    for other in ({"policy": "ecmp"}, {"hold_time_s": 1}):
        routes = [{"prefix": prefix, "via": [gate.ifname], **other}
                  for prefix in CITY_NET.values()]
        gate.vpnd.write({"tunnels": [gate.tunnel], "routes": routes})
        gate.vpnd.reload()
        assert guarded(site) == (set(CITY_NET.values()),) * 2
        gate.vpnd.write(both)
        gate.vpnd.reload()
    end()
    gate.vpnd.write({"tunnels": [gate.tunnel], "routes": routes[:1]})
    gate.vpnd.reload()
    assert guarded(site) == ({CITY_NET[4]},) * 2
    gate.vpnd.write(both)
    gate.vpnd.reload()
    assert guarded(site) == (set(CITY_NET.values()),) * 2


# What others do in a loop, as arguments for ip(8); {dev} is the tunnel's interface. Where a command
# takes what is not ours as well, the loop gives that back, as its owner would.
MAIN = ("-4 route replace 10.40.15.0/24 dev lan", "-6 route replace fd40:15::/64 dev lan",
        "-4 route replace 203.0.113.0/24 dev uplink", "-6 route replace 2001:db8:113::/64 dev uplink",
        "-4 route replace default via 203.0.113.1", "-6 route replace default via 2001:db8:113::1")
RULES = tuple(f"{family} rule add pref 32766 lookup main" for family in ("-4", "-6"))
# A flush stops at routes by next hop objects, which some versions of ip(8) fail to remove; so both the
# route and its guard are taken by name, too.
EACH = tuple(f"-{family} route del {kind}{prefix}{metric}" for family, prefix in CITY_NET.items()
             for kind, metric in (("", " metric 50"), ("unreachable ", "")))
LOOPS = {
    "each route of ours": EACH,
    "routes of ours": ("-4 route flush proto 71", "-6 route flush proto 71"),
    "main table": ("-4 route flush table main", "-6 route flush table main", *MAIN),
    "rules": ("-4 rule flush", "-6 rule flush", *RULES),
    "next hops": ("nexthop flush proto 71",),
    "addresses": ("addr flush dev {dev}",),
    "link down": ("link set {dev} down",),
    "link": ("link del {dev}",),
}


@pytest.mark.parametrize("what", LOOPS)
def test_nothing_leaks_while_others_flush_in_a_loop(site, wire, what):
    gate = Gate(site)
    assert gate.works()
    end = wire()
    script = site.file("torture", "".join(f"ip {line}\n" for line in LOOPS[what])
                       .format(dev=gate.ifname))
    deadline = time.monotonic() + TORTURE_S
    for _ in itertools.takewhile(lambda _: time.monotonic() < deadline, itertools.count()):
        site.gw.run("sh", script, check=False)
    wait_until(lambda: gate.works(1), "the tunnel works again", 10)
    end()
    assert "repaired" in gate.vpnd.log() or "made again" in gate.vpnd.log()
