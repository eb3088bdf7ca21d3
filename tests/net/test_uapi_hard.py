# SPDX-License-Identifier: GPL-2.0-or-later
"""The socket of `vpnd -f IFNAME` under clients that are slow, huge, malformed, many or deaf.

    gw(vpnd -f IFNAME) - net - city(wireguard-go)

All the while a ping goes through the tunnel, of which nothing may be lost.
"""
import contextlib
import random
import re
import signal
import socket
import threading
import time

import pytest

from lab.city import GW_ADDRESSES, TO_CITY, CityGateway
from lab.gatehouse import SANITIZED, VPND
from lab.process import children, status
from lab.site import CITY, PORT, TUNNEL_CITY, uri
from lab.uapi import Client, ask, error, hexed, peers, values
from lab.waiting import wait_until
from lab.wireguard import Device, Keys, wg_interface, wg_peer

PING_INTERVAL = 0.02
# Of both processes at any time, with every client at its worst; a sanitizer keeps what is freed.
MOST_MB = 640 if SANITIZED else 160
HUGE = 130_000
SEEDS = range(40)


class Live:
    """A tunnel with a ping in it."""

    def __init__(self, site):
        self.site = site
        self.keys, self.city_keys = Keys(), Keys()
        self.city = CityGateway(site, self.city_keys, self.keys.public)
        self.device = Device(site.gw, site.ifname("hard"))
        self.vpnd = site.gw.start(VPND, "-f", self.device.ifname)
        wait_until(self.device.socket.exists, "its socket is there")
        self.device.configure(wg_interface(self.keys, PORT) +
                              wg_peer(self.city_keys.public, TO_CITY, uri(CITY[4], PORT)))
        self.device.up(GW_ADDRESSES)
        assert site.gw.reaches(TUNNEL_CITY[4])
        self.daemon = [self.vpnd.pid, *children(self.vpnd.pid)]  # monitor and engine
        self.ping = site.gw.start("ping", "-n", "-i", PING_INTERVAL, TUNNEL_CITY[4])
        self.ping.wait_for_log("icmp_seq=2")

    def peak_mb(self):
        """The most that both processes ever held."""
        return sum(int(status(pid)["VmHWM"].split()[0]) for pid in self.daemon) / 1024

    def check(self):
        """No ping was lost, no process died, memory is within bounds; returns the slowest ping."""
        self.ping.stop(signal.SIGINT)
        log = self.ping.log()
        seen = [int(number) for number in re.findall(r"icmp_seq=(\d+) ttl", log)]
        sent = int(re.search(r"(\d+) packets transmitted", log)[1])
        assert seen and seen == list(range(1, len(seen) + 1)), "a ping was lost"
        assert sent - len(seen) <= 1  # the last was under way
        assert [self.vpnd.pid, *children(self.vpnd.pid)] == self.daemon, self.vpnd.log()
        assert self.peak_mb() < MOST_MB
        return max(float(t) for t in re.findall(r"time=([\d.]+) ms", log))


@pytest.fixture(name="live")
def live_tunnel(site, measured, request):
    live = Live(site)
    yield live
    slowest = live.check()
    measured(f"{request.node.name}: {live.peak_mb():.0f} MB at most, slowest ping {slowest:.1f} ms")


def fill_with_allowed_ips(device, public_key, count):
    """Give one peer so many; returns them."""
    prefixes = [f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}/32" if n % 2 else
                f"fd00:{1 + (n >> 12):x}:{1 + (n & 0xfff):x}::/48" for n in range(count)]
    assert error(device, f"public_key={hexed(public_key)}",
                 *(f"allowed_ip={prefix}" for prefix in prefixes)) == 0
    return prefixes


# --- slow, silent, deaf ---------------------------------------------------------------------------

def test_slow_clients_hold_up_nobody(live):
    with Client(live.device) as drip, Client(live.device) as stalled:
        stalled.send("set=1", "fwmark=7", f"public_key={hexed(Keys().public)}")
        stalled.socket.sendall(b"persistent_keep")
        for byte in b"get=1\n\n":
            drip.socket.sendall(bytes([byte]))
            start = time.monotonic()
            assert error(live.device, "fwmark=0") == 0
            assert time.monotonic() - start < 0.5
        assert drip.answer()[-1] == "errno=0"
        assert len(peers(live.device)) == 1  # a part of a request does nothing
        stalled.send("alive_interval=5", "")
        assert stalled.answer() == ["errno=0"]
    assert len(peers(live.device)) == 2


def test_deaf_clients_cost_one_answer_each(live):
    """They ask a hundred times for a huge config and never take an answer."""
    fill_with_allowed_ips(live.device, Keys().public, HUGE)
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            deaf = stack.enter_context(Client(live.device))
            with contextlib.suppress(BrokenPipeError, BlockingIOError):
                deaf.socket.setblocking(False)
                deaf.socket.sendall(b"get=1\n\n" * 100)
        for patience in (5, 1, 1):  # in seconds; the first has to wait until the deaf make room
            start = time.monotonic()
            assert error(live.device, "fwmark=0") == 0
            assert time.monotonic() - start < patience
    live.device.wg("show")


def test_hundred_clients_at_once_are_all_served(live):
    answers, go = [], threading.Barrier(100)

    def one(number):
        go.wait()
        request = ["get=1"] if number % 2 else ["set=1", "fwmark=0"]
        answers.append(ask(live.device, *request)[-1])

    threads = [threading.Thread(target=one, args=(number,)) for number in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["errno=0"] * 100


def test_idle_connections_keep_nobody_out(live):
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(Client(live.device))
        for _ in range(20):
            live.device.wg("show")


def test_half_closed_client_gets_its_answer(live):
    for request in (b"get=1\n\n", b"set=1\nfwmark=0\n\n", b"set=1\nlisten_port=0\n\n"):
        with Client(live.device) as client:
            client.socket.sendall(request)
            client.socket.shutdown(socket.SHUT_WR)
            assert client.answer()[-1] == "errno=0"
            assert client.socket.recv(1) == b""


# --- huge -----------------------------------------------------------------------------------------

def test_peer_with_130000_allowed_ips(live, measured):
    peer = Keys().public
    start = time.monotonic()
    prefixes = fill_with_allowed_ips(live.device, peer, HUGE)
    took = time.monotonic() - start
    start = time.monotonic()
    answer = ask(live.device, "get=1")
    measured(f"{HUGE} allowed IPs: set in {took:.2f} s, got in {time.monotonic() - start:.2f} s")
    assert answer[-1] == "errno=0"
    assert set(prefixes) <= set(values(answer, "allowed_ip"))
    assert len(values(answer, "allowed_ip")) == HUGE + len(TO_CITY)
    assert set(live.device.show("allowed-ips")[peer].split()) == set(prefixes)
    assert error(live.device, f"public_key={hexed(peer)}", "replace_allowed_ips=true",
                 *(f"allowed_ip={prefix}" for prefix in prefixes[::2])) == 0
    assert len(live.device.show("allowed-ips")[peer].split()) == HUGE / 2
    assert error(live.device, f"public_key={hexed(peer)}", "remove=true") == 0
    assert peers(live.device) == {hexed(live.city_keys.public)}


def test_setconf_of_40_peers_with_52_allowed_ips_each(live):
    want = {Keys().public: [f"10.{64 + peer}.{net}.0/24" for net in range(52)]
            for peer in range(40)}
    text = "".join(wg_peer(key, allowed) for key, allowed in want.items())
    live.device.configure(text, "addconf")
    lines = live.device.wg("show", "dump").stdout.splitlines()[1:]
    shown = {line.split("\t")[0]: set(line.split("\t")[3].split(",")) for line in lines}
    assert len(shown) == 41
    assert all(shown[key] == set(allowed) for key, allowed in want.items())
    live.device.configure(live.device.wg("showconf").stdout)
    assert len(live.device.wg("show", "dump").stdout.splitlines()) == 42


# --- malformed ------------------------------------------------------------------------------------

def garbage(seed):
    """Bytes that begin as a request may, then go wrong in one of several ways."""
    rng = random.Random(seed)
    head = rng.choice([b"", b"get=1\n", b"set=1\n", b"set=1\npublic_key=", b"set=1\nfwmark="])
    body = rng.choice([rng.randbytes(rng.randrange(5000)), b"\0" * 3000, b"x" * 300_000,
                       b"=" * 10_000, b"\n" * 2000, b"set=1\n" * 500, b"get=1\n\n" * 50,
                       b"public_key=" + b"ab" * 32 + b"\n" * 2,
                       b"".join(b"%x=%x\n" % (rng.getrandbits(40), rng.getrandbits(40))
                                for _ in range(300))])
    return head + body + rng.choice([b"", b"\n", b"\n\n", b"\0\n\n"])


def test_garbage_changes_nothing_and_hurts_nobody(live):
    before = [line for line in ask(live.device, "get=1") if "bytes" not in line]
    for seed in SEEDS:
        print(f"seed {seed}")
        with Client(live.device) as client, contextlib.suppress(BrokenPipeError,
                                                                ConnectionResetError):
            client.socket.sendall(garbage(seed))
            if seed % 2:
                client.socket.shutdown(socket.SHUT_WR)
                while client.socket.recv(1 << 16):
                    pass
    assert error(live.device, "public_key=" + "ab" * 32, "remove=true") == 0  # the one right set
    assert [line for line in ask(live.device, "get=1") if "bytes" not in line] == before


BAD_SETS = {
    "unknown key": ["no_such=1"], "no value": ["fwmark"], "empty value": ["fwmark="],
    "number too big": ["fwmark=4294967296"], "negative": ["listen_port=-1"],
    "port too big": ["listen_port=65536"], "short key": ["private_key=00"],
    "key of no hex": ["public_key=" + "zz" * 32], "zero byte": ["fwmark=1\0"],
    "peer's line without peer": ["allowed_ip=10.0.0.0/8"],
    "other version": ["public_key=" + "ab" * 32, "protocol_version=2"],
    "flag that is not true": ["replace_peers=false"],
    "flag of peer that is not true": ["public_key=" + "ab" * 32, "remove=yes"],
    "prefix too long": ["public_key=" + "ab" * 32, "allowed_ip=10.0.0.0/33"],
    "prefix without length": ["public_key=" + "ab" * 32, "allowed_ip=10.0.0.0"],
    "host name": ["public_key=" + "ab" * 32, "endpoint=localhost:1"],
    "interface's line after a peer": ["public_key=" + "ab" * 32, "fwmark=1"],
    "line too long": ["public_key=" + "ab" * 32, "endpoint=" + "1" * 5000],
}


@pytest.mark.parametrize("lines", BAD_SETS.values(), ids=BAD_SETS.keys())
def test_one_bad_line_and_nothing_happens(site, lines):
    device = Device(site.gw, site.ifname("bad"))
    site.gw.run(VPND, device.ifname)
    before = ask(device, "get=1")
    assert error(device, "fwmark=99", "listen_port=0", f"public_key={hexed(Keys().public)}") == 0
    known = ask(device, "get=1")
    assert error(device, *(["fwmark=1"] if "public_key" in lines[0] else []), *lines) in (22, 71)
    assert ask(device, "get=1") == known != before
    device.wg("show")
