# SPDX-License-Identifier: GPL-2.0-or-later
"""Two tunnels lead to the City: what one loses the other carries.

    app - gw(vpnd: a, b) - net - city(wireguard-go: a, b) - host
"""
from lab.city import TO_CITY, CityGateway
from lab.gate import Gate
from lab.gatehouse import tunnel_config, vpnd_config
from lab.site import APP_NET, CITY, HOST, PORT, uri
from lab.waiting import wait_until
from lab.wireguard import Keys

SECOND = {4: ("169.254.11.2/30", "169.254.11.1/30"), 6: ("fd11::2/64", "fd11::1/64")}


class SecondCity(CityGateway):
    """Another way back to the site, which the City takes when the first is gone."""

    def up(self, addresses=(), routes=(), mtu=1420):
        super().up([pair[1] for pair in SECOND.values()], (), mtu)
        self.namespace.ip(*(f"route add {net} dev {self.ifname} metric 2000"
                            for net in APP_NET.values()))


class Pair:
    """A gate with a second tunnel beside its first; `route` is what each route says beside."""

    def __init__(self, site, **route):
        self.first = Gate(site, begin=False)
        keys, city_keys = Keys(), Keys()
        self.second = SecondCity(site, city_keys, keys.public, port=PORT + 1)
        self.name = site.ifname("gw")
        tunnel = tunnel_config(site, keys, city_keys.public, name=self.name, port=PORT + 1,
                               endpoint=uri(CITY[4], PORT + 1),
                               addresses=[pair[0] for pair in SECOND.values()],
                               peer={"allowed_ips": [*TO_CITY[:2], "169.254.11.1/32"]})
        config = vpnd_config(self.first.tunnel, tunnel)
        for each in config["routes"]:
            each.update(route)
        self.site, self.vpnd, self.ctl = site, self.first.vpnd, self.first.ctl
        self.vpnd.write(config)
        self.vpnd.start()

    def via(self, family=4):
        """The interface that the City's host is reached by now; None if it is refused."""
        done = self.site.gw.run("ip", "-json", "route", "get", HOST[family], check=False)
        words = done.stdout.replace('"', " ").split()
        return words[words.index("dev") + 2] if "dev" in words else None

    def notices(self):
        """Speak into both tunnels: without a probe nobody misses a peer that is not spoken to."""
        for address in ("169.254.10.1", "169.254.11.1"):
            self.site.gw.ping(address, timeout=0.3)
        return True

    def works(self):
        return all(self.site.app.reaches(address, 1) for address in HOST.values())


def test_failover_leaves_a_lost_tunnel_and_comes_back(site):
    pair = Pair(site, hold_time_s=1)
    first, second = pair.first.ifname, pair.name
    wait_until(pair.works, "both families work")
    assert (pair.via(4), pair.via(6)) == (first, first)
    for _ in range(2):
        pair.first.city.kill()
        wait_until(lambda: pair.works() and pair.via(4) == pair.via(6) == second,
                   "all goes by the second", 60)
        pair.first.city.start()
        wait_until(lambda: pair.works() and pair.via(4) == pair.via(6) == first,
                   "all goes by the first again", 60)
    assert f"goes by {second} now, no longer by {first}" in pair.vpnd.log()


def test_ecmp_uses_both_and_goes_on_with_one(site):
    pair = Pair(site, policy="ecmp", weights=[1, 2], hold_time_s=1)
    wait_until(pair.works, "both families work")
    for family in ("-4", "-6"):
        shown = site.gw.output("ip", family, "route", "show", "proto", 71)
        assert f"dev {pair.first.ifname} weight 1" in shown and f"dev {pair.name} weight 2" in shown
    pair.first.city.kill()
    wait_until(lambda: pair.notices() and
               f"by {pair.name} now, no longer by {pair.first.ifname}, {pair.name}"
               in pair.vpnd.log(), "it leaves", 60)
    assert pair.works() and pair.via(4) == pair.via(6) == pair.name


def test_guard_answers_when_all_tunnels_are_down(site):
    pair = Pair(site)
    wait_until(pair.works, "both families work")
    pair.first.city.kill()
    pair.second.kill()
    wait_until(lambda: pair.notices() and pair.via(4) is pair.via(6) is None, "it is refused", 60)
    for address in HOST.values():
        done = site.app.run("ping", "-n", "-c", 1, "-W", 2, address, check=False)
        assert "nreachable" in done.stdout + done.stderr or "No route" in done.stdout
    assert {route["state"] for route in pair.ctl.status()[1]["routes"]} == {"unreachable"}
