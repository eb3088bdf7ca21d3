# SPDX-License-Identifier: GPL-2.0-or-later
"""Liveness from inside the tunnel: what is measured, how fast a dead path shows, and why it is dead.

    app - gw(vpnd) - net(relay) - city(wireguard-go) - host
"""
import time

import pytest

from lab.capture import Capture
from lab.gate import Gate
from lab.relay import Weather
from lab.site import TUNNEL_CITY, TUNNEL_GW
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
