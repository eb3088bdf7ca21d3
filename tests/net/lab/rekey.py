# SPDX-License-Identifier: GPL-2.0-or-later
"""A tunnel that carries pings for longer than a key lives."""
import re

from .gate import Gate
from .site import APP, HOST, Site
from .waiting import wait_until

REKEY_AFTER_S = 120
PINGS, INTERVAL_S = 1350, 0.1


class RekeyRun:
    """A tunnel under pings for longer than a key lives."""

    def __init__(self, starter):
        self.site = Site()
        self.gate = Gate(self.site, gw_knows=starter == "gw", city_knows=starter == "city")
        namespace, address = ((self.site.app, HOST[4]) if starter == "gw" else
                              (self.site.host, APP[4]))
        self._ping = namespace.start("ping", "-n", "-i", INTERVAL_S, "-c", PINGS, "-W", 10, address)
        wait_until(self.gate.handshake, "the first handshake")
        self.first = self.gate.handshake()

    def finish(self):
        """Wait for the last ping; returns the numbers of the pings that got no reply."""
        self._ping.wait(PINGS * INTERVAL_S * 1.5)
        replies = {int(n) for n in re.findall(r"icmp_seq=(\d+) ttl", self._ping.log())}
        return sorted(set(range(1, PINGS + 1)) - replies)

    def close(self):
        self.site.close()
