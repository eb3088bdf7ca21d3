# SPDX-License-Identifier: GPL-2.0-or-later
"""Floods from the Internet cost vpnd little, its memory nothing, and its peers not their traffic.

    app - gw(vpnd) - net - city(wireguard-go) - host
                      |
                     web(floods, from many addresses; and a new peer, wireguard-go)
"""
import base64
import hashlib
import os
import socket
import threading
import time

from scapy.layers.inet import UDP
from scapy.utils import rdpcap

from lab import process
from lab.capture import Capture
from lab.gate import Gate
from lab.site import APP, CITY, GW, HOST, PORT, TUNNEL_GW, uri
from lab.waiting import wait_until
from lab.wireguard import Keys, WireguardGo, wg_interface, wg_peer

FLOOD = 100_000
SOURCES = [f"198.51.100.{n}" for n in range(128, 192)]  # of `web`
NEW_PEER = "10.241.99.1"
MESSAGE_LEN, MACS_LEN, MAC_LEN = 148, 32, 16
GROWTH_KB = 2048


def with_mac1(message, public_key):
    """`message` with the mac1 that anyone can make who knows whom it is for."""
    key = hashlib.blake2s(b"mac1----" + base64.b64decode(public_key)).digest()
    body = message[:-MACS_LEN]
    mac1 = hashlib.blake2s(body, key=key, digest_size=MAC_LEN).digest()
    return body + mac1 + bytes(MAC_LEN)


def initiations(count, public_key):
    """Messages that only a computation tells from real initiations."""
    for _ in range(count):
        yield with_mac1(b"\1\0\0\0" + os.urandom(MESSAGE_LEN - 4), public_key)


def garbage(count):
    """Bytes of every length, half of which begin as messages do."""
    for n in range(count):
        head = bytes([n % 6, 0, 0, 0]) if n & 1 else b""
        yield head + os.urandom(n % 300)


class Flood(threading.Thread):
    """Messages from `web` at an even rate, from all its addresses in turn."""

    def __init__(self, site, messages, seconds):
        super().__init__(daemon=True)
        self.site, self.messages, self.seconds, self.sent = site, list(messages), seconds, 0
        site.web.ip("route replace local 198.51.100.128/25 dev lo")
        self.sockets = [self._socket(source) for source in SOURCES]
        site.closers.append(self.join)
        self.start()

    def _socket(self, source):
        made = self.site.web.socket(kind=socket.SOCK_DGRAM)
        made.bind((source, 0))
        made.connect((GW[4], PORT))
        return made

    def run(self):
        begin, step = time.monotonic(), 200
        for first in range(0, len(self.messages), step):
            ahead = begin + self.seconds * first / len(self.messages) - time.monotonic()
            time.sleep(max(ahead, 0))
            for message in self.messages[first:first + step]:
                self.sockets[self.sent % len(self.sockets)].send(message)
                self.sent += 1
        for one in self.sockets:
            one.close()


def drops(gate):
    _, status = gate.ctl.status()
    tunnel, = status["tunnels"]
    return tunnel["drops"]


def memory_kb(gate):
    return int(process.status(gate.vpnd.engine)["VmRSS"].split()[0])


def all_is_well_during(gate, flood):
    """Through the established tunnel, ten pings a second until the flood is over."""
    before = memory_kb(gate)
    lost = gate.site.app.ping(HOST[4], count=int(flood.seconds * 10), interval=0.1, timeout=1).lost
    flood.join()
    assert flood.sent == len(flood.messages)
    assert lost <= 1, f"{lost} pings lost"
    assert memory_kb(gate) - before < GROWTH_KB
    return drops(gate)


def new_peer(gate):
    """A wireguard-go that vpnd knows and has not met."""
    keys = Keys()
    gate.device.wg("set", "peer", keys.public, "allowed-ips", f"{NEW_PEER}/32")
    device = WireguardGo(gate.site.web)
    device.configure(wg_interface(keys) + wg_peer(gate.keys.public, [f"{TUNNEL_GW[4]}/32"],
                                                  uri(GW[4], PORT)))
    device.up([f"{NEW_PEER}/32"], [f"{TUNNEL_GW[4]}/32"])
    return device


def comes_up_during(gate, device, flood):
    """Whether a peer that answers cookies gets through before the flood is over."""
    device.namespace.start("ping", "-n", "-i", 0.2, TUNNEL_GW[4])
    wait_until(lambda: device.handshake(gate.keys.public) or not flood.is_alive(), "it tries", 30)
    return flood.is_alive()


def test_flood_of_initiations_costs_neither_traffic_nor_new_peers(site, measured):
    gate = Gate(site)
    assert gate.works()
    device, came_up = new_peer(gate), []
    flood = Flood(site, initiations(FLOOD, gate.keys.public), 12)
    trial = threading.Thread(target=lambda: came_up.append(comes_up_during(gate, device, flood)))
    time.sleep(1)
    trial.start()
    counted = all_is_well_during(gate, flood)
    trial.join()
    assert came_up == [True]
    assert "cookie" in device.process.log().lower()
    # All but a few got a cookie alone, for which nothing has to be computed.
    assert counted["no_cookie"] > FLOOD * 0.9
    assert counted["bad_handshake"] < FLOOD * 0.02
    measured(f"flood of {FLOOD} initiations in 12 s: {counted['no_cookie']} got a cookie, "
             f"{counted['bad_handshake']} were computed")


def test_flood_of_garbage_costs_nothing(site):
    gate = Gate(site)
    assert gate.works()
    counted = all_is_well_during(gate, Flood(site, garbage(20_000), 4))
    assert counted["bad_type"] > 5000 and counted["bad_length"] > 5000
    assert gate.vpnd.log().count("\n") < 50


def recorded_initiation(gate):
    """What the City sent when it began the tunnel."""
    with Capture(gate.site.gw, "uplink", f"udp port {PORT}") as capture:
        assert gate.site.host.reaches(APP[4])
    first, *_ = (bytes(packet[UDP].payload) for packet in rdpcap(str(capture.file)))
    assert len(first) == MESSAGE_LEN and first[0] == 1
    return first


def test_flood_of_replays_costs_nothing_and_moves_nothing(site):
    gate = Gate(site, gw_knows=False, city_knows=True)
    initiation = recorded_initiation(gate)
    counted = all_is_well_during(gate, Flood(site, [initiation] * 20_000, 4))
    assert counted["replayed"] > 0
    assert counted["replayed"] + counted["no_cookie"] + counted["flooded"] > 19_000
    assert gate.device.show("endpoints")[gate.city_keys.public] == uri(CITY[4], PORT)
