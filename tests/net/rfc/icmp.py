# SPDX-License-Identifier: GPL-2.0-or-later
"""RFC 5508: ICMP."""
import struct

from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP, IPOption_RR
from scapy.packet import Raw

from .flow import Connection, age, answer, entry, error, mapped, nothing, only, passes, ping, udp
from .table import deviates, requirement
from .wire import (A, B, C, CITY, HOP, LIMITED, OTHER, PEER, PREFIXED, PREFIXED_PUBLIC, PUBLIC, SERVICE,
                   TALKATIVE)

QUERY_S = 60


@requirement(5508, "REQ-1", "MUST", "queries from inside go out, and their answers come back")
def queries_pass(gate):
    for ident in (gate.new_port(), 7, 0):
        sent = mapped(gate, ping(ident))
        assert sent.src == PUBLIC and bytes(sent[Raw]) == b"ping"
        got = only(gate.into(answer(sent)).inside)
        assert (got.dst, got[ICMP].type, got[ICMP].id) == (A, 0, ident)
    stamp = IP(src=A, dst=PEER) / ICMP(type=13, id=gate.new_port())
    sent = mapped(gate, stamp)
    got = only(gate.into(IP(src=PEER, dst=PUBLIC) / ICMP(type=14, id=sent[ICMP].id)).inside)
    assert (got.dst, got[ICMP].type, got[ICMP].id) == (A, 14, stamp[ICMP].id)


@requirement(5508, "REQ-1a", "SHOULD", "a query's identifier is the same to every destination")
def identifiers_do_not_depend_on_the_destination(gate):
    ident = gate.new_port()
    assert {mapped(gate, ping(ident, peer=peer))[ICMP].id for peer in (PEER, OTHER, HOP)} == {ident}
    got = mapped(gate, ping(ident, host=B))[ICMP].id
    assert got != ident and mapped(gate, ping(ident, host=B, peer=OTHER))[ICMP].id == got


@requirement(5508, "REQ-2", "MUST", "a query may be silent for 60 s")
def queries_live(gate):
    ident = gate.new_port()
    sent = mapped(gate, ping(ident))
    first = entry(gate, "icmp", ident).remaining
    assert passes(gate, answer(sent))
    assert min(first, entry(gate, "icmp", ident).remaining) >= QUERY_S - 5


@requirement(5508, "REQ-2a", "SHOULD", "how long a query may be silent can be configured",
             deviation="It is 60 s, the least that the RFC allows.",
             gateway="tight")
def query_timeout_can_be_configured(gate):
    ident = gate.new_port()
    mapped(gate, ping(ident))
    deviates(entry(gate, "icmp", ident).remaining >= QUERY_S - 5)


def quoting_udp(gate, **ip):
    """A packet of a UDP flow as its peer got it, and the port inside."""
    port = gate.new_port()
    return mapped(gate, udp(port, **ip)), port


def spoilt(packet, offset):
    """Its bytes with two of them changed."""
    data = bytearray(bytes(packet))
    data[offset] ^= 0x55
    data[offset + 1] ^= 0xaa
    return bytes(data)


@requirement(5508, "REQ-3", "SHOULD", "an error with a wrong checksum is dropped in silence")
def wrong_icmp_checksum_is_dropped(gate):
    sent, _ = quoting_udp(gate)
    seen = gate.into(spoilt(error(sent), 22))
    nothing(seen.inside)
    nothing(seen.outside)
    assert only(gate.into(error(sent)).inside)


@requirement(5508, "REQ-3a", "SHOULD", "an error that quotes a wrong IP checksum is dropped in silence",
             deviation="""conntrack finds the flow by addresses and ports, and leaves the checksum of the
             packet inside to the host that sent it. Nothing is known to come of that.""")
def wrong_embedded_ip_checksum_is_dropped(gate):
    sent, _ = quoting_udp(gate)
    deviates(gate.into(error(spoilt(sent, 10))).inside)


@requirement(5508, "REQ-3b", "MUST", "the packet that an error is about may have IP options")
def embedded_options_are_skipped(gate):
    options = [IPOption_RR(routers=["0.0.0.0"] * 3), IPOption_NOP()]
    sent, port = quoting_udp(gate, options=options)
    assert sent.ihl > 5
    got = only(gate.into(error(sent)).inside)[ICMP].payload
    assert got.ihl == sent.ihl and (got.src, got.payload.sport) == (A, port)


@requirement(5508, "REQ-3c", "SHOULD", "the transport checksum of that packet may be wrong, or not be there")
def embedded_transport_checksum_is_ignored(gate):
    sent, port = quoting_udp(gate)
    for about in (spoilt(sent, 26), bytes(sent)[:28]):
        got = only(gate.into(error(about)).inside)[ICMP].payload
        assert (got.src, got.payload.sport) == (A, port)


@requirement(5508, "REQ-3d", "MUST", "padding and ICMP extensions behind that packet do no harm")
def extensions_do_no_harm(gate):
    sent, port = quoting_udp(gate)
    label = struct.pack(">BxHHBBI", 0x20, 0, 8, 1, 1, 0x12345678)  # RFC 4884, an MPLS label
    quoted = bytes(sent).ljust(128, b"\0") + label
    sent = IP(src=HOP, dst=PUBLIC) / ICMP(type=11, code=0, length=32) / Raw(quoted)
    got = only(gate.into(sent).inside)
    assert got.dst == A and bytes(got).endswith(label)
    inner = IP(bytes(got)[28:])
    assert (inner.src, inner[UDP].sport) == (A, port)


@requirement(5508, "REQ-4", "SHOULD", "an error from outside about no flow is dropped in silence")
def errors_about_nothing_are_dropped(gate):
    seen = gate.into(error(udp(gate.new_port(), host=PUBLIC)),
                     error(IP(src=PUBLIC, dst=PEER) / TCP(sport=gate.new_port(), dport=80)),
                     error(ping(gate.new_port(), host=PUBLIC)))
    nothing(seen.inside)
    nothing(seen.outside)


def check_inner(got, sent, host, port):
    """The error that arrived is about what was sent, header by header."""
    inner = IP(bytes(got[ICMP].payload))
    assert (inner.src, inner.dst, inner.id) == (host, sent.dst, sent.id)
    whole = IP(bytes(inner))
    del whole.chksum
    assert IP(bytes(whole)).chksum == inner.chksum
    assert port in (getattr(inner.payload, "sport", None), getattr(inner.payload, "id", None))


@requirement(5508, "REQ-4a", "MUST", "in an error from outside, the packet quoted is as the host sent it")
def errors_from_outside_are_reverted(gate):
    port = gate.new_port()
    for sent in (udp(port, id=11), ping(port), IP(src=A, dst=PEER) / TCP(sport=port, dport=80, seq=9),
                 udp(port, host=C)):
        got = only(gate.into(error(mapped(gate, sent))).inside)
        check_inner(got, IP(bytes(sent)), sent.src, port)
        inner = IP(bytes(got[ICMP].payload))
        assert bytes(inner.payload)[:8] == bytes(IP(bytes(sent)).payload)[:8]


@requirement(5508, "REQ-4b", "MUST", "type, code and what else its header says are as they were")
def errors_keep_their_type(gate):
    sent, _ = quoting_udp(gate)
    for kind, code, more in ((3, 0, {}), (3, 4, {"nexthopmtu": 1280}), (3, 13, {}), (11, 0, {}),
                             (11, 1, {}), (12, 0, {"ptr": 20})):
        got = only(gate.into(error(sent, kind, code, **more)).inside)[ICMP]
        assert (got.type, got.code) == (kind, code)
        assert all(getattr(got, name) == value for name, value in more.items())


@requirement(5508, "REQ-4c", "MUST", "it goes to the host that sent that packet, in the name of who sent it")
def errors_find_the_host(gate):
    for host in (A, B, C):
        sent = mapped(gate, udp(gate.new_port(), host=host))
        got = only(gate.into(error(sent)).inside)
        assert (got.src, got.dst) == (HOP, host)


def from_peer(gate):
    """What a host inside gets of a peer, over a flow that it began; and as what it was sent."""
    sent, port = quoting_udp(gate)
    reply = answer(sent)
    return only(gate.into(reply).inside), reply, port


@requirement(5508, "REQ-5", "SHOULD", "an error from inside about no flow is dropped in silence")
def errors_from_inside_about_nothing_are_dropped(gate):
    about = IP(src=PEER, dst=A) / UDP(sport=80, dport=gate.new_port())
    seen = gate.out(error(about, 3, 3, src=A))
    nothing(seen.outside)
    nothing(seen.inside)


@requirement(5508, "REQ-5a", "MUST", "in an error from inside, the packet quoted is as the peer sent it")
def errors_from_inside_are_reverted(gate):
    got, reply, port = from_peer(gate)
    inner = only(gate.out(error(got, 3, 3, src=A)).outside)[ICMP].payload
    assert (inner.src, inner.dst, inner.payload.sport) == (PEER, PUBLIC, 80)
    assert inner.payload.dport == reply.dport == port


@requirement(5508, "REQ-5b", "MUST", "type and code are as they were")
def errors_from_inside_keep_their_type(gate):
    got, _, _ = from_peer(gate)
    for kind, code in ((3, 3), (3, 1), (3, 13), (11, 1)):
        error_out = only(gate.out(error(got, kind, code, src=A)).outside)[ICMP]
        assert (error_out.type, error_out.code) == (kind, code)


@requirement(5508, "REQ-5c", "MUST", "it has a public address, whoever inside sent it")
def errors_from_inside_are_translated(gate):
    got, _, _ = from_peer(gate)
    for src in (A, B, "10.40.15.99"):
        assert only(gate.out(error(got, 3, 1, src=src)).outside).src == PUBLIC
    port = gate.new_port()
    sent = mapped(gate, udp(port, host=C))
    got = only(gate.into(answer(sent)).inside)
    assert only(gate.out(error(got, 3, 3, src=C)).outside).src == sent.src


@requirement(5508, "REQ-6", "MUST", "an error neither refreshes nor ends the flow of a query")
def errors_do_not_touch_queries(gate):
    ident = gate.new_port()
    sent = mapped(gate, ping(ident))
    age(gate, "icmp", ident, 10)
    assert only(gate.into(error(sent, 11, 0)).inside)
    assert 5 <= entry(gate, "icmp", ident).remaining <= 10
    got = only(gate.into(answer(sent)).inside)
    age(gate, "icmp", ident, 10)
    assert only(gate.out(error(got, 3, 1, src=A)).outside)
    assert 5 <= entry(gate, "icmp", ident).remaining <= 10
    assert passes(gate, answer(sent))


@requirement(5508, "REQ-7", "MUST", "a NAT by address alone passes hairpinned queries",
             deviation="""With `snat_prefix`, the one way without ports, flows begin inside as with all
             others: who is inside another subnet reaches such a host by its own address.""")
def queries_hairpin_to_an_address(gate):
    assert mapped(gate, ping(gate.new_port(), host=PREFIXED)).src == PREFIXED_PUBLIC
    deviates(not gate.out(ping(gate.new_port(), host=B, peer=PREFIXED_PUBLIC)).inside)


@requirement(5508, "REQ-7", "MUST", "errors about hairpinned packets pass as well")
def errors_hairpin(gate):
    port = gate.new_port()
    got = only(gate.out(udp(port, host=B, peer=PUBLIC, peer_port=SERVICE)).inside)
    back = only(gate.out(error(got, 3, 3, src=A)).inside)
    inner = back[ICMP].payload
    assert (inner.src, inner.dst) == (B, PUBLIC)
    assert (inner.payload.sport, inner.payload.dport) == (port, SERVICE)


@requirement(5508, "REQ-7a", "MUST", "they go to the host that sent those, in the name of a public address")
def hairpinned_errors_find_the_host(gate):
    got = only(gate.out(udp(gate.new_port(), host=B, peer=PUBLIC, peer_port=SERVICE)).inside)
    back = only(gate.out(error(got, 3, 3, src=A)).inside)
    assert (back.src, back.dst) == (PUBLIC, B)


@requirement(5508, "REQ-8", "SHOULD", "a flow that there is no room for is refused by ICMP 3/13",
             gateway="tight")
def flows_without_room_are_refused(gate):
    peer = "198.51.100.99"
    for _ in range(40):
        seen = gate.out(udp(gate.new_port(), peer=peer))
        if seen.inside:
            break
    nothing(seen.outside)
    got = only(seen.inside)[ICMP]
    assert (got.type, got.code) == (3, 13)
    assert gate.out(udp(gate.new_port(), peer=OTHER)).outside


@requirement(5508, "REQ-8", "SHOULD", "a TCP connection that there is no room for is refused by ICMP 3/13",
             deviation="It is refused by a reset, which every host takes for an answer at once.",
             gateway="tight")
def connections_without_room_are_refused(gate):
    for _ in range(40):
        seen = gate.out(Connection(gate, peer="198.51.100.96").from_host("S"))
        if seen.inside:
            break
    nothing(seen.outside)
    deviates("R" in only(seen.inside)[TCP].flags)


@requirement(5508, "REQ-8", "SHOULD", "a flow that policy forbids is refused by ICMP 3/13",
             deviation="""What must not leave by an uplink is dropped in silence: while a tunnel comes up
             again, hosts go on trying, where an error would end their attempts.""")
def flows_that_policy_forbids_are_refused(gate):
    seen = gate.out(udp(gate.new_port(), peer=CITY), udp(gate.new_port(), peer="127.0.0.9"))
    nothing(seen.outside)
    deviates(not seen.inside)


@requirement(5508, "REQ-10a", "MUST", "the gateway itself tells of a hop limit that ran out")
def gateway_tells_of_the_hop_limit(gate):
    got = only(gate.out(udp(gate.new_port(), ttl=1)).inside)
    assert (got.dst, got[ICMP].type, got[ICMP].code) == (A, 11, 0)


@requirement(5508, "REQ-10a", "MUST", "what it tells hosts outside is about what they sent, and names nobody inside")
def gateway_tells_nobody_of_the_inside(gate):
    late = answer(mapped(gate, udp(gate.new_port())))
    to_forward = udp(gate.new_port(), host=PEER, peer=PUBLIC, peer_port=SERVICE)
    for packet in (late, to_forward):
        packet.ttl = 1
        got = only(gate.into(packet).outside)
        quoted = IP(bytes(got[ICMP].payload))
        assert (got.src, got[ICMP].type) == (PUBLIC, 11)
        assert (quoted.src, quoted.dst, quoted.payload.dport) == (PEER, PUBLIC, packet.dport)


@requirement(5508, "REQ-10a", "MUST", "the gateway itself tells of what it cannot reach")
def gateway_tells_of_the_unreachable(gate):
    gate.gw.ip("route add unreachable 198.51.100.77")
    # From a host that the kernel has told little until now: it holds back what it tells one host.
    got = only(gate.out(udp(gate.new_port(), host=LIMITED, peer="198.51.100.77")).inside)
    assert (got.dst, got[ICMP].type, got[ICMP].code) == (LIMITED, 3, 1)


@requirement(5508, "REQ-10a", "MUST", "the gateway itself answers pings, from both sides")
def gateway_answers_pings(gate):
    assert only(gate.out(ping(gate.new_port(), peer="10.40.15.1")).inside)[ICMP].type == 0
    assert only(gate.into(ping(gate.new_port(), host=PEER, peer=PUBLIC)).outside)[ICMP].type == 0


@requirement(5508, "REQ-10c", "SHOULD", "the gateway obeys no source quench, and answers no information request")
def source_quench_is_dead(gate):
    port = gate.new_port()
    sent = mapped(gate, udp(port))
    gate.into(error(sent, 4, 0))
    assert passes(gate, answer(sent))
    nothing(gate.into(IP(src=PEER, dst=PUBLIC) / ICMP(type=15)).outside)


@requirement(5508, "REQ-10d", "SHOULD", "an ICMP error has the DS field of what it is about",
             deviation="""The kernel gives its errors the precedence of internetwork control, as RFC 1812
             asks of routers (4.3.2.5), and keeps the lower bits.""")
def errors_keep_the_ds_field(gate):
    expedited = 0xb8
    got = only(gate.out(udp(gate.new_port(), ttl=1, tos=expedited)).inside)
    deviates(got.tos == 0xc0 | expedited & 0x1e)


@requirement(5508, "REQ-10e", "SHOULD", "the gateway tells no ICMP error about an ICMP error, or what all were sent")
def errors_beget_no_errors(gate):
    got, _, _ = from_peer(gate)
    doomed = error(got, 3, 3, src=A)
    doomed.ttl = 1
    seen = gate.out(doomed, udp(gate.new_port(), peer="10.40.15.255", ttl=1))
    nothing(seen.inside)
    nothing(seen.outside)


@requirement(5508, "REQ-10f", "SHOULD", "how many ICMP errors the gateway tells a host is limited", gateway="tight")
def errors_are_limited(gate):
    gate.gw.sysctl({"net.ipv4.icmp_ratelimit": 1000})  # the default
    told = gate.out(*(udp(gate.new_port(), host=TALKATIVE, ttl=1) for _ in range(50))).inside
    gate.gw.sysctl({"net.ipv4.icmp_ratelimit": 0})
    assert 0 < len(told) < 20


@requirement(5508, "REQ-11", "MAY", "other ICMP messages from outside are dropped")
def other_messages_are_dropped(gate):
    for kind in (5, 9, 10, 17, 18, 40):
        seen = gate.into(IP(src=PEER, dst=PUBLIC) / ICMP(type=kind) / Raw(bytes(20)))
        nothing(seen.inside)
        nothing(seen.outside)
