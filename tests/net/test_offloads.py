# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever is in one piece on its way, each packet arrives as it was sent.

    app - gw(vpnd) - net - city(wireguard-go, or vpnd) - host
"""
import ctypes
import fcntl
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess

import pytest

from lab import flow
from lab.capture import Capture
from lab.city import CITY_ADDRESSES, TO_SITE
from lab.gate import Gate
from lab.gatehouse import Vpnd, tunnel_config, vpnd_config
from lab.relay import Weather
from lab.site import APP, APP_NET, CITY, GW, HOST, TUNNEL_CITY, TUNNEL_GW, uri, PORT
from lab.waiting import wait_until
from lab.whoami import Whoami, send_bulk
from lab.wireguard import Keys

BULK = 6_000_000
SWITCHES = ("tun_offload", "udp_segmentation", "udp_coalescing")
OFF = dict.fromkeys(SWITCHES, False)
OFFLOADS = {**dict.fromkeys(("tun_tcp4", "tun_tcp6", "tun_udp4", "tun_udp6"), "tun_offload"),
            "udp4_segmentation": "udp_segmentation", "udp6_segmentation": "udp_segmentation",
            "udp4_coalescing": "udp_coalescing", "udp6_coalescing": "udp_coalescing"}
WAYS = {"all": {}, **{f"no-{switch}": {switch: False} for switch in SWITCHES},
        **{f"only-{switch}": {**OFF, switch: True} for switch in SWITCHES}, "none": OFF}
LOSSY = Weather(loss=0.02, duplicate=0.02)
STORMY = Weather(loss=0.02, duplicate=0.02, jitter=0.003)
SYS_PIDFD_GETFD = 438
WRONG = re.compile(r"\(incorrect|bad (udp )?cksum")  # as tcpdump says it
SIOCETHTOOL, ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO = 0x8946, 0x17, 0x1f, 0x24
SO_NO_CHECK = 11
REFUSE_FRAMES = pathlib.Path(__file__).parent / "lab" / "refuse_frames.c"
_libc = ctypes.CDLL(None, use_errno=True)


def do_without_card(namespace, interface):
    """Segments are cut and checksums computed before anything is on the wire."""
    for command in (ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO):
        value = ctypes.create_string_buffer(struct.pack("=II", command, 0))
        request = struct.pack("16sP", interface.encode(), ctypes.addressof(value)).ljust(40, b"\0")
        with namespace.socket(kind=socket.SOCK_DGRAM) as each:
            fcntl.ioctl(each, SIOCETHTOOL, request)


def start_gate(site, switches, **options):
    gate = Gate(site, begin=False, **options)
    gate.vpnd.config = gate.vpnd.write({**switches, **vpnd_config(gate.tunnel)})
    gate.vpnd.start()
    assert gate.works()
    return gate


def start_two(site, ours, theirs, outer):
    """vpnd at both ends, each with its own switches."""
    keys, city_keys = Keys(), Keys()
    ends = []
    for namespace, own, other, switches, endpoint, more, prefixes in (
            (site.gw, keys, city_keys, ours, CITY, {}, None),
            (site.city, city_keys, keys, theirs, GW,
             {"addresses": CITY_ADDRESSES, "peer": {"allowed_ips": TO_SITE}}, APP_NET)):
        tunnel = tunnel_config(site, own, other.public, name=site.ifname("gw"),
                               endpoint=uri(endpoint[outer], PORT), **more)
        config = vpnd_config(tunnel, prefixes=tuple(prefixes.values())) if prefixes \
            else vpnd_config(tunnel)
        ends.append(Vpnd(namespace, {**switches, **config}).start())
    wait_until(lambda: site.app.reaches(HOST[4], 1), "the tunnel carries a ping")
    return ends


def check_flows(site, count=2000):
    """Datagrams that are forwarded, and those of the gateways themselves."""
    for sender, receiver, address in ((site.app, site.host, HOST[4]), (site.host, site.app, APP[6]),
                                      (site.gw, site.city, TUNNEL_CITY[6]),
                                      (site.city, site.gw, TUNNEL_GW[4])):
        got = flow.arrives(sender, receiver, address, count=count)
        assert got.broken == 0
        assert got.numbers == list(range(count)), address


def check_bulk(site):
    assert send_bulk(site.app, HOST[4], BULK)
    assert send_bulk(site.host, APP[6], BULK)


def line_at_start(switches):
    """What the log says once of what the kernel granted: all that is asked for, on ours."""
    takes, segments, coalesces = (switches.get(switch, True) for switch in SWITCHES)
    return (f"offloads of the TUN: {'tcp4 tcp6 udp4 udp6' if takes else 'none'}; "
            f"UDP: {'' if segments else 'no '}segmentation, {'' if coalesces else 'no '}coalescing\n")


@pytest.mark.parametrize("way", WAYS)
def test_flows_arrive_in_order_and_unchanged(site, way):
    Whoami(site.host)
    Whoami(site.app)
    gate = start_gate(site, WAYS[way])
    check_flows(site)
    check_bulk(site)
    tunnel, = gate.ctl.status()[1]["tunnels"]
    assert tunnel["offloads"] == [name for name in OFFLOADS
                                  if WAYS[way].get(OFFLOADS[name], True)]
    assert tunnel["fallbacks"] == {"tun": 0, "udp": 0}
    assert gate.vpnd.log().count("offloads of the TUN:") == 1
    assert line_at_start(WAYS[way]) in gate.vpnd.log()


@pytest.mark.parametrize("ours,theirs,outer", [("all", "all", 4), ("all", "none", 6),
                                               ("no-udp_coalescing", "no-tun_offload", 6)])
def test_two_of_ours_with_different_switches(site, ours, theirs, outer):
    Whoami(site.host)
    Whoami(site.app)
    start_two(site, WAYS[ours], WAYS[theirs], outer)
    check_flows(site)
    check_bulk(site)


@pytest.mark.parametrize("ours,theirs", [("all", "none"), ("none", "all")])
def test_computed_checksum_of_0_is_none_on_no_way(site, ours, theirs):
    """0 would mean that there is none, which IPv6 does not take: it is sent as 0xffff."""
    start_two(site, WAYS[ours], WAYS[theirs], 4)
    for sender, receiver, source, target in ((site.app, site.host, APP[6], HOST[6]),
                                             (site.host, site.app, HOST[6], APP[6])):
        with receiver.socket(socket.AF_INET6, socket.SOCK_DGRAM) as there, \
                sender.socket(socket.AF_INET6, socket.SOCK_DGRAM) as here:
            there.bind((target, flow.PORT))
            here.bind((source, flow.PORT + flow.SOURCE_ABOVE))
            here.connect((target, flow.PORT))
            row = [flow.checksum_zero(source, target, flow.PORT, 100, i) for i in range(7)]
            here.sendmsg([b"".join(row)], [(socket.IPPROTO_UDP, flow.UDP_SEGMENT,
                                            struct.pack("=H", 100))])
            assert [there.recv(2000) for _ in row] == row


def flow_through(gate, weather, sender, receiver, address, count=800):
    """Send a flow through bad weather, and one datagram more when it is over."""
    received = flow.Receiver(receiver, address)
    gate.relay.weather = weather
    flow.send(sender, received, address, count=count)
    gate.relay.weather = Weather()
    flow.send(sender, received, address, count=1, first=count)
    received.wait(count + 1, last=count)
    assert received.broken == 0
    assert count * 0.8 < len(received.numbers) < count
    return received.numbers


@pytest.mark.parametrize("way", WAYS)
def test_loss_and_reordering_spoil_nothing(site, way):
    """Nothing comes twice or changed, and what the wire did not reorder is in order."""
    Whoami(site.host)
    Whoami(site.app)
    gate = start_gate(site, WAYS[way], weather=Weather())
    for sender, receiver, address in ((site.app, site.host, HOST[4]), (site.host, site.app, APP[6])):
        numbers = flow_through(gate, LOSSY, sender, receiver, address)
        assert numbers == sorted(set(numbers))
        numbers = flow_through(gate, STORMY, sender, receiver, address)
        assert len(numbers) == len(set(numbers))
        gate.relay.weather = STORMY
        assert send_bulk(sender, address, 200_000)


@pytest.mark.parametrize("way", ["all", "none"])
def test_checksums_on_the_far_wire_are_right(site, way):
    """Behind the gateways no card is left to fill them in."""
    for namespace in (site.gw, site.city):
        do_without_card(namespace, "lan")
    Whoami(site.host)
    Whoami(site.app)
    start_two(site, WAYS[way], WAYS[way], 4)
    with Capture(site.host, "eth0") as at_host, Capture(site.app, "eth0") as at_app:
        check_flows(site, 500)
        check_bulk(site)
    for capture, source in ((at_host, APP), (at_app, HOST)):
        lines = capture.lines(f"src host {source[4]} or src host {source[6]}", "-vv")
        assert len(lines) > 100
        assert not [line for line in lines if WRONG.search(line)]


def test_switches_follow_a_reload_and_no_session_ends(site):
    Whoami(site.host)
    gate = start_gate(site, {})
    shaken = gate.handshake()
    for done, switches in enumerate((OFF, {**OFF, "tun_offload": True}, {"busy_poll_us": 50}, {})):
        gate.vpnd.write({**switches, **vpnd_config(gate.tunnel)})
        os.kill(gate.vpnd.pid, signal.SIGHUP)
        wait_until(lambda n=done + 1: gate.vpnd.log().count("is in force") == n, "it is reloaded")
        assert send_bulk(site.app, HOST[4], BULK)
    assert gate.handshake() == shaken


def test_engine_of_a_kept_device_uses_its_offloads_again(site):
    Whoami(site.host)
    gate = start_gate(site, {})
    gate.vpnd.kill_engine()
    assert gate.works(10)
    assert send_bulk(site.app, HOST[4], BULK)


# --- a kernel that refuses ---------------------------------------------------------------------------


def udp_sockets(pid):
    """The UDP sockets of a process, borrowed while it runs."""
    process = os.pidfd_open(pid)
    for name in os.listdir(f"/proc/{pid}/fd"):
        if not os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:"):
            continue
        fd = _libc.syscall(SYS_PIDFD_GETFD, process, int(name), 0)
        with socket.socket(fileno=fd) as borrowed:
            if borrowed.type == socket.SOCK_DGRAM and borrowed.family in (socket.AF_INET,
                                                                          socket.AF_INET6):
                yield borrowed
    os.close(process)


@pytest.mark.parametrize("lanes", [1, 3])
def test_refused_segmentation_loses_nothing_and_is_said_once(site, lanes):
    """A socket without checksums sends single datagrams alone: the kernel says EINVAL to others."""
    Whoami(site.host)
    gate = start_gate(site, {"lanes": lanes})
    assert [s.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1) for s in udp_sockets(gate.vpnd.engine)]
    got = flow.arrives(site.app, site.host, HOST[4], count=2000)
    assert got.broken == 0
    assert got.numbers == list(range(2000))
    assert send_bulk(site.app, HOST[4], BULK)
    assert gate.vpnd.log().count("refuses to segment datagrams") == 1
    tunnel, = gate.ctl.status()[1]["tunnels"]
    assert "udp4_segmentation" not in tunnel["offloads"]
    assert "udp4_coalescing" in tunnel["offloads"]
    assert tunnel["fallbacks"]["udp"] >= 1
    assert tunnel["drops"]["udp_refused"] == 0


@pytest.mark.parametrize("lanes", [1, 3])
def test_refused_frames_lose_nothing_and_cost_no_other_kind(site, lanes, monkeypatch):
    Whoami(site.app)
    library = site.dir / "refuse_frames.so"
    subprocess.run(["gcc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", library, REFUSE_FRAMES],
                   check=True)
    with monkeypatch.context() as patch:
        patch.setenv("LD_PRELOAD", str(library))
        patch.setenv("ASAN_OPTIONS", "verify_asan_link_order=0")
        gate = start_gate(site, {"lanes": lanes})
    for family in (4, 6):
        got = flow.arrives(site.host, site.app, APP[family], count=1000)
        assert got.broken == 0
        assert got.numbers == list(range(1000))
        assert send_bulk(site.host, APP[family], BULK)
    tunnel, = gate.ctl.status()[1]["tunnels"]
    assert [name for name in OFFLOADS if name not in tunnel["offloads"]] == ["tun_udp4", "tun_udp6"]
    assert tunnel["fallbacks"]["tun"] >= 2
    assert tunnel["drops"]["tun_refused"] == 0
    assert gate.vpnd.log().count("refuses large frames for the TUN") == 1


def test_path_narrower_than_the_tunnel_takes_fragments(site):
    Whoami(site.host)
    gate = start_gate(site, {})
    site.gw.ip("link set uplink mtu 1300")
    got = flow.arrives(site.app, site.host, HOST[4], count=1000)
    assert got.broken == 0
    assert got.numbers == list(range(1000))
    assert send_bulk(site.app, HOST[4], BULK)
    assert gate.vpnd.log().count("refuses to segment datagrams") <= 1
