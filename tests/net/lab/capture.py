# SPDX-License-Identifier: GPL-2.0-or-later
"""What is really on a wire, by tcpdump(8)."""
import signal


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

    def stop(self):
        self._process.stop(signal.SIGINT)

    def lines(self, expression="", *options):
        """What was recorded and matches, a line a packet."""
        return self._namespace.output("tcpdump", "-n", "-t", "-r", self.file, *options,
                                      expression).splitlines()

    def count(self, expression=""):
        return len(self.lines(expression))

    def holds(self, text):
        """Whether these bytes stand anywhere in what was recorded."""
        return text in self.file.read_bytes()
