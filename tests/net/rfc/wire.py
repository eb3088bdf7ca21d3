# SPDX-License-Identifier: GPL-2.0-or-later
"""A gateway between two wires whose hosts have no stack: what they say is written in the tests.

        inside ------------ gw(natd) ------------ outside
    A, B  10.40.15.*      lan | uplink       PEER, OTHER, HOP
    C     10.40.115.*         |
    PREFIXED  10.40.17.*      |
                      203.0.113.7 (PUBLIC)
                  203.0.113.8, .9 (POOL, for C's subnet)
                  198.18.17.* (routed here, for PREFIXED's)

Packets are built and read by scapy, sent and received whole on the wires' far ends. This process
keeps to one CPU while a gateway is up, so that what was sent first is through first: what has not
come when a later packet has, never will. So no test waits for silence.
"""
import os
import select
import socket
import time
from typing import NamedTuple

from scapy.config import conf
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import Ether

from lab.gatehouse import Natd
from lab.netns import Lab
from lab.site import FORWARDING

A, B, C = "10.40.15.10", "10.40.15.11", "10.40.115.12"
LIMITED = "10.40.16.10"  # may have LIMIT flows
TALKATIVE = "10.40.15.12"  # is told many errors
PREFIXED, PREFIXED_PUBLIC = "10.40.17.10", "198.18.17.10"
PUBLIC, POOL = "203.0.113.7", ["203.0.113.8", "203.0.113.9"]
ROUTER = "203.0.113.1"
PEER, OTHER = "198.51.100.10", "198.51.100.20"
HOP = "192.0.2.33"  # a router on the way to them
CITY = "10.241.0.10"
SERVICE, SERVICE_PORT = 8443, 443  # a forwarded port, and where it leads to on A
LIMIT = 8
WIDE, NARROW = 4000, 1500  # MTU inside and of the uplink

MAC = "02:00:00:00:00:99"
MARKED = 19999  # the port of packets that tell what was sent before them is through

conf.verb = 0


class Seen(NamedTuple):
    """What arrived at each end."""
    inside: list
    outside: list


class End:
    """The far end of a wire: every host there."""

    def __init__(self, namespace, gateway_mac):
        self._header = bytes(Ether(src=MAC, dst=gateway_mac, type=0x0800))
        self.socket = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.socket.bind(("eth0", 0x0800))

    def send(self, *packets):
        """Send packets of scapy's, or their bytes."""
        for packet in packets:
            self.socket.send(self._header + bytes(packet))

    def until(self, marker, timeout=5):
        """Everything that arrives before a packet that holds `marker`, and that packet."""
        seen, deadline = [], time.monotonic() + timeout
        while select.select([self.socket], [], [], max(0, deadline - time.monotonic()))[0]:
            frame, address = self.socket.recvfrom(65535)
            if address[2] == socket.PACKET_OUTGOING:
                continue
            if marker in frame:
                return seen, IP(frame[14:])
            seen.append(IP(frame[14:]))
        raise AssertionError(f"the gateway lets nothing through; before that: {seen}")


class Gateway(Lab):
    """natd between the two ends. `config` is what it has beside the defaults."""

    def __init__(self, **config):
        super().__init__()
        self._cpus = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {max(self._cpus)})
        self._last_port, self._flushes, self._public = 20000, 0, set()
        self.gw = self.namespace("gw")
        self.inside = self._end("in", "lan", WIDE)
        self.outside = self._end("out", "uplink", NARROW)
        self._address()
        self.natd = Natd(self.gw, {
            "uplinks": ["uplink"],
            "subnets": [{"prefix": "10.40.15.0/24"}, {"prefix": "10.40.115.0/24", "snat": POOL},
                        {"prefix": "10.40.16.0/24", "max_connections_per_host": LIMIT},
                        {"prefix": "10.40.17.0/24", "snat_prefix": "198.18.17.0/24"}],
            "never_uplink": ["10.241.0.0/16"],
            "forwards": [{"protocol": protocol, "uplink_port": SERVICE,
                          "to": f"{A}:{SERVICE_PORT}"} for protocol in ("tcp", "udp")],
            **config}).start()

    def _end(self, name, interface, mtu):
        namespace = self.namespace(name)
        self.wire(namespace, "eth0", self.gw, interface)
        namespace.ip(f"link set eth0 mtu {mtu}")
        self.gw.ip(f"link set {interface} mtu {mtu}")
        return End(namespace, self.gw.ip_json("link", "show", interface)[0]["address"])

    def _address(self):
        self.gw.run("sysctl", "-q", "-p", FORWARDING)
        # As many errors as the tests ask for, where the kernel would hold some back.
        self.gw.sysctl({"net.ipv4.icmp_ratelimit": 0, "net.ipv4.icmp_msgs_burst": 10000,
                        "net.ipv4.icmp_msgs_per_sec": 10000})
        self.gw.ip("addr add 10.40.15.1/24 dev lan", "addr add 10.40.115.1/24 dev lan",
                    "addr add 10.40.16.1/24 dev lan", "addr add 10.40.17.1/24 dev lan",
                   f"addr add {PUBLIC}/24 dev uplink", f"route add default via {ROUTER}",
                   *(f"addr add {each}/32 dev uplink" for each in POOL),
                   *(f"neigh add {each} lladdr {MAC} dev lan nud permanent"
                      for each in (A, B, C, LIMITED, PREFIXED, TALKATIVE)),
                   f"neigh add {ROUTER} lladdr {MAC} dev uplink nud permanent")

    def close(self):
        super().close()
        os.sched_setaffinity(0, self._cpus)

    def new_port(self):
        """A port that no test of this gateway used before, and no flow got in place of its own."""
        self._last_port += 1
        while self._last_port in self._public:
            self._last_port += 1
        return self._last_port

    def flush(self):
        """Everything that arrived at either end until now."""
        self._flushes += 1
        marker = b"flush %d." % self._flushes
        self.inside.send(IP(src=A, dst=PEER) / UDP(sport=MARKED, dport=MARKED) / marker)
        outside, marked = self.outside.until(marker)
        self.outside.send(IP(src=PEER, dst=marked.src)
                          / UDP(sport=MARKED, dport=marked[UDP].sport) / marker)
        self._public |= {getattr(packet.payload, "id" if ICMP in packet else "sport", None)
                         for packet in outside}
        return Seen(self.inside.until(marker)[0], outside)

    def out(self, *packets):
        """Send from inside; returns what arrived, at either end."""
        self.inside.send(*packets)
        return self.flush()

    def into(self, *packets):
        """Send from outside; returns what arrived, at either end."""
        self.outside.send(*packets)
        return self.flush()
