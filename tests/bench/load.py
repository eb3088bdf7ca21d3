# SPDX-License-Identifier: GPL-2.0-or-later
"""What is sent through: TCP by iperf3, datagrams by blast, pings."""
import json

from lab.gatehouse import BUILD
from lab.site import HOST

from . import sums

BLAST = BUILD / "tests" / "bench" / "blast"
BLAST_PORT = 5300
PING_EVERY = 0.004  # seconds


class Load:
    """Loads one place in one family; TCP with the congestion control named, if one is."""

    def __init__(self, place, seconds, congestion=None):
        self._app, self._host = place.app, place.host
        self._to, self._seconds = HOST[place.family], seconds
        self._tcp_options = ("-C", congestion) if congestion else ()
        server = self._host.start("iperf3", "-s", "--forceflush", log="iperf3.server")
        server.wait_for_log("listening")

    def _iperf_command(self, streams, seconds, options):
        return ("iperf3", "--json", "-c", self._to, "-t", seconds, "-P", streams,
                *self._tcp_options, *options)

    def tcp(self, streams=1, *options, seconds=None):
        """See sums.iperf."""
        seconds = seconds or self._seconds
        return sums.iperf(self._app.output(*self._iperf_command(streams, seconds, options),
                                           timeout=seconds + 30))

    def ping(self, seconds=None):
        """Milliseconds of each reply."""
        count = int((seconds or self._seconds) / PING_EVERY)
        done = self._app.run("ping", "-n", "-c", count, "-i", PING_EVERY, "-W", 1, self._to,
                             check=False, timeout=count * PING_EVERY + 60)
        return sums.ping_times(done.stdout)

    def ping_under_tcp(self):
        """The same beside one TCP stream that takes all it can get."""
        stream = self._app.start(*self._iperf_command(1, self._seconds + 1, ()), log="iperf3")
        try:
            return self.ping(self._seconds)
        finally:
            stream.wait(self._seconds + 30)

    def udp(self, size, *options):
        """Datagrams of `size` bytes, as fast as they can be sent; what arrived."""
        receiver = self._host.start(BLAST, "receive", BLAST_PORT, log=f"blast.{size}")
        receiver.wait_for_log("ready")
        sent = json.loads(self._app.output(BLAST, "send", self._to, BLAST_PORT, size,
                                           self._seconds * 1000, *options,
                                           timeout=self._seconds + 30))
        receiver.wait(30)
        got = json.loads(receiver.log().splitlines()[-1])
        seconds = got["seconds"] or self._seconds
        return {"gbit_s": got["bytes"] * 8 / seconds / 1e9,
                "kpps": got["datagrams"] / seconds / 1e3,
                "sent_kpps": sent["datagrams"] / self._seconds / 1e3,
                "late": got["late"], "overflowed": got["overflowed"]}
