# SPDX-License-Identifier: GPL-2.0-or-later
"""Who takes part. Each is brought up on both gateways of a place."""
import subprocess

from lab.gatehouse import BUILD, VPND, Vpnd, tunnel_config, vpnd_config
from lab.process import children
from lab.site import PORT
from lab.wireguard import Keys, WireguardGo, newest_wireguard_go, wg_interface, wg_peer

from . import alone
from .place import TUNNEL_MTU

RELAY = BUILD / "tests" / "bench" / "relay"


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
    def alone(cls, group):
        """Figures of a group that needs no place, see alone.py."""
        del group
        return {}

    def __init__(self, place):
        """Bring both ends up."""

    def pids(self):
        """Process ids: those of gateway A, those of gateway B."""
        return [], []


class Routed(Contender):
    name = "routed"

    def __init__(self, place):
        super().__init__(place)
        place.route_plainly()


class GatehouseVpnd(Contender):
    name = "vpnd"
    command = (VPND, "--version")

    @classmethod
    def alone(cls, group):
        if group == "handshakes":
            return alone.handshakes()
        return {**alone.lookups(), **alone.load(VPND)}

    def __init__(self, place):
        super().__init__(place)
        keys = Keys(), Keys()
        self._ends = [self._end(place, gateway, ours, theirs.public)
                      for gateway, ours, theirs in zip(place.ends, keys, reversed(keys))]

    @staticmethod
    def _end(place, gateway, keys, their_public):
        tunnel = tunnel_config(place, keys, their_public, name=gateway.ifname,
                               endpoint=gateway.endpoint, addresses=gateway.addresses,
                               mtu=TUNNEL_MTU, peer={"allowed_ips": gateway.allowed})
        return Vpnd(gateway.namespace, vpnd_config(tunnel, prefixes=gateway.remote)).start()

    def pids(self):
        return tuple([end.pid, *children(end.pid)] for end in self._ends)


class NewestWireguardGo(Contender):
    name = "wireguard-go"

    @classmethod
    def version(cls):
        return printed(newest_wireguard_go(), "--version")

    @classmethod
    def alone(cls, group):
        return alone.load(newest_wireguard_go()) if group == "peers" else {}

    def __init__(self, place):
        super().__init__(place)
        keys = Keys(), Keys()
        self._ends = [self._end(gateway, ours, theirs.public)
                      for gateway, ours, theirs in zip(place.ends, keys, reversed(keys))]

    @staticmethod
    def _end(gateway, keys, their_public):
        end = WireguardGo(gateway.namespace, gateway.ifname, level="error")
        end.configure(wg_interface(keys, PORT)
                      + wg_peer(their_public, gateway.allowed, gateway.endpoint))
        end.up(gateway.addresses, gateway.remote, TUNNEL_MTU)
        return end

    def pids(self):
        return tuple([end.process.pid] for end in self._ends)


class Piped(Contender):
    """A program that makes a TUN and joins it to a UDP socket; addresses and routes are ours."""

    says = "ready"  # once its interface is there

    def __init__(self, place):
        super().__init__(place)
        self._ends = [gateway.namespace.start(*self.start(gateway), log=self.name)
                      for gateway in place.ends]
        for gateway, end in zip(place.ends, self._ends):
            end.wait_for_log(self.says)
            gateway.namespace.ip(
                *(f"addr replace {address} dev {gateway.ifname}" for address in gateway.addresses),
                f"link set {gateway.ifname} mtu {TUNNEL_MTU} up",
                *(f"route replace {net} dev {gateway.ifname}" for net in gateway.remote))

    def start(self, gateway):
        """The command for one end."""
        raise NotImplementedError

    def pids(self):
        return tuple([end.pid] for end in self._ends)


class Relay(Piped):
    """Segments in, segments out and a cipher between, but no protocol: what is the most that one
    thread can carry."""

    name = "relay"

    @classmethod
    def available(cls):
        return RELAY.exists()

    def start(self, gateway):
        return (RELAY, "--tun", gateway.ifname, "--listen", PORT, "--peer", gateway.endpoint,
                "--mtu", TUNNEL_MTU)


class RelayWithoutCipher(Relay):
    name = "relay-clear"

    def start(self, gateway):
        return (*super().start(gateway), "--no-cipher")


def known():
    """Every contender by its name, whether it can take part or not."""
    return {each.name: each for each in (Routed, GatehouseVpnd, NewestWireguardGo, Relay,
                                         RelayWithoutCipher)}


DEFAULT = ("routed", "vpnd", "wireguard-go", "relay")
