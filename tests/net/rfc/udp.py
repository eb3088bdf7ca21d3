# SPDX-License-Identifier: GPL-2.0-or-later
"""RFC 4787: UDP."""
import time

from scapy.layers.inet import ICMP, IP, UDP, fragment
from scapy.packet import Raw

from .flow import (age, answer, entries, entry, error, mapped, nothing, only, passes, udp)
from .table import deviates, requirement
from .wire import A, B, C, HOP, NARROW, OTHER, PEER, POOL, PUBLIC, SERVICE, SERVICE_PORT


ROUTER_INSIDE_A_PROVIDER = "172.16.7.7"


def collide(gate):
    """Two hosts speak from the same port to one peer; returns that port and what the second got."""
    port = gate.new_port()
    assert mapped(gate, udp(port)).sport == port
    other = mapped(gate, udp(port, host=B)).sport
    assert other != port
    return port, other


@requirement(4787, "REQ-1", "MUST", "a port inside is the same public port to every destination",
             deviation="""conntrack maps flows, not ports. A host's port stays the same to every
             destination as long as no other host holds that public port to the very same address and
             port; then the flow gets another. Port and address are never shared to one destination.""")
def mapping_does_not_depend_on_the_destination(gate):
    port, other = collide(gate)
    for peer, peer_port in ((OTHER, 80), (OTHER, 81), (PEER, 81)):
        assert mapped(gate, udp(port, peer=peer, peer_port=peer_port)).sport == port
    # So it is with a port that may not be kept, and with one that could not be ...
    assert len({mapped(gate, udp(500, peer=f"198.51.100.{n}")).sport for n in range(30, 60)}) == 1
    assert mapped(gate, udp(port, host=B, peer=OTHER)).sport == other
    # ... until its public port is somebody's to that destination.
    assert mapped(gate, udp(other, peer=HOP)).sport == other
    deviates(mapped(gate, udp(port, host=B, peer=HOP)).sport != other)


@requirement(4787, "REQ-2", "SHOULD", "with several public addresses, a host has one of them")
def pooling_is_paired(gate):
    hosts = [f"10.40.115.{n}" for n in range(10, 30)]
    taken = {}
    for host in hosts:
        taken[host] = {mapped(gate, udp(gate.new_port(), host=host, peer=peer)).src
                       for peer in (PEER, OTHER, HOP)}
    assert all(len(each) == 1 for each in taken.values())
    assert set().union(*taken.values()) == set(POOL)


@requirement(4787, "REQ-3", "MUST", "two hosts never share a public port to one destination")
def ports_are_not_overloaded(gate):
    port, other = collide(gate)
    assert entry(gate, "udp", port).public_port == port
    assert entry(gate, "udp", port, host=B).public_port == other
    for public, host in ((port, A), (other, B)):
        reply = only(gate.into(udp(80, host=PEER, peer=PUBLIC, peer_port=public)).inside)
        assert (reply.dst, reply.dport) == (host, port)


@requirement(4787, "REQ-3a", "SHOULD", "a port of 0-1023 is translated to one of 0-1023",
             deviation="""`ports` begins at 1024, so that nobody inside speaks from a port that servers
             trust or block; reserved ports are kept out likewise.""")
def well_known_ports_stay_well_known(gate):
    deviates(mapped(gate, udp(500)).sport >= 1024)


@requirement(4787, "REQ-3a", "SHOULD", "a port of 1024-65535 is translated to one of 1024-65535")
def other_ports_stay_other_ports(gate):
    port, other = collide(gate)
    assert port >= 1024 and other >= 1024
    assert mapped(gate, udp(1024)).sport >= 1024 and mapped(gate, udp(65535)).sport >= 1024


@requirement(4787, "REQ-4", "SHOULD", "an even port stays even, an odd one odd",
             deviation="""A port that is free is kept, and its parity with it. For one that is taken
             the kernel picks another at random. RFC 7857 section 8 lets a NAT do so.""")
def parity_is_preserved(gate):
    for _ in range(2):
        port = gate.new_port()
        assert mapped(gate, udp(port)).sport == port
    deviates(any((port - other) % 2 for port, other in (collide(gate) for _ in range(20))))


@requirement(4787, "REQ-5", "MUST", "a silent UDP flow lives for two minutes, answered or not")
def udp_lives_two_minutes(gate):
    port = gate.new_port()
    sent = mapped(gate, udp(port))
    assert entry(gate, "udp", port).remaining >= 120
    assert passes(gate, answer(sent))
    assert entry(gate, "udp", port).remaining >= 120
    mapped(gate, udp(port))
    assert entry(gate, "udp", port).remaining >= 120


@requirement(4787, "REQ-5c", "SHOULD", "and by default for five minutes")
def udp_lives_five_minutes(gate):
    port = gate.new_port()
    sent = mapped(gate, udp(port))
    assert 295 <= entry(gate, "udp", port).remaining <= 300
    assert passes(gate, answer(sent))
    assert 295 <= entry(gate, "udp", port).remaining <= 300


@requirement(4787, "REQ-5b", "MAY", "how long UDP lives can be configured, and is kept to", gateway="tight")
def udp_lives_as_long_as_configured(gate):
    port = gate.new_port()
    sent = mapped(gate, udp(port))
    assert passes(gate, answer(sent))
    time.sleep(3.5)
    assert not passes(gate, answer(sent)) and not entries(gate, "udp", port)


@requirement(4787, "REQ-6", "MUST", "what a host sends keeps its flow alive")
def outbound_packets_refresh(gate):
    port = gate.new_port()
    mapped(gate, udp(port))
    age(gate, "udp", port, 20)
    mapped(gate, udp(port))
    assert entry(gate, "udp", port).remaining >= 295


@requirement(4787, "REQ-6a", "MAY", "what it receives does as well")
def inbound_packets_refresh(gate):
    port = gate.new_port()
    sent = mapped(gate, udp(port))
    assert passes(gate, answer(sent))
    age(gate, "udp", port, 20)
    assert passes(gate, answer(sent))
    assert entry(gate, "udp", port).remaining >= 295


@requirement(4787, "REQ-7", "MUST", "hosts outside that have numbers of the inside can be reached",
             deviation="""The host has one routing table: a number is in one place. The subnets are
             the operator's choice, and nothing that has their numbers is let out by an uplink or in
             from it.""")
def overlapping_numbers_are_translated(gate):
    seen = gate.out(udp(gate.new_port(), peer="10.40.115.77"))
    deviates(not seen.outside)


@requirement(4787, "REQ-8", "SHOULD", "answers come in from any port of an address that was spoken to",
             deviation="""conntrack admits what belongs to a flow: from the address and the port that
             were spoken to, no others. That is stricter, and safer, than what is asked; section 13
             of the RFC counts it as complying.""")
def filtering_is_by_address(gate):
    port = gate.new_port()
    mapped(gate, udp(port))
    assert passes(gate, udp(80, host=PEER, peer=PUBLIC, peer_port=port))
    assert not passes(gate, udp(80, host=OTHER, peer=PUBLIC, peer_port=port))
    deviates(not passes(gate, udp(81, host=PEER, peer=PUBLIC, peer_port=port)))


@requirement(4787, "REQ-9", "MUST", "hosts inside reach each other by their public address and port",
             deviation="""To a forwarded port they do. To the public port of a flow they do not, as
             nobody but its peer does: see REQ-8.""")
def hairpins(gate):
    seen = gate.out(udp(gate.new_port(), host=B, peer=PUBLIC, peer_port=SERVICE))
    hairpinned = only(seen.inside)
    nothing(seen.outside)
    assert (hairpinned.dst, hairpinned.dport) == (A, SERVICE_PORT)
    port = gate.new_port()
    mapped(gate, udp(port))
    seen = gate.out(udp(gate.new_port(), host=B, peer=PUBLIC, peer_port=port))
    nothing(seen.outside)
    deviates(not any(UDP in each and each.dst == A for each in seen.inside))


@requirement(4787, "REQ-9a", "MUST", "when they do, they see each other's public address and port")
def hairpin_shows_the_external_source(gate):
    port = gate.new_port()
    public = mapped(gate, udp(port, host=B)).sport
    hairpinned = only(gate.out(udp(port, host=B, peer=PUBLIC, peer_port=SERVICE)).inside)
    assert (hairpinned.src, hairpinned.sport) == (PUBLIC, public)
    back = only(gate.out(answer(hairpinned)).inside)
    assert (back.src, back.sport, back.dst, back.dport) == (PUBLIC, SERVICE, B, port)
    pooled = only(gate.out(udp(port, host=C, peer=PUBLIC, peer_port=SERVICE)).inside)
    assert pooled.src == mapped(gate, udp(port, host=C)).src != PUBLIC


SIP = b"REGISTER sip:example.net SIP/2.0\r\nVia: SIP/2.0/UDP %s:5060\r\nContact: <sip:a@%s>\r\n\r\n"


@requirement(4787, "REQ-10", "SHOULD", "no ALG touches UDP")
def no_alg_touches_udp(gate):
    for port in (5060, 69, 137, 161, 1719):  # SIP, TFTP, NetBIOS, SNMP, H.323
        data = SIP % (A.encode(), A.encode())
        assert bytes(mapped(gate, udp(gate.new_port(), peer_port=port, data=data))[Raw]) == data
    assert "helper=" not in gate.gw.output("conntrack", "-L")
    assert not gate.gw.output("conntrack", "-L", "expect")


@requirement(4787, "REQ-11", "MUST", "translation and filtering are the same at any time",
             deviation="""Filtering is. Translation depends on what else goes on: a port is kept if it
             is free to that destination, and random if not.""")
def behaviour_is_deterministic(gate):
    for _ in range(3):
        port = gate.new_port()
        assert mapped(gate, udp(port)).sport == port
        assert not passes(gate, udp(80, host=OTHER, peer=PUBLIC, peer_port=port))
    deviates(mapped(gate, udp(port, host=B)).sport != port)


@requirement(4787, "REQ-11", "MUST", "a packet that comes before the host's own changes neither")
def early_packet_changes_nothing(gate):
    port = gate.new_port()
    nothing(gate.into(udp(80, host=PEER, peer=PUBLIC, peer_port=port)).inside)
    assert mapped(gate, udp(port)).sport == port
    assert passes(gate, udp(80, host=PEER, peer=PUBLIC, peer_port=port))


@requirement(4787, "REQ-12", "MUST", "no ICMP message ends a UDP flow")
def icmp_does_not_end_udp(gate):
    port = gate.new_port()
    sent = mapped(gate, udp(port))
    assert passes(gate, answer(sent))
    for kind, codes in ((3, range(16)), (4, [0]), (5, [0, 1]), (11, [0, 1]), (12, [0])):
        for code in codes:
            for src in (HOP, PEER):
                gate.into(error(sent, kind, code, src))
    assert passes(gate, answer(sent)) and entry(gate, "udp", port).public_port == port


@requirement(4787, "REQ-12a", "SHOULD", "ICMP is not filtered by its source")
def icmp_may_come_from_anywhere(gate):
    sent = mapped(gate, udp(gate.new_port()))
    for src in (PEER, OTHER, HOP, "8.8.8.8", ROUTER_INSIDE_A_PROVIDER):
        assert only(gate.into(error(sent, src=src)).inside).src == src


@requirement(4787, "REQ-12b", "SHOULD", "Destination Unreachable reaches the host that it is for")
def unreachable_is_translated(gate):
    port = gate.new_port()
    sent = mapped(gate, udp(port))
    for code in (0, 1, 3, 13):
        got = only(gate.into(error(sent, 3, code)).inside)
        assert (got.dst, got[ICMP].type, got[ICMP].code) == (A, 3, code)
        assert (got[ICMP].payload.src, got[ICMP].payload.payload.sport) == (A, port)


@requirement(4787, "REQ-13", "MUST", "a packet too big that must not be split is answered, with the MTU")
def too_big_is_answered(gate):
    seen = gate.out(udp(gate.new_port(), data=bytes(NARROW), flags="DF"))
    nothing(seen.outside)
    got = only(seen.inside)
    assert (got.dst, got[ICMP].type, got[ICMP].code, got[ICMP].nexthopmtu) == (A, 3, 4, NARROW)
    assert only(gate.out(udp(gate.new_port(), data=bytes(NARROW - 28), flags="DF")).outside)


@requirement(4787, "REQ-13a", "MUST", "one that may be split is, and its pieces are sent in order")
def too_big_is_split(gate):
    sent = udp(gate.new_port(), data=bytes(range(250)) * 12, id=77)
    pieces = gate.out(sent).outside
    assert all(each.len <= NARROW and each.src == PUBLIC for each in pieces)
    assert len(pieces) > 1 and [each.frag for each in pieces] == sorted(each.frag for each in pieces)
    assert joined(pieces)[8:] == bytes(sent[Raw])


def joined(pieces):
    """What the fragments of a packet carry."""
    whole = bytearray()
    for each in sorted(pieces, key=lambda piece: piece.frag):
        assert each.frag * 8 == len(whole)
        whole += bytes(each.payload)[:each.len - 20]
    assert not pieces or not max(pieces, key=lambda piece: piece.frag).flags.MF
    return bytes(whole)


@requirement(4787, "REQ-14", "MUST", "fragments may come in any order")
def fragments_come_in_any_order(gate):
    port = gate.new_port()
    sent = mapped(gate, udp(port))
    for n, order in enumerate(((0, 1, 2), (2, 1, 0), (1, 2, 0), (1, 0, 2))):
        data = bytes([n]) * 3000
        pieces = fragment(IP(src=PEER, dst=PUBLIC, id=500 + n)
                          / UDP(sport=80, dport=sent.sport) / Raw(data), 1200)
        inbound = gate.into(*(pieces[i] for i in order)).inside
        assert joined(inbound)[8:] == data and {each.dst for each in inbound} == {A}
        pieces = fragment(udp(port, data=data, id=600 + n), 1200)
        outbound = gate.out(*(pieces[i] for i in order)).outside
        assert joined(outbound)[8:] == data and {each.src for each in outbound} == {PUBLIC}


@requirement(4787, "REQ-14a", "MUST", "a flood of fragments stops neither whole packets nor fragments",
             deviation="""Whole packets pass. The kernel keeps pieces that wait for others up to
             net.ipv4.ipfrag_high_thresh (4 MiB); when they are full of a flood's, further packets in
             pieces are lost until those are given up, net.ipv4.ipfrag_time (30 s) later.""",
             gateway="tight")
def flood_of_fragments_stops_nothing(gate):
    sent = mapped(gate, udp(gate.new_port()))
    gate.gw.sysctl({"net.ipv4.ipfrag_low_thresh": 1 << 18})
    gate.gw.sysctl({"net.ipv4.ipfrag_high_thresh": 1 << 18})
    flood = [bytes(IP(src=OTHER, dst=PUBLIC, id=n, proto=17, flags="MF") / bytes(1400))
             for n in range(1000)]
    nothing(gate.into(*flood).inside)
    assert passes(gate, answer(sent))
    pieces = gate.into(*fragment(answer(sent, bytes(3000)), 1200)).inside
    gate.gw.sysctl({"net.ipv4.ipfrag_high_thresh": 4 << 20})
    deviates(not pieces)
