# SPDX-License-Identifier: GPL-2.0-or-later
"""What a restart, an upgrade, a crash and a reload cost a ping that leaves every 10 ms.

    app - gw(vpnd) - net - city(wireguard-go) - host
"""
import os
import shutil
import signal

from lab.gate import Gate
from lab.gatehouse import VPND
from lab.pings import Flow
from lab.site import HOST, Site
from lab.waiting import wait_until

from .sums import percentile

SETTLE_S = 0.2  # answers that come for so long are back


def stop_and_start(gate):
    gate.vpnd.stop()
    gate.vpnd.start()


def kill_all(gate):
    gate.vpnd.kill()
    gate.vpnd.start()


def kill_engine(gate):
    gate.vpnd.kill_engine()


def upgrade(gate):
    ready = gate.vpnd.log().count("ready, config")
    os.kill(gate.vpnd.pid, signal.SIGUSR2)
    wait_until(lambda: gate.vpnd.log().count("ready, config") > ready, "the new program is ready")


def reload(gate):
    gate.vpnd.reload()


EVENTS = {"restart": stop_and_start, "killed": kill_all, "engine": kill_engine,
          "upgrade": upgrade, "reload": reload}


def _times(gate, name, times):
    """(pings lost, milliseconds without an answer) of each."""
    flow, found = Flow(gate.site.app, HOST[4]), []
    for _ in range(times):
        if name == "engine":  # one that has just died is given the more time the more often it did
            flow.during(lambda: stop_and_start(gate), SETTLE_S)
        lost, silence_s = flow.during(lambda: EVENTS[name](gate), SETTLE_S)
        found.append((lost, 1000 * silence_s))
    flow.stop()
    return found


def figures(times):
    """By key: p50 and maximum of the milliseconds without an answer; what all reloads lost."""
    found = {}
    with Site() as site:
        gate = Gate(site, begin=False)
        gate.vpnd.program = site.dir / "vpnd"
        shutil.copy(VPND, gate.vpnd.program)
        gate.vpnd.start()
        wait_until(gate.works, "the tunnel works")
        for name in EVENTS:
            lost, silence_ms = zip(*_times(gate, name, times))
            found |= {f"{name}_p50": percentile(silence_ms, 50), f"{name}_max": max(silence_ms),
                      f"{name}_lost": sum(lost), f"{name}_all": silence_ms}
    return found
