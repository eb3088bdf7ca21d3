# SPDX-License-Identifier: GPL-2.0-or-later
"""The path MTU is measured by what passes, and routes follow it: black holes stop no connection.

    app - gw(vpnd) - net - city(wireguard-go) - host

The wire from `net` to the City takes smaller packets than all others, and nobody says so: ICMP
errors are dropped, and fragments, too.
"""
import socket
import threading
import time

import pytest

from lab.gate import Gate
from lab.gatehouse import Natd, natd_config
from lab.site import APP, CITY_NET, HOST, TUNNEL_CITY
from lab.waiting import wait_until

# Outside of an inner packet: 32 bytes of WireGuard, 8 of UDP, and IP.
OVERHEAD = {4: 60, 6: 80}
TCP_HEADER = {4: 40, 6: 60}  # with that of IP
SILENCE = """
table inet black {
    chain errors { type filter hook output priority 0;
        icmp type destination-unreachable drop
        icmpv6 type packet-too-big drop
    }
}
"""
NO_FRAGMENTS = """
table inet black {
    chain fragments { type filter hook prerouting priority -450;
        ip frag-off & 0x3fff != 0 drop
        exthdr frag exists drop
    }
}
"""


def shrink(site, mtu):
    """Make a black hole for datagrams larger than `mtu`."""
    site.net.run("nft", "-f", "-", stdin=SILENCE)
    site.city.run("nft", "-f", "-", stdin=NO_FRAGMENTS)
    site.net.ip(f"link set city mtu {mtu}")
    site.city.ip("link set uplink gso_max_segs 1")  # or the wire takes large ones in one piece


def forward(site, on):
    """Whether `net` routes at all."""
    site.net.sysctl({"net.ipv4.ip_forward": on, "net.ipv6.conf.all.forwarding": on})


def tunnel(gate):
    found, = gate.ctl.status()[1]["tunnels"]
    return found


def state(gate):
    return tunnel(gate)["state"]


def pmtu(gate):
    return tunnel(gate)["pmtu"]


def route_mtu(site, family):
    """What the kernel of the gateway says of the route into the tunnel."""
    found, = site.gw.ip_json(f"-{family}", "route", "show", CITY_NET[family], "proto", "71",
                             "metric", "50")
    return found.get("metrics", [{}])[0].get("mtu", 0)


def fitting(mtu, family):
    """The largest size that fits a path of `mtu` and is a multiple of what WireGuard pads to."""
    return (mtu - OVERHEAD[family]) // 16 * 16


class Stream:
    """A TCP connection from `caller` to `called` over which `sender`, one of both, never stops to
    send."""

    def __init__(self, family, caller, called, sender, address):
        kind = socket.AF_INET6 if family == 6 else socket.AF_INET
        self._server = called.socket(kind)
        self._server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._server.bind((address, 7777))
        self._server.listen(1)
        client = caller.socket(kind)
        client.connect((address, 7777))
        accepted, _ = self._server.accept()
        self._from, self._to = (client, accepted) if sender is caller else (accepted, client)
        self._from.settimeout(None)
        self._to.settimeout(None)
        self.received = 0
        self._stop = threading.Event()
        for work in (self._send, self._receive):
            threading.Thread(target=work, daemon=True).start()

    def _send(self):
        try:
            while not self._stop.is_set():
                self._from.sendall(b"x" * 20000)
                time.sleep(0.01)
        except OSError:
            pass

    def _receive(self):
        try:
            while data := self._to.recv(65536):
                self.received += len(data)
        except OSError:
            pass

    def moves(self, timeout):
        """Wait until a megabyte more has arrived; returns how long that took."""
        begun, before = time.monotonic(), self.received
        wait_until(lambda: self.received > before + 1000000, "the connection goes on", timeout)
        return time.monotonic() - begun

    @property
    def segment(self):
        """Bytes of the largest that the sender may send."""
        return self._from.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)

    def close(self):
        self._stop.set()
        for each in (self._from, self._to, self._server):
            each.close()


@pytest.mark.parametrize("outer", [4, 6])
def test_whole_path_is_measured_as_such(site, outer):
    gate = Gate(site, outer=outer, peer={"probe": TUNNEL_CITY[4], "probe_interval_ms": 200})
    wait_until(lambda: state(gate) == "up", "the tunnel is up", 10)
    time.sleep(1)
    assert pmtu(gate) == 1420
    assert route_mtu(site, 4) == 0


@pytest.mark.parametrize("outer", [4, 6])
@pytest.mark.parametrize("inner", [4, 6])
def test_black_hole_does_not_stop_a_connection(site, outer, inner, measured):
    gate = Gate(site, outer=outer, peer={"probe": TUNNEL_CITY[inner], "probe_interval_ms": 200})
    wait_until(lambda: state(gate) == "up", "the tunnel is up", 10)
    upload = Stream(inner, site.app, site.host, site.app, HOST[inner])
    upload.moves(10)
    shrink(site, 1400)
    took = upload.moves(60)
    wait_until(lambda: pmtu(gate) == fitting(1400, outer), "the path MTU is found", 30)
    wait_until(lambda: route_mtu(site, inner) == fitting(1400, outer), "and the route's", 5)
    measured(f"an upload (IPv{inner} over IPv{outer}) went on {took:.1f} s after a black hole")
    # A larger one is tried each minute, and when a path is there again.
    site.net.ip("link set city mtu 1500")
    forward(site, 0)
    wait_until(lambda: state(gate) == "down", "the path is gone", 10)
    forward(site, 1)
    wait_until(lambda: pmtu(gate) == 1420 and route_mtu(site, inner) == 0, "it grows again", 20)
    upload.moves(30)
    upload.close()


@pytest.mark.parametrize("caller", ["app", "host"])
@pytest.mark.parametrize("inner", [4, 6])
def test_download_passes_a_black_hole_whoever_begins(site, inner, caller):
    """The City knows nothing of the narrow path: it sends no larger segments than natd lets the site
    ask for."""
    gate = Gate(site, peer={"probe": TUNNEL_CITY[4], "probe_interval_ms": 200})
    Natd(site.gw, natd_config()).start()
    shrink(site, 1400)
    wait_until(lambda: route_mtu(site, inner) == fitting(1400, 4), "the path MTU is known", 30)
    ends = {"app": (site.app, site.host, HOST), "host": (site.host, site.app, APP)}
    calling, called, address = ends[caller]
    download = Stream(inner, calling, called, site.host, address[inner])
    download.moves(30)
    assert download.segment <= fitting(1400, 4) - TCP_HEADER[inner]
    download.close()


def test_download_that_runs_goes_on_where_the_city_probes(site):
    """What the City's host was told at the beginning of a connection holds: it has to notice."""
    site.host.sysctl({"net.ipv4.tcp_mtu_probing": 1})
    gate = Gate(site, peer={"probe": TUNNEL_CITY[4], "probe_interval_ms": 200})
    wait_until(lambda: state(gate) == "up", "the tunnel is up", 10)
    download = Stream(4, site.app, site.host, site.host, HOST[4])
    download.moves(10)
    shrink(site, 1400)
    download.moves(60)
    download.close()


def test_small_uplink_is_known_at_once(site):
    site.gw.ip("link set uplink mtu 1400")
    gate = Gate(site, peer={"probe": TUNNEL_CITY[4]})
    wait_until(lambda: pmtu(gate) == fitting(1400, 4), "the path MTU is found", 10)
    wait_until(lambda: route_mtu(site, 4) == fitting(1400, 4), "and the route's", 5)


def test_measured_mtu_outlives_the_engine(site):
    site.gw.ip("link set uplink mtu 1400")
    gate = Gate(site, peer={"probe": TUNNEL_CITY[4], "probe_interval_ms": 200})
    wait_until(lambda: route_mtu(site, 4) == fitting(1400, 4), "the path MTU is found", 10)
    gate.vpnd.kill_engine()
    begun = time.monotonic()
    while time.monotonic() - begun < 3:
        assert route_mtu(site, 4) == fitting(1400, 4)
    wait_until(lambda: pmtu(gate) == fitting(1400, 4), "and found again", 15)


def test_large_echoes_that_are_filtered_are_no_measurement(site):
    site.city.run("nft", "-f", "-", stdin="""
table inet small {
    chain pings { type filter hook input priority 0;
        icmp type echo-request meta length > 200 drop
    }
}
""")
    gate = Gate(site, peer={"probe": TUNNEL_CITY[4], "probe_interval_ms": 100})
    wait_until(lambda: state(gate) == "up", "the tunnel is up", 10)
    time.sleep(6)
    assert pmtu(gate) == 1420 and route_mtu(site, 4) == 0
    assert state(gate) == "up"
