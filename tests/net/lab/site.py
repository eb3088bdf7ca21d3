# SPDX-License-Identifier: GPL-2.0-or-later
"""The topology that Gatehouse is for.

       app ------- gw ========= net ========= city ------ host
   10.40.15.10     |   uplink    |              10.241.0.10
              10.40.15.1         |        10.241.0.1
                203.0.113.7      |       192.0.2.10
                       203.0.113.1 192.0.2.1
                            198.51.100.1
                                 |
                                web 198.51.100.10

`net` is the Internet: it knows public addresses only, so whatever leaks from the site or the City
finds no way back. `app` is an application's host without public address, `gw` runs Gatehouse,
`city` is the City's gateway (not ours), `host` a host behind it, `web` anyone on the Internet.
Everything has IPv6 as well, with the same last numbers.
"""
import pathlib

from .netns import Lab

TREE = pathlib.Path(__file__).resolve().parents[3]
FORWARDING = TREE / "configs" / "sysctl.d" / "50-gatehouse.conf"
ROUTER = {"net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1}

APP = {4: "10.40.15.10", 6: "fd40:15::10"}
APP_NET = {4: "10.40.15.0/24", 6: "fd40:15::/64"}
GW = {4: "203.0.113.7", 6: "2001:db8:113::7"}
GW_INSIDE = {4: "10.40.15.1", 6: "fd40:15::1"}
UPLINK_ROUTER = {4: "203.0.113.1", 6: "2001:db8:113::1"}
CITY = {4: "192.0.2.10", 6: "2001:db8:2::10"}
CITY_ROUTER = {4: "192.0.2.1", 6: "2001:db8:2::1"}
CITY_NET = {4: "10.241.0.0/16", 6: "fd41:241::/64"}
HOST = {4: "10.241.0.10", 6: "fd41:241::10"}
WEB = {4: "198.51.100.10", 6: "2001:db8:100::10"}

# Addresses inside the tunnel.
TUNNEL_GW = {4: "169.254.10.2", 6: "fd10::2"}
TUNNEL_CITY = {4: "169.254.10.1", 6: "fd10::1"}
PORT = 51820


def uri(address, port):
    """An endpoint as wg writes it."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


class Site(Lab):
    """The drawing above, up and routed, with no tunnel and no NAT yet."""

    def __init__(self, prefix=None):
        super().__init__(prefix)
        self.app, self.gw, self.net, self.city, self.host, self.web = (
            self.namespace(name) for name in ("app", "gw", "net", "city", "host", "web"))
        self._wire_all()
        self.gw.run("sysctl", "-q", "-p", FORWARDING)
        for router in (self.net, self.city):
            router.sysctl(ROUTER)

    def _wire_all(self):
        self.wire(self.app, "eth0", self.gw, "lan")
        self.wire(self.gw, "uplink", self.net, "gw")
        self.wire(self.city, "uplink", self.net, "city")
        self.wire(self.city, "lan", self.host, "eth0")
        self.wire(self.web, "eth0", self.net, "web")
        self._address(self.app, "eth0", "10.40.15.10/24", "fd40:15::10/64")
        self._address(self.gw, "lan", "10.40.15.1/24", "fd40:15::1/64")
        self._address(self.gw, "uplink", "203.0.113.7/24", "2001:db8:113::7/64")
        self._address(self.net, "gw", "203.0.113.1/24", "2001:db8:113::1/64")
        self._address(self.net, "city", "192.0.2.1/24", "2001:db8:2::1/64")
        self._address(self.net, "web", "198.51.100.1/24", "2001:db8:100::1/64")
        self._address(self.city, "uplink", "192.0.2.10/24", "2001:db8:2::10/64")
        self._address(self.city, "lan", "10.241.0.1/16", "fd41:241::1/64")
        self._address(self.host, "eth0", "10.241.0.10/16", "fd41:241::10/64")
        self._address(self.web, "eth0", "198.51.100.10/24", "2001:db8:100::10/64")
        self._default(self.app, "10.40.15.1", "fd40:15::1")
        self._default(self.gw, "203.0.113.1", "2001:db8:113::1")
        self._default(self.city, "192.0.2.1", "2001:db8:2::1")
        self._default(self.host, "10.241.0.1", "fd41:241::1")
        self._default(self.web, "198.51.100.1", "2001:db8:100::1")

    @staticmethod
    def _address(namespace, interface, *addresses):
        namespace.ip(*(f"addr add {address} dev {interface}" for address in addresses))

    @staticmethod
    def _default(namespace, *routers):
        namespace.ip(*(f"route add default via {router}" for router in routers))
