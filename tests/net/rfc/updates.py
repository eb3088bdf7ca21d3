# SPDX-License-Identifier: GPL-2.0-or-later
"""RFC 7857, which updates the three others, and what of RFC 6888 is for more than carriers."""
from scapy.layers.inet import ICMP, IP, TCP, UDP

from .flow import Connection, age, answer, entry, error, mapped, only, passes, ping, udp
from .table import deviates, requirement
from .wire import A, B, C, LIMIT, LIMITED, OTHER, PEER, POOL, PUBLIC



@requirement(7857, "2", "SHOULD", "TCP is followed by the RFC's state machine",
             deviation="""conntrack has states of its own, which tell more. They differ in one thing that
             shows: data after a reset makes the connection no open one again. It passes, and the flow
             lives on by the timeout of a reset one.""")
def tcp_is_followed_by_the_state_machine(gate):
    c = Connection(gate)
    for turn, flags, state in ((c.say, "S", "SYN_SENT"), (c.hear, "SA", "SYN_RECV"), (c.say, "A", "ESTABLISHED"),
                               (c.hear, "RA", "CLOSE")):
        turn(flags)
        assert c.entry().state == state
    assert c.say("PA", b"I heard no reset")
    deviates(c.entry().state == "CLOSE")


@requirement(7857, "2.1", "SHOULD", "opening and closing TCP have timeouts of their own",
             gateway="tight")
def opening_and_closing_have_their_own_timeouts(gate):
    opening, closing = Connection(gate), Connection(gate).open()
    opening.say("S")
    closing.say("FA")
    closing.hear("FA")
    assert opening.entry().remaining <= 2 < closing.entry().remaining <= 12


@requirement(7857, "2.1", "MAY", "that of opening TCP can be less than 4 min", gateway="tight")
def opening_timeout_can_be_short(gate):
    c = Connection(gate)
    c.say("S")
    assert c.entry().remaining <= 2


@requirement(7857, "2.1", "SHOULD", "by default neither is less than 4 min")
def transitory_timeouts_are_long_by_default(gate):
    opening, closing = Connection(gate), Connection(gate).open()
    opening.say("S")
    closing.say("FA")
    closing.hear("FA")
    assert min(opening.entry().remaining, closing.entry().remaining) >= 235


@requirement(7857, "2.2", "MUST", "a RST that belongs to a flow is translated")
def resets_are_translated(gate):
    c = Connection(gate).open()
    assert c.hear("RA")[TCP].dport == c.port
    c = Connection(gate).open()
    assert c.say("RA").src == PUBLIC


@requirement(7857, "2.2", "SHOULD", "after a RST the flow is kept for 4 min")
def reset_flows_linger(gate):
    c = Connection(gate).open()
    c.hear("RA")
    assert c.entry().state == "CLOSE"
    assert 230 < c.entry().remaining <= 240


# Of a note there, in which the NAT "has to" tell them apart.
@requirement(7857, "2.2 note", "SHOULD", "a RST that is not of the connection does not end its flow")
def forged_resets_do_nothing(gate):
    c = Connection(gate).open()
    assert c.lives()
    for seq in (1, c.peer_next - 100000, c.peer_next + 1000000):
        gate.into(IP(src=PEER, dst=PUBLIC) / TCP(sport=80, dport=c.port, flags="R", seq=seq))
        assert c.entry().state == "ESTABLISHED"
    assert c.lives()


@requirement(7857, "3", "MAY", "hosts share a public port where their destinations differ")
def ports_overlap(gate):
    port = gate.new_port()
    for host, peer in ((A, PEER), (B, OTHER)):
        sent = mapped(gate, udp(port, host=host, peer=peer))
        assert sent.sport == port and only(gate.into(answer(sent)).inside).dst == host


@requirement(7857, "4", "SHOULD", "a host whose public address is out of ports is not moved to another",
             gateway="tight")
def paired_address_without_ports_is_not_left(gate):
    peer, taken = "198.51.100.98", set()
    for _ in range(40):
        seen = gate.out(udp(gate.new_port(), host=C, peer=peer))
        taken |= {each.src for each in seen.outside}
        if seen.inside:
            break
    assert only(seen.inside)[ICMP].code == 13 and len(taken) == 1


@requirement(7857, "4", "SHOULD", "the same holds for TCP", gateway="tight")
def paired_address_without_ports_is_not_left_by_tcp(gate):
    peer, taken = "198.51.100.97", set()
    for _ in range(40):
        seen = gate.out(Connection(gate, host=C, peer=peer).from_host("S"))
        taken |= {each.src for each in seen.outside}
        if seen.inside:
            break
    assert "R" in only(seen.inside)[TCP].flags and len(taken) == 1


@requirement(7857, "5", "SHOULD", "mappings are of one protocol: UDP's say nothing of TCP's")
def mappings_are_of_one_protocol(gate):
    c = Connection(gate)
    assert mapped(gate, udp(c.port, host=B)).sport == c.port
    assert c.open().public == (PUBLIC, c.port)


@requirement(7857, "6", "SHOULD", "filters are of one protocol: what UDP opened is open to UDP alone")
def filters_are_of_one_protocol(gate):
    port = gate.new_port()
    mapped(gate, udp(port))
    assert not passes(gate, IP(src=PEER, dst=PUBLIC) / TCP(sport=80, dport=port, flags="S"))
    assert passes(gate, udp(80, host=PEER, peer=PUBLIC, peer_port=port))


@requirement(7857, "7", "SHOULD", "what a filter rejects does not keep a flow alive")
def rejected_packets_do_not_refresh(gate):
    port = gate.new_port()
    mapped(gate, udp(port))
    age(gate, "udp", port, 20)
    for source, source_port in ((OTHER, 80), (PEER, 81)):
        assert not passes(gate, udp(source_port, host=source, peer=PUBLIC, peer_port=port))
    assert entry(gate, "udp", port).remaining <= 20


@requirement(7857, "7", "SHOULD", "the same holds for TCP")
def rejected_segments_do_not_refresh(gate):
    c = Connection(gate).open()
    age(gate, "tcp", c.port, 20)
    for source, source_port, flags in ((OTHER, 80, "A"), (PEER, 81, "S"), (PEER, 81, "PA")):
        assert not passes(gate, IP(src=source, dst=PUBLIC) / TCP(sport=source_port, dport=c.port, flags=flags))
    assert c.entry().remaining <= 20


@requirement(7857, "7.1", "SHOULD", "an ICMP error by which a host answers does not, either")
def errors_do_not_refresh(gate):
    port = gate.new_port()
    got = only(gate.into(answer(mapped(gate, udp(port)))).inside)
    age(gate, "udp", port, 20)
    assert only(gate.out(error(got, 3, 3, src=A)).outside)
    assert entry(gate, "udp", port).remaining <= 20


@requirement(7857, "7.1", "SHOULD", "nor does a RST of the host")
def resets_do_not_refresh(gate):
    c = Connection(gate).open()
    before = c.entry().remaining
    c.say("R")
    assert c.entry().remaining < before


@requirement(7857, "8", "SHOULD", "a port's parity can be kept on demand",
             deviation="""There is no protocol by which a host could ask (PCP). A port that must be the
             same is a forwarded one.""")
def parity_can_be_asked_for(gate):
    request = bytes([2, 1]) + bytes(58)  # PCP, MAP
    seen = gate.out(udp(gate.new_port(), peer="10.40.15.1", peer_port=5351, data=request))
    deviates(not any(each.haslayer(UDP) for each in seen.inside))


@requirement(7857, "9", "SHOULD", "a port that cannot be kept is replaced by one that nobody can guess")
def changed_ports_are_random(gate):
    changed = []
    for _ in range(30):
        port = gate.new_port()
        mapped(gate, udp(port))
        changed.append(mapped(gate, udp(port, host=B)).sport)
    steps = {b - a for a, b in zip(changed, changed[1:])}
    assert len(steps) > 25 and max(changed) - min(changed) > 10000


@requirement(7857, "9", "SHOULD", "a port that can be kept is kept")
def free_ports_are_kept(gate):
    for port in (gate.new_port(), 1024, 65535):
        assert mapped(gate, udp(port, peer="198.51.100.55")).sport == port


@requirement(7857, "10", "SHOULD", "packets of two hosts that can be split never share an ID",
             deviation="""The kernel forwards the ID that the host chose. Hosts mark nearly all they send
             as not to be split, where the ID means nothing (RFC 6864).""")
def ids_are_unique(gate):
    ids = [mapped(gate, udp(gate.new_port(), host=host, id=4711)).id for host in (A, B)]
    deviates(ids == [4711, 4711])


@requirement(7857, "11", "MAY", "a query's mapping ends with the last session that uses it")
def query_mappings_end_with_their_sessions(gate):
    ident = gate.new_port()
    for peer in (PEER, OTHER):
        mapped(gate, ping(ident, peer=peer))
        gate.gw.run("conntrack", "-D", "-p", "icmp", "--icmp-id", ident, "-d", peer)
    assert mapped(gate, ping(ident, host=B))[ICMP].id == ident


@requirement(7857, "12", "MAY", "a NAT with ports passes hairpinned queries",
             deviation="A query says no port, so a public address that hosts share leads to none of "
             "them. The gateway answers itself.")
def queries_hairpin(gate):
    mapped(gate, ping(gate.new_port()))
    got = only(gate.out(ping(gate.new_port(), host=B, peer=PUBLIC)).inside)
    deviates((got.src, got.dst, got[ICMP].type) == (PUBLIC, B, 0))


@requirement(6888, "REQ-2", "MUST", "pooling is paired by default: one address in all protocols")
def pooling_is_paired_over_protocols(gate):
    for host in ("10.40.115.40", "10.40.115.41", "10.40.115.42"):
        c = Connection(gate, host=host)
        taken = {c.say("S").src, mapped(gate, udp(gate.new_port(), host=host)).src,
                 mapped(gate, ping(gate.new_port(), host=host)).src}
        assert len(taken) == 1 and taken < set(POOL)


@requirement(6888, "REQ-4", "MUST", "how much one host may take can be limited", gateway="tight")
def hosts_can_be_limited(gate):
    host = LIMITED
    for n in range(10):
        seen = gate.out(udp(gate.new_port(), host=host, peer=f"198.51.100.{150 + n}"))
        assert bool(seen.outside) == (n < LIMIT)
    assert only(seen.inside)[ICMP].code == 13
    assert gate.out(udp(gate.new_port(), host="10.40.16.11", peer="198.51.100.170")).outside


@requirement(6888, "REQ-8c", "MAY", "a port is free at once, since answers come from address and port alone")
def ports_need_no_rest(gate):
    port = gate.new_port()
    mapped(gate, udp(port))
    gate.gw.run("conntrack", "-D", "-p", "udp", "--sport", port, "-s", A)
    assert mapped(gate, udp(port, host=B)).sport == port
    assert not passes(gate, udp(80, host=OTHER, peer=PUBLIC, peer_port=port))
