# SPDX-License-Identifier: GPL-2.0-or-later
"""What is measured, and what is promised of it."""
from dataclasses import dataclass

from .sums import ratio

SIZES = (64, 512, 1372)


@dataclass(frozen=True)
class Figure:
    key: str
    block: str  # the table that it stands in
    title: str
    unit: str
    digits: int = 2


FIGURES = (
    Figure("tcp4_1", "TCP, Gbit/s", "1 v4", "Gbit/s"),
    Figure("tcp4_4", "TCP, Gbit/s", "4 v4", "Gbit/s"),
    Figure("tcp6_1", "TCP, Gbit/s", "1 v6", "Gbit/s"),
    Figure("tcp6_4", "TCP, Gbit/s", "4 v6", "Gbit/s"),
    Figure("bidir4_1", "TCP, Gbit/s", "both ways", "Gbit/s"),
    Figure("retransmits_1", "TCP, Gbit/s", "resent 1", "segments", 0),
    Figure("retransmits_4", "TCP, Gbit/s", "resent 4", "segments", 0),
    *(Figure(f"{kind}{size}_{key}", block, f"{size} {unit}", unit, digits)
      for kind, block in (("udp", "UDP, one by one"), ("runs", "UDP, sent in runs"))
      for size in SIZES for key, unit, digits in (("kpps", "kpps", 0), ("gbit_s", "Gbit/s", 3))),
    Figure("idle_p50", "ping, ms", "idle p50", "ms", 3),
    Figure("idle_p99", "ping, ms", "idle p99", "ms", 3),
    Figure("loaded_p50", "ping, ms", "loaded p50", "ms", 3),
    Figure("loaded_p99", "ping, ms", "loaded p99", "ms", 3),
    Figure("process_s_gb", "cost", "daemons s/GB", "s/GB"),
    Figure("machine_s_gb", "cost", "machine s/GB", "s/GB"),
    Figure("peak_mb", "cost", "memory MB", "MB", 1),
    *(Figure(f"failover{ms}_{key}", "failover", f"{ms} ms {title}", unit, digits)
      for ms in (200, 1000)
      for key, title, unit, digits in (("p50", "p50, s", "s", 2), ("max", "max, s", "s", 2),
                                       ("lost", "lost back", "packets", 0))),
    *(Figure(f"{event}_{key}", "away, ms", f"{event} {key}", "ms", 0)
      for event in ("restart", "killed", "engine", "upgrade", "reload") for key in ("p50", "max")),
    Figure("reload_lost", "away, ms", "reload lost", "packets", 0),
    Figure("handshakes_per_s", "handshakes", "a second", "/s", 0),
    Figure("handshakes_of_x25519", "handshakes", "of X25519", "", 3),
    Figure("load_s", "10,000 peers", "load s", "s"),
    Figure("bytes_per_peer", "10,000 peers", "bytes each", "bytes", 0),
    Figure("lookup1_v4", "10,000 peers", "find 1, ns", "ns", 0),
    Figure("lookup100_v4", "10,000 peers", "of 100", "ns", 0),
    Figure("lookup10000_v4", "10,000 peers", "of 10,000", "ns", 0),
    Figure("lookup10000_v6", "10,000 peers", "v6", "ns", 0),
)

TITLES = {figure.key: f"{figure.block.removesuffix(', Gbit/s').removesuffix(', ms')} {figure.title}"
          for figure in FIGURES}


@dataclass(frozen=True)
class Promise:
    """vpnd's figure, by itself or over another contender's, and the limit that it keeps to."""

    key: str
    over: str  # contender; empty: the figure by itself
    limit: float
    least: bool  # the limit is a lower one

    def judge(self, medians):
        """What is to be compared with the limit, or None when it was not measured."""
        ours = medians.get("vpnd", {}).get(self.key)
        return ratio(ours, medians.get(self.over, {}).get(self.key)) if self.over else ours

    def holds(self, value):
        return value >= self.limit if self.least else value <= self.limit


def _promises():
    go = "wireguard-go"
    for key in ("tcp4_1", "tcp4_4", "tcp6_1", "tcp6_4"):
        yield Promise(key, go, 2.5, True)
    for kind in ("udp", "runs"):
        yield Promise(f"{kind}1372_gbit_s", go, 3, True)
        yield Promise(f"{kind}64_kpps", go, 2, True)
    yield Promise("idle_p50", go, 0.5, False)
    yield Promise("loaded_p99", go, 1, False)
    yield Promise("process_s_gb", go, 0.45, False)
    for key in ("tcp4_1", "tcp4_4", "tcp6_1", "tcp6_4", "udp1372_gbit_s", "runs1372_gbit_s"):
        yield Promise(key, "relay", 0.75, True)
    yield Promise("peak_mb", "", 24, False)
    yield Promise("bytes_per_peer", "", 8000, False)
    yield Promise("handshakes_of_x25519", "", 0.8, True)
    for interval_ms, seconds in ((200, 1), (1000, 4)):
        yield Promise(f"failover{interval_ms}_max", "", seconds, False)
        yield Promise(f"failover{interval_ms}_lost", "", 0, False)
    for event in ("restart", "killed", "engine", "upgrade"):
        yield Promise(f"{event}_max", "", 1000, False)
    yield Promise("reload_lost", "", 0, False)


PROMISES = tuple(_promises())
