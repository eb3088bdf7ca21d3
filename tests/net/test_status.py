# SPDX-License-Identifier: GPL-2.0-or-later
"""vpnctl says what is so, and its exit code says how well it is.

    app - gw(vpnd, natd) - net - city(wireguard-go) - host
"""
import json

import pytest

from lab.gate import Gate
from lab.gatehouse import VPNCTL, Natd, Vpnctl, Vpnd, natd_config, vpnd_config
from lab.site import CITY, CITY_NET, HOST, PORT, TUNNEL_CITY, WEB, uri
from lab.waiting import wait_until
from lab.wireguard import Keys

WELL, DEGRADED, LOST, UNREACHABLE = 0, 1, 2, 3


@pytest.fixture(name="gate")
def whole_gateway(site):
    """vpnd and natd at work, the tunnel kept up."""
    gate = Gate(site, peer={"persistent_keepalive": 1, "probe": TUNNEL_CITY[4]})
    gate.natd = Natd(site.gw, natd_config()).start()
    return gate


def test_all_is_well(gate):
    wait_until(lambda: gate.ctl.code() == WELL, "all is well", 15)
    code, status = gate.ctl.status()
    assert code == WELL and status["schema"] == 1 and status["state"] == "up"
    tunnel, = status["tunnels"]
    assert tunnel["name"] == gate.ifname and tunnel["state"] == "up"
    assert tunnel["endpoint"] == uri(CITY[4], PORT)
    assert 0 <= tunnel["handshake_age_s"] < 60
    assert tunnel["rx_bytes"] > 0 and tunnel["tx_bytes"] > 0
    assert {"since", "reason", "rtt_ms", "loss", "pmtu"} <= tunnel.keys()
    routes = {route["prefix"]: route for route in status["routes"]}
    assert set(routes) == set(CITY_NET.values())
    assert all(route["via"] == gate.ifname and route["state"] == "reachable" for route in routes.values())
    assert status["nat"]


def test_text_and_json_say_the_same(gate):
    wait_until(lambda: gate.ctl.code() == WELL, "all is well", 15)
    done = gate.ctl.run("status")
    assert gate.ifname in done.stdout and CITY_NET[4] in done.stdout
    assert done.stdout.isascii() and "\033" not in done.stdout  # not a terminal: no colours


def test_lost_prefix_is_exit_code_two_with_a_reason(gate):
    wait_until(lambda: gate.ctl.code() == WELL, "all is well", 15)
    gate.city.kill()
    gate.site.app.start("ping", "-n", "-i", 0.5, HOST[4])
    wait_until(lambda: gate.ctl.code() == LOST, "the loss is noticed", 45)
    _, status = gate.ctl.status()
    tunnel, = status["tunnels"]
    assert tunnel["state"] == "down" and tunnel["reason"]
    gate.city.start()
    wait_until(lambda: gate.ctl.code() == WELL, "and its end, too", 40)


def test_prefix_that_no_peer_may_carry_is_lost_and_says_why(site):
    gate = Gate(site, peer={"allowed_ips": ["169.254.10.1/32"]})
    Natd(site.gw, natd_config()).start()
    wait_until(lambda: gate.handshake(), "the tunnel itself stands")
    code, status = gate.ctl.status()
    assert code == LOST
    assert all("allowed_ips" in route["reason"] for route in status["routes"])


def test_dead_daemon_is_exit_code_three(gate):
    wait_until(lambda: gate.ctl.code() == WELL, "all is well", 15)
    gate.natd.stop()
    assert gate.ctl.code() == UNREACHABLE
    gate.natd.start()
    gate.vpnd.stop()
    done = gate.ctl.run("status")
    assert done.returncode == UNREACHABLE and "vpnd" in done.stdout + done.stderr


def test_no_daemon_at_all_is_exit_code_three(site):
    ctl = Vpnctl(site.gw)
    assert ctl.code() == UNREACHABLE


def test_status_comes_back_after_the_engine_was_killed(gate):
    wait_until(lambda: gate.ctl.code() == WELL, "all is well", 15)
    gate.vpnd.kill_engine()
    wait_until(lambda: gate.ctl.code() == WELL, "all is well again", 15)


def test_tunnel_that_never_came_up_is_not_well(site):
    gate = Gate(site, begin=False)
    gate.city.kill()
    gate.vpnd.start()
    Natd(site.gw, natd_config()).start()
    site.app.reaches(HOST[4], 1)
    wait_until(lambda: gate.ctl.code() == LOST, "the loss is known", 15)


def test_prefix_is_waited_for_until_a_peer_behind_it_has_answered(site):
    """Another peer of the same tunnel is no sign that this one is there."""
    other = "140.241.0.0/16"
    gate = Gate(site, begin=False)
    gate.tunnel["peers"].append({"name": "silent", "public_key": Keys().public,
                                 "endpoint": uri(HOST[4], PORT), "allowed_ips": [other]})
    Vpnd(site.gw, vpnd_config(gate.tunnel, prefixes=(*CITY_NET.values(), other))).start()
    done = gate.ctl.run("wait", "--for", f"prefix={CITY_NET[4]}")
    assert done.returncode == 0, done.stderr
    done = gate.ctl.run("wait", "--for", f"prefix={other}", "--timeout", "0")
    assert done.returncode == 1 and ("not answered yet" in done.stderr or "unreachable" in done.stderr)
    done = gate.ctl.run("routes", "--json")
    answered = {route["prefix"]: route["answered"] for route in json.loads(done.stdout)["routes"]}
    assert done.returncode in (DEGRADED, LOST) and answered[CITY_NET[4]] and not answered[other]


def test_single_lists_agree_with_status(gate):
    wait_until(lambda: gate.ctl.code() == WELL, "all is well", 15)
    for command in ("tunnels", "routes", "nat"):
        done = gate.ctl.run(command, "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)
    assert gate.ifname in gate.ctl.run("tunnels").stdout
    assert CITY_NET[4] in gate.ctl.run("routes").stdout


def tool(site, *command, stdin=None, check=True):
    return site.app.run(*command, stdin=stdin, check=check)


def test_keys_agree_with_wg(site):
    private = tool(site, VPNCTL, "genkey").stdout
    assert len(private) == 45 and private.endswith("=\n")
    assert tool(site, VPNCTL, "pubkey", stdin=private).stdout == \
        tool(site, "wg", "pubkey", stdin=private).stdout
    theirs = tool(site, "wg", "genkey").stdout
    assert tool(site, VPNCTL, "pubkey", stdin=theirs).stdout == \
        tool(site, "wg", "pubkey", stdin=theirs).stdout
    psk = tool(site, VPNCTL, "genpsk").stdout
    assert len(psk) == 45 and psk != tool(site, VPNCTL, "genpsk").stdout


@pytest.mark.parametrize("bad", ["", "short\n", "A" * 44 + "\n", "!" * 43 + "=\n", "A" * 43 + "=A\n"])
def test_pubkey_refuses_what_is_no_key_and_does_not_echo_it(site, bad):
    done = tool(site, VPNCTL, "pubkey", stdin=bad, check=False)
    assert done.returncode != 0 and done.stderr and not done.stdout
    assert not bad.strip() or bad.strip() not in done.stderr
