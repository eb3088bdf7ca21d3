# SPDX-License-Identifier: GPL-2.0-or-later
"""natd sees the flows that it lets through: how many, of whom, to whom, and how they end.

    app - gw(natd) - net - web
"""
import json
import socket

import pytest

from lab.gatehouse import Natd, Vpnctl, natd_config
from lab.site import APP, APP_NET, GW, WEB
from lab.waiting import wait_until
from lab.whoami import Whoami, ask, ask_tcp, ask_udp, connect


@pytest.fixture(name="natd")
def running_natd(site):
    site.gw.sysctl({"net.netfilter.nf_conntrack_acct": 1})
    return Natd(site.gw, natd_config()).start()


def nat(site):
    """The JSON of `vpnctl nat`."""
    return json.loads(Vpnctl(site.gw).run("nat", "--json").stdout)["nat"]


def raw_nat(site):
    """natd's own answer."""
    run_dir = site.gw.lab.dir / f"run.{site.gw.name}"
    with socket.socket(socket.AF_UNIX) as each:
        each.connect(str(run_dir / "natd.sock"))
        each.sendall(b'{"cmd":"status"}\n')
        return json.loads(each.makefile().readline())["data"]


def subnet(site, family=4):
    return next(s for s in raw_nat(site)["subnets"] if s["prefix"] == APP_NET[family])


def address(site, family=4):
    return next((a for a in raw_nat(site)["addresses"] if a["address"] == GW[family]), None)


@pytest.mark.parametrize("family", [4, 6])
def test_flows_are_counted_by_subnet_and_public_address(site, natd, family):
    del natd
    Whoami(site.web)
    with connect(site.app, WEB[family]) as one, connect(site.app, WEB[family]) as two:
        ask(one), ask(two)
        for figures in (subnet, address):
            wait_until(lambda f=figures: f(site, family)["established"] == 2, "both are seen")
            assert figures(site, family)["active"] == figures(site, family)["attempts"] == 2
    ask_udp(site.app, WEB[family])
    wait_until(lambda: subnet(site, family)["attempts"] == 3, "the third is seen")
