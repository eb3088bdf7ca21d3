# SPDX-License-Identifier: GPL-2.0-or-later
"""How long is traffic away when the path of the preferred tunnel goes black, and is any lost when
it goes back?

           / tunnel a (preferred) \\
    app - gw(vpnd) ---- net ---- city(wireguard-go twice) - host
           \\ tunnel b            /

usage: scripts/bench failover [--rounds N] [--interval MS,MS] [--into DIRECTORY]

The application sends the host a datagram every 5 ms, which is answered by the tunnel that it came
by. `net` then drops all that carries tunnel a, without a word, and later lets it pass again.
"""
import argparse
import json
import math
import pathlib
import socket
import sys
import threading
import time
from dataclasses import dataclass

from lab.gatehouse import BUILD
from lab.pair import Pair
from lab.site import HOST, Site
from lab.waiting import wait_until

PROMISED_S = {200: 1.0, 1000: 4.0}  # probe_interval_ms: traffic is back within
EVERY_S = 0.005
ECHO_PORT = 7
QUIET_S = 1.0  # around the way back, in which nothing may be lost


class Traffic:
    """Numbered datagrams, and when each was sent; those that came back are `answered`."""

    def __init__(self, site):
        self._echo = site.host.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._echo.bind((HOST[4], ECHO_PORT))
        self._socket = site.app.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect((HOST[4], ECHO_PORT))
        self.sent, self.answered = [], set()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=target, daemon=True)
                         for target in (self._serve, self._send, self._receive)]
        for each in (self._echo, self._socket):
            each.settimeout(0.2)
        for thread in self._threads:
            thread.start()

    def _serve(self):
        while not self._stop.is_set():
            try:
                self._echo.sendto(*self._echo.recvfrom(64))
            except OSError:
                pass

    def _send(self):
        while not self._stop.wait(EVERY_S):
            number = len(self.sent)
            self.sent.append(time.monotonic())
            try:
                self._socket.send(str(number).encode())
            except OSError:
                pass  # refused by a guard: lost as any other

    def _receive(self):
        while not self._stop.is_set():
            try:
                self.answered.add(int(self._socket.recv(64)))
            except OSError:
                pass

    def back_after(self, begun):
        """When the first was sent after `begun` of which some later ones were answered as well."""
        late = [number for number in sorted(self.answered) if self.sent[number] > begun]
        return self.sent[late[0]] if len(late) > 5 else None

    def lost(self, begun, end):
        return sum(begun <= at < end and number not in self.answered
                   for number, at in enumerate(self.sent))

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._echo.close()
        self._socket.close()


@dataclass
class Figures:
    interval_ms: int
    away_s: list  # one for each alternation
    lost_at_return: int
    slack: float  # how much slower than promised a busy machine may be

    @property
    def p50_s(self):
        return sorted(self.away_s)[math.ceil(len(self.away_s) / 2) - 1]

    @property
    def max_s(self):
        return max(self.away_s)

    @property
    def holds(self):
        promised = PROMISED_S.get(self.interval_ms)
        return self.lost_at_return == 0 and (promised is None or self.max_s <= promised * self.slack)

    def line(self):
        return (f"probe_interval_ms {self.interval_ms}: {len(self.away_s)} alternations, away p50 "
                f"{self.p50_s:.2f} s, max {self.max_s:.2f} s; lost on the way back "
                f"{self.lost_at_return}; {'holds' if self.holds else 'DOES NOT HOLD'}")


def alternate(pair, traffic):
    """There and back; returns the seconds without traffic, and what was lost on the way back."""
    begun = time.monotonic()
    pair.blacken()
    back = wait_until(lambda: traffic.back_after(begun + 0.05), "traffic is back", 60)
    time.sleep(QUIET_S / 2)
    returned = time.monotonic()
    pair.clear()
    wait_until(lambda: pair.via() == pair.first.ifname, "it goes by the first again", 60)
    time.sleep(QUIET_S)
    return back - begun, traffic.lost(returned, time.monotonic() - QUIET_S / 2)


def measure(interval_ms, rounds, slack):
    with Site() as site:
        pair = Pair(site, probe_ms=interval_ms, hold_time_s=1)
        pair.answer_where_asked()
        wait_until(pair.works, "the tunnels work", 20)
        traffic = Traffic(site)
        time.sleep(2)
        taken = [alternate(pair, traffic) for _ in range(rounds)]
        traffic.stop()
    return Figures(interval_ms, [away for away, _ in taken], sum(lost for _, lost in taken),
                   slack)


def main(words):
    parser = argparse.ArgumentParser(prog="bench failover", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="alternations (20)")
    parser.add_argument("--interval", default=",".join(map(str, PROMISED_S)), metavar="MS,MS",
                        help="probe_interval_ms, each a run of its own")
    parser.add_argument("--slack", type=float, default=1, metavar="TIMES",
                        help="how much slower than promised still holds (1)")
    parser.add_argument("--into", type=pathlib.Path, default=BUILD, metavar="DIRECTORY",
                        help="for failover.json (the build directory)")
    options = parser.parse_args(words)
    figures = []
    for interval in map(int, options.interval.split(",")):
        figures.append(measure(interval, options.rounds, options.slack))
        print(figures[-1].line(), flush=True)
    (options.into / "failover.json").write_text(json.dumps(
        [{"probe_interval_ms": f.interval_ms, "away_s": f.away_s, "p50_s": f.p50_s,
          "max_s": f.max_s, "lost_at_return": f.lost_at_return, "holds": f.holds}
         for f in figures], indent=1) + "\n")
    sys.exit(0 if all(f.holds for f in figures) else 1)
