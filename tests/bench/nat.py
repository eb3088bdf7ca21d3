# SPDX-License-Identifier: GPL-2.0-or-later
"""What natd costs, beside a bare masquerade of two lines, and how fast its ruleset is repaired.

    app - gw(contender) - net - web      five times, a contender in each

Contenders take short turns in random order, each in a place of its own where it stays installed; so
what else the machine does hits all alike. Then they change places, until each was in each: two
places that are built alike may differ by some percent. A turn is held against that of `bare` in the
same round, and the median of those ratios counts. Who sends has a core, and who receives another.

Connections end as fast as they begin, as on a gateway that has run for a while: the client has few
ports, so that each of its connections takes the place of an older one in the kernel's table.
"""
import contextlib
import json
import os
import random
import re
import statistics
import subprocess
import time

from lab.gatehouse import BUILD, Natd, natd_config
from lab.site import WEB, Site
from lab.waiting import wait_until

PROGRAMS = BUILD / "tests" / "bench"
PACKET_BYTES = 64
AT_LEAST = 0.90       # of what the bare ruleset reaches
REPAIR_MS = 200
REPAIRS = 20
UDP_PORT, TCP_PORT = 5000, 5001
CLIENT_PORTS = "32768 36863"
ROUNDS = 12  # in each place
SECONDS = {"connections": 0.4, "packets": 0.2}  # of a turn
# Before those of connections: ports are used up, and natd has found out that a core is busy.
WARM_UP_SECONDS = 1.0
SILENCE_MS = 100
SENDER, RECEIVER = (("taskset", "-c", core) for core in (min(os.sched_getaffinity(0)),
                                                         max(os.sched_getaffinity(0))))
BARE = """
table ip bare {
    chain c {
        type nat hook postrouting priority srcnat
        oifname "uplink" masquerade
    }
}
"""


def connections_per_s(site, seconds):
    done = site.app.run(*SENDER, PROGRAMS / "connects", "ask", WEB[4], TCP_PORT, int(seconds * 1000))
    got = json.loads(done.stdout)
    assert got["failed"] == 0, got
    return got["made"] / got["seconds"]


def packets_per_s(site, seconds):
    """What arrives of one flow of small packets, sent as fast as they go out."""
    receiver = subprocess.Popen(
        site.web.command(*RECEIVER, PROGRAMS / "blast", "receive", UDP_PORT, SILENCE_MS),
        stdout=subprocess.PIPE, text=True)
    assert receiver.stdout.readline() == "ready\n"
    site.app.run(*SENDER, PROGRAMS / "blast", "send", WEB[4], UDP_PORT, PACKET_BYTES,
                 int(seconds * 1000))
    got = json.loads(receiver.communicate(timeout=20)[0])
    return got["datagrams"] / got["seconds"]


FIGURES = {"connections": connections_per_s, "packets": packets_per_s}


class Bare:
    """The least that translates."""

    def __init__(self, site):
        self.site = site

    def start(self):
        self.site.gw.run("nft", "-f", "-", stdin=BARE)

    def stop(self):
        self.site.gw.run("nft", "delete table ip bare")


class Followed(Bare):
    """The same while conntrack(8) follows: what it costs that anybody does."""

    def start(self):
        super().start()
        self._follower = self.site.gw.start("sh", "-c", "exec conntrack -E >/dev/null")

    def stop(self):
        self._follower.stop()
        super().stop()


class Rules:
    """natd's rules with all that they guard against, but without natd, which they outlive."""

    more = {}

    def __init__(self, site):
        self.site = site
        self._natd = Natd(site.gw, natd_config(timeouts="cloud", **self.more))

    def start(self):
        self._natd.start()
        self._natd.stop()

    def stop(self):
        self.site.gw.run(BUILD / "natd", "--flush", "--run-dir", self._natd.run_dir)


class Whole(Rules):
    """The same with natd, which follows flows as long as each core has time to spare."""

    def start(self):
        self._natd.start()

    def stop(self):
        self._natd.stop()
        super().stop()


class Following(Whole):
    """The same with natd, which follows every flow in any case."""

    more = {"flow_events_max": 0}


CONTENDERS = {"bare": Bare, "bare, followed": Followed, "rules": Rules, "natd": Whole,
              "natd, following": Following}
JUDGED = ("rules", "natd")


def all_rounds(placed, turns, rounds, seconds):
    """Every contender's turns where it is now."""
    for each in placed.values():
        connections_per_s(each.site, WARM_UP_SECONDS)
    for figure, measured in FIGURES.items():
        for _ in range(rounds):
            for name in random.sample(list(placed), len(placed)):
                turns[figure][name].append(measured(placed[name].site, seconds[figure]))


@contextlib.contextmanager
def installed(contenders):
    for each in contenders:
        each.start()
    yield
    for each in contenders:
        each.stop()


def compare(sites, places, rounds, seconds):
    """{figure: {contender: its turns}}, in the order of the rounds."""
    for site in sites:
        site.app.sysctl({"net.ipv4.ip_local_port_range": CLIENT_PORTS})
        server = site.web.start(*RECEIVER, PROGRAMS / "connects", "serve", TCP_PORT, log="connects")
        server.wait_for_log("ready")
    turns = {figure: {name: [] for name in CONTENDERS} for figure in FIGURES}
    for shift in range(places):
        placed = {name: kind(sites[(number + shift) % len(sites)])
                  for number, (name, kind) in enumerate(CONTENDERS.items())}
        with installed(placed.values()):
            all_rounds(placed, turns, rounds, seconds)
    return turns


def shares(turns):
    """{contender: its median a second, and of bare's turn in the same round}."""
    return {name: {"median": statistics.median(each),
                   "share": statistics.median(a / b for a, b in zip(each, turns["bare"]))}
            for name, each in turns.items()}


def repair(site):
    """How long the ruleset was not as it should be, flushed by others again and again.

    What natd says of it itself tells whether natd was slow, or the machine that looked at it.
    """
    natd = Natd(site.gw, natd_config()).start()
    listing = ("nft", "-s", "list", "table", "inet", "gatehouse")
    rules, took = site.gw.output(*listing), []
    for _ in range(REPAIRS):
        site.gw.run("nft", "flush ruleset")
        began = time.monotonic()
        wait_until(lambda: site.gw.run(*listing, check=False).stdout.strip() == rules,
                   "the rules are back", every=0.001)
        took.append((time.monotonic() - began) * 1000)
    natd.stop()
    told = [int(us) / 1000 for us in re.findall(r"ruleset restored in (\d+) us", natd.log())]
    return {"p50_ms": statistics.median(took), "max_ms": max(took), "natd_max_ms": max(told)}


def measure(places=len(CONTENDERS), rounds=ROUNDS, seconds=SECONDS):
    with Site() as site:
        repaired = repair(site)
    with contextlib.ExitStack() as stack:
        turns = compare([stack.enter_context(Site()) for _ in CONTENDERS], places,
                        rounds, seconds)
    return {"repair": repaired, "turns": turns,
            **{figure: shares(turns[figure]) for figure in FIGURES}}


def failures(result):
    """What does not hold, as sentences."""
    found = []
    for figure in FIGURES:
        for name in JUDGED:
            share = result[figure][name]["share"]
            if share < AT_LEAST:
                found.append(f"{figure} a second with {name}: {share:.1%} of bare masquerade")
    if result["repair"]["max_ms"] > REPAIR_MS:
        found.append(f"a flushed ruleset was back after {result['repair']['max_ms']:.0f} ms")
    return found


def lines(result):
    """The result for people."""
    repaired = result["repair"]
    yield f"{'NAT, a second':16}" + "".join(f"{name:>18}" for name in CONTENDERS)
    for figure in FIGURES:
        yield f"  {figure:14}" + "".join(
            f"{of['median']:>11,.0f} {of['share']:6.1%}" for of in result[figure].values())
    yield (f"  a flushed ruleset is back after {repaired['p50_ms']:.0f} ms, at most "
           f"{repaired['max_ms']:.0f} ms; by natd's clock, its check included, "
           f"{repaired['natd_max_ms']:.0f} ms")
    for sentence in failures(result):
        yield f"  BROKEN: {sentence}"
