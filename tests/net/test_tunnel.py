# SPDX-License-Identifier: GPL-2.0-or-later
"""vpnd against the newest wireguard-go.

    app - gw(vpnd) - net - city(wireguard-go) - host
"""
import pytest

from lab.capture import Capture
from lab.city import CityGateway
from lab.gate import Gate
from lab.gatehouse import Vpnd, key_file, tunnel_config, vpnd_config
from lab.relay import Weather
from lab.site import (APP, CITY, CITY_NET, CITY_ROUTER, GW, HOST, PORT, TUNNEL_CITY, TUNNEL_GW,
                      UPLINK_ROUTER, WEB, uri)
from lab.waiting import wait_until
from lab.whoami import Whoami, ask_tcp, ask_udp, send_bulk
from lab.wireguard import Keys, WireguardGo, new_psk, wg_interface, wg_peer


@pytest.mark.parametrize("starter", ["gw", "city"])
@pytest.mark.parametrize("psk", [False, True], ids=["plain", "psk"])
@pytest.mark.parametrize("outer", [4, 6], ids=["outer4", "outer6"])
def test_either_side_starts_the_handshake(site, outer, psk, starter):
    gate = Gate(site, outer=outer, psk=psk, gw_knows=starter == "gw", city_knows=starter == "city")
    first, address = (site.app, HOST) if starter == "gw" else (site.host, APP)
    assert first.reaches(address[4])
    assert first.reaches(address[6])
    assert gate.handshake() > 0
    assert gate.city.handshake(gate.keys.public) > 0


def test_wrong_preshared_key_carries_nothing(site):
    gate = Gate(site, psk=True, begin=False)
    psk = site.file("other.psk", Keys().private, 0o600)
    gate.city.wg("set", "peer", gate.keys.public, "preshared-key", psk)
    gate.vpnd.start()
    assert not gate.works(timeout=2)
    assert gate.handshake() == 0


@pytest.mark.parametrize("family", [4, 6])
def test_source_address_is_the_same_behind_the_tunnel(site, family):
    Gate(site)
    Whoami(site.host)
    assert ask_tcp(site.app, HOST[family], source_port=4001) == (APP[family], 4001)
    assert ask_udp(site.app, HOST[family], source_port=4002) == (APP[family], 4002)


def test_only_ciphertext_is_on_the_uplink(site):
    Gate(site)
    Whoami(site.host)
    with Capture(site.gw, "uplink") as capture:
        ask_tcp(site.app, HOST[4])
        ask_tcp(site.app, HOST[6])
    assert capture.count(f"udp and host {CITY[4]} and port {PORT}") > 4
    assert not capture.lines(f"net {CITY_NET[4]} or ip6 net {CITY_NET[6]}")
    assert not capture.holds(APP[4].encode())


def test_gateway_itself_speaks_through_the_tunnel(site):
    Gate(site)
    for family in (4, 6):
        assert site.gw.reaches(TUNNEL_CITY[family])
        assert site.city.reaches(TUNNEL_GW[family])


def test_bulk_arrives_intact_both_ways(site):
    Gate(site)
    Whoami(site.host)
    Whoami(site.app)
    assert send_bulk(site.app, HOST[4], 30_000_000)
    assert send_bulk(site.host, APP[6], 30_000_000)


def test_packets_of_every_size_pass(site):
    Gate(site)
    assert site.app.reaches(HOST[4])
    for size in (0, 1, 15, 16, 17, 1391, 1392):  # 1392 fills the 1420 bytes of the tunnel
        ping = site.app.ping(HOST[4], options=("-s", size, "-M", "do"))
        assert ping.received == 1, f"{size} bytes"
    assert site.app.ping(HOST[4], options=("-s", 8000)).received == 1  # in fragments


def test_too_big_packet_is_answered_with_the_mtu(site):
    Gate(site)
    assert site.app.reaches(HOST[4])
    done = site.app.run("ping", "-n", "-c", 1, "-W", 2, "-s", 1393, "-M", "do", HOST[4], check=False)
    assert "mtu = 1420" in done.stdout + done.stderr


def test_bad_network_spoils_nothing(site):
    gate = Gate(site, weather=Weather())
    Whoami(site.host)
    assert gate.works()
    gate.relay.weather = Weather(loss=0.02, duplicate=0.05, corrupt=0.02, jitter=0.004)
    assert send_bulk(site.app, HOST[4], 400_000)
    assert gate.relay.counts.corrupted > 0 and gate.relay.counts.duplicated > 0


def test_endpoint_follows_a_peer_that_moves(site):
    gate = Gate(site, weather=Weather())
    assert gate.works()
    gate.relay.move(0, (UPLINK_ROUTER[4], 7777))
    assert site.host.reaches(APP[4])
    assert gate.device.show("endpoints")[gate.city_keys.public] == uri(UPLINK_ROUTER[4], 7777)


def test_reply_leaves_from_the_address_that_was_spoken_to(site):
    second = "203.0.113.77"
    site.gw.ip(f"addr add {second}/24 dev uplink")
    gate = Gate(site, gw_knows=False)
    gate.city.wg("set", "peer", gate.keys.public, "endpoint", uri(second, PORT))
    with Capture(site.net, "gw") as capture:
        assert site.host.reaches(APP[4])
    assert capture.count(f"udp and src host {second}") > 0
    assert not capture.lines(f"udp and src host {GW[4]}")


def test_source_outside_allowed_ips_is_dropped(site):
    gate = Gate(site)
    assert gate.works()
    site.gw.ip("route add 172.16.99.0/24 dev " + gate.ifname)
    site.host.ip("addr add 172.16.99.9/32 dev lo")
    assert site.host.ping(APP[4], timeout=1, options=("-I", "172.16.99.9")).received == 0
    assert gate.works()


def two_cities(site):
    """A second City gateway on `web`, 10.242.0.0/16 behind it, and vpnd with a tunnel to each."""
    ours, first, second = (Keys(), Keys()), Keys(), Keys()
    names = site.ifname("gw"), site.ifname("gw")
    CityGateway(site, first, ours[0].public)
    other = WireguardGo(site.web)
    other.configure(wg_interface(second, PORT) + wg_peer(ours[1].public, ["10.40.15.0/24"]))
    other.up(["10.242.0.10/16"], ["10.40.15.0/24"])
    tunnels = [tunnel_config(site, ours[0], first.public, name=names[0], endpoint=uri(CITY[4], PORT)),
               {"name": names[1], "private_key_file": key_file(site, names[1], ours[1].private),
                "listen_port": PORT + 1, "addresses": ["169.254.20.2/30"],
                "peers": [{"public_key": second.public, "endpoint": uri(WEB[4], PORT),
                           "allowed_ips": ["10.242.0.0/16"]}]}]
    config = vpnd_config(tunnels[0])
    config["tunnels"].append(tunnels[1])
    config["routes"].append({"prefix": "10.242.0.0/16", "via": [names[1]]})
    return Vpnd(site.gw, config).start(), {names[0]: first.public, names[1]: second.public}


def test_two_tunnels_carry_each_its_own_prefixes(site):
    vpnd, peers = two_cities(site)
    assert site.app.reaches(HOST[4])
    assert site.app.reaches("10.242.0.10")
    for name, public in peers.items():
        assert vpnd.device(name).handshake(public) > 0


def test_several_peers_on_one_tunnel(site):
    """The same two City gateways, as two peers of one interface."""
    ours, first, second = Keys(), Keys(), Keys()
    name = site.ifname("gw")
    CityGateway(site, first, ours.public)
    other = WireguardGo(site.web)
    other.configure(wg_interface(second, PORT) + wg_peer(ours.public, ["10.40.15.0/24"]))
    other.up(["10.242.0.10/16"], ["10.40.15.0/24"])
    tunnel = tunnel_config(site, ours, first.public, name=name, endpoint=uri(CITY[4], PORT))
    tunnel["peers"].append({"name": "noc-2", "public_key": second.public,
                            "endpoint": uri(WEB[4], PORT), "allowed_ips": ["10.242.0.0/16"]})
    config = vpnd_config(tunnel, prefixes=(*CITY_NET.values(), "10.242.0.0/16"))
    vpnd = Vpnd(site.gw, config).start()
    assert site.app.reaches(HOST[4])
    assert site.app.reaches("10.242.0.10")
    shown = vpnd.device(name).show("latest-handshakes")
    assert set(shown) == {first.public, second.public} and "0" not in shown.values()


def test_config_sets_addresses_mtu_and_routes(site):
    gate = Gate(site)
    link, = site.gw.ip_json("addr", "show", "dev", gate.ifname)
    assert link["mtu"] == 1420 and "UP" in link["flags"]
    held = {f"{a['local']}/{a['prefixlen']}" for a in link["addr_info"]}
    assert set(gate.tunnel["addresses"]) <= held
    routes = {r["dst"] for option in ("-4", "-6")
              for r in site.gw.ip_json(option, "route", "show", "dev", gate.ifname)}
    assert set(CITY_NET.values()) <= routes


def test_stop_removes_what_it_made(site):
    gate = Gate(site)
    assert gate.works()
    before = [link["ifname"] for link in site.gw.ip_json("link")]
    gate.vpnd.stop()
    after = [link["ifname"] for link in site.gw.ip_json("link")]
    assert gate.ifname in before and gate.ifname not in after
    assert not gate.device.socket.exists()


def test_keepalive_keeps_an_idle_tunnel_up(site):
    gate = Gate(site, peer={"persistent_keepalive": 1})
    wait_until(lambda: gate.city.handshake(gate.keys.public), "the tunnel comes up by itself")
    received = gate.city.transfer(gate.keys.public)[0]
    wait_until(lambda: gate.city.transfer(gate.keys.public)[0] >= received + 3 * 32,
               "three keepalives arrive")
