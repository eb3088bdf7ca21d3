# SPDX-License-Identifier: GPL-2.0-or-later
"""Arithmetic of the benchmark: pure, so that it is tested without a network."""
import json
import math
import re
import statistics

TICKS = 100  # a second, USER_HZ: what /proc counts times in


def percentile(values, percent):
    """The smallest value that at least `percent` of all values do not exceed; None of nothing."""
    ordered = sorted(values)
    if not ordered:
        return None
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def median(values):
    """The median of what is there; None of nothing."""
    there = [value for value in values if value is not None]
    return statistics.median(there) if there else None


def medians(runs):
    """The median of each figure over several runs, which are dicts and may lack some."""
    names = dict.fromkeys(name for run in runs for name in run)
    return {name: median([run.get(name) for run in runs]) for name in names}


def ratio(ours, theirs):
    return None if ours is None or not theirs else ours / theirs


def ping_times(output):
    """Milliseconds of each reply that ping(8) printed."""
    return [float(ms) for ms in re.findall(r"time=([\d.]+) ms", output)]


def iperf(text):
    """What iperf3 --json says of a test: bytes at the receivers, Gbit/s, retransmits.

    With --bidir both ways are in it, summed.
    """
    end = json.loads(text)["end"]
    ways = [name for name in ("", "_bidir_reverse") if f"sum_received{name}" in end]
    received = [end[f"sum_received{name}"] for name in ways]
    sent = [end[f"sum_sent{name}"] for name in ways]
    return {"bytes": sum(way["bytes"] for way in received),
            "gbit_s": sum(way["bits_per_second"] for way in received) / 1e9,
            "retransmits": sum(way.get("retransmits", 0) for way in sent)}


def process_seconds(stat):
    """User and system time of a process, all its threads, from the text of /proc/PID/stat."""
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def machine_seconds(stat):
    """Time in which a core was busy, from the text of /proc/stat: softirqs too, but not idle,
    waiting or stolen time."""
    user, nice, system, _idle, _iowait, irq, softirq = map(int, stat.split("\n", 1)[0].split()[1:8])
    return (user + nice + system + irq + softirq) / TICKS
