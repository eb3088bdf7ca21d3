# SPDX-License-Identifier: GPL-2.0-or-later
"""Bad input is refused with file, line and reason, and changes nothing.

    app - gw(vpnd) - net - city(wireguard-go) - host
"""
import os
import pathlib
import random
import socket
import time

import pytest

from lab.gate import Gate
from lab.gatehouse import (NATD, VPND, Natd, Vpnd, key_file, natd_config, says_where, tunnel_config,
                           vpnd_config)
from lab.relay import Weather
from lab.site import CITY, GW, PORT, uri
from lab.waiting import wait_until
from lab.wireguard import Keys


@pytest.fixture(name="config")
def right_config(site):
    return vpnd_config(tunnel_config(site, Keys(), Keys().public, name=site.ifname("gw"),
                                     endpoint=uri(CITY[4], PORT)))


def test_right_config_is_checked_in_silence(site, config):
    vpnd, natd = Vpnd(site.gw, config), Natd(site.gw, natd_config())
    for daemon in (vpnd, natd):
        done = site.gw.run(daemon.program, "-n", "-c", daemon.config)
        assert done.stdout + done.stderr == ""


def spoil(config, change):
    """`config` with one thing wrong."""
    tunnel = config["tunnels"][0]
    peer = tunnel["peers"][0]
    change(config, tunnel, peer)
    return config


@pytest.mark.parametrize("change, word", [
    (lambda c, t, p: t.update(listenport=1), "listen_port"),  # the nearest known key is suggested
    (lambda c, t, p: t.update(listen_port=70000), "listen_port"),
    (lambda c, t, p: t.update(listen_port="51820"), "listen_port"),
    (lambda c, t, p: t.update(name="much-too-long-for-linux"), "name"),
    (lambda c, t, p: t.update(mtu=100), "mtu"),
    (lambda c, t, p: t.update(addresses=["10.0.0.300/24"]), "addresses"),
    (lambda c, t, p: p.update(public_key="AAAA"), "public_key"),
    (lambda c, t, p: p.update(endpoint="192.0.2.10"), "endpoint"),
    (lambda c, t, p: p.update(allowed_ips=["10.0.0.0/33"]), "allowed_ips"),
    (lambda c, t, p: t["peers"].append({**p, "public_key": Keys().public}), "allowed"),
    (lambda c, t, p: c["routes"][0].update(via=["nosuch"]), "nosuch"),
    (lambda c, t, p: c["routes"][0].update(policy="sometimes"), "policy"),
    (lambda c, t, p: c["tunnels"].append(dict(t)), "name"),
])
def test_wrong_config_is_refused_with_file_line_and_reason(site, config, change, word):
    vpnd = Vpnd(site.gw, spoil(config, change))
    done = site.gw.run(VPND, "-n", "-c", vpnd.config, check=False)
    assert done.returncode == 1
    assert says_where(done.stderr, vpnd.config) and word in done.stderr
    said = vpnd.refuses()
    assert says_where(said, vpnd.config) and word in said
    assert {link["ifname"] for link in site.gw.ip_json("link")} == {"lo", "lan", "uplink"}


@pytest.mark.parametrize("text", ["tunnels = (", "}", "\0", "tunnels = 1;", "x = 1;",
                                  "tunnels = ( { } );", "@include \"/etc/shadow\"\n"])
def test_text_that_is_no_config_is_refused(site, text):
    vpnd = Vpnd(site.gw, text)
    assert str(vpnd.config) in vpnd.refuses()
    natd = Natd(site.gw, text)
    assert str(natd.config) in natd.refuses()


def test_missing_config_is_refused_by_name(site):
    for program in (VPND, NATD):
        done = site.gw.run(program, "-f", "-c", "/nonexistent/it.conf", check=False)
        assert done.returncode == 1 and "/nonexistent/it.conf" in done.stderr


@pytest.mark.parametrize("name", ["sixteen-letters-", "a/b", "..", "a b", "tun%d", ""])
def test_name_that_no_interface_has_is_refused(site, name):
    done = site.gw.run(VPND, "-f", name, check=False, timeout=5)
    assert done.returncode == 2 and f'"{name}" is no interface name' in done.stderr


SECRET = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U="


def missing(path):
    path.unlink()


def readable_by_others(path):
    path.chmod(0o644)


def malformed(path):
    path.write_text("!" + SECRET[1:] + "\n")


def too_long(path):
    path.write_text(SECRET + SECRET + "\n")


def empty(path):
    path.write_text("")


def directory(path):
    path.unlink()
    path.mkdir(0o700)


def foreign(path):
    os.chown(path, 12345, 12345)


@pytest.mark.parametrize("harm", [missing, readable_by_others, malformed, too_long, empty, directory,
                                  foreign])
@pytest.mark.parametrize("which", ["private_key_file", "preshared_key_file"])
def test_unfit_key_file_is_refused_by_name_and_never_printed(site, config, which, harm):
    tunnel = config["tunnels"][0]
    owner = tunnel if which == "private_key_file" else tunnel["peers"][0]
    owner[which] = key_file(site, "unfit", SECRET)
    harm(pathlib.Path(owner[which]))
    vpnd = Vpnd(site.gw, config)
    said = vpnd.refuses()
    assert owner[which] in said
    assert SECRET[1:20] not in said
    assert {link["ifname"] for link in site.gw.ip_json("link")} == {"lo", "lan", "uplink"}


def test_tunnel_with_the_name_of_an_interface_is_refused_at_once(site):
    vpnd = Vpnd(site.gw, vpnd_config(tunnel_config(site, Keys(), Keys().public, name="uplink")))
    before = site.gw.ip_json("addr", "show", "uplink")
    assert "uplink" in vpnd.refuses()
    assert site.gw.ip_json("addr", "show", "uplink") == before


def test_second_instance_ends_at_once_and_harms_nothing(site):
    gate = Gate(site)
    assert gate.works()
    first = gate.vpnd.process
    started = time.monotonic()
    gate.vpnd.spawn()
    assert gate.vpnd.process.wait(5) not in (0, None)
    assert time.monotonic() - started < 2
    assert first.running and gate.works() and gate.ctl.status()[1]["tunnels"]
    natd = Natd(site.gw, natd_config()).start()
    first = natd.process
    natd.spawn()
    assert natd.process.wait(5) not in (0, None)
    assert first.running and gate.works()


def garbage(rng):
    """Datagrams of any length and content, the types and sizes of real messages among them."""
    for length in (0, 1, 2, 3, 4, 31, 32, 33, 64, 91, 92, 93, 147, 148, 149, 1500, 65507):
        yield rng.randbytes(length)
        for kind in (1, 2, 3, 4, 5, 255):
            yield (bytes([kind, 0, 0, 0]) + rng.randbytes(length))[:max(length, 1)]
            yield (bytes([kind, 1, 0, 0]) + bytes(length))[:max(length, 1)]


@pytest.mark.parametrize("outer", [4, 6], ids=["outer4", "outer6"])
def test_garbage_changes_nothing_and_is_counted(site, outer):
    gate = Gate(site, outer=outer)
    assert gate.works()
    before = gate.device.wg("showconf").stdout, gate.handshake(), gate.vpnd.engine
    family = socket.AF_INET if outer == 4 else socket.AF_INET6
    packets = list(garbage(random.Random(7)))
    with site.web.socket(family, socket.SOCK_DGRAM) as sender:
        for packet in packets:
            sender.sendto(packet, (GW[outer], PORT))
            time.sleep(0.0005)
    assert gate.works()
    after = gate.device.wg("showconf").stdout, gate.handshake(), gate.vpnd.engine
    assert after == before

    def counted():
        tunnel = gate.ctl.status()[1]["tunnels"][0]
        return sum(tunnel["drops"].values()) >= len(packets) * 0.9
    wait_until(counted, "they are counted")


def test_messages_with_one_bit_turned_change_nothing(site):
    """Every datagram of the City's damaged on the way: nothing gets through, nothing breaks."""
    gate = Gate(site, weather=Weather(corrupt=1.0))
    assert not gate.works(2)
    assert gate.handshake() == 0
    gate.relay.weather = Weather()
    wait_until(lambda: gate.works(1), "the tunnel works", 15)
