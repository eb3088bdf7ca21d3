# SPDX-License-Identifier: GPL-2.0-or-later
"""A flow of datagrams of mixed sizes, each of which can be told to be whole and in its place."""
import hashlib
import random
import socket
import struct
import threading
import time

UDP_SEGMENT, SO_RCVBUFFORCE = 103, 33
PORT = 5400
RECEIVE_BYTES = 8 << 20
GROUP_BYTES = 60000  # of datagrams that are handed to the kernel in one piece
IN_FLIGHT = 24       # datagrams, and a row: wireguard-go of 2022 has room for 212992 bytes
PATIENCE_S = 3
SOURCE_ABOVE = 1000  # the port that it goes to


def checksum_zero(source, target, port, size, mark):
    """A datagram between two IPv6 addresses whose checksum comes out as 0, `mark` at its start."""
    head = struct.pack("!H", mark).ljust(size - 2, b"x")
    udp = struct.pack("!HHH", port + SOURCE_ABOVE, port, 8 + size)
    addresses = b"".join(socket.inet_pton(socket.AF_INET6, each) for each in (source, target))
    rest = addresses + struct.pack("!HH", socket.IPPROTO_UDP, 8 + size) + udp + head
    total = sum(struct.unpack(f"!{len(rest) // 2}H", rest)) % 0xffff
    return head + struct.pack("!H", 0xffff - total)


def _family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def datagram(number, size):
    """Number `number`, of `size` bytes: its content follows from both."""
    head = struct.pack("!II", number, size)
    return (head + hashlib.shake_128(head).digest(size))[:size]


def is_whole(data):
    number, size = struct.unpack("!II", data[:8])
    return data == datagram(number, size)


def plan(seed, count, most):
    """(size, how many of it in a row) until there are `count` datagrams of up to `most` bytes."""
    dice, planned = random.Random(seed), 0
    while planned < count:
        size = dice.choice((8, 9, 64, most - 1, most, dice.randint(8, most)))
        row = min(dice.choice((1, 2, 7, 40, 64)), GROUP_BYTES // size, count - planned)
        planned += row
        yield size, row


class Receiver:
    """Takes what comes to `address` in `namespace` until it is waited for."""

    def __init__(self, namespace, address, port=PORT):
        self.broken, self.numbers = 0, []
        self._newest = -1
        self._seen_at, self._stopped = time.monotonic(), False
        self._socket = namespace.socket(_family(address), socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BYTES)
        self._socket.bind((address, port))
        self._socket.settimeout(0.2)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stopped:
            try:
                data = self._socket.recv(65535)
            except (TimeoutError, socket.timeout):
                continue
            self.broken += not is_whole(data)
            self.numbers.append(struct.unpack("!I", data[:4])[0])
            self._newest = max(self._newest, self.numbers[-1])
            self._seen_at = time.monotonic()

    def has_room_for(self, number):
        """Whether number `number` may leave: no queue on the way holds more than is out then."""
        return number - (self._newest + 1) <= IN_FLIGHT

    def wait(self, count, last=None):
        """Until `count` have come, or number `last`, and what may come twice; or nothing has come
        for long."""
        begun = time.monotonic()
        while (len(self.numbers) < count and last not in self.numbers[-IN_FLIGHT:]
               and time.monotonic() - max(begun, self._seen_at) < PATIENCE_S):
            time.sleep(0.01)
        time.sleep(0.1)
        self._stopped = True
        self._thread.join()
        self._socket.close()


def send(namespace, receiver, address, count=3000, most=1372, seed=1, port=PORT, first=0):
    """Send a flow, numbered from `first` on; rows of one size leave in one piece, as applications in a hurry do it.

    What is out is bounded by what `receiver` got, so that a loss is never a
    full queue of a busy machine. The source port is the same in each run:
    wireguard-go loses what has a computed IPv6 checksum of 0, one datagram in
    65536, and with these ports none has.
    """
    number = first
    with namespace.socket(_family(address), socket.SOCK_DGRAM) as each:
        each.bind(("", port + SOURCE_ABOVE))
        each.connect((address, port))
        for size, row in plan(seed, count, most):
            rows = [datagram(number + i, size) for i in range(row)]
            until = time.monotonic() + PATIENCE_S
            while not receiver.has_room_for(number) and time.monotonic() < until:
                time.sleep(0.0003)
            each.sendmsg([b"".join(rows)],
                         [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("=H", size))]
                         if row > 1 else [])
            number += row


def arrives(sender, receiver, address, count=3000, **options):
    """Send a flow from one namespace to another; returns the finished Receiver."""
    received = Receiver(receiver, address)
    send(sender, received, address, count=count, **options)
    received.wait(count)
    return received
