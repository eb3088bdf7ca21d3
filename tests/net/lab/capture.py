# SPDX-License-Identifier: GPL-2.0-or-later
"""What is really on a wire, by tcpdump(8)."""
import os
import re
import signal
import time

from .waiting import wait_until

COUNTS = re.compile(r"(\d+) packets? captured, (\d+) packets? received by filter, (\d+) packets? dropped")
STUCK_SECONDS = 2  # what passed before the filter was in place is received, and never captured


class Capture:
    """Records an interface from the moment it is made until stop(); a context manager."""

    _made = 0

    def __init__(self, namespace, interface, expression=""):
        Capture._made += 1
        self._namespace = namespace
        self.file = namespace.lab.dir / f"{namespace.name}.{interface}.{Capture._made}.pcap"
        self._process = namespace.start("tcpdump", "-i", interface, "-n", "-U", "-Z", "root", "-B",
                                        4096, "--immediate-mode", "-w", self.file, expression,
                                        log=f"tcpdump.{interface}.{Capture._made}")
        self._process.wait_for_log("listening on")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def pid(self):
        return self._process.pid

    def stop(self):
        """What is on its way from the kernel to tcpdump, which may not have run yet, is waited for."""
        if self._process.running:
            _, received, _ = self._counts()
            deadline = time.monotonic() + STUCK_SECONDS
            while time.monotonic() < deadline:
                captured, _, dropped = self._counts()
                if captured + dropped >= received:
                    break
        self._process.stop(signal.SIGINT)

    def _counts(self):
        """How many packets were captured, received by the filter, and dropped, by now."""
        answers = len(COUNTS.findall(self._process.log()))
        os.kill(self._process.pid, signal.SIGUSR1)
        found = wait_until(lambda: COUNTS.findall(self._process.log())[answers:] or not self._process.running,
                           "tcpdump has answered", timeout=30, every=0.005)
        return [0, 0, 0] if found is True else [int(number) for number in found[0]]

    def lines(self, expression="", *options):
        """What was recorded and matches, a line a packet."""
        return self._namespace.output("tcpdump", "-n", "-t", "-r", self.file, *options,
                                      expression).splitlines()

    def count(self, expression=""):
        return len(self.lines(expression))

    def holds(self, text):
        """Whether these bytes stand anywhere in what was recorded."""
        return text in self.file.read_bytes()
