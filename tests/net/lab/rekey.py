# SPDX-License-Identifier: GPL-2.0-or-later
"""A tunnel that carries pings for longer than a key lives."""
import re
import signal

from .gate import Gate
from .site import APP, HOST, Site
from .waiting import wait_until

REKEY_AFTER_S = 120
INTERVAL_S = 0.1
UNDER_WAY = 20  # the last pings, whose replies nobody waits for
# Twice as long as keys live: a peer may have begun anew in between, for reasons of its own.
PATIENCE_S = 2 * REKEY_AFTER_S


class RekeyRun:
    """A tunnel under pings for longer than a key lives."""

    def __init__(self, starter):
        self.site = Site()
        self.gate = Gate(self.site, gw_knows=starter == "gw", city_knows=starter == "city")
        namespace, address = ((self.site.app, HOST[4]) if starter == "gw" else
                              (self.site.host, APP[4]))
        self._ping = namespace.start("ping", "-n", "-i", INTERVAL_S, address)
        wait_until(self.gate.handshake, "the first handshake")
        self.first = self.gate.handshake()

    def has_new_keys(self):
        """Whether both ends have changed keys because those of the beginning had lived so long."""
        newest = (self.gate.handshake(), self.gate.city.handshake(self.gate.keys.public))
        return min(newest) >= self.first + REKEY_AFTER_S - 1

    def finish(self):
        """Wait for new keys; returns the numbers of the pings that got no reply."""
        wait_until(self.has_new_keys, "both ends have new keys", PATIENCE_S, every=0.5)
        self._ping.stop(signal.SIGINT)
        sent = int(re.search(r"(\d+) packets transmitted", self._ping.log())[1])
        replies = {int(n) for n in re.findall(r"icmp_seq=(\d+) ttl", self._ping.log())}
        return sorted(set(range(1, sent + 1 - UNDER_WAY)) - replies)

    def close(self):
        self.site.close()
