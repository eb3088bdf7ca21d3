#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Put translated flows into the kernel's table without sending a packet, as fast as it takes them.

usage: entries.py COUNT PER_SECOND TIMEOUT_S PUBLIC DESTINATION...

Each flow is UDP from a host in 10.40.15.0/24 or fd40:15::/64 to one of the destinations, translated
to PUBLIC. PER_SECOND 0 is without a limit. Prints how many the kernel took.
"""
import ipaddress
import socket
import struct
import sys
import time

NETLINK_NETFILTER = 12
CT_NEW = 1 << 8  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_NEW
REQUEST, CREATE, EXCL, NESTED = 0x1, 0x400, 0x200, 0x8000
TUPLE_ORIG, TUPLE_REPLY, STATUS, NAT_SRC, TIMEOUT = 1, 2, 3, 6, 7
SOURCE, DESTINATION, NAT_MIN, NAT_MAX = {4: 1, 6: 3}, {4: 2, 6: 4}, {4: 1, 6: 4}, {4: 2, 6: 5}
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
FIRST_HOST = {4: ipaddress.ip_address("10.40.15.2"), 6: ipaddress.ip_address("fd40:15::2")}
SEEN_REPLY, ASSURED, CONFIRMED = 2, 4, 8
BATCH = 64


def attr(kind, payload):
    """One attribute, padded."""
    return struct.pack("=HH", len(payload) + 4, kind) + payload + bytes(-len(payload) % 4)


def nested(kind, *attrs):
    return attr(kind | NESTED, b"".join(attrs))


def tuple_of(kind, source, destination, source_port, destination_port):
    v = source.version
    return nested(kind, nested(1, attr(SOURCE[v], source.packed), attr(DESTINATION[v], destination.packed)),
                  nested(2, attr(1, bytes([socket.IPPROTO_UDP])),
                         attr(2, struct.pack(">H", source_port)),
                         attr(3, struct.pack(">H", destination_port))))


def message(number, timeout, public, destination):
    """The request to make flow `number`."""
    v = public.version
    source = FIRST_HOST[v] + number % 200
    source_port = 1024 + number // 200 % 60000
    port = 1 + number % 50000 if number // 200 >= 60000 else 443
    nat = nested(NAT_SRC, attr(NAT_MIN[v], public.packed), attr(NAT_MAX[v], public.packed))
    body = struct.pack(">BBH", FAMILY[v], 0, 0) + b"".join((
        tuple_of(TUPLE_ORIG, source, destination, source_port, port),
        tuple_of(TUPLE_REPLY, destination, source, port, source_port),
        attr(STATUS, struct.pack(">I", SEEN_REPLY | ASSURED | CONFIRMED)),
        attr(TIMEOUT, struct.pack(">I", timeout)), nat))
    return struct.pack("=IHHII", len(body) + 16, CT_NEW, REQUEST | CREATE | EXCL, number, 0) + body


def table_count():
    with open("/proc/sys/net/netfilter/nf_conntrack_count", encoding="ascii") as file:
        return int(file.read())


def main(count, rate, timeout, public, *destinations):
    public = ipaddress.ip_address(public)
    destinations = [ipaddress.ip_address(each) for each in destinations]
    before, started = table_count(), time.monotonic()
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        sock.bind((0, 0))
        for first in range(0, count, BATCH):
            sock.send(b"".join(message(n, timeout, public, destinations[n % len(destinations)])
                               for n in range(first, min(first + BATCH, count))))
            if rate:
                time.sleep(max(0, started + first / rate - time.monotonic()))
    print(table_count() - before, f"{count / (time.monotonic() - started):.0f}/s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]), *sys.argv[4:])
