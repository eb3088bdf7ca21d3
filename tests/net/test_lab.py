# SPDX-License-Identifier: GPL-2.0-or-later
"""The laboratory itself, with wireguard-go on both ends: what else is said here rests on it.

    app - gw(wireguard-go) - net(relay) - city(wireguard-go) - host
"""
import os
import pathlib
import signal
import subprocess
import sys

import pytest

from lab.capture import Capture
from lab.city import GW_ADDRESSES, TO_CITY, CityGateway
from lab.relay import Relay, Weather
from lab.site import (APP, CITY, CITY_NET, CITY_ROUTER, GW, HOST, PORT, TREE, UPLINK_ROUTER, WEB, uri)
from lab.waiting import wait_until
from lab.whoami import Whoami, ask_tcp, ask_udp, send_bulk
from lab.wireguard import Keys, WireguardGo, wg_interface, wg_peer


def join(site, endpoint, city_endpoint=None):
    """wireguard-go in the place of Gatehouse, and the City's end."""
    ours, theirs = Keys(), Keys()
    city = CityGateway(site, theirs, ours.public, endpoint=city_endpoint)
    gate = WireguardGo(site.gw)
    gate.configure(wg_interface(ours, PORT) + wg_peer(theirs.public, TO_CITY, endpoint))
    gate.up(GW_ADDRESSES, CITY_NET.values())
    return gate, city


@pytest.mark.parametrize("outer", [4, 6])
def test_two_foreign_gateways_carry_both_families(site, outer):
    join(site, uri(CITY[outer], PORT))
    assert site.app.reaches(HOST[4]) and site.app.reaches(HOST[6])
    assert site.host.reaches(APP[4]) and site.host.reaches(APP[6])


def test_internet_knows_no_private_address(site):
    assert not site.app.reaches(WEB[4], timeout=1)
    assert not site.app.reaches(WEB[6], timeout=1)


def test_service_tells_who_asks(site):
    Whoami(site.web)
    for family in (4, 6):
        assert ask_tcp(site.gw, WEB[family], source_port=4001) == (GW[family], 4001)
        assert ask_udp(site.gw, WEB[family], source_port=4002) == (GW[family], 4002)


def test_capture_holds_what_passed(site):
    with Capture(site.gw, "uplink") as capture:
        site.gw.ping(WEB[4], count=3)
    assert capture.count("icmp[icmptype] == icmp-echo") == 3


def test_capture_holds_what_passed_while_tcpdump_did_not_run(site):
    """As on a busy machine: it has a moment between the packets and its end."""
    with Capture(site.gw, "uplink") as capture:
        os.kill(capture.pid, signal.SIGSTOP)
        site.gw.ping(WEB[4], count=3)
        os.kill(capture.pid, signal.SIGCONT)
    assert capture.count("icmp[icmptype] == icmp-echo") == 3


def relayed(site, weather):
    """Both gateways speak to a relay on `net`."""
    relay = Relay(site.net, (UPLINK_ROUTER[4], 7000), (CITY_ROUTER[4], 7001), (GW[4], PORT),
                  (CITY[4], PORT), seed=7, weather=weather)
    join(site, uri(UPLINK_ROUTER[4], 7000), uri(CITY_ROUTER[4], 7001))
    return relay


def test_relay_passes_both_ways(site):
    relay = relayed(site, Weather(delay=0.02))
    assert site.host.reaches(APP[4])
    assert site.app.reaches(HOST[6])
    assert relay.counts.lost == 0 and relay.counts.sent == relay.counts.received


def test_relay_loses_doubles_and_reorders(site):
    relay = relayed(site, Weather())
    assert site.app.reaches(HOST[4])
    relay.weather = Weather(loss=0.25, duplicate=0.25, delay=0.01, jitter=0.05)
    ping = site.app.ping(HOST[4], count=100, interval=0.02, timeout=2)
    assert 20 < ping.lost < 70
    assert relay.counts.duplicated > 10
    Whoami(site.host)
    relay.weather = Weather(loss=0.02, duplicate=0.02, jitter=0.004)
    assert send_bulk(site.app, HOST[4], 300_000)


def test_relay_can_be_a_black_hole(site):
    relay = relayed(site, Weather(loss=1.0))
    assert not site.app.reaches(HOST[4], timeout=1)
    relay.weather = Weather()
    assert site.app.reaches(HOST[4], timeout=12)


RUN_FOREVER = """
import sys, time
sys.path.insert(0, {path!r})
from lab.site import Site
site = Site()
site.gw.start("sleep", 600)
print("standing", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_enclosure_leaves_nothing_however_it_ends(sig):
    def sleepers():
        return {entry.parent.name for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline")
                if entry.read_bytes() == b"sleep\x00600\x00"}

    def namespaces():
        return set(os.listdir("/run/netns")) if os.path.isdir("/run/netns") else set()

    before = namespaces()
    code = RUN_FOREVER.format(path=str(TREE / "tests" / "net"))
    with subprocess.Popen([TREE / "scripts" / "enclosed", sys.executable, "-B", "-c", code],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as run:
        assert run.stdout.readline() == "standing\n"
        try:
            wait_until(sleepers, "its process runs")
            run.send_signal(sig)
            run.wait(10)
        finally:
            run.kill()
        wait_until(lambda: not sleepers(), "all processes are gone")
    assert namespaces() == before


def test_peer_is_fetched_once_for_all_who_ask(tmp_path):
    """With an apt-get and a dpkg of our own, which take their time."""
    fake = tmp_path / "bin"
    fake.mkdir()
    for name, body in (("apt-get", 'case "$*" in *sid*|*update|*download*) ;; *) exec /usr/bin/apt-get "$@";; esac\n'
                        'sleep 0.3; echo x >>"$FETCHED"; : >wireguard-go_1.deb'),
                       ("dpkg", 'mkdir -p "$3/usr/bin"; cp "$PEER" "$3/usr/bin/wireguard-go"')):
        (fake / name).write_text(f"#!/bin/sh\n{body}\n")
        (fake / name).chmod(0o755)
    peer = tmp_path / "peer"
    peer.write_text("#!/bin/sh\necho wireguard-go v9\n")
    peer.chmod(0o755)
    words = {**os.environ, "PATH": f"{fake}:{os.environ['PATH']}", "PEER": str(peer),
             "BUILD": str(tmp_path / "build"), "FETCHED": str(tmp_path / "fetched")}
    asked = [subprocess.Popen([TREE / "scripts" / "fetch-peer"], env=words, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(3)]
    said = [each.communicate(timeout=30) for each in asked]
    assert {err for _, err in said} == {"fetch-peer: wireguard-go v9\n"}
    assert len((tmp_path / "fetched").read_text().split()) == 2  # update and download
