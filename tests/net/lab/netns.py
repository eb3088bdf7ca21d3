# SPDX-License-Identifier: GPL-2.0-or-later
"""Network namespaces as hosts, and wires between them."""
import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile

from .process import Process
from .waiting import wait_until

CLONE_NEWNET = 0x40000000
# What a program built with a sanitizer says when it finds something.
SANITIZER = re.compile(r"(Address|Leak|Thread|UndefinedBehavior)Sanitizer|: runtime error: ")
_libc = ctypes.CDLL(None, use_errno=True)

# Addresses are usable at once: nobody else is on these wires.
QUIET = {"net.ipv6.conf.all.accept_dad": 0, "net.ipv6.conf.default.accept_dad": 0,
         "net.ipv6.conf.default.router_solicitations": 0,
         "net.ipv4.ping_group_range": "0 2147483647"}


def _enter(fd):
    if _libc.setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


class Ping:
    """What ping(8) counted."""

    def __init__(self, output):
        self.output = output
        match = re.search(r"(\d+) packets transmitted, (\d+) received", output)
        self.sent, self.received = (int(n) for n in match.groups()) if match else (0, 0)

    @property
    def lost(self):
        return self.sent - self.received


class Namespace:
    """One host. Made by Lab.namespace()."""

    def __init__(self, lab, name):
        self.lab, self.name = lab, name
        subprocess.run(["ip", "netns", "add", name], check=True)
        self.ip("link set lo up")
        self.sysctl(QUIET)

    def __str__(self):
        return self.name

    def command(self, *args):
        """`args` as a command that runs in here; its process id is the started one's."""
        return ["ip", "netns", "exec", self.name, *map(str, args)]

    def run(self, *args, check=True, timeout=30.0, stdin=None):
        """Run to the end; returns subprocess.CompletedProcess with text in stdout and stderr."""
        done = subprocess.run(self.command(*args), input=stdin, capture_output=True, text=True,
                              timeout=timeout, check=False,
                              stdin=None if stdin is not None else subprocess.DEVNULL)
        if check and done.returncode:
            raise AssertionError(f"{self.name}: {' '.join(map(str, args))}: exit "
                                 f"{done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def output(self, *args, **options):
        return self.run(*args, **options).stdout.strip()

    def start(self, *args, log=None):
        """Run beside the test until the lab closes; returns a Process."""
        stem = log or pathlib.Path(str(args[0])).name
        process = Process(self.command(*args), self.lab.dir / f"{self.name}.{stem}.log")
        self.lab.processes.append(process)
        return process

    def ip(self, *lines):
        """Each line is an ip(8) command without the word `ip`."""
        done = subprocess.run(["ip", "-n", self.name, "-batch", "-"], input="\n".join(lines) + "\n",
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{self.name}: {done.stderr}\n{lines}"

    def ip_json(self, *args):
        return json.loads(self.output("ip", "-json", *args) or "[]")

    def sysctl(self, values):
        self.run("sysctl", "-q", "-w", *(f"{key}={value}" for key, value in values.items()))

    def ping(self, address, count=1, interval=0.2, timeout=5, options=()):
        """Ping and return what was counted; `timeout`, in seconds, is for the last reply."""
        done = self.run("ping", "-n", "-q", "-c", count, "-i", interval, "-W", timeout, *options,
                        address, check=False, timeout=count * interval + timeout + 20)
        return Ping(done.stdout)

    def reaches(self, address, timeout=15):
        """Whether one ping comes back within `timeout` seconds.

        That is longer than it takes to try a lost handshake again: a gateway that has just been set
        up may not have heard so yet when the first message comes.
        """
        return self.ping(address, timeout=timeout).received == 1

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_STREAM):
        """A socket that lives in here, whoever uses it."""
        with open("/proc/thread-self/ns/net", "rb") as home, \
                open(f"/run/netns/{self.name}", "rb") as here:
            _enter(here.fileno())
            try:
                made = socket.socket(family, kind)
            finally:
                _enter(home.fileno())
        made.settimeout(10)
        return made

    def pids(self):
        out = subprocess.run(["ip", "netns", "pids", self.name], capture_output=True, text=True,
                             check=False).stdout
        return [int(pid) for pid in out.split()]


class Lab:
    """Namespaces, wires, files and processes of one test. A context manager."""

    _made = 0

    def __init__(self, prefix=None):
        assert os.environ.get("GATEHOUSE_ENCLOSED"), \
            "namespaces are made in an enclosure only: scripts/enclosed COMMAND..."
        Lab._made += 1
        self.number = Lab._made
        self.prefix = f"{self.number}-" if prefix is None else prefix
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="lab-", dir="/run"))
        self.dir.chmod(0o755)
        self.namespaces, self.processes, self.closers = [], [], []
        self._ifnames = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def namespace(self, name):
        made = Namespace(self, self.prefix + name)
        self.namespaces.append(made)
        return made

    def ifname(self, stem="wg"):
        """An interface name that no other lab uses: /run/wireguard knows no namespaces."""
        self._ifnames += 1
        return f"{stem}{self.number}x{self._ifnames}"

    @staticmethod
    def wire(a, a_name, b, b_name):
        """A cable between two namespaces, both ends up."""
        a.ip(f"link add {a_name} type veth peer name {b_name} netns {b.name}",
             f"link set {a_name} up")
        b.ip(f"link set {b_name} up")

    def file(self, name, text, mode=0o644):
        """Write a file for this lab and return its path."""
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def logs(self):
        """Everything that the processes of this lab said, as (name, text)."""
        return [(file.name, file.read_text(errors="replace"))
                for file in sorted(self.dir.glob("*.log"))]

    def close(self):
        for closer in reversed(self.closers):
            closer()
        for process in reversed(self.processes):
            process.stop()
        for namespace in self.namespaces:
            for pid in namespace.pids():
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda ns=namespace: not ns.pids(), f"{namespace} is empty")
            subprocess.run(["ip", "netns", "del", namespace.name], check=False)
        wrong = [f"{name}: {text[-4000:]}" for name, text in self.logs() if SANITIZER.search(text)]
        shutil.rmtree(self.dir, ignore_errors=True)
        assert not wrong, "\n".join(wrong)
