# SPDX-License-Identifier: GPL-2.0-or-later
"""What a restart, an upgrade, a crash and a reload cost a ping that leaves every 10 ms.

usage: scripts/enclosed /usr/bin/python3 -B tests/bench/restart.py [TIMES]

    app - gw(vpnd) - net - city(wireguard-go) - host

Prints p50 and maximum of the milliseconds without an answer, TIMES (20) of each.
"""
import os
import pathlib
import shutil
import signal
import statistics
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "net"))

from lab.pings import Flow  # pylint: disable=wrong-import-position
from lab.gate import Gate  # pylint: disable=wrong-import-position
from lab.gatehouse import VPND  # pylint: disable=wrong-import-position
from lab.site import HOST, Site  # pylint: disable=wrong-import-position
from lab.waiting import wait_until  # pylint: disable=wrong-import-position


def restart(gate):
    gate.vpnd.stop()
    gate.vpnd.start()


def crash(gate):
    gate.vpnd.kill()
    gate.vpnd.start()


def upgrade(gate):
    ready = gate.vpnd.log().count("ready, config")
    os.kill(gate.vpnd.pid, signal.SIGUSR2)
    wait_until(lambda: gate.vpnd.log().count("ready, config") > ready, "the new program is ready")


def reload(gate):
    gate.vpnd.reload()


EVENTS = {"restart": restart, "monitor killed, started again": crash, "upgrade": upgrade,
          "reload": reload}


def measure(times):
    """{event: milliseconds without an answer, one figure each time}."""
    figures = {}
    with Site() as site:
        gate = Gate(site, begin=False)
        gate.vpnd.program = site.dir / "vpnd"
        shutil.copy(VPND, gate.vpnd.program)
        gate.vpnd.start()
        assert gate.works()
        flow = Flow(site.app, HOST[4])
        for name, event in EVENTS.items():
            figures[name] = [1000 * flow.during(lambda e=event: e(gate), settle=0.2)[1]
                             for _ in range(times)]
    return figures


def main(words):
    for name, each in measure(int(words[0]) if words else 20).items():
        print(f"{name:30}  p50 {statistics.median(each):4.0f} ms  max {max(each):4.0f} ms")


if __name__ == "__main__":
    main(sys.argv[1:])
