# SPDX-License-Identifier: GPL-2.0-or-later
"""vpnctl events: what happened, to what, and why.

    app - gw(vpnd) - net - city(wireguard-go) - host
"""
import json

from lab.gate import Gate
from lab.gatehouse import VPNCTL, VPND
from lab.installed import Installed, upgrade
from lab.site import CITY_NET, TUNNEL_CITY
from lab.waiting import wait_until


GUARD = f"repaired: add route unreachable {CITY_NET[4]}"


def events(gate):
    listed = json.loads(gate.ctl.run("events", "--json").stdout)
    assert listed["schema"] == 1
    numbers = [event["number"] for event in listed["events"]]
    assert numbers == list(range(1, len(numbers) + 1))
    return listed["events"]


def find(gate, kind, text):
    return [event for event in events(gate)
            if event["kind"] == kind and text in f"{event['subject']}: {event['what']}"]


class Follower:
    _made = 0

    def __init__(self, gate, *flags):
        Follower._made += 1
        self._process = gate.site.gw.start(VPNCTL, "--run-dir", gate.vpnd.run_dir, "events",
                                           "--follow", *flags, log=f"follow.{self._made}")

    def lines(self):
        return self._process.log().splitlines()

    def saw(self, text):
        return any(text in line for line in self.lines())

    def missed_none(self, newest):
        """Whether it is told of this one, and was told of all before it, each once."""
        wait_until(lambda: self.saw(f'"number":{newest}'), "it is told")
        shown = [json.loads(line) for line in self.lines() if line.startswith("{")]
        return [event["number"] for event in shown][:newest] == list(range(1, newest + 1))


def test_a_repair_is_told_to_who_asks_and_to_who_follows(site):
    gate = Gate(site)
    follower = Follower(gate)
    wait_until(lambda: follower.saw("vpnd: ready, config"), "what was before comes first")
    site.gw.run("ip", "-4", "route", "flush", "proto", "71", check=False)
    wait_until(lambda: find(gate, "repair", GUARD), "it is kept")
    wait_until(lambda: follower.saw(GUARD), "and told", 3)
    assert find(gate, "repair", CITY_NET[4])[0]["why"].startswith("another program changed it")
    text = gate.ctl.run("events").stdout
    assert f"Z  kernel: {GUARD}" in text and text.isascii()


def test_a_lost_tunnel_is_told_with_the_prefixes_that_leave_it_and_why(site):
    gate = Gate(site, peer={"probe": TUNNEL_CITY[4], "probe_interval_ms": 200})
    wait_until(lambda: find(gate, "tunnel", "peer noc-1 is up") or gate.works(1), "it is up")
    gate.city.kill()
    wait_until(lambda: find(gate, "route", f"prefix {CITY_NET[4]}: is unreachable now"), "no way")
    down, = find(gate, "tunnel", f"tunnel {gate.ifname}: peer noc-1 is down")
    assert down["why"]
    assert find(gate, "route", CITY_NET[4])[-1]["why"] == f"{gate.ifname} is down"
    site.gw.run("ip", "link", "del", gate.ifname)
    wait_until(lambda: find(gate, "interface", "made again"), "of the interface too")


def test_events_outlive_the_engine_and_followers_miss_none(site):
    gate = Gate(site)
    followers = [Follower(gate, "--json") for _ in range(3)]
    wait_until(lambda: all(follower.saw('"number":1') for follower in followers), "they follow")
    before = len(events(gate))
    gate.vpnd.kill_engine()
    wait_until(lambda: gate.ctl.run("events").returncode == 0 and
               find(gate, "daemon", "engine: ready again"), "there is another")
    assert "signal 9" in find(gate, "daemon", "engine: restarted")[0]["why"]
    gate.vpnd.write("nonsense")
    site.gw.run("kill", "-HUP", gate.vpnd.pid)
    wait_until(lambda: find(gate, "config", "config: refused"), "a config that is refused")
    total = len(events(gate))
    assert total > before
    assert all(follower.missed_none(total) for follower in followers)


def test_events_outlive_an_upgrade(site):
    gate, installed = Gate(site, begin=False), Installed(site)
    gate.vpnd.program = installed.path
    gate.vpnd.start()
    follower = Follower(gate, "--json")
    wait_until(lambda: follower.saw('"number":1'), "it follows")
    installed.replace(VPND)
    upgrade(gate.vpnd)
    wait_until(lambda: gate.ctl.run("events").returncode == 0 and
               len(find(gate, "daemon", "vpnd: ready, config")) == 2, "both are told")
    assert follower.missed_none(len(events(gate)))
