# SPDX-License-Identifier: GPL-2.0-or-later
"""A UDP relay that makes a bad network of a good one.

It stands between two peers, each of which takes it for the other, and loses, doubles, delays and
reorders datagrams by the rules of the moment. What it does follows from its seed.
"""
import heapq
import random
import select
import socket
import threading
import time
from dataclasses import dataclass


@dataclass
class Weather:
    """The rules: probabilities from 0 to 1, delays in seconds."""

    loss: float = 0.0
    duplicate: float = 0.0
    corrupt: float = 0.0  # one bit of the datagram is turned
    delay: float = 0.0
    jitter: float = 0.0  # added to the delay, anything from 0 to this: datagrams overtake each other


@dataclass
class Counts:
    received: int = 0
    lost: int = 0
    duplicated: int = 0
    corrupted: int = 0
    sent: int = 0


class Relay:
    """Two sockets in `namespace`: what comes in on one leaves by the other.

    `left` and `right` are the addresses (host, port) of the relay; `to_left` and `to_right` those
    of the peers. A peer that speaks from elsewhere is followed.
    """

    def __init__(self, namespace, left, right, to_left, to_right, *, seed=1, weather=None):
        self.weather = weather or Weather()
        self.counts = Counts()
        self._namespace = namespace
        self._random = random.Random(seed)
        self._peers = [to_left, to_right]
        self._sockets = [self._bind(left), self._bind(right)]
        self._queue, self._order = [], 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        namespace.lab.closers.append(self.close)

    def _bind(self, address):
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        made = self._namespace.socket(family, socket.SOCK_DGRAM)
        made.bind(address)
        made.setblocking(False)
        return made

    def move(self, side, address):
        """Speak to one side (0 left, 1 right) from another address from now on."""
        old, self._sockets[side] = self._sockets[side], self._bind(address)
        old.close()

    def close(self):
        self._stop.set()
        self._thread.join()
        for each in self._sockets:
            each.close()

    def _run(self):
        while not self._stop.is_set():
            now = time.monotonic()
            while self._queue and self._queue[0][0] <= now:
                self._send(*heapq.heappop(self._queue)[2:])
            wait = min(self._queue[0][0] - now, 0.05) if self._queue else 0.05
            sockets = list(self._sockets)
            try:
                ready = select.select(sockets, [], [], wait)[0]
            except (OSError, ValueError):
                continue  # moved meanwhile
            for each in ready:
                self._receive(each, sockets.index(each))

    def _receive(self, source, side):
        try:
            data, peer = source.recvfrom(65535)
        except OSError:
            return
        self._peers[side] = peer[:2]
        self.counts.received += 1
        if self._random.random() < self.weather.loss:
            self.counts.lost += 1
            return
        copies = 1
        if self._random.random() < self.weather.duplicate:
            self.counts.duplicated += 1
            copies = 2
        if data and self._random.random() < self.weather.corrupt:
            self.counts.corrupted += 1
            data = bytearray(data)
            data[self._random.randrange(len(data))] ^= 1 << self._random.randrange(8)
        for _ in range(copies):
            late = self.weather.delay + self._random.random() * self.weather.jitter
            self._order += 1
            heapq.heappush(self._queue, (time.monotonic() + late, self._order, 1 - side, data))

    def _send(self, side, data):
        if self._peers[side] is None:
            return
        try:
            self._sockets[side].sendto(data, self._peers[side])
            self.counts.sent += 1
        except OSError:
            pass  # the peer is gone for now: an ICMP error, as on any network
