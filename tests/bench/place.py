# SPDX-License-Identifier: GPL-2.0-or-later
"""Where it is measured: the site of the tests, both gateways running the contender.

       app ------- gw ========= net ========= city ------ host
                  (A)                          (B)

Every box is a network namespace, every line a veth pair with all its offloads on.
"""
from dataclasses import dataclass

from lab.city import CITY_ADDRESSES, GW_ADDRESSES, TO_CITY, TO_SITE
from lab.netns import Namespace
from lab.site import (APP_NET, CITY, CITY_NET, CITY_ROUTER, FORWARDING, GW, PORT, Site,
                      UPLINK_ROUTER, uri)

TUNNEL_MTU = 1420


@dataclass(frozen=True)
class Gateway:
    """One end of the tunnel, as a contender needs it."""

    namespace: Namespace
    ifname: str
    outer: str        # address of its uplink
    their_outer: str  # that of the other end
    endpoint: str     # where the other end listens, ADDRESS:PORT
    addresses: tuple  # of its end of the tunnel, with prefix length
    remote: tuple     # prefixes behind the other end
    allowed: tuple    # those, and the addresses of the other end


class Place(Site):
    """The drawing, with endpoints of `family` for the tunnel that is still missing."""

    def __init__(self, family):
        super().__init__()
        self.family = family
        self.city.run("sysctl", "-q", "-p", FORWARDING)
        self.a = Gateway(self.gw, self.ifname("bench"), GW[family], CITY[family],
                         uri(CITY[family], PORT), GW_ADDRESSES, tuple(CITY_NET.values()),
                         TO_CITY)
        self.b = Gateway(self.city, self.ifname("bench"), CITY[family], GW[family],
                         uri(GW[family], PORT), CITY_ADDRESSES, tuple(APP_NET.values()),
                         TO_SITE)

    @property
    def ends(self):
        return self.a, self.b

    def route_plainly(self):
        """No tunnel: the network between knows the private prefixes."""
        for family in (4, 6):
            self.gw.ip(f"route add {CITY_NET[family]} via {UPLINK_ROUTER[family]}")
            self.city.ip(f"route add {APP_NET[family]} via {CITY_ROUTER[family]}")
            self.net.ip(f"route add {CITY_NET[family]} via {CITY[family]}",
                        f"route add {APP_NET[family]} via {GW[family]}")
