# SPDX-License-Identifier: GPL-2.0-or-later
"""Who takes part. Each is brought up on both gateways of a place."""
from lab.gatehouse import BUILD, VPND, Vpnd, tunnel_config, vpnd_config
from lab.process import children
from lab.site import PORT
from lab.wireguard import Keys, WireguardGo, newest_wireguard_go, wg_interface, wg_peer

from . import alone, failover, restart
from .contender import Contender, Piped, printed
from .place import TUNNEL_MTU
from .strangers import Fastd, Openvpn

RELAY = BUILD / "tests" / "bench" / "relay"


class Routed(Contender):
    name = "routed"

    def __init__(self, place):
        super().__init__(place)
        place.route_plainly()


class GatehouseVpnd(Contender):
    name = "vpnd"
    command = (VPND, "--version")

    @classmethod
    def alone(cls, group, times):
        return {"handshakes": alone.handshakes,
                "peers": lambda: {**alone.lookups(), **alone.load(VPND)},
                "failover": lambda: failover.figures(times),
                "restart": lambda: restart.figures(times)}[group]()

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
    def alone(cls, group, times):
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
                                         RelayWithoutCipher, Fastd, Openvpn)}


DEFAULT = ("routed", "vpnd", "wireguard-go", "relay", "fastd", "openvpn")
