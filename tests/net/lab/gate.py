# SPDX-License-Identifier: GPL-2.0-or-later
"""A site whose gateway runs vpnd, joined to the City's wireguard-go."""
from .city import CityGateway
from .gatehouse import Vpnctl, Vpnd, tunnel_config, vpnd_config
from .relay import Relay
from .site import CITY, CITY_ROUTER, GW, HOST, PORT, UPLINK_ROUTER, uri
from .wireguard import Keys, new_psk

RELAY_PORT = 7000


class Gate:
    """One tunnel. `outer` is the family of its endpoints; who knows an endpoint can start.

    vpnd shakes hands as soon as it runs; `begin=False` leaves its start to the test.
    """

    def __init__(self, site, *, outer=4, psk=False, gw_knows=True, city_knows=False, keepalive=None,
                 weather=None, peer=None, begin=True):
        self.site, self.outer = site, outer
        self.keys, self.city_keys = Keys(), Keys()
        self.psk = new_psk() if psk else None
        self.ifname = site.ifname("gw")
        self.relay = None
        to_city, to_gw = uri(CITY[outer], PORT), uri(GW[outer], PORT)
        if weather is not None:
            self.relay = self._relay(weather)
            to_city = uri(UPLINK_ROUTER[outer], RELAY_PORT)
            to_gw = uri(CITY_ROUTER[outer], RELAY_PORT)
        self.city = CityGateway(site, self.city_keys, self.keys.public, psk=self.psk,
                                endpoint=to_gw if city_knows else None, keepalive=keepalive)
        self.tunnel = tunnel_config(site, self.keys, self.city_keys.public, name=self.ifname,
                                    endpoint=to_city if gw_knows else None, psk=self.psk,
                                    peer=peer or {})
        self.vpnd = Vpnd(site.gw, vpnd_config(self.tunnel))
        self.device = self.vpnd.device(self.ifname)
        self.ctl = Vpnctl(site.gw)
        if begin:
            self.vpnd.start()

    def _relay(self, weather):
        return Relay(self.site.net, (UPLINK_ROUTER[self.outer], RELAY_PORT),
                     (CITY_ROUTER[self.outer], RELAY_PORT), (GW[self.outer], PORT),
                     (CITY[self.outer], PORT), weather=weather)

    def works(self, timeout=15):
        """Whether the application's host reaches the City's within `timeout` seconds."""
        return self.site.app.reaches(HOST[4], timeout)

    def handshake(self):
        """Our view of the last handshake, seconds since the epoch."""
        return self.device.handshake(self.city_keys.public)
