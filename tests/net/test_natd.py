# SPDX-License-Identifier: GPL-2.0-or-later
"""natd: what the private subnets send to the Internet is translated, and nothing else gets through.

    stranger -+
              gw(natd) - net - web
        app --+
"""
import socket
import time

import pytest

from lab.capture import Capture
from lab.gatehouse import Natd, natd_config
from lab.site import APP, GW, GW_INSIDE, HOST, PORT, UPLINK_ROUTER, WEB
from lab.waiting import wait_until
from lab.whoami import Whoami, ask, ask_tcp, ask_udp, connect

PRIVATE = "net 10.0.0.0/8 or net 172.16.0.0/12 or ip6 net fd00::/8"
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
FOREIGN = """
table inet others {
    chain c {
        type filter hook forward priority 10
        counter accept
    }
}
"""


@pytest.fixture(name="natd")
def running_natd(site):
    return Natd(site.gw, natd_config()).start()


@pytest.mark.parametrize("family", [4, 6])
def test_internet_sees_the_uplink_address(site, natd, family):
    del natd
    Whoami(site.web)
    assert ask_tcp(site.app, WEB[family])[0] == GW[family]
    assert ask_udp(site.app, WEB[family])[0] == GW[family]
    assert site.app.reaches(WEB[family])


def test_private_addresses_never_appear_on_the_uplink(site, natd):
    """Neither in flows that are translated nor in packets that conntrack calls invalid."""
    del natd
    Whoami(site.web)
    with Capture(site.gw, "uplink") as capture:
        ask_tcp(site.app, WEB[4])
        ask_udp(site.app, WEB[6])
        site.app.run("/usr/bin/python3", "-c", INVALID_PACKETS, WEB[4])
        site.app.reaches(WEB[4])
    assert capture.count() > 10
    assert not capture.lines(PRIVATE)


INVALID_PACKETS = """
import sys
from scapy.all import ICMP, IP, TCP, UDP, send
to = IP(dst=sys.argv[1])
strange = [to / TCP(sport=5000, dport=80, flags=flags) / b"x" for flags in ("R", "FA", "SF", "", "FPU", "SR")]
strange += [to / ICMP(type=0, id=77) / b"reply to nothing", to / ICMP(type=3, code=4) / IP(dst="10.40.15.10") / UDP(),
            to / UDP(sport=5001, dport=80, chksum=0xdead) / b"x", to / TCP(sport=5002, dport=80, dataofs=15)]
send(strange, verbose=False)
"""


@pytest.mark.parametrize("family", [4, 6])
def test_city_prefixes_never_leave_by_an_uplink(site, natd, family):
    """With no tunnel at all, the City's prefixes are unreachable, not in clear on the Internet."""
    del natd
    with Capture(site.gw, "uplink") as capture:
        assert not site.app.reaches(HOST[family], timeout=1)
        assert not site.gw.reaches(HOST[family], timeout=1)
        assert site.app.reaches(WEB[family])
    assert capture.count(f"host {WEB[family]}") > 0
    assert not capture.lines(f"host {HOST[family]}")


def test_only_listed_subnets_are_forwarded(site, natd):
    """A host of another subnet gets neither out nor to the listed ones."""
    del natd
    stranger = site.namespace("stranger")
    site.wire(stranger, "eth0", site.gw, "lan2")
    stranger.ip("addr add 10.99.0.10/24 dev eth0", "route add default via 10.99.0.1")
    site.gw.ip("addr add 10.99.0.1/24 dev lan2")
    Whoami(site.web)
    with Capture(site.gw, "uplink") as capture:
        assert not stranger.reaches(WEB[4], timeout=1)
        with pytest.raises(OSError):
            ask_tcp(stranger, WEB[4], timeout=1)
    assert not capture.lines("net 10.99.0.0/24")
    assert stranger.reaches("10.99.0.1")
    assert ask_tcp(site.app, WEB[4])[0] == GW[4]


@pytest.mark.parametrize("family", [4, 6])
def test_nobody_gets_in_unasked(site, natd, family):
    """Even with a route to the private subnet, the Internet reaches no host in it."""
    del natd
    Whoami(site.app)
    site.web.ip(f"route add {APP[family]} via {UPLINK_ROUTER_OF_WEB[family]}")
    site.net.ip(f"route add {APP[family]} via {GW[family]}")
    with Capture(site.gw, "lan") as capture:
        assert not site.web.reaches(APP[family], timeout=1)
        for asking in (ask_tcp, ask_udp):
            with pytest.raises(OSError):
                asking(site.web, APP[family], timeout=1)
    assert not capture.lines(f"host {WEB[family]}")


UPLINK_ROUTER_OF_WEB = {4: "198.51.100.1", 6: "2001:db8:100::1"}


def test_reserved_port_is_never_taken_by_a_translated_flow(site, natd):
    """Else a host inside could capture the packets of the tunnel (port shadowing)."""
    del natd
    Whoami(site.web, PORT)
    for asking in (ask_tcp, ask_udp):
        host, port = asking(site.app, WEB[4], PORT, source_port=PORT)
        assert host == GW[4] and port != PORT


def test_many_flows_to_one_destination_all_get_a_port(site, natd):
    del natd
    service = Whoami(site.web)
    sockets = [connect(site.app, WEB[4]) for _ in range(400)]
    assert len({ask(each) for each in sockets}) == 400
    for each in sockets:
        each.close()
    assert {host for _, host, _ in service.seen} == {GW[4]}


def test_gateway_itself_reaches_the_internet_and_is_reached(site, natd):
    del natd
    assert site.gw.reaches(WEB[4]) and site.web.reaches(GW[4])
    assert site.app.reaches(GW_INSIDE[4])


@pytest.mark.parametrize("family", [4, 6])
def test_gateway_is_silent_where_nothing_listens(site, natd, family):
    """What listens is reached from outside, even from a port whose last connection is not over."""
    del natd
    Whoami(site.gw, 2222)
    assert ask_udp(site.web, GW[family], 2222)[0] == WEB[family]
    with site.gw.socket(socket.AF_INET6) as listening:
        listening.bind(("::", 2224))
        listening.listen()
        for _ in range(2):
            with connect(site.web, GW[family], 2224, source_port=4444) as connection:
                listening.accept()[0].close()
                assert connection.recv(1) == b""
        assert "TIME-WAIT" in site.gw.output("ss", "-tan")
    with Capture(site.gw, "uplink") as capture:
        for asking in (ask_tcp, ask_udp):
            with pytest.raises(TimeoutError):
                asking(site.web, GW[family], 2223, timeout=1)
    assert capture.lines(f"dst host {GW[family]} and port 2223")
    assert not capture.lines(f"src host {GW[family]} and (port 2223 or icmp or icmp6[0] < 128)")


def our_table(site):
    return site.gw.output("nft", "-s", "list", "table", "inet", "gatehouse")


def test_tables_of_others_are_untouched(site):
    site.gw.run("nft", "-f", "-", stdin=FOREIGN)
    before = site.gw.output("nft", "list", "table", "inet", "others")
    natd = Natd(site.gw, natd_config()).start()
    assert our_table(site)
    natd.stop()
    natd.start()
    natd.stop()
    assert site.gw.output("nft", "list", "table", "inet", "others") == before


def test_restart_keeps_flows(site, natd):
    Whoami(site.web)
    with connect(site.app, WEB[4]) as connection:
        before, rules = ask(connection), our_table(site)
        natd.stop()
        natd.start()
        assert ask(connection) == before
        assert our_table(site) == rules


def test_nothing_leaks_while_natd_is_dead(site, natd):
    """The rules outlive the process: kill -9 opens nothing."""
    natd.kill()
    Whoami(site.web)
    with Capture(site.gw, "uplink") as capture:
        assert ask_tcp(site.app, WEB[4])[0] == GW[4]
        assert not site.app.reaches(HOST[4], timeout=1)
    assert not capture.lines(PRIVATE)
    natd.start()
    assert ask_tcp(site.app, WEB[4])[0] == GW[4]


def test_refused_config_leaves_the_rules_that_stand(site, natd):
    rules = our_table(site)
    natd.stop()
    natd.write(natd_config(subnets=[{"prefix": "10.40.15.0/33"}]))
    natd.refuses()
    assert our_table(site) == rules


@pytest.mark.parametrize("family, words", [(4, "Time to live exceeded"), (6, "Time exceeded: Hop limit")])
def test_hop_limit_and_errors_pass_the_translation(site, natd, family, words):
    """An ICMP error from the Internet finds the host inside whose packet it is about."""
    del natd
    done = site.app.run("ping", "-n", "-c", 1, "-W", 2, "-t", 2, WEB[family], check=False)
    assert UPLINK_ROUTER[family] in done.stdout and words in done.stdout


@pytest.mark.parametrize("family", [4, 6])
def test_path_mtu_is_told_through_the_translation_both_ways(site, natd, family):
    """By a router out there to the host inside, and by the gateway to a host out there."""
    del natd
    site.net.ip("link set web mtu 1400")
    with site.app.socket(FAMILY[family], socket.SOCK_DGRAM) as inside, \
            site.web.socket(FAMILY[family], socket.SOCK_DGRAM) as outside:
        outside.bind(("", 81))
        inside.sendto(bytes(1420), (WEB[family], 81))
        wait_until(lambda: "mtu 1400" in site.app.output("ip", "route", "get", WEB[family]), "it is told")
        inside.sendto(b"x", (WEB[family], 81))
        _, public = outside.recvfrom(100)
        assert public[0] == GW[family]
        site.gw.ip("link set lan mtu 1300")
        outside.sendto(bytes(1320), public[:2])
        wait_until(lambda: "mtu 1300" in site.web.output("ip", "route", "get", GW[family]), "and so is this")


def test_refused_connection_is_refused_inside_at_once(site, natd):
    del natd
    started = time.monotonic()
    with pytest.raises(ConnectionRefusedError):
        connect(site.app, WEB[4], 9)
    assert time.monotonic() - started < 1


@pytest.mark.parametrize("family", [4, 6])
def test_fragments_are_translated(site, natd, family):
    del natd
    service = Whoami(site.web)
    with site.app.socket(FAMILY[family], socket.SOCK_DGRAM) as each:
        each.settimeout(10)
        each.sendto(b"x" * 4000, (WEB[family], 80))
        each.recv(100)
    assert service.seen[0][1] == GW[family]
