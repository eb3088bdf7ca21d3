# SPDX-License-Identifier: GPL-2.0-or-later
"""What is measured without sending: handshakes answered, peers found, ten thousand peers loaded."""
import json
import pathlib
import secrets
import subprocess
import time

from lab.gatehouse import BUILD
from lab.netns import Lab
from lab.process import children
from lab.uapi import Client
from lab.waiting import wait_until
from lab.wireguard import Device

PROGRAMS = BUILD / "tests" / "bench"
MANY = 10_000
AMONG = (1, 100, MANY)
HANDSHAKE_SECONDS = 2


def _json_of(*command):
    return json.loads(subprocess.run(list(map(str, command)), check=True, text=True,
                                     stdout=subprocess.PIPE).stdout)


def handshakes():
    got = _json_of(PROGRAMS / "handshakes", HANDSHAKE_SECONDS)
    return {f"handshakes_{key}": value for key, value in got.items()}


def lookups():
    figures = {}
    for peers in AMONG:
        got = _json_of(PROGRAMS / "lookups", peers)
        figures.update({f"lookup{peers}_{family}": got[f"{family}_ns"] for family in ("v4", "v6")})
    figures["heap_per_peer"] = got["heap"]
    return figures


def many_peers():
    """One `set` with MANY peers over a socket, each with an endpoint and an address a family."""
    lines = ["set=1", f"private_key={secrets.token_hex(32)}"]
    for number in range(MANY):
        high, low = divmod(number, 256)
        lines += [f"public_key={secrets.token_hex(32)}",
                  f"endpoint=192.0.2.{1 + number % 250}:{1024 + number}",
                  f"allowed_ip=10.1.{high}.{low}/32", f"allowed_ip=fd10::{number:x}/128"]
    return [*lines, ""]


def _resident(process):
    """Bytes of a process and its children that are resident, and that are its own."""
    total = 0
    for pid in (process.pid, *children(process.pid)):
        rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        total += sum(int(line.split()[1]) * 1024 for line in rollup.splitlines()
                     if line.startswith("Rss:"))
    return total


def load(program):
    """Give MANY peers to `program IFNAME`; what that took."""
    with Lab() as lab:
        here = lab.namespace("many")
        device = Device(here, lab.ifname("many"))
        process = here.start(program, "-f", device.ifname)
        wait_until(device.socket.exists, f"{device.ifname} has its socket")
        lines = many_peers()
        before, start = _resident(process), time.monotonic()
        with Client(device) as client:
            client.send(*lines)
            answer = client.answer()
        seconds = time.monotonic() - start
        assert answer == ["errno=0"], answer
        return {"load_s": seconds, "bytes_per_peer": (_resident(process) - before) / MANY}
