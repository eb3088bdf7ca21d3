# SPDX-License-Identifier: GPL-2.0-or-later
"""Pings at a steady pace, and which of them were lost."""
import re
import signal
import time

from .waiting import wait_until


class Flow:
    """Pings from a namespace to an address, one each `interval` seconds from now on."""

    _made = 0

    def __init__(self, namespace, address, interval=0.01):
        Flow._made += 1
        self.interval = interval
        self._process = namespace.start("ping", "-n", "-i", interval, address,
                                        log=f"flow.{Flow._made}")
        wait_until(self.answered, "the first answer")

    def answered(self):
        """Numbers of the pings that were answered so far."""
        return sorted({int(n) for n in re.findall(r"icmp_seq=(\d+) ttl=", self._process.log())})

    def lost_since(self, first):
        """The pings after `first` that were not answered, as runs (first, count)."""
        seen = [n for n in self.answered() if n >= first]
        return [(a + 1, b - a - 1) for a, b in zip(seen, seen[1:]) if b > a + 1]

    def during(self, action, settle=0.5, timeout=20.0):
        """Carry `action` out; how many pings were lost by it, and the longest silence in seconds.

        It is over when answers have come for `settle` seconds.
        """
        before = self.answered()[-1]
        action()
        done = len(self.answered())
        wait_until(lambda: len(self.answered()) - done > settle / self.interval,
                   "answers come again", timeout)
        runs = [count for _, count in self.lost_since(before)]
        return sum(runs), max(runs, default=0) * self.interval

    def stop(self):
        time.sleep(0.1)
        self._process.stop(signal.SIGINT)
