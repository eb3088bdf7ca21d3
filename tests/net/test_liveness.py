# SPDX-License-Identifier: GPL-2.0-or-later
"""Liveness from inside the tunnel: what is measured, how fast a dead path shows, and why it is dead.

    app - gw(vpnd) - net(relay) - city(wireguard-go) - host
"""
import time

import pytest

from lab.capture import Capture
from lab.gate import Gate
from lab.relay import Weather
from lab.site import CITY, GW, HOST, PORT, TUNNEL_CITY, TUNNEL_GW, UPLINK_ROUTER, uri
from lab.waiting import wait_until

FAST = {"probe": TUNNEL_CITY[4], "probe_interval_ms": 200}


def tunnel(gate):
    found, = gate.ctl.status()[1]["tunnels"]
    return found


def wait_state(gate, state, timeout=10):
    return wait_until(lambda: (found := tunnel(gate))["state"] == state and found,
                      f"the tunnel is {state}", timeout, every=0.02)


@pytest.mark.parametrize("family", [4, 6])
def test_round_trip_time_and_loss_are_measured(site, family):
    gate = Gate(site, weather=Weather(delay=0.02),
                peer={"probe": TUNNEL_CITY[family], "probe_interval_ms": 200})
    wait_state(gate, "up")
    time.sleep(2)
    found = tunnel(gate)
    assert 40 <= found["rtt_ms"] < 140
    assert found["rtt_min_ms"] <= found["rtt_ms"] <= found["rtt_max_ms"]
    assert found["loss"] == 0 and 0 <= found["jitter_ms"] < 50
    gate.relay.weather = Weather(loss=0.2)
    wait_until(lambda: tunnel(gate)["loss"] > 0.05, "loss shows", 20)


def test_black_path_is_noticed_at_once_and_its_end_too(site, measured):
    gate = Gate(site, weather=Weather(), peer=FAST)
    wait_state(gate, "up")
    time.sleep(1)
    took = []
    for _ in range(3):
        gate.relay.weather = Weather(loss=1.0)
        begun = time.monotonic()
        found = wait_state(gate, "down")
        took.append(time.monotonic() - begun)
        assert "nothing returns" in found["reason"] and TUNNEL_CITY[4] in found["reason"]
        gate.relay.weather = Weather()
        wait_state(gate, "up")
    assert max(took) < 5
    measured(f"a black path showed after {', '.join(f'{s:.2f}' for s in took)} s "
             "(probes every 200 ms)")


def test_peer_that_was_restarted_is_back_without_being_asked_for_it(site):
    gate = Gate(site, peer=FAST)
    wait_state(gate, "up")
    gate.city.kill()
    gate.city.start()
    begun = time.monotonic()
    wait_until(lambda: gate.works(1), "the tunnel works", 10)
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("family", [4, 6])
def test_probes_never_reach_the_interface_and_pings_do(site, family):
    gate = Gate(site, peer={"probe": TUNNEL_CITY[family], "probe_interval_ms": 100})
    wait_state(gate, "up")
    with Capture(site.gw, gate.ifname) as capture:
        ping = site.gw.ping(TUNNEL_CITY[family], count=5)
        time.sleep(1)
    assert ping.received == 5
    assert capture.count("icmp or icmp6") == 10


def test_silent_probe_target_is_no_dead_path_while_data_comes(site):
    gate = Gate(site, peer=FAST)
    wait_state(gate, "up")
    site.app.start("ping", "-n", "-i", 0.05, "10.241.0.10")
    site.city.sysctl({"net.ipv4.icmp_echo_ignore_all": 1})
    time.sleep(5)
    assert tunnel(gate)["state"] == "up"
    found = wait_state(gate, "down", 40)
    assert "data of the peer comes in" in found["reason"] and TUNNEL_GW[4] in found["advice"]
    site.city.sysctl({"net.ipv4.icmp_echo_ignore_all": 0})
    wait_state(gate, "up")


# --- why it is down: each state is made for real, and said by `vpnctl status` ------------------------

def down_because(site, words, advice, spoil, timeout=20):
    """A tunnel that works, is spoilt, says why, and works again."""
    gate = Gate(site, peer=FAST)
    wait_state(gate, "up")
    spoil(gate)
    wait_until(lambda: (found := tunnel(gate))["state"] == "down" and
               all(word in found["reason"] for word in words), f"the reason has {words}", timeout)
    found = tunnel(gate)
    assert advice in found["advice"], found
    text = gate.ctl.run("status").stdout
    assert found["advice"] in text and all(word in text for word in words)
    return gate


def test_nothing_listens_at_the_peer(site):
    gate = down_because(site, ["ICMP port unreachable", CITY[4]], f"udp/{PORT}",
                        spoil=lambda gate: gate.city.kill())
    gate.city.start()
    wait_state(gate, "up")


def test_router_knows_no_way(site):
    def spoil(_):
        site.net.ip("route add unreachable 192.0.2.10/32")
    gate = down_because(site, ["ICMP host unreachable", UPLINK_ROUTER[4]], "nobody is at",
                        spoil=spoil)
    site.net.ip("route del unreachable 192.0.2.10/32")
    wait_state(gate, "up")


def test_firewall_on_the_way(site):
    def spoil(_):
        site.net.run("nft", "-f", "-", stdin="""
table inet wall {
    chain forward { type filter hook forward priority 0;
        udp dport 51820 reject with icmpx type admin-prohibited
    }
}
""")
    gate = down_because(site, ["ICMP administratively prohibited", UPLINK_ROUTER[4]], "firewall at",
                        spoil=spoil)
    site.net.run("nft", "flush ruleset")
    wait_state(gate, "up")


def test_no_route_to_the_endpoint(site):
    def spoil(_):
        site.gw.ip("route del default")
    gate = down_because(site, ["no route to endpoint", CITY[4], "Network is unreachable"],
                        f"ip route get {CITY[4]}", spoil=spoil)
    site.gw.ip(f"route add default via {UPLINK_ROUTER[4]}")
    wait_state(gate, "up")


def test_firewall_of_the_gateway_itself(site):
    def spoil(_):
        site.gw.run("nft", "-f", "-", stdin="""
table inet wall {
    chain output { type filter hook output priority 0;
        udp dport 51820 drop
    }
}
""")
    gate = down_because(site, ["this host may not send", "not permitted"], "nft list ruleset",
                        spoil=spoil)
    site.gw.run("nft", "delete table inet wall")
    wait_state(gate, "up")


def test_peer_that_does_not_allow_our_address(site):
    def spoil(gate):
        gate.city.wg("set", "peer", gate.keys.public, "allowed-ips", "10.40.15.0/24")
    gate = down_because(site, ["handshakes are answered", "no data", TUNNEL_CITY[4]],
                        f"the peer has {TUNNEL_GW[4]} in its allowed_ips", spoil=spoil)
    gate.city.wg("set", "peer", gate.keys.public, "allowed-ips", f"10.40.15.0/24,{TUNNEL_GW[4]}/32")
    wait_state(gate, "up")


def test_peer_that_no_longer_knows_our_key(site):
    def spoil(gate):
        gate.city.wg("set", "peer", gate.keys.public, "remove")
    down_because(site, ["nothing returns, no ICMP error"], "that it has our public key", spoil=spoil)


def test_icmp_errors_move_nothing_and_lose_nothing(site):
    """A stranger on the way forges errors about our datagrams while they arrive."""
    gate = Gate(site, peer=FAST)
    wait_state(gate, "up")
    forger = f"""
import time
from scapy.all import IP, ICMP, UDP, Raw, L3RawSocket
wire = L3RawSocket()
about = IP(src="{GW[4]}", dst="{CITY[4]}")/UDP(sport={PORT}, dport={PORT})/Raw(bytes(64))
errors = [IP(src="{UPLINK_ROUTER[4]}", dst="{GW[4]}")/ICMP(type=3, code=code)/about
          for code in (0, 1, 2, 3, 13)]
print("forging", flush=True)
while True:
    for error in errors:
        wire.send(error)
    time.sleep(0.001)
"""
    site.net.start("/usr/bin/python3", "-c", forger, log="forger").wait_for_log("forging", 20)
    ping = site.app.ping(HOST[4], count=300, interval=0.01)
    assert ping.received == 300
    found = tunnel(gate)
    assert found["state"] == "up" and not found["reason"]
    assert found["endpoint"] == uri(CITY[4], PORT)
