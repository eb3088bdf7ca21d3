# SPDX-License-Identifier: GPL-2.0-or-later
"""A process that runs beside the test, its output in a file."""
import pathlib
import signal
import subprocess

from .waiting import wait_until


class Process:
    """A running command; both its outputs go to one log file."""

    def __init__(self, command, log):
        self.command = [str(word) for word in command]
        self.log_file = pathlib.Path(log)
        with self.log_file.open("ab") as out:
            self._popen = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=out,
                                           stderr=out)

    @property
    def pid(self):
        return self._popen.pid

    @property
    def running(self):
        return self._popen.poll() is None

    def log(self):
        return self.log_file.read_text(errors="replace")

    def wait(self, timeout=10.0):
        """Wait for the end; return the exit code, negative for a signal."""
        return self._popen.wait(timeout)

    def stop(self, sig=signal.SIGTERM, timeout=5.0):
        """End it with `sig`, by force if that takes too long; return the exit code."""
        if self.running:
            self._popen.send_signal(sig)
        try:
            return self.wait(timeout)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            return self.wait()

    def wait_for_log(self, text, timeout=10.0):
        def said():
            if text in self.log():
                return True
            assert self.running, f"{self.command[0]} ended: {self.log()}"
            return False
        wait_until(said, f"{text!r} in {self.log_file}", timeout)


def status(pid):
    """/proc/PID/status as a dict."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def _children(pid):
    """Each child of `pid` and its state, a letter."""
    for entry in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = entry.read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(parent) == pid:
            yield int(entry.parent.name), state


def children(pid):
    """The living children of `pid`."""
    return sorted(child for child, state in _children(pid) if state != "Z")


def zombies(pid):
    """Those that have ended without being asked after."""
    return sorted(child for child, state in _children(pid) if state == "Z")


def alive(pid):
    """Whether `pid` is there and more than a zombie."""
    try:
        return not status(pid)["State"].startswith("Z")
    except (FileNotFoundError, ProcessLookupError):
        return False
