#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Print tests/golden/segment_vectors.h: frames as a TUN with offloads gives them, and their segments.

All lengths and checksums of the segments are scapy's. With a directory as argument, write the frames
there instead, one a file, as tests/fuzz/fuzz_split.c reads them.
"""
import pathlib
import struct
import sys

from scapy.layers.inet import IP, TCP, UDP, IPOption_NOP
from scapy.layers.inet6 import (HBHOptUnknown, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrHopByHop,
                                IPv6ExtHdrSegmentRouting, PadN)
from scapy.packet import Raw
from scapy.utils import checksum

NEEDS_CSUM, ECN = 1, 0x80
TCPV4, TCPV6, UDP_L4 = 1, 4, 5
SIZE = 24
PAYLOAD = bytes(range(1, 2 * SIZE + 8))
STAMP = [("NOP", None), ("NOP", None), ("Timestamp", (7, 9))]
V4 = {"src": "10.1.0.1", "dst": "10.2.0.1", "ttl": 61}
V6 = {"src": "fd00:1::1", "dst": "fd00:2::1", "hlim": 61, "fl": 0x12345}


def upper_of(packet):
    return packet[TCP] if TCP in packet else packet[UDP]


def with_partial_checksum(packet, destination=None):
    """The bytes of a packet whose checksum is left to the hardware, and where that begins."""
    built = packet.__class__(bytes(packet))
    upper = bytes(upper_of(packet))
    start = len(bytes(packet)) - len(upper)
    protocol, at = (6, 16) if TCP in packet else (17, 6)
    ip = bytes(built)
    addresses = ip[12:20] if ip[0] >> 4 == 4 else ip[8:24] + (destination or ip[24:40])
    pseudo = checksum(addresses + struct.pack("!II", len(upper), protocol)) ^ 0xffff
    frame = bytearray(ip)
    frame[start + at:start + at + 2] = struct.pack("!H", pseudo)
    return bytes(frame), start, at


def pieces(payload):
    return [payload[i:i + SIZE] for i in range(0, len(payload), SIZE)]


def tcp(ip, flags, **fields):
    return ip / TCP(sport=40000, dport=443, ack=0x01020304, window=501, flags=flags, **fields)


def tcp_frame(name, make_ip, gso, flags="A", seq=0xfffffff0, options=(), merges=True, payload=PAYLOAD):
    """A TCP frame; `make_ip` makes the IP part of the n-th segment."""
    frame, start, at = with_partial_checksum(
        tcp(make_ip(0), flags, seq=seq, options=list(options)) / Raw(payload))
    segments, parts = [], pieces(payload)
    for n, part in enumerate(parts):
        now = flags if n == len(parts) - 1 else flags.replace("F", "").replace("P", "")
        now = now if n == 0 else now.replace("C", "")
        segments.append(bytes(tcp(make_ip(n), now, seq=(seq + n * SIZE) % 2**32,
                                  options=list(options)) / Raw(part)))
    return name, (NEEDS_CSUM, gso, start, at), frame, segments, merges


def udp_frame(name, make_ip, merges=True, payload=PAYLOAD):
    def udp(n, part):
        return make_ip(n) / UDP(sport=5000, dport=4433) / Raw(part)
    frame, start, at = with_partial_checksum(udp(0, payload))
    return (name, (NEEDS_CSUM, UDP_L4, start, at), frame,
            [bytes(udp(n, part)) for n, part in enumerate(pieces(payload))], merges)


def v4(n, **fields):
    return IP(id=(0xffff + n) % 65536, **V4, **fields)


def v6(_n):
    return IPv6(**V6)


def v6_extended(_n):
    return (IPv6(**V6) / IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0\0\0\0")]) /
            IPv6ExtHdrDestOpt(options=[HBHOptUnknown(otype=0x1e, optdata=b"\1\2\3\4")]))


def v6_routed(_n):
    return IPv6(**V6) / IPv6ExtHdrSegmentRouting(
        addresses=["fd00:9::9", "fd00:2::1"], segleft=1, lastentry=1, nh=6)


def routed_frame():
    """The pseudo header has the last of the addresses to come, which stands first."""
    last = bytes.fromhex("fd000009") + bytes(10) + bytes.fromhex("0009")
    name, hdr, frame, segments, merges = tcp_frame("tcp6_routed", v6_routed, TCPV6, merges=False)
    frame, *_ = with_partial_checksum(tcp(v6_routed(0), "A", seq=0xfffffff0) / Raw(PAYLOAD), last)
    return name, hdr, frame, segments, merges


def whole_frame(name, packet):
    frame, start, at = with_partial_checksum(packet)
    return name, (NEEDS_CSUM, 0, start, at), frame, [bytes(packet)], False


def zero_sum(rest):
    """A datagram whose checksum comes out as 0, and is sent as 0xffff."""
    def make(word):
        return IPv6(**V6) / UDP(sport=5000, dport=4433) / Raw(word + rest)
    found = make(bytes(make(b"\0\0"))[46:48])
    assert bytes(found)[46:48] == b"\xff\xff"
    return found


FRAMES = [
    tcp_frame("tcp4", lambda n: v4(n, flags="DF", tos=0), TCPV4, options=STAMP),
    tcp_frame("tcp4_push", lambda n: v4(n, tos=2), TCPV4, flags="PAE", options=STAMP),
    tcp_frame("tcp4_fin", lambda n: v4(n, tos=2), TCPV4 | ECN, flags="FPAEC", merges=False),
    tcp_frame("tcp4_accurate_ecn", lambda n: v4(n, tos=3), TCPV4, flags="AEN"),
    tcp_frame("tcp4_ip_options", lambda n: v4(n, options=[IPOption_NOP()] * 4), TCPV4, merges=False),
    tcp_frame("tcp4_one", v4, TCPV4, payload=PAYLOAD[:SIZE], merges=False),
    tcp_frame("tcp6", v6, TCPV6, options=STAMP),
    tcp_frame("tcp6_push_ecn", v6, TCPV6 | ECN, flags="PAC", merges=False),
    tcp_frame("tcp6_extended", v6_extended, TCPV6, flags="PA", merges=False),
    routed_frame(),
    udp_frame("udp4", v4),
    udp_frame("udp6", v6),
    udp_frame("udp6_zero", v6, payload=bytes(zero_sum(PAYLOAD[2:SIZE])[Raw]) + PAYLOAD[SIZE:]),
    udp_frame("udp6_extended", v6_extended, merges=False),
    whole_frame("checksum_tcp4", tcp(v4(0), "A", seq=5, options=STAMP)),
    whole_frame("checksum_udp6_zero", zero_sum(b"\0\1")),
]


def array(data):
    lines = [data[i:i + 16] for i in range(0, len(data), 16)]
    return "\n".join("\t" + " ".join(f"0x{b:02x}," for b in line) for line in lines)


def print_header():
    print("/* SPDX-License-Identifier: GPL-2.0-or-later */")
    print("/* Made by segment_vectors.py; do not edit. */")
    print("#ifndef TESTS_GOLDEN_SEGMENT_VECTORS_H\n#define TESTS_GOLDEN_SEGMENT_VECTORS_H\n")
    print("#include <linux/virtio_net.h>\n#include <stdbool.h>\n#include <stddef.h>\n"
          "#include <stdint.h>\n")
    print("/* clang-format off */")
    print("struct golden_bytes {\n\tsize_t len;\n\tconst uint8_t *bytes;\n};\n")
    print("struct golden_frame {\n\tconst char *name;\n\tstruct virtio_net_hdr hdr;\n"
          "\tstruct golden_bytes frame;\n\tsize_t count;\n\tconst struct golden_bytes *segments;\n"
          "\tbool merges; /* its segments become this frame again */\n};\n")
    for name, _, frame, segments, _ in FRAMES:
        for what, data in [("frame", frame)] + list(enumerate(segments)):
            print(f"static const uint8_t golden_{name}_{what}[{len(data)}] = {{\n{array(data)}\n}};")
        print(f"static const struct golden_bytes golden_{name}_segments[] = {{")
        for n, data in enumerate(segments):
            print(f"\t{{{len(data)}, golden_{name}_{n}}},")
        print("};\n")
    print("static const struct golden_frame golden_frames[] = {")
    for name, (flags, gso, start, at), frame, segments, merges in FRAMES:
        print(f'\t{{"{name}", {{.flags = {flags}, .gso_type = {gso:#x}, .gso_size = {gso and SIZE}, '
              f".csum_start = {start}, .csum_offset = {at}}},\n\t\t{{{len(frame)}, "
              f"golden_{name}_frame}}, {len(segments)}, golden_{name}_segments, "
              f"{'true' if merges else 'false'}}},")
    print("};\n/* clang-format on */\n\n#endif")


def write_seeds(directory):
    for name, (flags, gso, start, at), frame, _, _ in FRAMES:
        header = struct.pack("=BBHHHH", flags, gso, 0, gso and SIZE, start, at)
        (directory / name).write_bytes(b"\0" + header + frame)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        write_seeds(pathlib.Path(sys.argv[1]))
    else:
        print_header()
