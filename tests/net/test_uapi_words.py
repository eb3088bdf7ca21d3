# SPDX-License-Identifier: GPL-2.0-or-later
"""What each word of the configuration protocol does to `vpnd IFNAME`.

    gw(vpnd IFNAME) - net - city(wireguard-go)
"""
import errno
import socket

import pytest

from lab.capture import Capture
from lab.city import GW_ADDRESSES, TO_CITY, CityGateway
from lab.gatehouse import VPND
from lab.site import CITY, PORT, TUNNEL_CITY, uri
from lab.uapi import ask, error, hexed, peers, values
from lab.waiting import wait_until
from lab.wireguard import Device, Keys, wg_interface, wg_peer

# Points of small order on Curve25519, little-endian: with each of them any secret makes zero.
LOW_ORDER = ["00" * 32, "01" + "00" * 31,
             "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
             "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
             "ec" + "ff" * 30 + "7f", "ed" + "ff" * 30 + "7f", "ee" + "ff" * 30 + "7f"]


@pytest.fixture(name="device")
def bare_interface(site):
    made = Device(site.gw, site.ifname("word"))
    site.gw.run(VPND, made.ifname)
    return made


def peer(keys):
    return f"public_key={hexed(keys.public)}"


def get(device, key):
    return values(ask(device, "get=1"), key)


def live(site, device):
    """A tunnel with the City; returns our keys, the City's, and its gateway."""
    ours, theirs = Keys(), Keys()
    city = CityGateway(site, theirs, ours.public)
    device.configure(wg_interface(ours, PORT) + wg_peer(theirs.public, TO_CITY, uri(CITY[4], PORT)))
    device.up(GW_ADDRESSES)
    assert site.gw.reaches(TUNNEL_CITY[4])
    return ours, theirs, city


def test_protocol_version_is_told_and_taken(device):
    assert error(device, peer(Keys()), "protocol_version=1") == 0
    assert get(device, "protocol_version") == ["1"]
    assert error(device, peer(Keys()), "protocol_version=2") == errno.EINVAL
    assert len(peers(device)) == 1


def test_update_only_changes_a_peer_and_adds_none(device):
    known, unknown = Keys(), Keys()
    assert error(device, peer(known)) == 0
    assert error(device, peer(known), "update_only=true", "persistent_keepalive_interval=7",
                 peer(unknown), "update_only=true", "allowed_ip=10.0.0.0/8") == 0
    assert peers(device) == {hexed(known.public)}
    assert get(device, "persistent_keepalive_interval") == ["7"]
    assert get(device, "allowed_ip") == []


def test_remove_takes_one_peer_and_is_no_error_for_a_stranger(device):
    first, second = Keys(), Keys()
    assert error(device, peer(first), "allowed_ip=10.0.0.0/8", peer(second)) == 0
    assert error(device, peer(first), "remove=true", peer(Keys()), "remove=true") == 0
    assert peers(device) == {hexed(second.public)}
    assert get(device, "allowed_ip") == []


def test_replace_peers_leaves_only_those_that_follow(device):
    first, second, third = Keys(), Keys(), Keys()
    assert error(device, peer(first), peer(second)) == 0
    assert error(device, "replace_peers=true", peer(second), peer(third)) == 0
    assert peers(device) == {hexed(second.public), hexed(third.public)}


def test_replace_allowed_ips_leaves_only_those_that_follow(device):
    keys = Keys()
    assert error(device, peer(keys), "allowed_ip=10.1.0.0/16", "allowed_ip=10.2.0.0/16") == 0
    assert error(device, peer(keys), "allowed_ip=10.3.0.0/16") == 0
    assert len(get(device, "allowed_ip")) == 3
    assert error(device, peer(keys), "replace_allowed_ips=true", "allowed_ip=10.2.0.0/16") == 0
    assert get(device, "allowed_ip") == ["10.2.0.0/16"]


def test_last_setter_of_an_allowed_ip_has_it(site, device):
    """In one request, over several, and for the traffic."""
    _, theirs, _ = live(site, device)
    first, second = Keys(), Keys()
    assert error(device, peer(first), "allowed_ip=10.1.0.0/16", peer(second),
                 "allowed_ip=10.1.0.0/16") == 0
    assert device.show("allowed-ips")[first.public] == "(none)"
    assert error(device, peer(first), "allowed_ip=10.1.0.0/16") == 0
    assert device.show("allowed-ips")[second.public] == "(none)"
    address = f"allowed_ip={TUNNEL_CITY[4]}/32"
    assert error(device, peer(first), address) == 0
    assert not site.gw.reaches(TUNNEL_CITY[4], timeout=0.5)
    assert error(device, peer(theirs), address) == 0
    assert site.gw.reaches(TUNNEL_CITY[4])


def test_listen_port_zero_is_a_free_one(site, device):
    live(site, device)
    assert error(device, "listen_port=0") == 0
    port, = get(device, "listen_port")
    assert int(port) not in (0, PORT)
    assert site.gw.reaches(TUNNEL_CITY[4])


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6], ids=["v4", "v6"])
def test_port_in_use_is_told_and_nothing_of_the_request_is_done(site, device, family):
    before = ask(device, "get=1")
    with site.gw.socket(family, socket.SOCK_DGRAM) as taken:
        taken.bind(("", 40001))
        assert error(device, "listen_port=40001", "fwmark=5", peer(Keys())) == errno.EADDRINUSE
    assert ask(device, "get=1") == before
    assert error(device, "listen_port=40001") == 0


def test_new_private_key_shakes_hands_at_once(site, device):
    """The City knows the new key already, and sees it within less than a handshake's retry."""
    ours, _, city = live(site, device)
    new = Keys()
    city.configure(wg_peer(new.public, ["203.0.113.200/32"]), "addconf")
    assert city.handshake(new.public) == 0
    city.wg("set", "peer", new.public, "allowed-ips",
            city.show("allowed-ips")[ours.public].replace(" ", ","))
    assert error(device, f"private_key={hexed(new.private)}") == 0
    site.gw.ping(TUNNEL_CITY[4], timeout=1)
    wait_until(lambda: city.handshake(new.public), "the City shook hands with the new key", 2)
    assert site.gw.reaches(TUNNEL_CITY[4], timeout=1)
    assert device.show("public-key") == new.public


def test_own_public_key_as_a_peer_is_ignored(device):
    ours, other = Keys(), Keys()
    assert error(device, f"private_key={hexed(ours.private)}", peer(ours), "allowed_ip=10.0.0.0/8",
                 "endpoint=192.0.2.1:1", peer(other)) == 0
    assert peers(device) == {hexed(other.public)}
    assert error(device, f"private_key={hexed(other.private)}") == 0  # one that becomes our own
    assert peers(device) == set()


def test_points_of_small_order_send_nothing(site, device):
    """A peer with such a key is kept, as the reference does, and never a byte goes to it."""
    ours = Keys()
    device.configure(wg_interface(ours, PORT))
    device.up(["10.77.0.1/24"])
    with Capture(site.gw, "uplink", "udp") as capture:
        for number, point in enumerate(LOW_ORDER, 10):
            assert error(device, f"public_key={point}", f"endpoint={CITY[4]}:{PORT}",
                         "persistent_keepalive_interval=1", f"allowed_ip=10.77.0.{number}/32") == 0
            assert not site.gw.reaches(f"10.77.0.{number}", timeout=0.2)
        assert peers(device) == set(LOW_ORDER)
        assert capture.count() == 0
        right = Keys()  # the capture sees what is sent
        assert error(device, peer(right), f"endpoint={CITY[4]}:{PORT}",
                     "persistent_keepalive_interval=1") == 0
        wait_until(capture.count, "a right key is sent to")
