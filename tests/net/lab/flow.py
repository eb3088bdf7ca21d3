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
    """Takes what comes to `address` in `namespace` until it is stopped."""

    def __init__(self, namespace, address):
        self.broken, self.numbers = 0, []
        self._socket = namespace.socket(_family(address), socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BYTES)
        self._socket.bind((address, PORT))
        self._socket.settimeout(0.5)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while True:
            try:
                data = self._socket.recv(65535)
            except (TimeoutError, socket.timeout):
                if self.numbers:
                    return
                continue
            except OSError:
                return
            self.broken += not is_whole(data)
            self.numbers.append(struct.unpack("!I", data[:4])[0])

    def wait(self):
        """Until nothing has come for a moment."""
        self._thread.join(30)
        self._socket.close()


def send(namespace, address, count=3000, most=1372, seed=1):
    """Send a flow; rows of one size leave in one piece, as applications in a hurry do it."""
    number = 0
    with namespace.socket(_family(address), socket.SOCK_DGRAM) as each:
        each.connect((address, PORT))
        for size, row in plan(seed, count, most):
            rows = [datagram(number + i, size) for i in range(row)]
            each.sendmsg([b"".join(rows)],
                         [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("=H", size))]
                         if row > 1 else [])
            number += row
            time.sleep(0.0003)


def arrives(sender, receiver, address, **options):
    """Send a flow from one namespace to another; returns the finished Receiver."""
    received = Receiver(receiver, address)
    send(sender, address, **options)
    received.wait()
    return received
