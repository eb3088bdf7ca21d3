# SPDX-License-Identifier: GPL-2.0-or-later
"""What natd costs, beside a bare masquerade of two lines, and how fast its ruleset is repaired.

    app - gw(contender) - net - web

Contenders take short turns in one topology, there and back (A B C D, D C B A). Each turn is held
against that of `bare` in the same round, and the median of those ratios counts: what else the
machine does comes and goes with the minutes.
"""
import argparse
import json
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
SETTLE_SECONDS = 0.3  # after a flush of all flows, for those who hear of each
UDP_PORT, TCP_PORT = 5000, 5001
ROUNDS, SECONDS = 9, 1.0  # many short turns, since the machine drifts
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


class Followed(Bare):
    """The same while conntrack(8) follows: what it costs that anybody does."""

    def start(self):
        super().start()
        self._follower = self._site.gw.start("sh", "-c", "exec conntrack -E >/dev/null")

    def stop(self):
        self._follower.stop()
        super().stop()


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


CONTENDERS = {"bare": Bare, "bare, followed": Followed, "rules": Rules, "natd": Whole}


def turn(site, rules, seconds):
    figures = {}
    rules.start()
    for name, figure in FIGURES.items():
        site.gw.run("conntrack", "-F")
        time.sleep(SETTLE_SECONDS)
        figures[name] = figure(site, seconds)
    rules.stop()
    return figures


def compare(site, rounds, seconds):
    """{figure: {contender: its turns}}, in the order of the rounds."""
    server = site.web.start(PROGRAMS / "connects", "serve", TCP_PORT, log="connects")
    server.wait_for_log("ready")
    turns = {figure: {name: [] for name in CONTENDERS} for figure in FIGURES}
    for number in range(rounds):
        for name in list(CONTENDERS)[::-1 if number % 2 else 1]:
            for figure, value in turn(site, CONTENDERS[name](site), seconds).items():
                turns[figure][name].append(value)
    server.stop()
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


def measure(rounds, seconds):
    with Site() as site:
        repaired = repair(site)
    with Site() as site:
        turns = compare(site, rounds, seconds)
    return {"repair": repaired, "turns": turns,
            **{figure: shares(turns[figure]) for figure in FIGURES}}


def failures(result):
    """What does not hold, as sentences."""
    found = []
    for figure in FIGURES:
        for name in ("rules", "natd"):
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


def main(argv):
    parser = argparse.ArgumentParser(prog="nat", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    options = parser.parse_args(argv)
    result = measure(options.rounds, options.seconds)
    print("\n".join(lines(result)))
    return 1 if failures(result) else 0
