# SPDX-License-Identifier: GPL-2.0-or-later
"""A service that tells who asks: address and port of the client, as the server sees them."""
import hashlib
import select
import socket
import threading


def _plain(address):
    """An address without the way that IPv6 sockets write IPv4."""
    return address[0].removeprefix("::ffff:"), address[1]


class Whoami:
    """Answers on TCP and UDP, both families, from a thread, until the lab closes.

    On TCP, a first line `sink` makes it read to the end and answer with the SHA-256 of the rest.
    """

    def __init__(self, namespace, port=80):
        self.seen = []  # (protocol, host, port) of each client
        self._tcp = self._bind(namespace, socket.SOCK_STREAM, port)
        self._tcp.listen(64)
        self._udp = self._bind(namespace, socket.SOCK_DGRAM, port)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        namespace.lab.closers.append(self.close)

    @staticmethod
    def _bind(namespace, kind, port):
        made = namespace.socket(socket.AF_INET6, kind)
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(("::", port))
        return made

    def close(self):
        self._stop.set()
        self._thread.join()
        self._tcp.close()
        self._udp.close()

    def _run(self):
        while not self._stop.is_set():
            for each in select.select([self._tcp, self._udp], [], [], 0.05)[0]:
                if each is self._udp:
                    _, peer = each.recvfrom(65535)
                    each.sendto(self._note("udp", peer), peer)
                else:
                    client, peer = each.accept()
                    threading.Thread(target=self._serve, args=(client, peer), daemon=True).start()

    def _note(self, protocol, peer):
        host, port = _plain(peer)
        self.seen.append((protocol, host, port))
        return f"{host} {port}\n".encode()

    def _serve(self, client, peer):
        answer = self._note("tcp", peer)
        try:
            with client, client.makefile("rb") as stream:
                client.settimeout(60)
                for line in stream:
                    if line == b"sink\n":
                        digest = hashlib.sha256()
                        while block := stream.read(65536):
                            digest.update(block)
                        client.sendall(digest.hexdigest().encode() + b"\n")
                        return
                    client.sendall(answer)
        except OSError:
            pass  # the client is gone


def _family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def connect(namespace, address, port=80, source_port=0, timeout=10):
    """A TCP connection from `namespace`."""
    made = namespace.socket(_family(address), socket.SOCK_STREAM)
    made.settimeout(timeout)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if source_port:
        made.bind(("", source_port))
    try:
        made.connect((address, port))
    except OSError:
        made.close()
        raise
    return made


def ask(connection):
    """Ask over an open connection who we are; returns (host, port) as text and number."""
    connection.sendall(b"who\n")
    return _parse(connection.recv(200))


def ask_tcp(namespace, address, port=80, source_port=0, timeout=10):
    with connect(namespace, address, port, source_port, timeout) as connection:
        return ask(connection)


def ask_udp(namespace, address, port=80, source_port=0, timeout=10):
    with namespace.socket(_family(address), socket.SOCK_DGRAM) as each:
        each.settimeout(timeout)
        each.bind(("", source_port))
        each.sendto(b"who\n", (address, port))
        return _parse(each.recv(200))


def send_bulk(namespace, address, size, port=80):
    """Send `size` bytes over TCP; returns whether they arrived as they were sent."""
    block = bytes(range(256)) * 256
    digest = hashlib.sha256()
    with connect(namespace, address, port, timeout=60) as connection:
        connection.sendall(b"sink\n")
        for start in range(0, size, len(block)):
            part = block[:min(len(block), size - start)]
            digest.update(part)
            connection.sendall(part)
        connection.shutdown(socket.SHUT_WR)
        return connection.recv(200).decode().strip() == digest.hexdigest()


def _parse(answer):
    host, port = answer.decode().split()
    return host, int(port)
