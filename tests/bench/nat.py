# SPDX-License-Identifier: GPL-2.0-or-later
"""What natd's ruleset costs, beside a bare masquerade of two lines, and how fast it is repaired.

    app - gw(rules) - net - web

Contenders take turns (A B C A B C) in one topology; figures are the best of
the turns, since what else the machine does can only take away.
"""
import argparse
import json
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
BARE = """
table ip bare {
    chain c {
        type nat hook postrouting priority srcnat
        oifname "uplink" masquerade
    }
}
"""


def connections_per_s(site, seconds):
    done = site.app.run(PROGRAMS / "connects", "ask", WEB[4], TCP_PORT, int(seconds * 1000))
    got = json.loads(done.stdout)
    assert got["failed"] == 0, got
    return got["made"] / got["seconds"]


def packets_per_s(site, seconds):
    """What arrives of one flow of small packets, sent as fast as they go out."""
    receiver = subprocess.Popen(site.web.command(PROGRAMS / "blast", "receive", UDP_PORT),
                                stdout=subprocess.PIPE, text=True)
    assert receiver.stdout.readline() == "ready\n"
    site.app.run(PROGRAMS / "blast", "send", WEB[4], UDP_PORT, PACKET_BYTES, int(seconds * 1000))
    got = json.loads(receiver.communicate(timeout=20)[0])
    return got["datagrams"] / got["seconds"]


FIGURES = {"connections": connections_per_s, "packets": packets_per_s}


class Bare:
    """The least that translates."""

    def __init__(self, site):
        self._site = site

    def start(self):
        self._site.gw.run("nft", "-f", "-", stdin=BARE)

    def stop(self):
        self._site.gw.run("nft", "delete table ip bare")


class Rules:
    """natd's rules with all that they guard against, but without natd, which they outlive."""

    def __init__(self, site):
        self._site = site
        self._natd = Natd(site.gw, natd_config(timeouts="cloud"))

    def start(self):
        self._natd.start()
        self._natd.stop()

    def stop(self):
        self._site.gw.run(BUILD / "natd", "--flush", "--run-dir", self._natd.run_dir)


class Whole(Rules):
    """The same with natd, which follows every flow."""

    def start(self):
        self._natd.start()

    def stop(self):
        self._natd.stop()
        super().stop()


CONTENDERS = {"bare": Bare, "rules": Rules, "natd": Whole}


def turn(site, rules, seconds):
    figures = {}
    rules.start()
    for name, figure in FIGURES.items():
        site.gw.run("conntrack", "-F")
        figures[name] = figure(site, seconds)
    rules.stop()
    return figures


def compare(site, rounds, seconds):
    """{figure: {contender: the best of its turns}}."""
    server = site.web.start(PROGRAMS / "connects", "serve", TCP_PORT, log="connects")
    server.wait_for_log("ready")
    turns = {name: [] for name in CONTENDERS}
    for _ in range(rounds):
        for name, contender in CONTENDERS.items():
            turns[name].append(turn(site, contender(site), seconds))
    server.stop()
    return {figure: {name: max(each[figure] for each in turns[name]) for name in CONTENDERS}
            for figure in FIGURES}


def repair_ms(site):
    """The longest that the ruleset was not as it should be, flushed by others again and again."""
    natd = Natd(site.gw, natd_config()).start()
    listing = ("nft", "-s", "list", "table", "inet", "gatehouse")
    rules, slowest = site.gw.output(*listing), 0.0
    for _ in range(REPAIRS):
        site.gw.run("nft", "flush ruleset")
        began = time.monotonic()
        wait_until(lambda: site.gw.run(*listing, check=False).stdout.strip() == rules,
                   "the rules are back", every=0.001)
        slowest = max(slowest, time.monotonic() - began)
    natd.stop()
    return slowest * 1000


def measure(rounds, seconds):
    with Site() as site:
        repaired = repair_ms(site)
    with Site() as site:
        return {**compare(site, rounds, seconds), "repair_ms": repaired}


def failures(result):
    """What does not hold, as sentences."""
    found = []
    for figure in FIGURES:
        share = result[figure]["rules"] / result[figure]["bare"]
        if share < AT_LEAST:
            found.append(f"{figure} a second: {share:.1%} of bare masquerade")
    if result["repair_ms"] > REPAIR_MS:
        found.append(f"a flushed ruleset was back after {result['repair_ms']:.0f} ms")
    return found


def main(argv):
    parser = argparse.ArgumentParser(prog="nat", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    options = parser.parse_args(argv)
    result = measure(options.rounds, options.seconds)
    print(f"{'a second':12}" + "".join(f"{name:>16}" for name in CONTENDERS))
    for figure in FIGURES:
        row = result[figure]
        print(f"{figure:12}" + "".join(f"{row[name]:>9,.0f} {row[name] / row['bare']:6.1%}"
                                       for name in CONTENDERS))
    print(f"a flushed ruleset is back within {result['repair_ms']:.0f} ms")
    for sentence in failures(result):
        print(f"not as promised: {sentence}")
    return 1 if failures(result) else 0
