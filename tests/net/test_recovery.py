# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever is killed, traffic comes back, and what the kernel holds for us stays.

    app - gw(vpnd) - net - city(wireguard-go) - host
"""
import ctypes
import re
import shutil
import time

import pytest

from lab import process
from lab.city import TO_SITE
from lab.gate import Gate
from lab.gatehouse import Natd, Vpnctl, natd_config
from lab.site import APP, HOST, PORT
from lab.waiting import wait_until

# Promised are 3 s; a busy machine gets five times as much before that counts as a failure.
ENGINE_BACK_S = 3
SLACK = 5
AT_FDCWD, RENAME_EXCHANGE = -100, 2


class Pings:
    """Pings from app to the City's host, ten to the second, from now on."""

    def __init__(self, site, address=HOST[4]):
        self._process = site.app.start("ping", "-n", "-D", "-i", 0.1, address)
        wait_until(self.replies, "the first reply")

    def replies(self):
        """When each reply came, seconds since the epoch."""
        return [float(t) for t in re.findall(r"^\[([\d.]+)\].*icmp_seq", self._process.log(),
                                             re.MULTILINE)]

    def gap_after(self, moment, timeout):
        """Wait for replies after `moment`; how long there was none, in seconds."""
        def steady():
            later = [t for t in self.replies() if t > moment + 0.3]
            return later if len(later) >= 5 else None
        first = wait_until(steady, "replies come again", timeout)[0]
        return first - max(t for t in self.replies() if t < first)


def exchange(one, other):
    """Let two paths change places, at once."""
    failed = ctypes.CDLL(None).renameat2(AT_FDCWD, bytes(one), AT_FDCWD, bytes(other), RENAME_EXCHANGE)
    assert not failed, "renameat2"


def kernel_state(gate):
    """Interface, addresses and routes of the tunnel, as the kernel holds them."""
    gw = gate.site.gw
    link, = gw.ip_json("addr", "show", "dev", gate.ifname)
    routes = [gw.output("ip", family, "route", "show", "dev", gate.ifname) for family in ("-4", "-6")]
    return link["ifindex"], link["addr_info"], routes


def test_killed_engine_costs_no_interface_and_at_most_a_moment(site, measured):
    gate = Gate(site)
    assert gate.works()
    pings, before, old = Pings(site), kernel_state(gate), gate.vpnd.engine
    monitor = gate.vpnd.pid
    killed = time.time()
    gate.vpnd.kill_engine()
    assert kernel_state(gate) == before
    gap = pings.gap_after(killed, ENGINE_BACK_S * SLACK)
    measured(f"engine killed under traffic: no reply for {gap:.2f} s")
    assert gap < ENGINE_BACK_S * SLACK
    assert kernel_state(gate) == before
    assert gate.vpnd.pid == monitor and gate.vpnd.engine not in (None, old)


def test_engine_killed_again_and_again_is_always_replaced(site):
    gate = Gate(site)
    for _ in range(4):
        gate.vpnd.kill_engine()
    wait_until(lambda: gate.works(1), "the tunnel works again", 30)


def test_uapi_peer_survives_its_engine(site):
    """What an operator set by wg(8) is not lost with the process that held it."""
    gate = Gate(site, gw_knows=False)
    gate.device.wg("set", "peer", gate.city_keys.public, "persistent-keepalive", "17")
    old = gate.vpnd.kill_engine()
    wait_until(lambda: gate.vpnd.engine not in (None, old), "a new engine")
    wait_until(lambda: gate.device.wg("show", check=False).returncode == 0, "it answers")
    assert gate.device.show("persistent-keepalive") == {gate.city_keys.public: "17"}
    assert gate.device.show("allowed-ips").keys() == {gate.city_keys.public}


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_restarted_vpnd_takes_up_its_work(site, how):
    gate = Gate(site)
    assert gate.works()
    engine = gate.vpnd.engine
    getattr(gate.vpnd, how)()
    gate.vpnd.start()  # at once: an engine that is still dying must not keep it from coming up
    assert not process.alive(engine), "no engine outlives its monitor"
    wait_until(lambda: gate.works(1), "the tunnel works again", 20)


@pytest.mark.parametrize("knows", [False, True], ids=["waits", "dials"])
def test_killed_peer_is_met_again(site, knows, measured):
    """A peer that lost its keys is noticed by silence (15 s) or by its own handshake (at once)."""
    gate = Gate(site, city_knows=knows, keepalive=1 if knows else None)
    assert gate.works()
    gate.city.kill()
    gate.city.start()
    started = time.monotonic()
    wait_until(lambda: gate.works(1), "the tunnel works again", 40)
    measured(f"peer restarted, {'it' if knows else 'only we'} can dial: traffic back after "
             f"{time.monotonic() - started:.1f} s")


def test_both_sides_restarted_meet_again(site):
    gate = Gate(site, city_knows=True)
    assert gate.works()
    gate.vpnd.kill()
    gate.city.kill()
    gate.city.start()
    gate.vpnd.start()
    wait_until(lambda: gate.works(1), "the tunnel works again", 20)


def test_interface_survives_while_the_peer_forgets_us(site):
    """Removed and added again on the City's side: only a new handshake helps, and it happens."""
    gate = Gate(site)
    assert gate.works()
    gate.city.wg("set", "peer", gate.keys.public, "remove")
    assert not gate.works(1)
    gate.city.wg("set", "peer", gate.keys.public, "allowed-ips", ",".join(TO_SITE))
    wait_until(lambda: gate.works(1), "the tunnel works again", 40)
    assert site.host.reaches(APP[4])


def test_uapi_socket_is_made_again_with_its_directory(site):
    gate = Gate(site)
    directory = gate.device.socket.parent
    for away in (directory.with_name("first"), directory.with_name("second")):
        directory.rename(away)  # for what stands there is made again at once
        shutil.rmtree(away)
        wait_until(gate.device.socket.exists, "there is a socket again", 30)
        wait_until(lambda: gate.device.show("listen-port") == str(PORT), "that is served", 30)


@pytest.mark.parametrize("whole", [False, True], ids=["socket", "directory"])
def test_control_sockets_are_made_again(site, whole):
    gate = Gate(site)
    Natd(site.gw, natd_config()).start()
    directory, ctl = gate.vpnd.run_dir, Vpnctl(site.gw)
    for _ in range(2):  # what is made again is kept like the first
        assert ctl.code() != 3
        if whole:
            directory.rename(away := directory.with_name("away"))
            shutil.rmtree(away)
        else:
            for name in ("vpnd.sock", "natd.sock"):
                (directory / name).unlink()
        wait_until(lambda: ctl.code() != 3, "both daemons answer again", 30)
    assert gate.works()
    old = gate.vpnd.kill_engine()
    wait_until(lambda: gate.vpnd.engine not in (None, old), "a new engine")
    wait_until(lambda: ctl.code() != 3, "it serves the socket too", 30)


def test_uapi_socket_that_cannot_be_made_is_made_later(site):
    gate = Gate(site)
    directory = gate.device.socket.parent
    away = directory.with_name("away")
    away.write_text("in the way")
    exchange(away, directory)
    wait_until(lambda: "cannot listen on" in gate.vpnd.log(), "it is tried", 30)
    directory.unlink()
    wait_until(gate.device.socket.exists, "there is a socket again", 30)
    wait_until(lambda: gate.device.show("listen-port") == str(PORT), "that is served", 30)
