# SPDX-License-Identifier: GPL-2.0-or-later
"""The configuration socket of an interface, spoken to as no well-behaved client would."""
import base64
import socket


def hexed(key):
    return base64.b64decode(key).hex()


class Client:
    """A connection to the socket; a context manager."""

    def __init__(self, device):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(device.socket))  # waits for its turn, as wg does
        self.socket.settimeout(20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *lines):
        self.socket.sendall("".join(f"{line}\n" for line in lines).encode())

    def answer(self):
        """One answer, without the empty line that ends it, as a list of lines."""
        got = bytearray()
        while not got.endswith(b"\n\n"):
            part = self.socket.recv(1 << 16)
            if not part:
                raise EOFError(bytes(got[-200:]))
            got += part
        return got.decode().splitlines()[:-1]


def ask(device, *lines):
    """One request on a connection of its own; returns its answer."""
    with Client(device) as client:
        client.send(*lines, "")
        return client.answer()


def error(device, *lines):
    """The errno that a `set` is answered with."""
    answer = ask(device, "set=1", *lines)
    assert len(answer) == 1, answer
    return -int(answer[0].removeprefix("errno="))


def values(answer, key):
    return [line.split("=", 1)[1] for line in answer if line.startswith(f"{key}=")]


def peers(device):
    return set(values(ask(device, "get=1"), "public_key"))
