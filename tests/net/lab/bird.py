# SPDX-License-Identifier: GPL-2.0-or-later
"""BIRD, which brings routes by BGP: run by hand, with config and socket of its own."""
import signal


class Bird:
    def __init__(self, namespace, config):
        self.namespace = namespace
        self._config = namespace.lab.file(f"{namespace.name}.bird.conf", config)
        self._socket = namespace.lab.dir / f"{namespace.name}.bird.ctl"
        self._process = None
        self.start()

    def start(self):
        self._process = self.namespace.start("bird", "-f", "-c", self._config, "-s", self._socket,
                                             "-P", f"{self._socket}.pid", log="bird")

    def stop(self):
        assert self._process.stop() == 0, self._process.log()

    def kill(self):
        self._process.stop(signal.SIGKILL)

    def show(self, *words):
        """What `birdc show ...` prints; empty before it listens."""
        return self.namespace.run("birdc", "-s", self._socket, "show", *words, check=False).stdout

    def established(self, *protocols):
        return all("Established" in self.show("protocols", name) for name in protocols)
