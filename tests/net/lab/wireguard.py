# SPDX-License-Identifier: GPL-2.0-or-later
"""wireguard-go, the peer that nobody here wrote, and wg(8)."""
import functools
import os
import pathlib
import subprocess

from .site import TREE
from .waiting import wait_until

SOCKETS = pathlib.Path("/var/run/wireguard")


def _wg(*args, stdin=None):
    return subprocess.run(["wg", *args], input=stdin, capture_output=True, text=True,
                          check=True).stdout.strip()


class Keys:
    """A private key and its public one, in base64."""

    def __init__(self):
        self.private = _wg("genkey")
        self.public = _wg("pubkey", stdin=self.private)


def new_psk():
    return _wg("genpsk")


@functools.cache
def newest_wireguard_go():
    """Path of the newest wireguard-go to be had."""
    return subprocess.run([TREE / "scripts" / "fetch-peer"], check=True, text=True,
                          stdout=subprocess.PIPE).stdout.strip()


def wg_peer(public_key, allowed_ips=(), endpoint=None, psk=None, keepalive=None):
    """A [Peer] section as `wg setconf` reads it."""
    lines = ["[Peer]", f"PublicKey = {public_key}", f"AllowedIPs = {', '.join(allowed_ips)}"]
    lines += [f"Endpoint = {endpoint}"] if endpoint else []
    lines += [f"PresharedKey = {psk}"] if psk else []
    lines += [f"PersistentKeepalive = {keepalive}"] if keepalive else []
    return "\n".join(lines) + "\n"


def wg_interface(keys, port=None):
    """An [Interface] section as `wg setconf` reads it."""
    return f"[Interface]\nPrivateKey = {keys.private}\n" + (f"ListenPort = {port}\n" if port else "")


class Device:
    """An interface of a userspace WireGuard, by name, as wg(8) sees it."""

    def __init__(self, namespace, ifname):
        self.namespace, self.ifname = namespace, ifname

    @property
    def socket(self):
        return SOCKETS / f"{self.ifname}.sock"

    def wg(self, command, *args, check=True, stdin=None):
        """`wg COMMAND IFNAME ARGS`; returns the finished process."""
        return self.namespace.run("wg", command, self.ifname, *args, check=check, stdin=stdin)

    def configure(self, text, command="setconf"):
        """Give `text` to `wg setconf` (or syncconf, addconf)."""
        self.wg(command, self.namespace.lab.file(f"{self.ifname}.wg", text, 0o600))

    def show(self, field):
        """`wg show IFNAME FIELD`: a text, or for what peers have a dict by public key."""
        lines = self.wg("show", field).stdout.strip().splitlines()
        if field in ("public-key", "private-key", "listen-port", "fwmark"):
            return lines[0] if lines else ""
        return {line.split("\t")[0]: line.split("\t", 1)[1] for line in lines if "\t" in line}

    def handshake(self, public_key):
        """When the last handshake with this peer was, seconds since the epoch; 0 for never."""
        return int(self.show("latest-handshakes").get(public_key, 0))

    def transfer(self, public_key):
        """Bytes received and sent."""
        return tuple(int(n) for n in self.show("transfer")[public_key].split("\t"))

    def up(self, addresses=(), routes=(), mtu=1420):
        self.namespace.ip(*(f"addr add {address} dev {self.ifname}" for address in addresses),
                          f"link set {self.ifname} mtu {mtu} up",
                          *(f"route add {route} dev {self.ifname}" for route in routes))


class WireguardGo(Device):
    """A running wireguard-go."""

    def __init__(self, namespace, ifname=None, binary=None, level="verbose"):
        super().__init__(namespace, ifname or namespace.lab.ifname())
        self.binary = binary or newest_wireguard_go()
        self.level = level
        self.process = None
        self.start()

    def start(self):
        self.process = self.namespace.start("env", f"LOG_LEVEL={self.level}", self.binary,
                                            "-f", self.ifname, log=f"wireguard-go.{self.ifname}")
        wait_until(self.socket.exists, f"{self.ifname} has its socket")

    def kill(self):
        """As a crash would: the interface goes, the socket file stays."""
        os.kill(self.process.pid, 9)
        self.process.wait()
        self.socket.unlink(missing_ok=True)
