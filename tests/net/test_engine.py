# SPDX-License-Identifier: GPL-2.0-or-later
"""The process that touches packets may do nothing else.

    app - gw(vpnd) - net - city(wireguard-go) - host
"""
import os
import pathlib
import pwd
import signal
import stat
import subprocess

import pytest

from lab import process
from lab.gate import Gate
from lab.gatehouse import VPND
from lab.waiting import wait_until


def test_engine_has_no_privilege_at_all(site):
    gate = Gate(site)
    assert gate.works()
    status = process.status(gate.vpnd.engine)
    user = pwd.getpwnam("gatehouse")
    assert set(status["Uid"].split()) == {str(user.pw_uid)}
    assert set(status["Gid"].split()) == {str(user.pw_gid)}
    assert status["Groups"] == ""
    for which in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[which], 16) == 0, which
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == ("0" if os.environ.get("SANITIZED") else "2")


def test_engine_of_a_bare_interface_has_none_either(site):
    name = site.ifname("bare")
    monitor = site.gw.start(VPND, "-f", name)
    wait_until(lambda: process.children(monitor.pid), "there is an engine")
    wait_until(lambda: process.status(process.children(monitor.pid)[0])["NoNewPrivs"] == "1",
               "it has given its rights away")
    status = process.status(process.children(monitor.pid)[0])
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0


def may_be_less_nice():
    done = subprocess.run(["nice", "-n", "-10", "nice"], capture_output=True, text=True, check=True)
    return done.stdout.strip() == "-10"


@pytest.mark.skipif(not may_be_less_nice(), reason="a container without CAP_SYS_NICE")
def test_packets_do_not_wait_behind_ordinary_work(site):
    gate = Gate(site)
    assert os.getpriority(os.PRIO_PROCESS, gate.vpnd.engine) == -10
    gate.vpnd.kill_engine()
    assert gate.works(10)
    assert os.getpriority(os.PRIO_PROCESS, gate.vpnd.engine) == -10


def test_signal_that_means_nothing_ends_neither_process(site):
    gate = Gate(site)
    assert gate.works()
    engine = gate.vpnd.engine
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE):
        os.kill(engine, number)
    for number in (signal.SIGUSR1, signal.SIGPIPE, signal.SIGALRM):
        os.kill(gate.vpnd.pid, number)
    assert gate.works() and gate.vpnd.process.running and gate.vpnd.engine == engine


def test_engine_holds_only_descriptors_it_needs(site):
    gate = Gate(site)
    descriptors = list(pathlib.Path(f"/proc/{gate.vpnd.engine}/fd").iterdir())
    files = [os.readlink(fd) for fd in descriptors if stat.S_ISREG(fd.stat().st_mode)]
    # The state is open for the moment in which it is handed over.
    assert all(name.endswith(".log") or name.startswith("/memfd:tunnel-state")
               for name in files), f"open files: {files}"
    assert len(descriptors) < 40


def test_monitor_keeps_only_what_it_uses(site):
    gate = Gate(site)
    status = process.status(gate.vpnd.pid)
    assert status["NoNewPrivs"] == "1"
    assert int(status["CapEff"], 16) & (1 << 21) == 0  # CAP_SYS_ADMIN
