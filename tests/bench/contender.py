# SPDX-License-Identifier: GPL-2.0-or-later
"""What every contender is."""
import subprocess

from .place import TUNNEL_MTU


def printed(*command):
    """The first line that a command prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip().split("\n")[0]


class Contender:
    """A way through the place. `available` says whether it can take part here."""

    name = ""
    command = ()  # prints its version

    @classmethod
    def available(cls):
        return True

    @classmethod
    def version(cls):
        return printed(*cls.command) if cls.command else ""

    @classmethod
    def alone(cls, group, times):
        """Figures of a group that needs no place of ours: see alone.py, failover.py, restart.py."""
        del group, times
        return {}

    def __init__(self, place):
        """Bring both ends up."""

    def pids(self):
        """Process ids: those of gateway A, those of gateway B."""
        return [], []


class Piped(Contender):
    """A program that makes a TUN and joins it to a UDP socket; addresses and routes are ours."""

    says = "ready"  # once its interface is there

    def __init__(self, place):
        super().__init__(place)
        self.prepare(place)
        self._ends = [gateway.namespace.start(*self.start(gateway), log=self.name)
                      for gateway in place.ends]
        for gateway, end in zip(place.ends, self._ends):
            end.wait_for_log(self.says)
            gateway.namespace.ip(
                *(f"addr replace {address} dev {gateway.ifname}" for address in gateway.addresses),
                f"link set {gateway.ifname} mtu {TUNNEL_MTU} up",
                *(f"route replace {net} dev {gateway.ifname}" for net in gateway.remote))

    def prepare(self, place):
        """Make what both ends need to know of each other."""

    def start(self, gateway):
        """The command for one end."""
        raise NotImplementedError

    def pids(self):
        return tuple([end.pid] for end in self._ends)
