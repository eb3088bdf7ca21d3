# SPDX-License-Identifier: GPL-2.0-or-later
"""How long is traffic away when the path of the preferred tunnel goes black, and is any lost when
it goes back?

           / tunnel a (preferred) \\
    app - gw(vpnd) ---- net ---- city(wireguard-go twice) - host
           \\ tunnel b            /

The application sends the host a datagram every 5 ms, which is answered by the tunnel that it came
by. `net` then drops all that carries tunnel a, without a word, and later lets it pass again.
Several such sites alternate side by side: nearly all of the time nothing is waited for but time.
"""
import concurrent.futures
import contextlib
import socket
import threading
import time

from lab.pair import Pair
from lab.site import HOST, Site
from lab.waiting import wait_until

from .sums import percentile

INTERVALS_MS = (200, 1000)  # probe_interval_ms
SITES = 4
EVERY_S = 0.005
ECHO_PORT = 7
HOLD_TIME_S = 1
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

    def _answered_since(self, begun):
        """When those were sent that were answered."""
        return [self.sent[number] for number in sorted(self.answered)
                if self.sent[number] > begun]

    def goes_on(self, begun):
        return len(self._answered_since(begun)) > 5

    def silence(self, begun):
        """The longest time since `begun` in which nothing was sent that was answered."""
        times = self._answered_since(begun)
        return max(later - at for at, later in zip(times, times[1:]))

    def lost(self, begun, end):
        return sum(begun <= at < end and number not in self.answered
                   for number, at in enumerate(self.sent))

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._echo.close()
        self._socket.close()


def alternate(pair, traffic):
    """There and back; returns the seconds without traffic, and what was lost on the way back."""
    begun = time.monotonic()
    pair.blacken()
    black = time.monotonic()
    wait_until(lambda: traffic.goes_on(black), "traffic is back", 60)
    away = traffic.silence(begun - 0.1)
    time.sleep(QUIET_S / 2)
    returned = time.monotonic()
    pair.clear()
    wait_until(lambda: pair.via() == pair.first.ifname, "it goes by the first again", 60)
    time.sleep(QUIET_S)
    return away, traffic.lost(returned, time.monotonic() - QUIET_S / 2)


def _alternations(site, interval_ms, times):
    pair = Pair(site, probe_ms=interval_ms, hold_time_s=HOLD_TIME_S)
    pair.answer_where_asked()
    wait_until(pair.works, "the tunnels work", 20)
    traffic = Traffic(site)
    time.sleep(2)
    try:
        return [alternate(pair, traffic) for _ in range(times)]
    finally:
        traffic.stop()


def _measure(interval_ms, times):
    """(seconds away, lost on the way back) of each alternation."""
    shares = [len(range(first, times, SITES)) for first in range(min(SITES, times))]
    with contextlib.ExitStack() as stack:
        sites = [stack.enter_context(Site()) for _ in shares]
        pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(len(sites)))
        runs = pool.map(_alternations, sites, [interval_ms] * len(sites), shares)
        return [alternation for run in runs for alternation in run]


def figures(times):
    """By key: p50 and maximum of the seconds away, and how many were lost on all ways back."""
    found = {}
    for interval_ms in INTERVALS_MS:
        away, lost = zip(*_measure(interval_ms, times))
        found |= {f"failover{interval_ms}_p50": percentile(away, 50),
                  f"failover{interval_ms}_max": max(away),
                  f"failover{interval_ms}_lost": sum(lost),
                  f"failover{interval_ms}_all": away}
    return found
