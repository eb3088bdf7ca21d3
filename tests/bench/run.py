# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole run: rounds of turns, then table and JSON."""
import argparse
import json
import os
import pathlib
import platform
import re
import sys
import time

from lab.gatehouse import BUILD

from . import contenders, nat, sums, svg, table, turn

NAT = "nat"  # has its own contenders, and not those of the tunnel
GROUPS = (*turn.GROUPS, NAT)


def congestion_here():
    return pathlib.Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()


def arguments(words):
    known = contenders.known()
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)

    def several(choices):
        def parse(text):
            chosen = text.split(",")
            for each in chosen:
                if each not in choices:
                    raise argparse.ArgumentTypeError(f"{each}: not one of {', '.join(choices)}")
            return chosen
        return parse

    def positive(text):
        value = int(text)
        if value < 1:
            raise ValueError
        return value

    parser.add_argument("--only", type=several(known), metavar="A,B",
                        help=f"contenders: of {', '.join(known)}")
    parser.add_argument("--figures", type=several(GROUPS), default=list(GROUPS),
                        metavar="A,B", help=f"of {', '.join(GROUPS)}")
    parser.add_argument("--rounds", type=positive, default=3, help="alternations (3)")
    parser.add_argument("--seconds", type=positive, default=3, help="of each load (3)")
    parser.add_argument("--times", type=positive, default=20,
                        help=f"of what is done in {' and '.join(turn.ONCE)}, in one round (20)")
    parser.add_argument("--congestion", metavar="NAME", default=congestion_here(),
                        help=f"control of TCP ({congestion_here()}, the machine's)")
    parser.add_argument("--into", type=pathlib.Path, default=BUILD, metavar="DIRECTORY",
                        help="for bench.json and bench.svg (the build directory)")
    return parser.parse_args(words)


def taking_part(only):
    """The contenders by name that were asked for and can take part."""
    known = contenders.known()
    for name in only or ():
        if not known[name].available():
            sys.exit(f"bench: {name} is not here")
    return {name: known[name] for name in only or contenders.DEFAULT if known[name].available()}


def machine():
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return {"kernel": platform.release(), "cores": os.cpu_count(),
            "cpu": cpu[1] if cpu else platform.machine()}


def take_turns(kinds, options):
    """A B A B; returns each contender's figures, a dict a round."""
    runs = {name: [] for name in kinds}
    for number in range(options.rounds):
        groups = [group for group in options.figures if number == 0 or group not in turn.ONCE]
        for name, kind in kinds.items():
            start = time.monotonic()
            runs[name].append(turn.take(kind, groups, options.seconds, options.times,
                                        options.congestion))
            print(f"round {number + 1} of {options.rounds}: {name}, "
                  f"{time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    return runs


def judged(medians):
    return [{"figure": promise.key, "over": promise.over, "limit": promise.limit,
             "least": promise.least, "measured": value, "holds": holds}
            for promise, value, holds in table.judged(medians)]


def main(words):
    options = arguments(words)
    kinds = taking_part(options.only)
    versions = {name: kind.version() for name, kind in kinds.items()}
    runs = take_turns(kinds, options) if set(options.figures) - {NAT} else {}
    medians = {name: sums.medians(each) for name, each in runs.items()}
    result = {**machine(), "rounds": options.rounds, "seconds": options.seconds,
              "congestion": options.congestion, "versions": versions, "medians": medians,
              "promises": judged(medians), "runs": runs}
    if NAT in options.figures:
        result[NAT] = nat.measure()
    where = (f"Linux {result['kernel']}, {result['cores']} x {result['cpu']}; "
             + "; ".join(text for text in versions.values() if text))
    how = (f"medians of {options.rounds} rounds, {options.seconds} s each; "
           f"TCP with {options.congestion}")
    (options.into / "bench.json").write_text(json.dumps(result, indent=2) + "\n")
    (options.into / "bench.svg").write_text(svg.picture(medians, "How fast", f"{where}; {how}"))
    print(f"{where}\n{how}; both gateways, both hosts and the load share these cores\n")
    print("\n".join([*table.blocks(medians), *table.promises(medians)]))
    if NAT in result:
        print("\n".join(nat.lines(result[NAT])))
