# SPDX-License-Identifier: GPL-2.0-or-later
"""When there is no descriptor and no memory left, what works goes on, and all works again after.

    app - gw(vpnd) - net - city(wireguard-go) - host
"""
import base64
import contextlib
import os
import pathlib
import re
import secrets
import signal
import subprocess
import time

import pytest

from lab import process
from lab.gate import Gate
from lab.gatehouse import SANITIZED, vpnd_config
from lab.pings import Flow
from lab.site import HOST
from lab.uapi import Client
from lab.waiting import wait_until
from lab.wireguard import new_psk

LIMITS = {"nofile": "Max open files", "as": "Max address space"}  # as /proc calls them


def of_address_space(test):
    """A program with a sanitizer cannot do without: then there is no such test."""
    return None if SANITIZED else test


@contextlib.contextmanager
def limited(pid, what, value):
    """A process that may have no more than that of it (prlimit(1)) for a while."""
    status = process.status(pid)
    user = [f"--reuid={status['Uid'].split()[0]}", f"--regid={status['Gid'].split()[0]}"]

    def limit(soft):
        subprocess.run(["setpriv", *user, "--clear-groups", "prlimit", "--pid", str(pid),
                        f"--{what}={soft}:"], check=True)
    before = re.search(rf"^{LIMITS[what]} +(\w+)",
                       pathlib.Path(f"/proc/{pid}/limits").read_text(), re.MULTILINE)[1]
    limit(value)
    try:
        yield
    finally:
        limit(before)


def descriptors(pid):
    """What a process may have open so that there is no other."""
    return max(map(int, os.listdir(f"/proc/{pid}/fd"))) + 1


def address_space(pid):
    """Bytes that a process has mapped."""
    return int(process.status(pid)["VmSize"].split()[0]) * 1024


def cpu_s(pid):
    """Seconds of CPU that a process has used."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def refused(gate, config):
    """Have the monitor read a config that it cannot take now."""
    said = gate.vpnd.log().count("reload refused")
    gate.vpnd.write(config)
    os.kill(gate.vpnd.pid, signal.SIGHUP)
    wait_until(lambda: gate.vpnd.log().count("reload refused") > said, "that it is refused")


@pytest.fixture(name="gate")
def start_gate(site):
    gate = Gate(site)
    assert gate.works()
    return gate


def more_tunnels(gate, count):
    """The config of the gate with others beside its own tunnel."""
    others = [{**gate.tunnel, "name": f"{gate.ifname}n{number}", "listen_port": 52000 + number,
               "addresses": [], "peers": []} for number in range(count)]
    return vpnd_config(gate.tunnel, *others)


def test_monitor_without_descriptors_refuses_what_is_new_and_starts_engines_after(site, gate):
    monitor, old = gate.vpnd.pid, gate.vpnd.engine
    flow = Flow(site.app, HOST[4])
    with limited(monitor, "nofile", descriptors(monitor)):
        lost, _ = flow.during(lambda: refused(gate, more_tunnels(gate, 10)), settle=0.2)
        assert lost == 0 and gate.vpnd.engine == old
        gate.vpnd.kill_engine()
        wait_until(lambda: "cannot start the engine" in gate.vpnd.log(), "that is said")
        time.sleep(1)
        assert gate.vpnd.pid == monitor and gate.vpnd.process.running
    wait_until(lambda: gate.works(1), "the tunnel works again", 30)


def test_thousands_of_preshared_keys_need_no_descriptor_each(site):
    gate = Gate(site, psk=True, begin=False)
    keys = site.file("keys/others.psk", new_psk() + "\n", 0o600)
    gate.tunnel["peers"] += [
        {"public_key": base64.b64encode(secrets.token_bytes(32)).decode(),
         "allowed_ips": [f"100.64.{n >> 8}.{n & 255}/32"], "preshared_key_file": str(keys)}
        for n in range(5000)]
    gate.vpnd.write(vpnd_config(gate.tunnel))
    gate.vpnd.wrapper = ("prlimit", "--nofile=512:512")
    gate.vpnd.start(60)
    assert gate.works(60)
    old = gate.vpnd.kill_engine()
    wait_until(lambda: gate.vpnd.engine not in (None, old), "a new engine", 60)
    assert gate.works(60)
    wait_until(lambda: "the engine is ready" in gate.vpnd.log(), "it is told", 60)
    gate.tunnel["peers"][-1]["persistent_keepalive"] = 25
    gate.vpnd.write(vpnd_config(gate.tunnel))
    gate.vpnd.reload()
    assert gate.works(60) and not gate.vpnd.log().count("killing the engine")


@of_address_space
def test_monitor_without_memory_refuses_what_is_new(site, gate):
    monitor, old = gate.vpnd.pid, gate.vpnd.engine
    flow = Flow(site.app, HOST[4])
    big = vpnd_config(gate.tunnel, prefixes=[f"10.{n >> 8}.{n & 255}.0/24" for n in range(20000)])
    with limited(monitor, "as", address_space(monitor)):
        lost, _ = flow.during(lambda: refused(gate, big), settle=0.2)
        assert lost == 0 and gate.vpnd.engine == old
    gate.vpnd.write(vpnd_config(gate.tunnel))
    gate.vpnd.reload()
    assert gate.works()


def test_engine_without_descriptors_serves_no_more_clients_and_all_of_them_after(site, gate):
    engine, flow = gate.vpnd.engine, Flow(site.app, HOST[4])
    with contextlib.ExitStack() as clients:
        with limited(engine, "nofile", descriptors(engine) + 2):
            before, begun = cpu_s(engine), time.monotonic()

            def crowd():
                for _ in range(10):
                    client = clients.enter_context(site.gw.socket(1))
                    client.connect(str(gate.device.socket))
                time.sleep(2)
            lost, _ = flow.during(crowd, settle=0.2)
            assert lost == 0 and gate.vpnd.engine == engine
            assert cpu_s(engine) - before < (time.monotonic() - begun) / 2, "a busy loop"
    wait_until(lambda: gate.device.wg("show", check=False).returncode == 0, "it answers", 30)
    assert gate.ctl.status()[1]["tunnels"]


@of_address_space
def test_engine_without_memory_refuses_what_is_new(site, gate):
    engine, flow = gate.vpnd.engine, Flow(site.app, HOST[4])
    peers = [f"public_key={secrets.token_hex(32)}\nallowed_ip=10.{n >> 8}.{n & 255}.0/24"
             for n in range(20000)]
    with limited(engine, "as", address_space(engine)):

        def add():
            with Client(gate.device) as client:
                client.send("set=1", *peers, "")
                assert client.answer() != ["errno=0"]
        lost, _ = flow.during(add, settle=0.2)
        assert lost == 0 and gate.vpnd.engine == engine
    assert gate.device.wg("show", check=False).returncode == 0 and gate.works()
