# SPDX-License-Identifier: GPL-2.0-or-later
"""Restart, crash, reload and boot: what they cost, and what they leave behind.

    app - gw(vpnd) - net - city(wireguard-go) - host
"""
import os
import re
import signal
import socket
import time

import pytest

from lab import process
from lab.pings import Flow
from lab.gate import Gate
from lab.gatehouse import VPND, Vpnd, vpnd_config
from lab.kernel import kernel_state
from lab.manager import Manager
from lab.site import CITY, GW, HOST, PORT, uri
from lab.waiting import wait_until
from lab.wireguard import Keys

SLACK = 5  # a busy machine gets that many times what is promised
RESTART_S = 1.0
WATCHDOG_S = 7.0  # five questions, one a second, and a new engine


def ifindex(gate):
    return gate.site.gw.ip_json("link", "show", "dev", gate.ifname)[0]["ifindex"]


# --- restart ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("how", ["stop", "kill"])
def test_restart_costs_at_most_a_second(site, measured, how):
    gate = Gate(site)
    assert gate.works()
    flow, before = Flow(site.app, HOST[4]), kernel_state(site)

    def restart():
        getattr(gate.vpnd, how)()
        gate.vpnd.start()
    lost, silence = flow.during(restart)
    measured(f"restart ({how}) under a ping each 10 ms: {lost} lost, {silence * 1000:.0f} ms")
    assert silence < RESTART_S * SLACK
    wait_until(lambda: kernel_state(site) == before, "nothing is doubled, and nothing missing")


def test_engine_ends_with_its_monitor(site):
    gate = Gate(site)
    engine = gate.vpnd.engine
    os.kill(engine, signal.SIGSTOP)  # whatever it is about
    gate.vpnd.kill()
    wait_until(lambda: not process.alive(engine), "it is dead", 1 * SLACK)


# --- watchdog --------------------------------------------------------------------------------------

def test_engine_that_hangs_is_replaced_and_the_manager_hears_of_it(site, measured):
    gate = Gate(site, begin=False)
    manager = Manager(gate.vpnd)
    manager.wait_for("READY")
    assert gate.works()
    manager.wait_for("WATCHDOG")
    flow, old = Flow(site.app, HOST[4], 0.1), gate.vpnd.engine
    os.kill(old, signal.SIGSTOP)
    time.sleep(0.1)
    heard, stopped = len(manager.listen()), time.monotonic()
    quiet = heard

    def killed():
        nonlocal quiet
        count = len(manager.listen())
        alive = process.alive(old)
        quiet = count if alive else quiet
        return not alive
    wait_until(killed, "it is killed", WATCHDOG_S * SLACK)
    assert not any("WATCHDOG" in told for told in manager.listen()[heard:quiet])
    manager.wait_for("WATCHDOG", after=heard)
    _, silence = flow.during(lambda: None, timeout=WATCHDOG_S * SLACK)
    took = time.monotonic() - stopped
    measured(f"engine stopped by a signal: traffic back after {took - 0.5:.1f} s ({silence:.1f})")
    assert took < WATCHDOG_S * SLACK
    assert "it has not answered" in gate.vpnd.log()


# --- reload ----------------------------------------------------------------------------------------

SILENT = {"endpoint": uri(CITY[4], 9), "allowed_ips": ["10.99.0.0/24"]}  # a peer that is not there


def session(gate):
    """Of the peer that is there: when its handshake was, and bytes."""
    return gate.handshake(), gate.device.transfer(gate.city_keys.public)


@pytest.mark.parametrize("change", [
    "peer", "peer of the same tunnel", "tunnel added and removed", "route", "port", "mtu", "key"])
def test_reload_touches_only_what_changed(site, change):
    """What is changed beside the working peer costs it no session and no packet."""
    gate = Gate(site)
    assert gate.works()
    other_keys = [Keys(), Keys()]
    other = {**gate.tunnel, "name": site.ifname("gw"), "listen_port": 51999, "addresses": [],
             "peers": [{**SILENT, "public_key": other_keys[0].public}]}
    mine = gate.tunnel
    if change != "tunnel added and removed":
        gate.vpnd.write(vpnd_config(mine, other))
        gate.vpnd.reload()
    steps = {
        "peer": [(mine, {**other, "peers": [{**SILENT, "public_key": other_keys[1].public}]})],
        "peer of the same tunnel": [
            ({**mine, "peers": mine["peers"] + [{**SILENT, "public_key": other_keys[1].public}]},
             other), (mine, other)],
        "tunnel added and removed": [(mine, other), (mine,), (mine, other)],
        "route": [(mine, other)],
        "port": [(mine, {**other, "listen_port": 51998})],
        "mtu": [(mine, {**other, "mtu": 1300, "fwmark": 7})],
        "key": [(mine, {**other, "private_key_file": str(site.file(
            "keys/other.key", other_keys[1].private + "\n", 0o600))})],
    }[change]
    flow, old, index = Flow(site.app, HOST[4]), session(gate), ifindex(gate)
    for tunnels in steps:
        prefixes = ["10.241.0.0/16", "fd41:241::/64"]
        if change == "route":
            prefixes = ["10.241.0.0/16", "10.98.0.0/16"]
        gate.vpnd.write(vpnd_config(*tunnels, prefixes=prefixes))
        lost, _ = flow.during(gate.vpnd.reload, settle=0.2)
        assert lost == 0
    new = session(gate)
    assert new[0] == old[0] and all(b > a for a, b in zip(old[1], new[1]))
    assert ifindex(gate) == index


def test_reload_of_its_own_tunnel_keeps_the_session(site):
    gate = Gate(site)
    assert gate.works()
    flow, old = Flow(site.app, HOST[4]), session(gate)
    for more in ({"mtu": 1400}, {"fwmark": 9}, {"addresses": ["169.254.10.2/30"]}, {}):
        gate.vpnd.write(vpnd_config({**gate.tunnel, **more}))
        lost, _ = flow.during(gate.vpnd.reload, settle=0.2)
        assert lost == 0, more
    assert session(gate)[0] == old[0]


def test_reload_of_a_broken_config_changes_nothing(site):
    gate = Gate(site)
    assert gate.works()
    taken = {**gate.tunnel, "name": "uplink", "listen_port": 51999}
    flow, before, old = Flow(site.app, HOST[4]), kernel_state(site), session(gate)
    for broken in ("tunnels = nonsense", "", vpnd_config({**gate.tunnel, "mtu": 100}),
                   vpnd_config({**gate.tunnel, "private_key_file": "/nowhere"}),
                   vpnd_config(gate.tunnel, taken)):
        said = gate.vpnd.log().count("reload refused")
        gate.vpnd.write(broken)

        def refused(count=said):
            os.kill(gate.vpnd.pid, signal.SIGHUP)
            wait_until(lambda: gate.vpnd.log().count("reload refused") > count, "it is refused")
        lost, _ = flow.during(refused, settle=0.2)
        assert lost == 0, broken
        assert kernel_state(site) == before
    assert session(gate)[0] == old[0]


def test_client_of_the_uapi_stays_connected_over_a_reload(site):
    gate = Gate(site)
    with site.gw.socket(1) as client:
        client.connect(str(gate.device.socket))
        gate.vpnd.write(vpnd_config({**gate.tunnel, "mtu": 1400}))
        gate.vpnd.reload()
        client.sendall(b"get=1\n\n")
        assert b"listen_port=51820" in client.recv(4096)


def test_manager_is_told_when_a_reload_begins_and_ends(site):
    gate = Gate(site, begin=False)
    manager = Manager(gate.vpnd)
    manager.wait_for("READY")
    for config, status in (("tunnels = nonsense", "Running, a new config was refused"),
                           (vpnd_config(gate.tunnel), "Running")):
        gate.vpnd.write(config)
        heard, now = len(manager.listen()), time.monotonic()
        os.kill(gate.vpnd.pid, signal.SIGHUP)
        began = manager.wait_for("RELOADING", after=heard)
        assert now - 1 < int(began["MONOTONIC_USEC"]) / 1e6 <= time.monotonic()
        assert manager.wait_for("READY", after=heard)["STATUS"] == status


# --- a second instance -----------------------------------------------------------------------------

@pytest.mark.parametrize("same", ["run dir", "network", "bare interface"])
def test_second_instance_leaves_at_once_and_harms_nothing(site, same):
    gate = Gate(site)
    assert gate.works()
    flow, before = Flow(site.app, HOST[4]), kernel_state(site)
    other = {**gate.tunnel, "name": site.ifname("gw"), "listen_port": 51999, "addresses": ["10.77.0.1/24"]}
    second = Vpnd(site.gw, vpnd_config(gate.tunnel))
    if same != "run dir":
        second.run_dir = site.dir / "run.second"
        second.config = site.file("second.conf", "")
        second.write = site.file
        content = vpnd_config(other, prefixes=["10.78.0.0/16"])
        second.config = Vpnd(site.host, content).config
    began = time.monotonic()

    def refused():
        if same == "bare interface":
            second.process = site.gw.start(VPND, "-f", gate.ifname, log="second")
        else:
            second.process = site.gw.start(VPND, "-f", "-c", second.config, "--run-dir",
                                           second.run_dir, log="second")
        assert second.process.wait(10) == 1
    lost, _ = flow.during(refused)
    assert time.monotonic() - began < 2 * SLACK
    expected = {"run dir": "another vpnd runs with", "network": "another vpnd runs in this network namespace"}
    assert expected.get(same, "exists already") in second.log()
    assert lost == 0 and kernel_state(site) == before
    assert gate.device.wg("show").returncode == 0 and gate.ctl.run("tunnels").returncode in (0, 1)


def test_of_two_that_start_at_once_one_runs(site):
    gate = Gate(site, begin=False)
    pair = [gate.vpnd, Vpnd(site.gw, vpnd_config(gate.tunnel))]
    pair[1].run_dir = site.dir / "run.second"
    for vpnd in pair:
        vpnd.spawn()
    wait_until(lambda: not all(vpnd.process.running for vpnd in pair), "one leaves", 30)
    winner, loser = sorted(pair, key=lambda vpnd: not vpnd.process.running)
    assert loser.process.wait() == 1 and "another vpnd runs in this network namespace" in loser.log()
    wait_until(lambda: "ready, config" in winner.log(), "the other is ready", 30)
    flush = site.gw.run(VPND, "--flush", "-c", winner.config, "--run-dir", loser.run_dir, check=False)
    assert flush.returncode == 1 and "stop it first" in flush.stderr


def test_interfaces_without_config_are_as_many_as_one_likes(site):
    gate = Gate(site)
    names = [site.ifname("bare"), site.ifname("bare")]
    for name in names:
        site.gw.start(VPND, "-f", name)
    for name in names:
        wait_until(gate.vpnd.device(name).socket.exists, "it serves", 30)
    assert gate.works()


def test_port_that_a_stranger_has_is_named(site):
    with site.gw.socket(kind=socket.SOCK_DGRAM) as stranger:
        stranger.bind(("", PORT))
        vpnd = Gate(site, begin=False).vpnd
        assert f"cannot bind UDP port {PORT}" in vpnd.refuses()


# --- boot ------------------------------------------------------------------------------------------

def test_ready_is_told_when_interfaces_routes_and_guards_stand(site):
    gate = Gate(site, begin=False)
    manager = Manager(gate.vpnd)
    manager.wait_for("READY")
    os.kill(gate.vpnd.pid, signal.SIGSTOP)  # what is not there yet does not come any more
    state = "\n".join(kernel_state(site))
    os.kill(gate.vpnd.pid, signal.SIGCONT)
    link, = site.gw.ip_json("link", "show", gate.ifname)
    assert "UP" in link["flags"] and gate.device.socket.exists()
    for prefix in ("10.241.0.0/16", "fd41:241::/64"):
        assert re.search(rf"^{prefix} nhid", state, re.MULTILINE)
        assert re.search(rf"^unreachable {prefix}", state, re.MULTILINE)
        assert f"to {prefix} unreachable" in state


def test_boot_before_there_is_a_network_or_a_peer_or_names(site):
    gate = Gate(site, begin=False)
    gate.city.kill()
    site.gw.ip("link set uplink down", f"addr del {GW[4]}/24 dev uplink")
    named = {**gate.tunnel, "name": site.ifname("gw"), "listen_port": 51999, "addresses": [],
             "peers": [{"public_key": Keys().public, "endpoint": "gate.invalid:51820",
                        "allowed_ips": ["10.99.0.0/24"]}]}
    gate.vpnd.write(vpnd_config(gate.tunnel, named))
    gate.vpnd.start()
    assert not gate.works(1)
    site.gw.ip("link set uplink up", f"addr add {GW[4]}/24 dev uplink",
               "route add default via 203.0.113.1")
    gate.city.start()
    wait_until(lambda: gate.works(1), "the tunnel works", 15 * SLACK)
