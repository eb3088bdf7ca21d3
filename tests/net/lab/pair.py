# SPDX-License-Identifier: GPL-2.0-or-later
"""A gate with a second tunnel beside its first, each to a wireguard-go of its own at the City."""
from .city import TO_CITY, CityGateway
from .gate import Gate
from .gatehouse import tunnel_config, vpnd_config
from .site import APP_NET, CITY, CITY_NET, HOST, PORT, TUNNEL_CITY, uri
from .wireguard import Keys

# Addresses inside the second tunnel: here, and at the City.
SECOND = {4: ("169.254.11.2/30", "169.254.11.1/30"), 6: ("fd11::2/64", "fd11::1/64")}
SECOND_GW, SECOND_CITY = ({family: pair[end].partition("/")[0] for family, pair in SECOND.items()}
                          for end in (0, 1))


def hosts(addresses):
    """Each as the prefix of itself alone."""
    return [f"{addresses[4]}/32", f"{addresses[6]}/128"]


class SecondCity(CityGateway):
    """Another way back to the site, which the City takes when the first is gone."""

    def __init__(self, site, keys, site_public):
        super().__init__(site, keys, site_public, port=PORT + 1,
                         allowed_ips=[*APP_NET.values(), *hosts(SECOND_GW)])

    def up(self, addresses=(), routes=(), mtu=1420):
        super().up([pair[1] for pair in SECOND.values()], (), mtu)
        self.namespace.ip(*(f"route add {net} dev {self.ifname} metric 2000"
                            for net in APP_NET.values()))


class Pair:
    """Both tunnels lead to the City's prefixes; `route` is what each route says beside.

    `probe_ms` is the time between two probes, `more_allowed` are prefixes that both tunnels let
    through to the City, without a route, `program` is run instead of the vpnd that was built.
    """

    def __init__(self, site, *, probe_ms=200, more_allowed=(), program=None, **route):
        self.first = Gate(site, begin=False, peer={
            "allowed_ips": [*TO_CITY, *more_allowed], "probe": TUNNEL_CITY[4],
            "probe_interval_ms": probe_ms})
        keys, city_keys = Keys(), Keys()
        self.second = SecondCity(site, city_keys, keys.public)
        self.name = site.ifname("gw")
        allowed = [*CITY_NET.values(), *hosts(SECOND_CITY), *more_allowed]
        tunnel = tunnel_config(site, keys, city_keys.public, name=self.name, port=PORT + 1,
                               endpoint=uri(CITY[4], PORT + 1),
                               addresses=[pair[0] for pair in SECOND.values()],
                               peer={"allowed_ips": allowed, "probe": SECOND_CITY[4],
                                     "probe_interval_ms": probe_ms})
        config = vpnd_config(self.first.tunnel, tunnel)
        for each in config["routes"]:
            each.update(route)
        self.site, self.vpnd, self.ctl = site, self.first.vpnd, self.first.ctl
        self.vpnd.program = program or self.vpnd.program
        self.vpnd.write(config)
        self.vpnd.start()

    def blacken(self):
        """The Internet drops what carries the first tunnel, both ways and without a word."""
        self.site.net.run("nft", "-f", "-", stdin="table ip black { chain forward { type filter "
                          f"hook forward priority 0; udp dport {PORT} drop; }}\n}}")

    def clear(self):
        self.site.net.run("nft", "delete", "table", "ip", "black")

    def answer_where_asked(self):
        """Have the City answer each flow by the tunnel that its last packet came by."""
        first, second = self.first.city.ifname, self.second.ifname
        self.site.city.run("nft", "-f", "-", stdin=f"""
            table inet way {{ chain in {{ type filter hook prerouting priority mangle;
              iifname "{first}" ct mark set 1; iifname "{second}" ct mark set 2
              iifname "lan" meta mark set ct mark; }}
            }}""")
        for family, net in APP_NET.items():
            for words in ("rule add fwmark 2 lookup 102",
                          f"route add {net} dev {second} table 102"):
                self.site.city.run("ip", f"-{family}", *words.split())

    def via(self, address=HOST[4]):
        """The interface that the gateway reaches it by now; None if it is refused."""
        done = self.site.gw.run("ip", "-json", "route", "get", address, check=False)
        words = done.stdout.replace('"', " ").split()
        return words[words.index("dev") + 2] if "dev" in words else None

    def state(self, name):
        """Of one of the tunnels, as status says."""
        return {tunnel["name"]: tunnel["state"]
                for tunnel in self.ctl.status()[1]["tunnels"]}[name]

    def works(self):
        return all(self.site.app.reaches(address, 1) for address in HOST.values())
