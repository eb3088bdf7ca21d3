# SPDX-License-Identifier: GPL-2.0-or-later
"""Flows over the gateway: packets of one, a TCP connection, and what conntrack knows of it."""
import re

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.packet import Raw

from .wire import A, HOP, PEER, PUBLIC


def only(packets):
    """The one packet of a list."""
    assert len(packets) == 1, [packet.summary() for packet in packets]
    return packets[0]


def nothing(packets):
    assert not packets, [packet.summary() for packet in packets]


def udp(port, *, host=A, peer=PEER, peer_port=80, data=b"query", **ip):
    return IP(src=host, dst=peer, **ip) / UDP(sport=port, dport=peer_port) / Raw(data)


def ping(ident, *, host=A, peer=PEER, seq=1, data=b"ping"):
    return IP(src=host, dst=peer) / ICMP(type=8, id=ident, seq=seq) / Raw(data)


def answer(packet, data=b"answer"):
    """What the peer says to a packet that it got; to a ping, with the same data."""
    ip = IP(src=packet.dst, dst=packet.src)
    if UDP in packet:
        return ip / UDP(sport=packet.dport, dport=packet.sport) / Raw(data)
    return ip / ICMP(type=0, id=packet[ICMP].id, seq=packet[ICMP].seq) / packet[ICMP].payload


def error(about, kind=3, code=1, src=HOP, **fields):
    """The ICMP error of a router, or of whoever is `src`, about a packet that it got."""
    quoted = about if isinstance(about, bytes) else bytes(about)
    return IP(src=src, dst=IP(quoted).src) / ICMP(type=kind, code=code, **fields) / Raw(quoted[:128])


def mapped(gate, packet):
    """Send from inside; returns the packet that comes out."""
    return only(gate.out(packet).outside)


def passes(gate, packet):
    """Whether what is sent from outside arrives inside."""
    inside = gate.into(packet).inside
    return bool(inside) and only(inside) is not None


class Connection:
    """TCP between a host inside and one outside. Each end's packets are as a stack would send them."""

    def __init__(self, gate, port=None, *, host=A, peer=PEER, peer_port=80):
        self.gate, self.host, self.port = gate, host, port or gate.new_port()
        self.peer, self.peer_port = peer, peer_port
        self.public = PUBLIC, self.port
        self.next, self.peer_next = 1000, 900000

    @staticmethod
    def _length(flags, data):
        return len(data) + ("S" in flags) + ("F" in flags)

    def from_host(self, flags, data=b""):
        ack = self.peer_next if "A" in flags else 0
        packet = IP(src=self.host, dst=self.peer) / TCP(
            sport=self.port, dport=self.peer_port, flags=flags, seq=self.next, ack=ack) / Raw(data)
        self.next += self._length(flags, data)
        return packet

    def from_peer(self, flags, data=b""):
        ack = self.next if "A" in flags else 0
        packet = IP(src=self.peer, dst=self.public[0]) / TCP(
            sport=self.peer_port, dport=self.public[1], flags=flags, seq=self.peer_next,
            ack=ack) / Raw(data)
        self.peer_next += self._length(flags, data)
        return packet

    def say(self, flags, data=b""):
        """The host sends; it must arrive. Returns what the peer gets."""
        got = mapped(self.gate, self.from_host(flags, data))
        assert got[TCP].flags == flags and bytes(got[TCP].payload)[:len(data)] == data
        self.public = got.src, got.sport
        return got

    def hear(self, flags, data=b""):
        """The peer sends; it must arrive. Returns what the host gets."""
        got = only(self.gate.into(self.from_peer(flags, data)).inside)
        assert (got.dst, got.dport) == (self.host, self.port) and got[TCP].flags == flags
        return got

    def open(self):
        self.say("S")
        self.hear("SA")
        self.say("A")
        return self

    def lives(self):
        """Whether data goes through both ways."""
        self.say("PA", b"is anyone there?")
        self.hear("PA", b"yes")
        return True

    def entry(self):
        return entry(self.gate, "tcp", self.port, host=self.host, peer=self.peer)


class Entry:
    """One flow of the kernel's table, as conntrack(8) writes it."""

    def __init__(self, line):
        self.line = line
        words = line.split()
        self.remaining = int(words[2])  # seconds until it is forgotten
        self.state = words[3]  # of TCP
        ports = re.findall(r"(?:sport|id)=(\d+)", line), re.findall(r"(?:dport|id)=(\d+)", line)
        self.port, self.public_port = int(ports[0][0]), int(ports[1][1])


KEY = {"tcp": "--sport", "udp": "--sport", "icmp": "--icmp-id"}


def entries(gate, protocol, port, *, host=A, peer=PEER):
    done = gate.gw.run("conntrack", "-L", "-p", protocol, "-s", host, "-d", peer, KEY[protocol], port)
    return [Entry(line) for line in done.stdout.splitlines()]


def entry(gate, protocol, port, **which):
    """The one flow from that port inside."""
    found = entries(gate, protocol, port, **which)
    assert len(found) == 1, [each.line for each in found]
    return found[0]


def age(gate, protocol, port, seconds, *, host=A, peer=PEER):
    """Let a flow be as near to its end as if it had been silent for long."""
    gate.gw.run("conntrack", "-U", "-p", protocol, "-s", host, "-d", peer, KEY[protocol], port,
                "-t", seconds)
