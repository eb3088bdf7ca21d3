# SPDX-License-Identifier: GPL-2.0-or-later
"""vpnd IFNAME: one interface that wg(8) of Debian reads and sets, as with any WireGuard.

    gw(vpnd IFNAME) - net - city(wireguard-go)
"""
import re
import socket

import pytest

from lab.city import CITY_ADDRESSES, GW_ADDRESSES, TO_CITY, CityGateway
from lab.gatehouse import VPND
from lab.site import CITY, CITY_NET, HOST, PORT, TUNNEL_CITY, uri
from lab.waiting import wait_until
from lab.wireguard import Device, Keys, new_psk, wg_interface, wg_peer


@pytest.fixture(name="device")
def bare_interface(site):
    """An interface made by `vpnd IFNAME`, not configured."""
    made = Device(site.gw, site.ifname("bare"))
    site.gw.run(VPND, made.ifname)
    return made


def test_command_returns_when_interface_and_socket_are_ready(site):
    for _ in range(5):
        device = Device(site.gw, site.ifname("bare"))
        site.gw.run(VPND, device.ifname)
        assert device.socket.is_socket()
        assert f"interface: {device.ifname}" in device.wg("show").stdout
        link, = site.gw.ip_json("link", "show", "dev", device.ifname)
        assert "NOARP" in link["flags"] and "POINTOPOINT" in link["flags"]


def test_command_touches_no_address_and_no_route(site, device):
    link, = site.gw.ip_json("addr", "show", "dev", device.ifname)
    assert not link["addr_info"] and link["mtu"] == 1420
    assert not site.gw.output("ip", "route", "show", "dev", device.ifname)


def test_foreground_stays_in_the_foreground(site):
    device = Device(site.gw, site.ifname("bare"))
    process = site.gw.start(VPND, "-f", device.ifname)
    wait_until(device.socket.exists, "its socket is there")
    assert process.running
    assert process.stop() == 0
    assert not device.socket.exists()


def test_deleted_interface_ends_its_daemon(site, device):
    pids = site.gw.pids()
    assert pids
    site.gw.ip(f"link del {device.ifname}")
    wait_until(lambda: not site.gw.pids(), "the daemon has ended")


def test_removed_socket_ends_its_daemon_and_the_interface(site, device):
    """As wg-quick does it on systems that cannot delete the interface itself."""
    device.socket.unlink()
    wait_until(lambda: not site.gw.pids(), "the daemon has ended", 1)
    assert device.ifname not in [link["ifname"] for link in site.gw.ip_json("link")]


def test_wg_show_knows_every_field(device):
    ours, peer = Keys(), Keys()
    psk = new_psk()
    device.configure(wg_interface(ours, 51999) +
                     wg_peer(peer.public, TO_CITY, "192.0.2.10:51820", psk, 25))
    assert device.show("private-key") == ours.private
    assert device.show("public-key") == ours.public
    assert device.show("listen-port") == "51999"
    assert device.show("fwmark") == "off"
    assert device.show("preshared-keys") == {peer.public: psk}
    assert device.show("endpoints") == {peer.public: "192.0.2.10:51820"}
    assert set(device.show("allowed-ips")[peer.public].split()) == set(TO_CITY)
    assert device.show("persistent-keepalive") == {peer.public: "25"}
    assert device.show("latest-handshakes") == {peer.public: "0"}
    assert device.show("transfer").keys() == {peer.public}
    assert len(device.wg("show", "dump").stdout.splitlines()) == 2


def sections(text):
    """A config as a set of sections, each a set of words: their order says nothing."""
    return {frozenset(section.replace(",", " ").split())
            for section in re.split(r"\n(?=\[)", text.strip())}


def test_showconf_is_what_setconf_was_given(device):
    text = wg_interface(Keys(), 51999)
    for number in range(3):
        text += wg_peer(Keys().public, [f"10.{number}.0.0/16", f"fd0{number}::/64"],
                        uri(("192.0.2.10", "2001:db8:2::10")[number % 2], 1000 + number),
                        new_psk(), 20 + number)
    device.configure(text)
    shown = device.wg("showconf").stdout
    assert sections(shown) == sections(text)
    device.configure(shown)
    assert sections(device.wg("showconf").stdout) == sections(shown)


def test_syncconf_changes_only_what_differs(site, device):
    ours, theirs, gone = Keys(), Keys(), Keys()
    CityGateway(site, theirs, ours.public)
    device.up(GW_ADDRESSES, CITY_NET.values())
    base = wg_interface(ours, PORT) + wg_peer(theirs.public, TO_CITY, uri(CITY[4], PORT))
    device.configure(base + wg_peer(gone.public, ["10.9.0.0/16"]))
    assert site.gw.reaches(TUNNEL_CITY[4])
    shaken = device.handshake(theirs.public)
    added = Keys()
    device.configure(base + wg_peer(added.public, ["10.8.0.0/16"]), "syncconf")
    assert set(device.show("allowed-ips")) == {theirs.public, added.public}
    assert device.handshake(theirs.public) == shaken
    assert site.gw.reaches(TUNNEL_CITY[4])


def test_addconf_adds(device):
    first, second = Keys(), Keys()
    device.configure(wg_interface(Keys()) + wg_peer(first.public, ["10.1.0.0/16"]))
    device.configure(wg_peer(second.public, ["10.2.0.0/16"]), "addconf")
    assert device.show("allowed-ips") == {first.public: "10.1.0.0/16", second.public: "10.2.0.0/16"}


def test_allowed_ip_moves_to_the_peer_named_last(device):
    first, second = Keys(), Keys()
    device.wg("set", "peer", first.public, "allowed-ips", "10.1.0.0/16,10.2.0.0/16")
    device.wg("set", "peer", second.public, "allowed-ips", "10.2.0.0/16")
    assert device.show("allowed-ips") == {first.public: "10.1.0.0/16", second.public: "10.2.0.0/16"}


def test_setting_allowed_ips_replaces_them(device):
    peer = Keys()
    device.wg("set", "peer", peer.public, "allowed-ips", "10.1.0.0/16")
    device.wg("set", "peer", peer.public, "allowed-ips", "10.2.0.0/16,fd00::/8")
    assert set(device.show("allowed-ips")[peer.public].split()) == {"10.2.0.0/16", "fd00::/8"}


def test_peer_is_removed(device):
    first, second = Keys(), Keys()
    for peer in (first, second):
        device.wg("set", "peer", peer.public)
    device.wg("set", "peer", first.public, "remove")
    assert set(device.show("latest-handshakes")) == {second.public}


def test_psk_and_keepalive_are_set_and_cleared(site, device):
    peer, psk = Keys(), new_psk()
    device.wg("set", "peer", peer.public, "preshared-key", site.file("psk", psk, 0o600),
              "persistent-keepalive", 25)
    assert device.show("preshared-keys") == {peer.public: psk}
    device.wg("set", "peer", peer.public, "preshared-key", "/dev/null", "persistent-keepalive", "off")
    assert device.show("preshared-keys") == {peer.public: "(none)"}
    assert device.show("persistent-keepalive") == {peer.public: "off"}


def test_fwmark_is_set_and_seen_on_packets(site, device):
    ours, theirs = Keys(), Keys()
    CityGateway(site, theirs, ours.public)
    device.up(GW_ADDRESSES)
    device.configure(wg_interface(ours, PORT) + wg_peer(theirs.public, TO_CITY, uri(CITY[4], PORT)))
    device.wg("set", "fwmark", "0x1234")
    assert device.show("fwmark") == "0x1234"
    site.gw.run("nft", "-f", "-", stdin="""
        table inet seen {
            chain out {
                type filter hook output priority 0
                udp dport 51820 meta mark 0x1234 counter
            }
        }
        """)
    assert site.gw.reaches(TUNNEL_CITY[4])
    assert re.search(r"packets [1-9]", site.gw.output("nft", "list", "table", "inet", "seen"))
    device.wg("set", "fwmark", "off")
    assert device.show("fwmark") == "off"


def test_listen_port_changes_under_a_live_tunnel(site, device):
    ours, theirs = Keys(), Keys()
    city = CityGateway(site, theirs, ours.public)
    device.up(GW_ADDRESSES, CITY_NET.values())
    device.configure(wg_interface(ours, PORT) + wg_peer(theirs.public, TO_CITY, uri(CITY[4], PORT)))
    assert site.gw.reaches(HOST[4])
    device.wg("set", "listen-port", 40000)
    assert device.show("listen-port") == "40000"
    assert site.gw.reaches(HOST[4])
    assert city.show("endpoints")[ours.public].endswith(":40000")


def test_taken_listen_port_is_refused_and_the_old_one_kept(site, device):
    device.wg("set", "listen-port", 40000)
    with site.gw.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("0.0.0.0", 40001))
        done = device.wg("set", "listen-port", 40001, check=False)
    assert done.returncode != 0 and "in use" in done.stderr
    assert device.show("listen-port") == "40000"


def test_new_private_key_is_used_at_once(site, device):
    old, new, theirs = Keys(), Keys(), Keys()
    CityGateway(site, theirs, new.public)
    device.up(GW_ADDRESSES)
    device.configure(wg_interface(old, PORT) + wg_peer(theirs.public, TO_CITY, uri(CITY[4], PORT)))
    assert not site.gw.reaches(TUNNEL_CITY[4], timeout=1)
    device.wg("set", "private-key", site.file("new.key", new.private, 0o600))
    assert site.gw.reaches(TUNNEL_CITY[4], timeout=6)


def test_several_hundred_peers_in_one_request(device):
    peers = [Keys().public for _ in range(300)]
    device.configure(wg_interface(Keys()) + "".join(
        wg_peer(key, [f"10.{n // 256}.{n % 256}.0/24", f"fd00:{n:x}::/64"])
        for n, key in enumerate(peers)))
    assert set(device.show("allowed-ips")) == set(peers)


def raw(device, request):
    """What the socket answers to bytes, until it hangs up or is silent for a second."""
    answer = b""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        client.connect(str(device.socket))
        try:
            client.sendall(request)
            client.shutdown(socket.SHUT_WR)
            while part := client.recv(65536):
                answer += part
        except (TimeoutError, BrokenPipeError, ConnectionResetError):
            pass  # it need not read junk to its end
    return answer.decode()


KEY = "ab" * 32


@pytest.mark.parametrize("request_text", [
    "private_key=zz\n", f"private_key={KEY}00\n", "listen_port=70000\n", "listen_port=-1\n",
    "fwmark=hello\n", "nonsense=1\n", "public_key=abc\n", f"public_key={KEY}\nallowed_ip=10.0.0.0/33\n",
    f"public_key={KEY}\nendpoint=nowhere\n", f"public_key={KEY}\nendpoint=192.0.2.1:0x10\n",
    f"public_key={KEY}\npersistent_keepalive_interval=65536\n", f"public_key={KEY}\nremove=maybe\n",
    f"public_key={KEY}\nprotocol_version=2\n", "allowed_ip=10.0.0.0/8\n", "listen_port\n",
])
def test_bad_request_has_an_errno_and_changes_nothing(device, request_text):
    before = device.wg("show", "dump").stdout
    answer = raw(device, f"set=1\n{request_text}\n".encode())
    assert re.search(r"^errno=-?[1-9]\d*$", answer, re.MULTILINE), answer
    assert device.wg("show", "dump").stdout == before


JUNK = {"nothing": b"", "newline": b"\n", "zeros": bytes(5000), "other-version": b"get=2\n\n",
        "cut-off": b"set=1", "endless-line": b"x" * 100_000, "http": b"GET / HTTP/1.1\r\n\r\n",
        "all-bytes": bytes(range(256)) * 8}


@pytest.mark.parametrize("junk", JUNK.values(), ids=JUNK.keys())
def test_junk_on_the_socket_is_survived(device, junk):
    raw(device, junk)
    assert device.wg("show").returncode == 0


def test_second_instance_of_an_interface_is_refused_at_once(site, device):
    peer = Keys()
    device.wg("set", "peer", peer.public)
    done = site.gw.run(VPND, device.ifname, check=False, timeout=5)
    assert done.returncode != 0 and device.ifname in done.stdout + done.stderr
    assert set(device.show("latest-handshakes")) == {peer.public}


def test_interface_of_another_program_is_refused(site):
    name = site.ifname("other")
    site.gw.ip(f"tuntap add {name} mode tun multi_queue")
    done = site.gw.run(VPND, name, check=False, timeout=5)
    assert done.returncode != 0 and done.stderr
    assert site.gw.ip_json("link", "show", "dev", name)


def test_vpnd_on_both_ends(site, device):
    """The interface without config file speaks to its own kind as well."""
    other = Device(site.city, site.ifname("bare"))
    site.city.run(VPND, other.ifname)
    ours, theirs = Keys(), Keys()
    device.configure(wg_interface(ours, PORT) + wg_peer(theirs.public, TO_CITY, uri(CITY[6], PORT)))
    other.configure(wg_interface(theirs, PORT) + wg_peer(ours.public, ["0.0.0.0/0", "::/0"]))
    device.up(GW_ADDRESSES)
    other.up(CITY_ADDRESSES)
    assert site.gw.reaches(TUNNEL_CITY[4]) and site.gw.reaches(TUNNEL_CITY[6])
