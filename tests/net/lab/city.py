# SPDX-License-Identifier: GPL-2.0-or-later
"""The City's end of a tunnel: wireguard-go on the namespace `city`."""
from .site import APP_NET, CITY_NET, PORT, TUNNEL_CITY, TUNNEL_GW
from .wireguard import WireguardGo, wg_interface, wg_peer

# What a tunnel lets through on each side, both families.
TO_CITY = [*CITY_NET.values(), f"{TUNNEL_CITY[4]}/32", f"{TUNNEL_CITY[6]}/128"]
TO_SITE = [*APP_NET.values(), f"{TUNNEL_GW[4]}/32", f"{TUNNEL_GW[6]}/128"]
CITY_ADDRESSES = [f"{TUNNEL_CITY[4]}/30", f"{TUNNEL_CITY[6]}/64"]
GW_ADDRESSES = [f"{TUNNEL_GW[4]}/30", f"{TUNNEL_GW[6]}/64"]


class CityGateway(WireguardGo):
    """Accepts the site's tunnel; with `endpoint` it can start the handshake as well."""

    def __init__(self, site, keys, site_public, *, endpoint=None, psk=None, keepalive=None,
                 port=PORT, ifname=None, allowed_ips=tuple(TO_SITE)):
        self.keys = keys
        self._text = wg_interface(keys, port) + wg_peer(site_public, allowed_ips, endpoint,
                                                        psk, keepalive)
        super().__init__(site.city, ifname)

    def start(self):
        super().start()
        self.configure(self._text)
        self.up(CITY_ADDRESSES, APP_NET.values())
