# SPDX-License-Identifier: GPL-2.0-or-later
"""wg-quick(8) of Debian with WG_QUICK_USERSPACE_IMPLEMENTATION=vpnd, on files as people have them.

    gw(wg-quick, vpnd) - net - city(wireguard-go) - host
                          |
                         web(wireguard-go, or a server on the Internet)
"""
import os
import re
import subprocess
import time

import pytest

from lab.capture import Capture
from lab.city import GW_ADDRESSES, CityGateway
from lab.gatehouse import BUILD, VPND
from lab.site import CITY, HOST, PORT, TUNNEL_CITY, TUNNEL_GW, UPLINK_ROUTER, WEB, uri
from lab.waiting import wait_until
from lab.wireguard import Device, Keys, WireguardGo, new_psk, wg_interface, wg_peer

END_SECONDS = 1.0  # within which a daemon is gone after its interface is
EVERYTHING = ["0.0.0.0/0", "::/0"]
MARK_TABLE = 99
NO_NEIGHBOURS = "not arp and not ip6 multicast and not (icmp6 and ip6[40] > 132)"
MASQUERADE = """
table {0} out {{
    chain post {{
        type nat hook postrouting priority 100
        oifname "uplink" {0} saddr {1} masquerade
    }}
}}
"""


class Quick(Device):
    """An interface by a wg-quick file on `gw`: lines of [Interface], then the peers' sections."""

    def __init__(self, site, lines, *peers):
        super().__init__(site.gw, site.ifname("q"))
        self.keys = Keys()
        text = "\n".join(["[Interface]", f"PrivateKey = {self.keys.private}", *lines, "", *peers])
        self.file = site.file(f"quick/{self.ifname}.conf", text, 0o600)

    def run(self, command, check=True):
        """`wg-quick COMMAND` as its user would type it, vpnd being in the path."""
        return self.namespace.run("env", f"PATH={BUILD}:{os.environ['PATH']}",
                                  "WG_QUICK_USERSPACE_IMPLEMENTATION=vpnd", "wg-quick", command,
                                  self.file, check=check)

    def up(self, *_, **__):
        assert f"[#] vpnd {self.ifname}" in self.run("up").stderr

    def down(self):
        self.run("down")


def traces(namespace):
    """All that wg-quick and the daemon could leave behind in a namespace."""
    nft = namespace.output("nft", "list", "ruleset")
    shown = [namespace.output("ip", *words.split()) for words in
             ("-brief link", "-4 addr", "-6 addr", "-4 rule", "-6 rule", "-4 route show table all",
              "-6 route show table all")]
    return "\n".join([nft, *shown, *sorted(process_names(namespace))])


def process_names(namespace):
    ps = subprocess.run(["ps", "-o", "args=", "-p", ",".join(map(str, namespace.pids())) or "1"],
                        capture_output=True, text=True, check=False).stdout
    return [line for line in ps.splitlines() if "vpnd" in line]


@pytest.fixture(name="clean")
def leaves_nothing(site):
    """A function that takes an interface down and sees that all is as when the test began."""
    before = traces(site.gw)

    def take_down(quick):
        quick.down()
        gone_at = time.monotonic()
        wait_until(lambda: not process_names(site.gw), "vpnd has ended", END_SECONDS)
        assert not quick.socket.exists()
        wait_until(lambda: traces(site.gw) == before, "all is as it was", END_SECONDS)
        return time.monotonic() - gone_at
    return take_down


def city_peer(keys, allowed, **more):
    return wg_peer(keys.public, allowed, uri(CITY[4], PORT), **more)


def addresses(separate=True):
    return [f"Address = {a}" for a in GW_ADDRESSES] if separate else \
        [f"Address = {', '.join(GW_ADDRESSES)}"]


def test_up_carries_traffic_and_down_leaves_nothing(site, clean, measured):
    city = Keys()
    quick = Quick(site, addresses() + ["ListenPort = 51999"],
                  city_peer(city, ["10.241.0.0/16", "fd41:241::/64"]))
    CityGateway(site, city, quick.keys.public)
    quick.up()
    assert site.gw.ping(HOST[4], options=("-I", TUNNEL_GW[4])).received == 1
    assert site.gw.ping(HOST[6], options=("-I", TUNNEL_GW[6])).received == 1
    link, = site.gw.ip_json("link", "show", "dev", quick.ifname)
    assert link["mtu"] == 1420  # the uplink's 1500, as wg-quick computes it
    assert quick.show("listen-port") == "51999"
    measured(f"wg-quick down: the daemon was gone within {clean(quick):.2f} s")


def test_up_follows_down_at_once(site, clean):
    city = Keys()
    quick = Quick(site, addresses(), city_peer(city, ["10.241.0.0/16"]))
    CityGateway(site, city, quick.keys.public)
    for _ in range(3):
        quick.up()
        assert site.gw.reaches(HOST[4])
        quick.down()
    quick.up()
    assert site.gw.reaches(HOST[4])
    clean(quick)


@pytest.mark.parametrize("outer", [4, 6], ids=["outer4", "outer6"])
def test_default_route_by_policy_carries_all_but_the_tunnel_itself(site, clean, outer):
    """AllowedIPs = 0.0.0.0/0, ::/0: wg-quick sets a mark, and rules for what lacks it."""
    city = Keys()
    quick = Quick(site, addresses(separate=False) + ["Table = auto"],
                  wg_peer(city.public, EVERYTHING, uri(CITY[outer], PORT)))
    gateway = CityGateway(site, city, quick.keys.public)
    for family, table in ((4, "ip"), (6, "ip6")):
        site.city.run("nft", "-f", "-", stdin=MASQUERADE.format(table, TUNNEL_GW[family]))
    quick.up()
    assert quick.show("fwmark") == hex(51820)
    with Capture(site.gw, "uplink") as uplink, Capture(site.city, gateway.ifname) as inside:
        for address in (HOST, WEB):  # what is behind the tunnel, and the Internet through it
            assert site.gw.reaches(address[4]) and site.gw.reaches(address[6])
        assert site.gw.reaches(TUNNEL_CITY[4])
    assert inside.count(f"icmp and host {WEB[4]}") == 2
    assert inside.count(f"icmp6 and host {WEB[6]}") == 2
    assert uplink.count(f"udp and host {CITY[outer]} and port {PORT}") >= 10
    assert not uplink.lines(f"not (udp and port {PORT}) and {NO_NEIGHBOURS}")
    clean(quick)


def test_several_peers_with_preshared_keys(site, clean):
    first, second, psks = Keys(), Keys(), (new_psk(), new_psk())
    quick = Quick(site, ["Address = 169.254.10.2/30", "MTU = 1380"],
                  city_peer(first, ["10.241.0.0/16", "169.254.10.1/32"], psk=psks[0], keepalive=25),
                  wg_peer(second.public, ["10.242.0.0/16"], uri(WEB[4], PORT), psks[1]))
    CityGateway(site, first, quick.keys.public, psk=psks[0])
    other = WireguardGo(site.web)
    other.configure(wg_interface(second, PORT) +
                    wg_peer(quick.keys.public, ["169.254.10.2/32"], psk=psks[1]))
    other.up(["10.242.0.10/16"], ["169.254.10.2/32"])
    quick.up()
    assert site.gw.reaches(HOST[4]) and site.gw.reaches("10.242.0.10")
    link, = site.gw.ip_json("link", "show", "dev", quick.ifname)
    assert link["mtu"] == 1380
    assert quick.show("persistent-keepalive") == {first.public: "25", second.public: "off"}
    clean(quick)


def test_hooks_run_in_their_order(site, clean):
    said = site.dir / "said"
    hooks = [f"{name} = echo {name} %i $(wg show %i listen-port 2>/dev/null) >>{said}"
             for name in ("PreUp", "PostUp", "PreDown", "PostDown")]
    quick = Quick(site, addresses() + ["ListenPort = 51999"] + hooks,
                  city_peer(Keys(), ["10.241.0.0/16"]))
    quick.up()
    clean(quick)
    assert said.read_text().splitlines() == [
        f"PreUp {quick.ifname}", f"PostUp {quick.ifname} 51999", f"PreDown {quick.ifname} 51999",
        f"PostDown {quick.ifname}"]


def test_failed_up_leaves_nothing(site):
    quick = Quick(site, addresses() + ["PostUp = false"], city_peer(Keys(), EVERYTHING))
    before = traces(site.gw)
    assert quick.run("up", check=False).returncode != 0
    wait_until(lambda: not process_names(site.gw), "vpnd has ended", END_SECONDS)
    assert not quick.socket.exists() and traces(site.gw) == before


def test_table_off_and_a_table_of_its_own(site, clean):
    for table, held in (("off", None), ("1234", "10.241.0.0/16")):
        quick = Quick(site, addresses() + [f"Table = {table}"],
                      city_peer(Keys(), ["10.241.0.0/16"]))
        quick.up()
        assert not site.gw.output("ip", "route", "show", "10.241.0.0/16")
        if held:
            assert held in site.gw.output("ip", "route", "show", "table", table)
        clean(quick)


def test_saved_config_is_what_ran_last(site, clean):
    """SaveConfig: what wg(8) changed while the interface was up is there the next time."""
    city, added = Keys(), Keys()
    quick = Quick(site, addresses() + ["SaveConfig = true"], city_peer(city, ["10.9.0.0/16"]))
    CityGateway(site, city, quick.keys.public)
    quick.up()
    quick.wg("set", "peer", city.public, "allowed-ips", "10.241.0.0/16,10.9.0.0/16")
    quick.wg("set", "peer", added.public, "allowed-ips", "10.7.0.0/16", "persistent-keepalive", 9)
    port = quick.show("listen-port")
    clean(quick)
    saved = quick.file.read_text()
    assert f"PublicKey = {added.public}" in saved and f"ListenPort = {port}" in saved
    assert f"PrivateKey = {quick.keys.private}" in saved and re.search(r"SaveConfig = true", saved)
    quick.up()
    assert site.gw.reaches(HOST[4])
    assert quick.show("allowed-ips")[added.public] == "10.7.0.0/16"
    clean(quick)


def test_strip_and_syncconf_reload_without_a_new_handshake(site, clean):
    """`wg syncconf IFNAME <(wg-quick strip IFNAME)`, the usual way to reload a file."""
    city = Keys()
    quick = Quick(site, addresses(), city_peer(city, ["10.241.0.0/16"]))
    CityGateway(site, city, quick.keys.public)
    quick.up()
    assert site.gw.reaches(HOST[4])
    shaken = quick.handshake(city.public)
    quick.file.write_text(quick.file.read_text() + wg_peer(Keys().public, ["10.7.0.0/16"]))
    quick.configure(quick.run("strip").stdout, "syncconf")
    assert len(quick.show("allowed-ips")) == 2 and quick.handshake(city.public) == shaken
    assert site.gw.reaches(HOST[4])
    clean(quick)


@pytest.mark.parametrize("outer", [4, 6], ids=["outer4", "outer6"])
def test_mark_chooses_the_route_of_the_tunnel_itself(site, outer):
    """Only marked packets find a way to the peer, so the tunnel lives and dies with its mark."""
    ours, theirs = Keys(), Keys()
    device = Device(site.gw, site.ifname("bare"))
    site.gw.run(VPND, device.ifname)
    CityGateway(site, theirs, ours.public)
    device.up(GW_ADDRESSES)
    site.gw.ip(f"route del default via {UPLINK_ROUTER[outer]}",
               f"route add default via {UPLINK_ROUTER[outer]} table {MARK_TABLE}")
    site.gw.run("ip", f"-{outer}", "rule", "add", "fwmark", "0x77", "table", MARK_TABLE)
    device.configure(wg_interface(ours, PORT) + "FwMark = 0x77\n" +
                     wg_peer(theirs.public, EVERYTHING, uri(CITY[outer], PORT)))
    assert site.gw.reaches(TUNNEL_CITY[4])
    for change, works in ((("fwmark", 0), False), (("fwmark", 0x77), True),
                          (("listen-port", 40000), True), (("fwmark", "off"), False),
                          (("fwmark", "0x77"), True)):
        device.wg("set", *change)
        assert site.gw.reaches(TUNNEL_CITY[4], timeout=2 if works else 0.5) == works, change
