# SPDX-License-Identifier: GPL-2.0-or-later
"""natd tells inside hosts why nothing goes on: no port left, too many flows, forgotten, drained.

              gw(natd) - net - web
        app --+
"""
import errno
import re
import socket
import time

import pytest

from lab.gatehouse import Natd, Vpnctl, natd_config
from lab.site import APP_NET, GW, WEB
from lab.waiting import wait_until
from lab.whoami import Whoami, ask, ask_tcp, connect
from lab.natd import control, our_table, status

PORTS, ASKING = 64, 100
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
SET_TYPE = {4: "refused4", 6: "refused6"}


def refused_destinations(site, family):
    """{(protocol, address, port): packets} of the set that natd's ruleset keeps."""
    listing = site.gw.output("nft", "list", "set", "inet", "gatehouse", SET_TYPE[family])
    found = re.findall(r"(\w+) \. (\S+) \. (\S+) .*?counter packets (\d+)", listing)
    return {(protocol, address, port): int(packets) for protocol, address, port, packets in found}


@pytest.mark.parametrize("family", [4, 6])
def test_tcp_that_finds_no_port_is_reset_and_its_destination_named(site, family):
    natd = Natd(site.gw, natd_config(ports=f"40000-{40000 + PORTS - 1}")).start()
    Whoami(site.web)
    Whoami(site.web, 81)
    held, refused, slowest = [], 0, 0
    for _ in range(ASKING):
        began = time.monotonic()
        try:
            held.append(connect(site.app, WEB[family]))
        except ConnectionRefusedError:
            refused += 1
            slowest = max(slowest, time.monotonic() - began)
    assert (len(held), refused) == (PORTS, ASKING - PORTS)
    assert slowest < 0.5
    assert len({ask(each) for each in held}) == PORTS
    assert ask_tcp(site.app, WEB[family], 81)[0] == GW[family]
    assert status(natd)["drops"]["no_port"] == ASKING - PORTS
    assert refused_destinations(site, family) == {("tcp", WEB[family], "80"): ASKING - PORTS}
    assert f"port_allocation_errors {ASKING - PORTS}\n" in Vpnctl(site.gw).run("nat").stdout


@pytest.mark.parametrize("family", [4, 6])
def test_port_of_a_closed_connection_is_given_out_again(site, family):
    """Even while the kernel still remembers the connection (TIME_WAIT)."""
    Natd(site.gw, natd_config(ports="40000-40015")).start()
    Whoami(site.web)
    held = [connect(site.app, WEB[family]) for _ in range(16)]
    with pytest.raises(ConnectionRefusedError):
        connect(site.app, WEB[family])
    for each in held:
        each.close()
    wait_until(lambda: "ESTABLISHED" not in _tcp_flows(site, family), "all are closed")
    for _ in range(16):
        connect(site.app, WEB[family], timeout=3).close()


def _tcp_flows(site, family):
    states = site.gw.output("conntrack", "-L", "-f", f"ipv{family}", "-p", "tcp")
    return states + ("ESTABLISHED" if "_WAIT" in states.replace("TIME_WAIT", "") else "")


@pytest.mark.parametrize("family", [4, 6])
def test_udp_that_finds_no_port_is_told_by_icmp(site, family):
    natd = Natd(site.gw, natd_config(ports=f"40000-{40000 + PORTS - 1}")).start()
    Whoami(site.web)
    sockets = [site.app.socket(FAMILY[family], socket.SOCK_DGRAM) for _ in range(ASKING)]
    answered, told = 0, 0
    for each in sockets:
        each.settimeout(0.05)
        each.connect((WEB[family], 80))
        each.send(b"who\n")
    time.sleep(1)
    for each in sockets:
        try:
            each.recv(100)
            answered += 1
        except TimeoutError:
            pass  # the kernel sends but a few ICMP errors a second to one host
        except OSError as error:
            told += error.errno in (errno.EHOSTUNREACH, errno.EACCES)
    assert answered == PORTS and told >= 1
    assert status(natd)["drops"]["no_port"] == ASKING - PORTS
    assert refused_destinations(site, family) == {("udp", WEB[family], "80"): ASKING - PORTS}


def test_flows_of_a_large_range_are_counted_by_sample(site):
    """Of 64,000 ports no flow is refused for being counted; with the range small enough all are."""
    natd = Natd(site.gw, natd_config()).start()
    Whoami(site.web)
    held = [connect(site.app, WEB[4]) for _ in range(400)]
    assert status(natd)["drops"]["no_port"] == 0
    used = re.search(r"set used_uplink0_4_\d+ {.*?}\n\t}", site.gw.output(
        "nft", "list", "table", "inet", "gatehouse"), re.DOTALL)
    assert f"tcp . {WEB[4]} . 80 ct count over" in used[0]
    for each in held:
        each.close()


def test_a_large_range_that_is_full_is_refused_by_the_sample(site):
    """5,000 ports, of which 4,375 are given out: as far as every second flow tells."""
    natd = Natd(site.gw, natd_config(ports="40000-44999")).start()
    site.app.run("/usr/bin/python3", "-c", MANY_FLOWS, WEB[4], 6000)
    assert 6000 - 4375 * 1.08 < status(natd)["drops"]["no_port"] < 6000 - 4375 * 0.92
    assert ("udp", WEB[4], "9") in refused_destinations(site, 4)
    # Flows are known by events, which may come later.
    wait_until(lambda: [each["share"] for each in status(natd)["busiest"]] > [0.92], "all are taken")
    assert status(natd)["busiest"][0]["ports"] == 4375
    assert "insert_failed=0" in site.gw.output("conntrack", "-S")


MANY_FLOWS = """
import socket, sys
for port in range(10000, 10000 + int(sys.argv[2])):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as each:
        each.bind(("", port))
        each.sendto(b"x", (sys.argv[1], 9))
"""


def test_nobody_chooses_which_flows_are_counted(site):
    """Or one host could make few flows pass for many, and take a destination from all others."""
    Natd(site.gw, natd_config()).start()
    with site.app.socket(socket.AF_INET, socket.SOCK_DGRAM) as each:
        each.bind(("", 5060))
        for port in range(1, 401):
            each.sendto(b"x", (WEB[4], port))
    counted = site.gw.output("nft", "list", "table", "inet", "gatehouse").count(f"udp . {WEB[4]} . ")
    assert 0 < counted < 100  # one in 16


def test_host_with_too_many_connections_is_told(site):
    subnet = {"prefix": APP_NET[4], "max_connections_per_host": 5}
    natd = Natd(site.gw, natd_config(subnets=[subnet])).start()
    Whoami(site.web)
    held = [connect(site.app, WEB[4]) for _ in range(5)]
    with pytest.raises(ConnectionRefusedError):
        connect(site.app, WEB[4], timeout=1)
    assert status(natd)["drops"]["host_limit"] == 1
    assert {ask(each)[0] for each in held} == {GW[4]}


@pytest.mark.parametrize("timeouts", ["cloud", "behave"])
def test_inside_host_that_speaks_on_a_forgotten_flow(site, timeouts):
    """It is reset in `cloud`; in `behave` the flow is taken up again."""
    natd = Natd(site.gw, natd_config(timeouts=timeouts)).start()
    Whoami(site.web)
    with connect(site.app, WEB[4]) as connection:
        ask(connection)
        site.gw.run("conntrack", "-D", "-p", "tcp")
        if timeouts == "behave":
            assert ask(connection)[0] == GW[4]
            return
        with pytest.raises(ConnectionResetError):
            ask(connection)
    assert status(natd)["drops"]["expired"] >= 1


# --- draining ---------------------------------------------------------------------------------------


def test_drained_gateway_lets_flows_go_on_and_begins_none(site):
    natd = Natd(site.gw, natd_config()).start()
    vpnctl = Vpnctl(site.gw)
    Whoami(site.web)
    with connect(site.app, WEB[4]) as connection:
        before = ask(connection)
        assert vpnctl.run("nat", "drain").returncode == 0
        assert status(natd)["draining"] and status(natd)["state"] == "degraded"
        with pytest.raises(ConnectionRefusedError):
            connect(site.app, WEB[4], timeout=1)
        natd.kill()
        natd.start()
        assert status(natd)["draining"]
        with pytest.raises(ConnectionRefusedError):
            connect(site.app, WEB[4], timeout=1)
        assert control(natd, "reload")["ok"] and status(natd)["draining"]
        assert ask(connection) == before
        assert vpnctl.run("nat", "undrain").returncode == 0
    assert not status(natd)["draining"] and status(natd)["state"] == "up"
    assert ask_tcp(site.app, WEB[4])[0] == GW[4]
    assert status(natd)["drops"]["draining"] >= 2


def test_drained_gateway_refuses_forwarded_ports_too(site):
    forward = {"protocol": "tcp", "uplink_port": 8443, "to": "10.40.15.10:80"}
    natd = Natd(site.gw, natd_config(forwards=[forward])).start()
    Whoami(site.app)
    assert ask_tcp(site.web, GW[4], 8443)[0] == WEB[4]
    assert control(natd, "drain")["ok"]
    with pytest.raises(ConnectionRefusedError):
        connect(site.web, GW[4], 8443, timeout=1)
    assert "chain draining" in our_table(site)
