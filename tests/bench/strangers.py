# SPDX-License-Identifier: GPL-2.0-or-later
"""Tunnels of another protocol. They take part where they are installed."""
import shutil
import subprocess

from lab.site import PORT, uri

from .contender import Piped, printed
from .place import TUNNEL_MTU


def _said(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


class Fastd(Piped):
    """One end waits for the other: two that begin at once may end up with different sessions."""

    name = "fastd"
    command = ("fastd", "--version")
    says = "established"

    @classmethod
    def available(cls):
        return bool(shutil.which("fastd"))

    def prepare(self, place):
        keys = [self._keys(place, end.ifname) for end in place.ends]
        remotes = f"remote {place.a.endpoint};", "float yes;"
        self._configs = {end.ifname: self._config(place, end, ours[0], theirs[1], remote)
                         for end, ours, theirs, remote
                         in zip(place.ends, keys, reversed(keys), remotes)}

    @staticmethod
    def _keys(place, name):
        """A secret key and its public one."""
        secret = _said("fastd", "--generate-key", "--machine-readable").strip()
        file = place.file(f"{name}.secret", f'secret "{secret}";', 0o600)
        return secret, _said("fastd", "-c", file, "--show-key", "--machine-readable").strip()

    @staticmethod
    def _config(place, gateway, secret, their_public, remote):
        return place.file(f"{gateway.ifname}.fastd", f"""
            log level info; mode tun; interface "{gateway.ifname}"; mtu {TUNNEL_MTU};
            method "salsa2012+umac"; bind {uri(gateway.outer, PORT)}; secret "{secret}";
            peer "other" {{ key "{their_public}"; {remote} }}
            """, 0o600)

    def start(self, gateway):
        return "fastd", "-c", self._configs[gateway.ifname]


class Openvpn(Piped):
    """Point to point, each end knows the other by its certificate; AES-256-GCM as it chooses."""

    name = "openvpn"
    command = ("openvpn", "--version")
    says = "Initialization Sequence Completed"

    @classmethod
    def available(cls):
        return bool(shutil.which("openvpn") and shutil.which("openssl"))

    @classmethod
    def version(cls):
        return " ".join(printed(*cls.command).split()[:2])

    def prepare(self, place):
        self._roles = {place.a.ifname: ("--tls-client",),
                       place.b.ifname: ("--tls-server", "--dh", "none")}
        self._certificates = {end.ifname: self._certificate(place, end.ifname)
                              for end in place.ends}
        self._theirs = {place.a.ifname: place.b.ifname, place.b.ifname: place.a.ifname}

    @staticmethod
    def _certificate(place, name):
        """Paths of certificate and key, and the fingerprint that the other end is told."""
        cert, key = place.dir / f"{name}.crt", place.dir / f"{name}.key"
        _said("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
              "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}", "-days", "2",
              "-keyout", key, "-out", cert)
        fingerprint = _said("openssl", "x509", "-in", cert, "-noout", "-fingerprint", "-sha256")
        return cert, key, fingerprint.strip().partition("=")[2]

    def start(self, gateway):
        cert, key, _ = self._certificates[gateway.ifname]
        theirs = self._certificates[self._theirs[gateway.ifname]][2]
        return ("openvpn", "--dev", gateway.ifname, "--dev-type", "tun", "--disable-dco",
                "--proto", "udp6" if ":" in gateway.outer else "udp4", "--port", PORT,
                "--local", gateway.outer, "--remote", gateway.their_outer,
                "--cert", cert, "--key", key, "--peer-fingerprint", theirs,
                "--tun-mtu", TUNNEL_MTU, "--fast-io", *self._roles[gateway.ifname])
