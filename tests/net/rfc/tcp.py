# SPDX-License-Identifier: GPL-2.0-or-later
"""RFC 5382: TCP."""
import time

from scapy.layers.inet import ICMP, IP, TCP
from scapy.packet import Raw

from lab.natd import status

from .flow import Connection, entries, error, mapped, nothing, only, passes
from .table import deviates, requirement
from .wire import A, B, C, HOP, OTHER, PEER, PUBLIC, SERVICE, SERVICE_PORT

ESTABLISHED_S = 2 * 3600 + 4 * 60
TRANSITORY_S = 4 * 60
SYN_SILENCE_S = 6


def collide(gate):
    """Two hosts have connections from one port to one peer."""
    first = Connection(gate).open()
    second = Connection(gate, first.port, host=B).open()
    assert first.public == (PUBLIC, first.port) and second.public != first.public
    return first, second


@requirement(5382, "REQ-1", "MUST", "a port inside is the same public port to every destination",
             deviation="As RFC 4787 REQ-1: so it is while no other host has that port to the very "
             "same address and port.")
def mapping_does_not_depend_on_the_destination(gate):
    first, second = collide(gate)
    for peer, peer_port in ((OTHER, 80), (OTHER, 81), (PEER, 81)):
        again = Connection(gate, first.port, peer=peer, peer_port=peer_port).open()
        assert again.public == first.public
    assert Connection(gate, second.port, host=B, peer=OTHER).open().public == second.public
    Connection(gate, second.public[1], peer=HOP).open()
    deviates(Connection(gate, second.port, host=B, peer=HOP).open().public != second.public)


@requirement(5382, "REQ-2", "MUST", "connections from inside open, carry data, and close")
def connections_from_inside_pass(gate):
    for closing in (("FA", "A", "FA", "A"), ("FA", "FA", "A", "A")):
        c = Connection(gate).open()
        assert c.lives()
        turns = [c.say, c.hear, c.hear, c.say] if closing[1] == "A" else [c.say, c.hear] * 2
        for turn, flags in zip(turns, closing):
            turn(flags)
            if flags == "A" and turn == c.hear:  # half closed: the peer goes on
                c.hear("PA", b"more")
                c.say("A")


@requirement(5382, "REQ-2", "MUST", "connections from outside to a forwarded port do likewise")
def connections_from_outside_pass(gate):
    port = gate.new_port()
    ends = ({"src": PEER, "dst": PUBLIC}, {"sport": port, "dport": SERVICE})
    for flags, seq, ack in (("S", 1, 0), ("A", 2, 501), ("PA", 2, 501), ("FA", 3, 501)):
        data = b"x" if flags == "PA" else b""
        got = only(gate.into(IP(**ends[0]) / TCP(**ends[1], flags=flags, seq=seq, ack=ack)
                             / Raw(data)).inside)
        assert (got.src, got.sport, got.dst, got.dport) == (PEER, port, A, SERVICE_PORT)
        reply = {"S": "SA", "FA": "FA"}.get(flags, "A")
        back = mapped(gate, IP(src=A, dst=PEER) / TCP(
            sport=SERVICE_PORT, dport=port, flags=reply, seq=500 if reply == "SA" else 501,
            ack=seq + len(data) + (flags in ("S", "FA"))))
        assert (back.src, back.sport, back.dport) == (PUBLIC, SERVICE, port)


@requirement(5382, "REQ-2a", "MUST", "both ends may open at once")
def simultaneous_open_passes(gate):
    c = Connection(gate)
    c.say("S")
    c.hear("S")
    c.next, c.peer_next = 1000, 900000
    syn_ack = {"flags": "SA", "seq": 1000, "ack": 900001}
    assert mapped(gate, IP(src=A, dst=PEER) / TCP(sport=c.port, dport=80, **syn_ack))
    syn_ack = {"flags": "SA", "seq": 900000, "ack": 1001}
    assert only(gate.into(IP(src=PEER, dst=PUBLIC) / TCP(sport=80, dport=c.port, **syn_ack)).inside)
    c.next, c.peer_next = 1001, 900001
    assert c.lives() and c.entry().state == "ESTABLISHED"


@requirement(5382, "REQ-3", "SHOULD", "connections come in from an address that was spoken to",
             deviation="As RFC 4787 REQ-8: from the port that was spoken to, which is enough for "
             "both ends to open at once, and from no other.")
def filtering_is_by_address(gate):
    c = Connection(gate).open()
    assert not passes(gate, stray_syn(c.port, src=OTHER))
    deviates(not passes(gate, stray_syn(c.port, source_port=81)))


def stray_syn(port, src=PEER, source_port=80):
    return IP(src=src, dst=PUBLIC) / TCP(sport=source_port, dport=port, flags="S", seq=7)


@requirement(5382, "REQ-4", "MUST", "a SYN that nobody asked for has no answer for six seconds")
def unsolicited_syn_has_no_answer(gate):
    seen = gate.into(stray_syn(gate.new_port()))
    nothing(seen.inside)
    nothing(seen.outside)
    time.sleep(SYN_SILENCE_S + 0.2)
    nothing(gate.flush().outside)


@requirement(5382, "REQ-4a", "MUST", "nor later, since the policy is to tell nothing")
def unsolicited_syn_is_dropped(gate):
    before = status(gate.natd)["drops"]["unsolicited"]
    gate.into(stray_syn(gate.new_port()))
    assert status(gate.natd)["drops"]["unsolicited"] == before + 1


@requirement(5382, "REQ-4", "MUST", "that SYN is forgotten when the host inside opens to its sender")
def unsolicited_syn_is_forgotten(gate):
    c = Connection(gate)
    gate.into(stray_syn(c.port))
    assert c.say("S").sport == c.port
    nothing(gate.flush().outside)
    c.hear("S")


@requirement(5382, "REQ-5", "MUST", "an open connection may be silent for 2 h 4 min")
def established_lives(gate):
    c = Connection(gate).open()
    assert c.entry().remaining >= ESTABLISHED_S - 5
    c.say("PA", b"data")
    c.hear("A")
    assert c.entry().remaining >= ESTABLISHED_S - 5


@requirement(5382, "REQ-5", "MUST", "an open connection may be silent for as long with data unacknowledged")
def unacknowledged_lives(gate):
    c = Connection(gate).open()
    c.say("PA", b"data")
    assert c.entry().remaining >= ESTABLISHED_S - 5


@requirement(5382, "REQ-5", "MUST", "an open connection is one that both have not closed yet")
def half_closed_lives(gate):
    for closes, hears in (("say", "hear"), ("hear", "say")):
        c = Connection(gate).open()
        getattr(c, closes)("FA")
        assert c.entry().remaining >= ESTABLISHED_S - 5
        getattr(c, hears)("A")
        assert c.entry().state == "CLOSE_WAIT" and c.entry().remaining >= ESTABLISHED_S - 5
        getattr(c, hears)("PA", b"there is more")
        assert c.entry().remaining >= ESTABLISHED_S - 5


@requirement(5382, "REQ-5", "MUST", "one that opens or closes may be silent for 4 min")
def transitory_lives(gate):
    c = Connection(gate)
    states = {}

    def note():
        states[c.entry().state] = c.entry().remaining
    c.say("S")
    note()
    c.hear("SA")
    note()
    c.say("A")
    c.say("FA")
    c.hear("FA")
    note()
    c.say("A")
    note()
    assert {"SYN_SENT", "SYN_RECV", "LAST_ACK", "TIME_WAIT"} == set(states)
    assert min(states.values()) >= TRANSITORY_S - 5, states


@requirement(5382, "REQ-5a", "MAY", "how long TCP lives can be configured, and is kept to", gateway="tight")
def timeouts_can_be_configured(gate):
    opening, opened = Connection(gate), Connection(gate).open()
    opening.say("S")
    assert opened.entry().remaining > 2
    time.sleep(3.2)
    assert not entries(gate, "tcp", opening.port) and opened.lives()


FTP = b"PORT 10,40,15,10,80,80\r\n"


@requirement(5382, "REQ-6", "SHOULD", "no ALG touches TCP")
def no_alg_touches_tcp(gate):
    for port, data in ((21, FTP), (5060, b"INVITE sip:10.40.15.10 SIP/2.0\r\n\r\n"), (1723, b"x"),
                       (6667, b"PRIVMSG a :\x01DCC CHAT chat 170397450 5000\x01\r\n")):
        c = Connection(gate, peer_port=port).open()
        assert bytes(c.say("PA", data)[Raw]) == data
        assert "helper=" not in c.entry().line
    assert not gate.gw.output("conntrack", "-L", "expect")


@requirement(5382, "REQ-7", "MUST", "two hosts never share a public port to one destination")
def ports_are_not_overloaded(gate):
    first, second = collide(gate)
    assert first.lives() and second.lives()


@requirement(5382, "REQ-8", "MUST", "hosts inside reach each other by their public address and port",
             deviation="As RFC 4787 REQ-9: to a forwarded port, not to the public port of a flow.")
def hairpins(gate):
    c = Connection(gate).open()
    syn = IP(src=B, dst=PUBLIC) / TCP(sport=gate.new_port(), dport=SERVICE, flags="S", seq=7)
    got = only(gate.out(syn).inside)
    assert (got.dst, got.dport) == (A, SERVICE_PORT)
    syn = IP(src=B, dst=PUBLIC) / TCP(sport=gate.new_port(), dport=c.port, flags="S", seq=7)
    deviates(not any(each.dst == A for each in gate.out(syn).inside))


@requirement(5382, "REQ-8a", "MUST", "when they do, they see each other's public address and port")
def hairpin_shows_the_external_source(gate):
    for host in (B, C):
        c = Connection(gate, host=host).open()
        syn = IP(src=host, dst=PUBLIC) / TCP(sport=c.port, dport=SERVICE, flags="S", seq=7)
        got = only(gate.out(syn).inside)
        assert (got.src, got.sport) == c.public
        back = only(gate.out(IP(src=A, dst=got.src) / TCP(sport=SERVICE_PORT, dport=got.sport,
                                                          flags="SA", seq=70, ack=8)).inside)
        assert (back.src, back.sport, back.dst, back.dport) == (PUBLIC, SERVICE, host, c.port)


@requirement(5382, "REQ-9", "SHOULD", "Destination Unreachable reaches the host that it is for")
def unreachable_is_translated(gate):
    c = Connection(gate)
    syn = c.say("S")
    for code in (0, 1, 3, 4, 13):
        got = only(gate.into(error(syn, 3, code)).inside)
        assert (got.dst, got[ICMP].type, got[ICMP].code) == (A, 3, code)
        assert (got[ICMP].payload.src, got[ICMP].payload.payload.sport) == (A, c.port)


@requirement(5382, "REQ-10", "MUST", "no ICMP message ends a connection or what is known of it")
def icmp_does_not_end_tcp(gate):
    c = Connection(gate).open()
    data = c.say("PA", b"data")
    before = c.entry()
    for kind, codes in ((3, range(16)), (4, [0]), (5, [0, 1]), (11, [0, 1]), (12, [0])):
        for code in codes:
            for src in (HOP, PEER):
                gate.into(error(data, kind, code, src))
    assert c.entry().state == before.state and c.lives()
