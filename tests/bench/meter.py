# SPDX-License-Identifier: GPL-2.0-or-later
"""What processes and the machine use, by /proc."""
import os
import pathlib
import threading
import time

from .sums import machine_seconds, process_seconds

PAGE = os.sysconf("SC_PAGESIZE")
EVERY = 0.1  # seconds between two looks at memory


def _resident(pid):
    try:
        return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _used(pids):
    return sum(process_seconds(pathlib.Path(f"/proc/{pid}/stat").read_text()) for pid in pids)


def _machine():
    return machine_seconds(pathlib.Path("/proc/stat").read_text())


class Meter:
    """A context manager: measures what goes on inside it.

    `pids` are all processes of the contender, those of `memory_of` are looked at for memory.
    Afterwards: process_s and machine_s (CPU seconds), wall_s, and peak, the most bytes resident in
    memory_of's processes together.
    """

    def __init__(self, pids, memory_of):
        self._pids, self._memory_of = list(pids), list(memory_of)
        self.process_s = self.machine_s = self.wall_s = 0.0
        self.peak = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        self._before = _used(self._pids), _machine(), time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_):
        after = _used(self._pids), _machine(), time.monotonic()
        self.process_s, self.machine_s, self.wall_s = (
            b - a for a, b in zip(self._before, after))
        self._done.set()
        self._thread.join()

    def _watch(self):
        while True:
            self.peak = max(self.peak, sum(map(_resident, self._memory_of)))
            if self._done.wait(EVERY):
                return


def idle_load(seconds=1.0):
    """CPU seconds a second that the machine uses when nothing is asked of it."""
    with Meter([], []) as meter:
        time.sleep(seconds)
    return meter.machine_s / meter.wall_s
