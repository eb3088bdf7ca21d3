# SPDX-License-Identifier: GPL-2.0-or-later
"""What a service manager hears from a daemon, by the protocol of sd_notify(3)."""
import socket
import time

from .waiting import wait_until


class Manager:
    """Runs a Daemon of the lab, and collects what it tells."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.heard = []  # (monotonic time, {key: value}), oldest first
        path = daemon.run_dir / "manager"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)
        daemon.namespace.lab.closers.append(self._socket.close)
        daemon.spawn(before=("env", f"NOTIFY_SOCKET={path}"))

    def listen(self):
        """All that was heard so far."""
        while True:
            try:
                text = self._socket.recv(4096).decode()
            except BlockingIOError:
                return [told for _, told in self.heard]
            told = dict(line.split("=", 1) for line in text.splitlines())
            self.heard.append((time.monotonic(), told))

    def wait_for(self, key, value="1", timeout=10.0, after=0):
        """Wait until `key` was told; `after` so many messages. Returns that message."""
        def said():
            assert self.daemon.process.running, self.daemon.log()
            return next((told for told in self.listen()[after:] if told.get(key) == value), None)
        return wait_until(said, f"{key}={value}", timeout, every=0.001)
