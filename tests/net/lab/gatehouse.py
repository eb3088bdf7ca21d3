# SPDX-License-Identifier: GPL-2.0-or-later
"""Our own programs, run as a service manager would run them."""
import json
import os
import pathlib
import re
import signal
import socket

from . import libconfig, process
from .city import GW_ADDRESSES, TO_CITY
from .site import APP_NET, CITY_NET, PORT, TREE
from .waiting import wait_until
from .wireguard import Device

BUILD = pathlib.Path(TREE, os.environ.get("BUILD", "build")).resolve()
VPND, NATD, VPNCTL = BUILD / "vpnd", BUILD / "natd", BUILD / "vpnctl"
SANITIZED = VPND.exists() and b"__asan_init" in VPND.read_bytes()


class Daemon:
    """vpnd or natd in the foreground, its control socket in a directory of its namespace."""

    def __init__(self, namespace, program, config):
        self.namespace, self.program = namespace, program
        self.run_dir = namespace.lab.dir / f"run.{namespace.name}"
        self.run_dir.mkdir(exist_ok=True)
        self.config = self.write(config)
        self.wrapper = ()
        self.process = None

    def write(self, config):
        """Replace the config file by a text, or by a dict in libconfig's syntax."""
        content = config if isinstance(config, str) else libconfig.settings(config)
        return self.namespace.lab.file(f"{self.namespace.name}.{self.program.name}.conf", content)

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        return self.process.log()

    def spawn(self, *flags, before=()):
        """Start without waiting for anything; `before` is a command that runs the program."""
        self.process = self.namespace.start(*before, *self.wrapper, self.program, "-f", "-c",
                                            self.config, "--run-dir", self.run_dir, *flags,
                                            log=self.program.name)
        return self

    def start(self, timeout=10.0):
        """Start and wait until it tells its service manager that it is ready."""
        path = self.run_dir / f"{self.program.name}.notify"
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(str(path))
            notify.setblocking(False)
            self.spawn(before=("env", f"NOTIFY_SOCKET={path}"))
            wait_until(lambda: self._ready(notify), f"{self.program.name} is ready", timeout)
        return self

    def _ready(self, notify):
        assert self.process.running, f"{self.program.name} ended: {self.log()[-2000:]}"
        try:
            return "READY=1" in notify.recv(4096).decode().splitlines()
        except BlockingIOError:
            return False

    def stop(self):
        """Ask it to end; it must do so in time and with success."""
        code = self.process.stop()
        assert code == 0, f"{self.program.name} ended with {code}: {self.log()[-2000:]}"

    def kill(self):
        """kill -9."""
        os.kill(self.pid, signal.SIGKILL)
        self.process.wait()

    def refuses(self):
        """Start it with a config it must not like; returns what it said."""
        self.spawn()
        assert self.process.wait(10) == 1, self.log()
        return self.log()


class Vpnd(Daemon):
    def __init__(self, namespace, config):
        super().__init__(namespace, VPND, config)

    @property
    def engine(self):
        """Process id of the engine, which is the monitor's only child; None without one."""
        found = process.children(self.pid)
        return found[0] if found else None

    def kill_engine(self):
        """kill -9 the engine and see it dead; returns what its process id was."""
        engine = wait_until(lambda: self.engine, "there is an engine")
        os.kill(engine, signal.SIGKILL)
        wait_until(lambda: not process.alive(engine), "it is dead", every=0.001)
        return engine

    def reload(self):
        """Have the config read again and see it in force."""
        before = self.log().count("is in force")
        os.kill(self.pid, signal.SIGHUP)
        wait_until(lambda: self.log().count("is in force") > before, "the config is in force")

    def device(self, ifname):
        return Device(self.namespace, ifname)


class Natd(Daemon):
    def __init__(self, namespace, config):
        super().__init__(namespace, NATD, config)


class Vpnctl:
    """vpnctl, as an operator on `namespace` uses it."""

    def __init__(self, namespace):
        self._namespace = namespace
        self._run_dir = namespace.lab.dir / f"run.{namespace.name}"

    def run(self, *args):
        return self._namespace.run(VPNCTL, "--run-dir", self._run_dir, *args, check=False)

    def status(self):
        """Exit code and the parsed JSON of `status --json`."""
        done = self.run("status", "--json")
        return done.returncode, json.loads(done.stdout) if done.stdout else None

    def code(self):
        return self.run("status").returncode


def key_file(lab, name, key):
    """A file that holds one key as vpnd wants it; returns its path as text."""
    return str(lab.file(f"keys/{name}.key", key + "\n", 0o600))


def tunnel_config(lab, keys, city_public, *, name, endpoint=None, psk=None, port=PORT, **more):
    """One entry of `tunnels`: the site's end of a tunnel to one City gateway."""
    peer = {"name": "noc-1", "public_key": city_public, "allowed_ips": TO_CITY}
    if endpoint:
        peer["endpoint"] = endpoint
    if psk:
        peer["preshared_key_file"] = key_file(lab, f"{name}.psk", psk)
    peer.update(more.pop("peer", {}))
    return {"name": name, "private_key_file": key_file(lab, name, keys.private),
            "listen_port": port, "addresses": GW_ADDRESSES, "peers": [peer], **more}


def vpnd_config(*tunnels, prefixes=tuple(CITY_NET.values())):
    """A whole vpnd.conf: all prefixes lead into all tunnels, the first that works."""
    names = [tunnel["name"] for tunnel in tunnels]
    return {"tunnels": list(tunnels),
            "routes": [{"prefix": prefix, "via": names} for prefix in prefixes]}


def natd_config(**more):
    """A natd.conf for the topology of lab.site."""
    return {"uplinks": ["uplink"], "subnets": [{"prefix": prefix} for prefix in APP_NET.values()],
            "never_uplink": list(CITY_NET.values()), "ports": "1024-65535",
            "reserved_ports": [PORT], **more}


def says_where(text, file):
    """Whether a line of `text` is an error of the form `file:line: reason`."""
    return re.search(rf"{re.escape(str(file))}:\d+: \S", text)
