# SPDX-License-Identifier: GPL-2.0-or-later
"""A gateway that has a name server of its own."""
import socket
import subprocess
import sys

from . import nameserver

NAME = "noc.example"


class Names:
    """What the name server of the gateway knows; one that is asked waits `patience_s` for it."""

    def __init__(self, site, patience_s=1):
        self._site = site
        self._zone = site.file("zone", "")
        self._server = None
        resolv = site.file("resolv.conf", f"nameserver {nameserver.ADDRESS}\n"
                                          f"options timeout:{patience_s} attempts:1\n")
        subprocess.run(["mount", "--bind", resolv, "/etc/resolv.conf"], check=True)
        site.closers.append(lambda: subprocess.run(["umount", "/etc/resolv.conf"], check=True))

    def serve(self, *addresses):
        self.set(*addresses)
        self._server = self._site.gw.start(sys.executable, "-B", nameserver.__file__, self._zone,
                                           log="nameserver")
        self._server.wait_for_log("ready")

    def set(self, *addresses):
        self._zone.write_text("\n".join(addresses))

    def end(self):
        self._server.stop()

    def hear_nothing(self):
        """Take all questions and answer none, until what is returned is closed."""
        server = self._site.gw.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind((nameserver.ADDRESS, 53))
        return server
