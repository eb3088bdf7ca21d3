# SPDX-License-Identifier: GPL-2.0-or-later
"""One contender's turn: a place of its own, warmed up, and every figure that was asked for."""
import contextlib
import sys

from lab.site import HOST
from lab.waiting import wait_until

from .figures import SIZES
from .load import Load
from .meter import Meter, idle_load
from .place import Place
from .sums import percentile

WARM_UP_SECONDS = 1
LOADS = {4: ("tcp", "bidir", "udp", "runs", "ping"), 6: ("tcp6",)}  # by family
ALONE = ("handshakes", "peers")
ONCE = ("failover", "restart")  # no medians: what counts is the worst of many times
GROUPS = (*LOADS[4], *LOADS[6], *ALONE, *ONCE)


class Turn:
    """Measures one contender in one place; `figures` fills."""

    def __init__(self, contender, place, seconds, congestion):
        self.figures = {}
        self._contender, self._place = contender, place
        self._load = Load(place, seconds, congestion)
        self._peak = 0

    def warm_up(self):
        wait_until(lambda: self._place.app.reaches(HOST[self._place.family], 1),
                   f"{self._contender.name} carries a ping")
        self._load.tcp(seconds=WARM_UP_SECONDS)

    def measure(self, group):
        getattr(self, f"_{group}")()
        if self._peak:
            self.figures["peak_mb"] = self._peak / 1e6

    def _metered(self, load):
        """Run `load`; returns what it returned, and the meter."""
        a, b = self._contender.pids()
        with Meter([*a, *b], a) as meter:
            result = load()
        self._peak = max(self._peak, meter.peak)
        return result, meter

    def _tcp(self):
        self._tcp_of(4)

    def _tcp6(self):
        self._tcp_of(6)

    def _tcp_of(self, family):
        idle = idle_load()
        for streams in (1, 4):
            got, meter = self._metered(lambda n=streams: self._load.tcp(n))
            self.figures[f"tcp{family}_{streams}"] = got["gbit_s"]
            if family == 6:
                continue
            self.figures[f"retransmits_{streams}"] = got["retransmits"]
            if streams == 1:
                gigabytes = got["bytes"] / 1e9
                self.figures["process_s_gb"] = meter.process_s / gigabytes
                self.figures["machine_s_gb"] = \
                    (meter.machine_s - idle * meter.wall_s) / gigabytes

    def _bidir(self):
        got, _ = self._metered(lambda: self._load.tcp(1, "--bidir"))
        self.figures["bidir4_1"] = got["gbit_s"]

    def _udp(self):
        self._udp_as("udp")

    def _runs(self):
        self._udp_as("runs", "runs")

    def _udp_as(self, name, *options):
        for size in SIZES:
            got, _ = self._metered(lambda n=size: self._load.udp(n, *options))
            self.figures.update({f"{name}{size}_{key}": value for key, value in got.items()})

    def _ping(self):
        for name, ping in (("idle", self._load.ping), ("loaded", self._load.ping_under_tcp)):
            times, _ = self._metered(ping)
            for percent in (50, 99):
                self.figures[f"{name}_p{percent}"] = percentile(times, percent)


@contextlib.contextmanager
def telling(place):
    """Say what the processes of a place said when something goes wrong there."""
    try:
        yield
    except Exception:
        for name, text in place.logs():
            print(f"--- {name}\n{text[-2000:]}", file=sys.stderr)
        raise


def take(kind, groups, seconds, times, congestion=None):
    """A whole turn of one kind of contender; returns its figures by key. Of `congestion`: load.py."""
    figures = {}
    for family, loads in LOADS.items():
        wanted = [group for group in loads if group in groups]
        if not wanted:
            continue
        with Place(family) as place, telling(place):
            turn = Turn(kind(place), place, seconds, congestion)
            turn.warm_up()
            for group in wanted:
                turn.measure(group)
        figures = {**turn.figures, **figures}
    for group in (*ALONE, *ONCE):
        if group in groups:
            figures.update(kind.alone(group, times))
    return figures
