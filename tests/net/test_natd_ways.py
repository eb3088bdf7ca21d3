# SPDX-License-Identifier: GPL-2.0-or-later
"""natd: each way in which a flow may be translated, or not, and what never leaves.

    app2 --+
              gw(natd) - net - web
    app  --+
"""
import os
import signal
import socket
import threading
import time

import pytest

from lab.capture import Capture
from lab.gatehouse import Natd, natd_config
from lab.natd import control, our_table, status
from lab.site import APP, APP_NET, CITY_NET, GW, GW_INSIDE, HOST, PORT, WEB
from lab.waiting import wait_until
from lab.whoami import Whoami, ask, ask_tcp, ask_udp, connect

SUBNETS = [{"prefix": prefix} for prefix in APP_NET.values()]
KIND = {4: (socket.AF_INET, socket.SOCK_DGRAM), 6: (socket.AF_INET6, socket.SOCK_DGRAM)}
APP2 = {4: "10.40.115.10", 6: "fd40:115::10"}
APP2_NET = {4: "10.40.115.0/24", 6: "fd40:115::/64"}


def second_subnet(site):
    """Another inside network with one host."""
    made = site.namespace("app2")
    site.wire(made, "eth0", site.gw, "lan2")
    made.ip("addr add 10.40.115.10/24 dev eth0", "addr add fd40:115::10/64 dev eth0 nodad",
            "route add default via 10.40.115.1")
    site.gw.ip("addr add 10.40.115.1/24 dev lan2", "addr add fd40:115::1/64 dev lan2 nodad")
    made.ip("route add default via fd40:115::1")
    return made


# --- hairpin ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("asking", [ask_tcp, ask_udp])
def test_inside_host_reaches_a_forwarded_port_and_is_seen_from_outside(site, family, asking):
    """RFC 4787 REQ-9: from its own subnet and from another, with the external source."""
    inside = {4: "10.40.15.10:80", 6: "[fd40:15::10]:80"}[family]
    app2 = second_subnet(site)
    Natd(site.gw, natd_config(
        subnets=SUBNETS + [{"prefix": prefix} for prefix in APP2_NET.values()],
        forwards=[{"protocol": protocol, "uplink_port": 8443, "to": inside}
                  for protocol in ("tcp", "udp")])).start()
    Whoami(site.app)
    for host in (site.app, app2):
        assert asking(host, GW[family], 8443)[0] == GW[family]
    assert asking(app2, APP[family])[0] == APP2[family]  # by its own address: as it is


def test_forwarded_port_is_not_taken_from_the_gateways_inside_address(site):
    """What this host serves inside on the same port stays its own."""
    forward = {"protocol": "tcp", "uplink_port": 8443, "to": "10.40.15.10:80"}
    Natd(site.gw, natd_config(forwards=[forward])).start()
    Whoami(site.app)
    gateway = Whoami(site.gw, 8443)
    assert ask_tcp(site.app, GW_INSIDE[4], 8443)[0] == APP[4]
    assert len(gateway.seen) == 1
    assert ask_tcp(site.app, GW[4], 8443)[0] == GW[4]
    assert len(gateway.seen) == 1


# --- ways -------------------------------------------------------------------------------------------


class Speaker:
    """A host that goes on sending from one UDP port; `sees` is as whom the web knows it."""

    def __init__(self, site, whoami):
        self._seen = whoami.seen
        self._socket = site.app.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("", 5060))
        site.closers.append(self._socket.close)

    def sees(self, host):
        del self._seen[:]
        self._socket.sendto(b"who\n", (WEB[4], 80))
        wait = time.monotonic() + 0.2
        while time.monotonic() < wait and not self._seen:
            time.sleep(0.01)
        return {seen[1] for seen in self._seen} == {host}


def track(site):
    """Have the kernel track what is forwarded, with no rules of ours."""
    site.gw.run("nft", "add table inet other; add chain inet other look { type filter hook forward "
                       "priority 0; }; add rule inet other look ct state new")


def test_flow_that_began_before_natd_is_translated_soon_after_its_start(site):
    """Every packet keeps it alive, and no packet of a flow that began untranslated would pass."""
    speaker = Speaker(site, Whoami(site.web))
    track(site)
    assert speaker.sees(APP[4])
    natd = Natd(site.gw, natd_config()).start()
    wait_until(lambda: speaker.sees(GW[4]), "it is translated")
    assert "1 flows ended that were not translated" in natd.log()


@pytest.mark.parametrize("begins", ["inside", "outside"])
def test_flow_that_nobody_may_begin_ends_with_the_start_of_natd(site, begins):
    """The rules look at the first packet; one that came before them would be the key to all others."""
    app2 = second_subnet(site)  # in no subnet of the config
    site.net.ip(f"route add {APP_NET[4]} via {GW[4]}")
    track(site)
    Whoami(site.app)
    asking = {"inside": app2, "outside": site.web}[begins]
    assert app2.reaches("10.40.115.1")
    with asking.socket(socket.AF_INET, socket.SOCK_DGRAM) as each:
        each.settimeout(0.2)
        each.connect((APP[4], 80))

        def is_answered():
            each.send(b"who\n")
            try:
                return bool(each.recv(100))
            except TimeoutError:
                return False
        wait_until(is_answered, "there are no rules")
        natd = Natd(site.gw, natd_config()).start()
        wait_until(lambda: "1 flows ended that nobody in a subnet began" in natd.log(), "it has ended")
        assert not is_answered()
    assert "icmp" in site.gw.output("conntrack", "-L", "-s", APP2[4]), "the gateway's own stays"
    assert status(natd)["drops"][{"inside": "not_listed", "outside": "unsolicited"}[begins]] >= 1


def test_flow_that_was_exempt_is_translated_soon_after_a_reload(site):
    speaker = Speaker(site, Whoami(site.web))
    natd = Natd(site.gw, natd_config(exempt=[WEB[4] + "/32"])).start()
    assert speaker.sees(APP[4])
    natd.write(natd_config())
    assert control(natd, "reload")["ok"]
    wait_until(lambda: speaker.sees(GW[4]), "it is translated")


def test_translated_flow_to_what_is_behind_a_tunnel_now_ends_with_the_reload(site):
    """Its host would go on with it for ever, and never ask for the tunnel."""
    Whoami(site.web)
    natd = Natd(site.gw, natd_config()).start()
    with connect(site.app, WEB[4]) as goes, connect(site.app, WEB[6]) as stays:
        assert ask(goes)[0] == GW[4] and ask(stays)[0] == GW[6]
        natd.write(natd_config(never_uplink=[*CITY_NET.values(), "198.51.100.0/24"]))
        assert control(natd, "reload")["ok"]
        assert not site.gw.output("conntrack", "-L", "-d", WEB[4])
        assert ask(stays)[0] == GW[6]
    assert "1 flows ended that left by an uplink, and never may now" in natd.log()


def test_exempt_destinations_see_the_private_source(site):
    """And only they do; to them it goes as any flow, and nothing comes unasked."""
    site.net.ip(f"route add {APP_NET[4]} via {GW[4]}")
    site.web.ip("addr add 198.51.100.20/24 dev eth0")
    Natd(site.gw, natd_config(exempt=["198.51.100.20/32"])).start()
    Whoami(site.web)
    assert ask_tcp(site.app, "198.51.100.20")[0] == APP[4]
    assert ask_tcp(site.app, WEB[4])[0] == GW[4]
    Whoami(site.app)
    with pytest.raises(OSError):
        connect(site.web, APP[4], timeout=1)


@pytest.mark.parametrize("family, source, exempt", [
    (4, "10.241.9.9", "198.51.100.0/24"), (6, "fd41:241::9", "2001:db8:100::/64")])
def test_what_comes_from_behind_a_tunnel_leaves_by_no_uplink(site, family, source, exempt):
    """Not even to exempt destinations, which are for the subnets."""
    site.gw.ip(f"addr add {source} dev lo")
    natd = Natd(site.gw, natd_config(exempt=[exempt])).start()
    with Capture(site.gw, "uplink") as capture:
        site.gw.run("ping", "-c", 1, "-W", 1, "-I", source, WEB[family], check=False)
        assert site.gw.reaches(WEB[family])
    assert capture.count(f"host {WEB[family]}") > 0
    assert not capture.lines(f"host {source}")
    assert status(natd)["drops"]["never_uplink"] >= 1


def test_forward_is_for_pool_addresses_that_are_this_hosts(site):
    """One that is routed here is, if lo has it."""
    routed = "203.0.113.99"
    site.net.ip(f"route add {routed} via {GW[4]}")
    site.gw.ip(f"addr add {routed}/32 dev lo")
    Natd(site.gw, natd_config(
        subnets=[{"prefix": APP_NET[4], "snat": [routed]}],
        forwards=[{"protocol": "tcp", "uplink_port": 8443, "to": "10.40.15.10:80"}])).start()
    Whoami(site.app)
    Whoami(site.web)
    assert ask_tcp(site.web, routed, 8443)[0] == WEB[4]
    assert ask_tcp(site.app, WEB[4])[0] == routed


def test_prefix_is_translated_host_by_host(site):
    """In the manner of RFC 6296: the host part stays, and so does the port."""
    site.net.ip(f"route add 2001:db8:40:15::/64 via {GW[6]}")
    subnet = {"prefix": APP_NET[6], "snat_prefix": "2001:db8:40:15::/64"}
    Natd(site.gw, natd_config(subnets=[subnet])).start()
    Whoami(site.web)
    assert ask_tcp(site.app, WEB[6], source_port=5555) == ("2001:db8:40:15::10", 5555)
    assert ask_udp(site.app, WEB[6])[0] == "2001:db8:40:15::10"
    # The port is reserved on addresses of the gateway, and this is none.
    assert ask_udp(site.app, WEB[6], source_port=PORT) == ("2001:db8:40:15::10", PORT)
    assert site.app.reaches(WEB[6])


def test_public_subnet_is_guarded_but_not_translated(site):
    site.app.ip("addr add 2001:db8:40::10/64 dev eth0 nodad", "route del default via fd40:15::1",
                "route add default via 2001:db8:40::1 src 2001:db8:40::10")
    site.gw.ip("addr add 2001:db8:40::1/64 dev lan nodad")
    site.net.ip(f"route add 2001:db8:40::/64 via {GW[6]}")
    natd = Natd(site.gw, natd_config(
        subnets=SUBNETS + [{"prefix": "2001:db8:40::/64", "translate": False}])).start()
    Whoami(site.web)
    Whoami(site.app)
    assert ask_tcp(site.app, WEB[6])[0] == "2001:db8:40::10"
    with pytest.raises(OSError):
        connect(site.web, "2001:db8:40::10", timeout=1)
    assert status(natd)["drops"]["unsolicited"] >= 1


def test_each_uplink_has_its_own_addresses(site):
    site.wire(site.gw, "uplink2", site.net, "gw2")
    site.gw.ip("addr add 192.0.100.7/24 dev uplink2")
    site.net.ip("addr add 192.0.100.1/24 dev gw2", "route add 192.0.200.9 via 192.0.100.7")
    site.web.ip("addr add 198.51.100.20/24 dev eth0")
    site.gw.ip("route add 198.51.100.20 via 192.0.100.1")
    Natd(site.gw, natd_config(subnets=[{"prefix": APP_NET[4]}], uplinks=[
        {"name": "uplink"}, {"name": "uplink2", "snat": ["192.0.200.9"]}])).start()
    Whoami(site.web)
    assert ask_tcp(site.app, WEB[4])[0] == GW[4]
    assert ask_tcp(site.app, "198.51.100.20")[0] == "192.0.200.9"


@pytest.mark.parametrize("reloaded", [False, True])
def test_flows_of_an_uplink_that_is_set_down_begin_anew_by_another(site, reloaded):
    """Though each uplink has addresses of its own, which providers take from nobody else."""
    site.wire(site.gw, "uplink2", site.net, "gw2")
    site.gw.ip("addr add 192.0.100.7/24 dev uplink2", "route add default via 192.0.100.1 metric 9")
    site.net.ip("addr add 192.0.100.1/24 dev gw2")
    both = [{"name": "uplink", "snat": [GW[4]]}, {"name": "uplink2", "snat": ["192.0.100.7"]}]
    natd = Natd(site.gw, natd_config(subnets=[{"prefix": APP_NET[4]}],
                                     uplinks=both[1:] if reloaded else both)).start()
    if reloaded:
        natd.write(natd_config(subnets=[{"prefix": APP_NET[4]}], uplinks=both))
        assert control(natd, "reload")["ok"]
    speaker = Speaker(site, Whoami(site.web))
    assert speaker.sees(GW[4])
    site.gw.ip("link set uplink down")
    wait_until(lambda: speaker.sees("192.0.100.7"), "it goes on by the other")


@pytest.mark.parametrize("random_ports", [False, True])
def test_ports_are_kept_or_random(site, random_ports):
    subnet = {"prefix": APP_NET[4], "random_ports": random_ports}
    Natd(site.gw, natd_config(subnets=[subnet])).start()
    Whoami(site.web)
    kept = [ask_tcp(site.app, WEB[4], source_port=port)[1] == port for port in range(5000, 5008)]
    assert not any(kept) if random_ports else all(kept)


@pytest.mark.parametrize("family, headers", [(4, 40), (6, 60)])
@pytest.mark.parametrize("way", ["uplink", "lan2"])
def test_segments_fit_the_narrower_way_in_both_directions(site, way, family, headers):
    """By an uplink, and past it as into a tunnel: the MSS of both SYNs is clamped."""
    app2 = second_subnet(site)
    site.gw.ip(f"link set {way} mtu 1280")
    Natd(site.gw, natd_config(
        subnets=SUBNETS + [{"prefix": prefix} for prefix in APP2_NET.values()])).start()
    to = site.web if way == "uplink" else app2
    Whoami(to)
    with Capture(site.app, "eth0", "tcp") as near, Capture(to, "eth0", "tcp") as far:
        ask_tcp(site.app, (WEB if way == "uplink" else APP2)[family])
    said = [[line for line in each.lines() if "mss" in line] for each in (near, far)]
    assert [f"mss {1500 - headers}," in line for line in said[0]] == [True, False]
    assert all(f"mss {1280 - headers}," in line for line in said[0][1:] + said[1][:1])


# --- what never leaves ------------------------------------------------------------------------------


def test_what_is_special_never_leaves(site):
    """Neither to a link-local address, nor with a private source that is in no subnet."""
    site.gw.ip("link add lan3 type veth peer name lan3p", "link set lan3 up",
               "addr add 10.99.0.1/24 dev lan3")
    natd = Natd(site.gw, natd_config()).start()
    with Capture(site.gw, "uplink") as capture:
        assert not site.app.reaches("169.254.169.254", timeout=1)
        site.gw.run("ping", "-c", 1, "-W", 1, "-I", "10.99.0.1", WEB[4], check=False)
        assert site.gw.reaches(WEB[4])
    assert not capture.lines("net 169.254.0.0/16 or net 10.0.0.0/8")
    assert capture.count(f"host {WEB[4]}") == 2
    drops = status(natd)["drops"]
    assert drops["martian"] == 1 and drops["private_source"] == 1


def test_host_of_a_subnet_is_not_looked_for_by_an_uplink(site):
    """While its own network is away, somebody on the Internet could answer in its place."""
    second_subnet(site)
    natd = Natd(site.gw, natd_config(
        subnets=SUBNETS + [{"prefix": prefix} for prefix in APP2_NET.values()])).start()
    site.gw.ip("link set lan2 down")
    with Capture(site.gw, "uplink") as capture:
        for family in (4, 6):
            assert not site.app.reaches(APP2[family], timeout=1)
            assert site.app.reaches(WEB[family])
    assert not capture.lines("net 10.0.0.0/8 or net fd00::/8")
    assert status(natd)["drops"]["never_uplink"] == 2


def test_host_inside_is_taken_for_no_other(site):
    """Neither for one of another subnet nor for one behind a tunnel."""
    app2 = second_subnet(site)
    natd = Natd(site.gw, natd_config(
        subnets=SUBNETS + [{"prefix": prefix} for prefix in APP2_NET.values()])).start()
    forged = [("10.40.15.99", WEB[4]), ("fd40:15::99", WEB[6]), ("10.241.0.77", APP[4]),
              ("fd41:241::77", APP[6])]
    with Capture(site.gw, "uplink") as uplink, Capture(site.app, "eth0") as app:
        for source, to in forged:
            app2.ip(f"addr add {source} dev lo")
            app2.run("ping", "-c", 1, "-W", 1, "-I", source, to, check=False)
        assert app2.reaches(WEB[4]) and app2.reaches(APP[4])
    assert uplink.count("icmp") == 2 and not uplink.lines("icmp6[0] = 128")
    assert not app.lines("net 10.241.0.0/16 or net fd41:241::/64")
    assert status(natd)["drops"]["spoofed"] == len(forged)


FORGE = """
import sys
from scapy.all import IP, UDP, Ether, IPv6, sendp
interface, gateway, source, to, port = sys.argv[1:]
ip = (IPv6 if ":" in to else IP)(src=source, dst=to)
sendp(Ether(dst=gateway) / ip / UDP(sport=53, dport=int(port)) / b"forged", iface=interface, verbose=False)
"""


@pytest.mark.parametrize("family", [4, 6])
def test_nobody_on_the_uplinks_wire_speaks_into_a_flow_to_the_city(site, family):
    """Known flows are looked at once; this one is known, and never came by an uplink."""
    app2 = second_subnet(site)  # the City's gateway, for once
    app2.ip(f"addr add {HOST[4]} dev lo", f"addr add {HOST[6]} dev lo nodad")
    site.gw.ip("route add 10.241.0.0/16 via 10.40.115.10", "route add fd41:241::/64 via fd40:115::10")
    natd = Natd(site.gw, natd_config()).start()
    mac = site.gw.ip_json("link", "show", "uplink")[0]["address"]
    with site.app.socket(*KIND[family]) as asking, app2.socket(*KIND[family]) as city:
        asking.settimeout(1)
        city.bind((HOST[family], 53))
        asking.sendto(b"who", (HOST[family], 53))
        _, asker = city.recvfrom(100)
        assert asker[0] == APP[family]
        city.sendto(b"true", asker[:2])
        assert asking.recv(100) == b"true"
        site.net.run("/usr/bin/python3", "-c", FORGE, "gw", mac, HOST[family], APP[family], asker[1])
        city.sendto(b"true again", asker[:2])
        assert asking.recv(100) == b"true again"
    assert status(natd)["drops"]["spoofed"] == 1


@pytest.mark.parametrize("family", [4, 6])
def test_nobody_on_the_uplinks_wire_passes_for_the_city_before_the_gateway(site, family):
    """What it serves to the City alone, say."""
    natd = Natd(site.gw, natd_config()).start()
    service = Whoami(site.gw, 2222)
    mac = site.gw.ip_json("link", "show", "uplink")[0]["address"]
    for source in (HOST[family], APP[family], WEB[family]):
        site.net.run("/usr/bin/python3", "-c", FORGE, "gw", mac, source, GW[family], 2222)
    wait_until(lambda: service.seen, "the last has come")
    assert [host for _, host, _ in service.seen] == [WEB[family]]
    assert status(natd)["drops"]["spoofed"] == 2


BY_TUNNEL = """
import fcntl, struct, subprocess, sys
from scapy.all import ICMP, IP
tun = open("/dev/net/tun", "r+b", buffering=0)
fcntl.ioctl(tun, 0x400454ca, struct.pack("16sH22x", b"tun-b", 0x1001))  # TUNSETIFF: TUN, no header
subprocess.run(["ip", "link", "set", "tun-b", "up"], check=True)
tun.write(bytes(IP(src=sys.argv[1], dst=sys.argv[2]) / ICMP()))
"""


def test_each_tunnel_may_bring_what_comes_from_behind_another(site):
    """As while one takes over from another: the peer has changed its way, and we have not yet."""
    app2 = second_subnet(site)  # the City's gateway, for once
    app2.ip("addr add 10.241.0.10 dev lo")
    site.gw.ip("route add 10.241.0.0/16 via 10.40.115.10")
    Natd(site.gw, natd_config()).start()
    with Capture(site.app, "eth0") as capture:
        site.gw.run("/usr/bin/python3", "-c", BY_TUNNEL, "10.241.0.10", APP[4])
        app2.run("ping", "-c", 1, "-W", 1, "-I", "10.241.0.10", APP[4])
    assert len(capture.lines("icmp[0] = 8")) == 2


def test_city_prefixes_are_held_back_in_every_state(site):
    """Started, reloaded, flushed by others, stopped, killed: hosts ask for the City all the time."""
    natd = Natd(site.gw, natd_config()).start()
    done = threading.Event()

    def ask_city():
        with site.app.socket(socket.AF_INET, socket.SOCK_DGRAM) as inside, \
                site.gw.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            while not done.wait(0.001):
                for each in (inside, own):
                    try:
                        each.sendto(b"for the City alone", (HOST[4], 9))
                    except OSError:
                        pass  # refused is as good
    thread = threading.Thread(target=ask_city)
    with Capture(site.gw, "uplink") as capture:
        thread.start()
        try:
            for n in range(5):
                natd.write(natd_config(ports=f"{2000 + n}-60000"))
                assert control(natd, "reload")["ok"]
                site.gw.run("nft", "flush ruleset")
                wait_until(lambda: "chain leak" in our_table(site), "the rules are back")
                natd.kill()
                natd.start()
                natd.stop()
                natd.start()
        finally:
            done.set()
            thread.join()
        site.app.reaches(WEB[4])
    assert capture.count() > 0
    assert not capture.lines(f"host {HOST[4]}")
    assert status(natd)["drops"]["never_uplink"] > 100


def test_no_private_source_leaves_while_the_rules_are_away(site):
    """Of a listed host or of another, for as long as natd does not get to put them back."""
    app2 = second_subnet(site)
    natd = Natd(site.gw, natd_config()).start()
    os.kill(natd.pid, signal.SIGSTOP)
    try:
        with Capture(site.gw, "uplink") as capture:
            site.gw.run("nft", "delete table inet gatehouse")
            for host in (site.app, app2):
                for family in (4, 6):
                    assert not host.reaches(WEB[family], timeout=1)
            wait_until(lambda: site.gw.reaches(WEB[4]) and capture.count(f"host {WEB[4]}"),
                       "what came before has been written, too")
    finally:
        os.kill(natd.pid, signal.SIGCONT)
    assert not capture.lines("net 10.0.0.0/8 or net fd00::/8")


def test_nobody_begins_while_the_rules_are_away_who_may_not(site):
    """Else what begins in that moment goes on when they are back."""
    app2 = second_subnet(site)  # in no subnet of the config
    Whoami(site.app)
    natd = Natd(site.gw, natd_config()).start()
    os.kill(natd.pid, signal.SIGSTOP)
    try:
        site.gw.run("nft", "delete table inet gatehouse")
        for family in (4, 6):
            with pytest.raises(OSError):
                ask_udp(app2, APP[family], timeout=1)
        assert app2.reaches("10.40.115.1")
    finally:
        os.kill(natd.pid, signal.SIGCONT)


def test_icmp_error_about_a_tunnels_packet_arrives_and_is_not_called_invalid(site):
    natd = Natd(site.gw, natd_config()).start()
    with site.gw.socket(socket.AF_INET, socket.SOCK_DGRAM) as tunnel:
        tunnel.settimeout(2)
        tunnel.bind(("", PORT))
        tunnel.connect((WEB[4], PORT))
        tunnel.send(b"to nobody")
        with pytest.raises(ConnectionRefusedError):
            tunnel.recv(100)
    with site.gw.socket(socket.AF_INET6, socket.SOCK_DGRAM) as tunnel:
        tunnel.settimeout(2)
        tunnel.bind(("", PORT))
        tunnel.connect((WEB[6], PORT))
        tunnel.send(b"to nobody")
        with pytest.raises(ConnectionRefusedError):
            tunnel.recv(100)
    assert status(natd)["drops"]["invalid"] == 0


# --- shadowing, and many ----------------------------------------------------------------------------

BARE = "table inet bare { chain c { type nat hook postrouting priority 100; oifname uplink masquerade; }; }"


@pytest.mark.parametrize("family", [4, 6])
def test_port_shadowing_works_without_these_rules_and_fails_with_them(site, family):
    """An inside host sends from the tunnel's port before the peer speaks (CVE-2021-3773)."""
    site.gw.run("nft", BARE)
    assert _captures_the_tunnel(site, family)
    site.gw.run("nft", "delete table inet bare")
    site.gw.run("conntrack", "-F")
    Natd(site.gw, natd_config()).start()
    assert not _captures_the_tunnel(site, family)


def _captures_the_tunnel(site, family):
    """Whether what the peer says to the tunnel reaches the host inside instead."""
    kind = KIND[family]
    with site.gw.socket(*kind) as tunnel, site.app.socket(*kind) as shadow, site.web.socket(*kind) as peer:
        for each in (tunnel, shadow, peer):
            each.bind(("", PORT))
            each.settimeout(1)
        shadow.sendto(b"shadow", (WEB[family], PORT))
        assert peer.recv(100) == b"shadow"
        peer.sendto(b"for the tunnel", (GW[family], PORT))
        try:
            return shadow.recv(100) == b"for the tunnel"
        except TimeoutError:
            assert tunnel.recv(100) == b"for the tunnel"
            return False


MANY = 5000  # from each of two hosts
CONNECT = """
import resource, select, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (20000, 20000))
to, n = sys.argv[1], int(sys.argv[2])
poll, waiting, made = select.epoll(), {}, 0
for _ in range(n):
    each = socket.socket()
    each.setblocking(False)
    each.connect_ex((to, 80))
    waiting[each.fileno()] = each
    poll.register(each.fileno(), select.EPOLLOUT | select.EPOLLONESHOT)
held = dict(waiting)
while waiting and (events := poll.poll(15)):
    for fd, _ in events:
        made += waiting.pop(fd).getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
print(made)
"""


def insert_failed(site):
    words = site.gw.output("conntrack", "-S").split()
    return sum(int(word.partition("=")[2]) for word in words if word.startswith("insert_failed="))


def test_ten_thousand_connections_from_two_hosts_to_one_destination_all_connect(site):
    app2 = second_subnet(site)
    Natd(site.gw, natd_config(subnets=SUBNETS + [{"prefix": APP2_NET[4]}])).start()
    site.web.sysctl({"net.core.somaxconn": 2 * MANY, "net.ipv4.tcp_max_syn_backlog": 2 * MANY})
    server = site.web.socket()
    server.bind(("", 80))
    server.listen(2 * MANY)  # the kernel answers, nobody accepts
    before, results = insert_failed(site), {}

    def run(host):
        results[host] = host.run("/usr/bin/python3", "-c", CONNECT, WEB[4], MANY,
                                 timeout=90).stdout
    threads = [threading.Thread(target=run, args=(host,)) for host in (site.app, app2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    server.close()
    assert [int(made) for made in results.values()] == [MANY, MANY]
    assert insert_failed(site) == before
