# SPDX-License-Identifier: GPL-2.0-or-later
"""natd as its control socket and the kernel show it."""
import json
import socket


def control(natd, cmd, **more):
    """One request over the control socket; the whole reply."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(natd.run_dir / "natd.sock"))
        client.sendall(json.dumps({"cmd": cmd, **more}).encode() + b"\n")
        return json.loads(client.makefile().readline())


def status(natd):
    return control(natd, "status")["data"]


def our_table(site):
    """The ruleset in the kernel, "" if there is none."""
    return site.gw.run("nft", "-s", "list", "table", "inet", "gatehouse", check=False).stdout
