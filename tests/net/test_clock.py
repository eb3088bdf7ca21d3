# SPDX-License-Identifier: GPL-2.0-or-later
"""Handshakes whose timestamps go on, whatever the clock of the host says after a reboot.

    app - gw(vpnd) - net - city(wireguard-go) - host

The City's gateway remembers the newest timestamp that it took, and refuses what is not newer.
"""
import time

from lab import process
from lab.city import CITY_ADDRESSES, TO_SITE
from lab.gate import Gate
from lab.gatehouse import Vpnctl, Vpnd, tunnel_config, vpnd_config
from lab.site import APP_NET
from lab.waiting import wait_until

DAY = 86400


def labels_file(gate):
    path = gate.vpnd.run_dir / "state" / "labels"
    path.parent.mkdir(exist_ok=True)
    return path


def pretend_clock_was_ahead(gate, seconds):
    """As if vpnd had run while the clock was wrong by that much."""
    at = int(time.time()) + seconds
    labels_file(gate).write_text(f"{gate.keys.public} {at}\n")
    return at


def kept(gate):
    key, second = labels_file(gate).read_text().split()
    assert key == gate.keys.public
    return int(second)


def test_clock_set_back_over_a_reboot_locks_nobody_out(site):
    gate = Gate(site, begin=False)
    at = pretend_clock_was_ahead(gate, DAY)
    gate.vpnd.start()
    assert gate.works()
    assert at < kept(gate) < at + 400
    gate.vpnd.stop()
    assert at < kept(gate) < at + 60, "a clean stop keeps what was used, and no more"
    gate.vpnd.start()
    assert gate.works()
    gate.vpnd.kill_engine()
    assert gate.works(15)
    engine = gate.vpnd.engine
    gate.vpnd.kill()
    wait_until(lambda: not process.alive(engine), "the engine ends with its monitor")
    gate.vpnd.start()
    assert gate.works(15)
    # The proof that all this was needed: without it the City does not listen.
    gate.vpnd.stop()
    labels_file(gate).unlink()
    gate.vpnd.start()
    assert not gate.works(8)


def test_disk_that_cannot_be_written_stops_nothing(site):
    gate = Gate(site, begin=False)
    labels_file(gate).with_suffix(".new").mkdir()  # in the way
    gate.vpnd.start()
    assert gate.works()
    assert "cannot write" in gate.vpnd.log()
    gate.vpnd.stop()


def vpnd_at_the_city(gate):
    """Our own program at the other end as well."""
    gate.city.kill()
    tunnel = tunnel_config(gate.site, gate.city_keys, gate.keys.public, name=gate.site.ifname("c"),
                           addresses=CITY_ADDRESSES, peer={"allowed_ips": TO_SITE})
    return Vpnd(gate.site.city, vpnd_config(tunnel, prefixes=APP_NET.values())).start()


def test_clock_of_the_peer_is_watched(site):
    gate = Gate(site, begin=False)
    city = vpnd_at_the_city(gate)
    pretend_clock_was_ahead(gate, DAY)
    gate.vpnd.start()
    assert gate.works()
    assert "s ahead of ours" in city.log()
    code, status = Vpnctl(site.city).status()
    assert code != 0 and "s ahead of ours" in status["tunnels"][0]["reason"]
    gate.vpnd.stop()
    labels_file(gate).unlink()  # its clock is right now, and it knows nothing of before
    gate.vpnd.start()
    wait_until(lambda: "did its clock go back?" in city.log(), "that is named", 40)
    site.city.run("wg", "set", status["tunnels"][0]["name"], "peer", gate.keys.public, "remove")
    site.city.run("wg", "set", status["tunnels"][0]["name"], "peer", gate.keys.public,
                  "allowed-ips", ",".join(TO_SITE))
    wait_until(gate.works, "it works again", 30)
