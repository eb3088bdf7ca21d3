# SPDX-License-Identifier: GPL-2.0-or-later
"""What others do to the interface while it works.

    (app) - gw(vpnd) - net - city(vpnd) - (host)
"""
import os
import signal
import time

import pytest

from lab.city import CITY_ADDRESSES, GW_ADDRESSES, TO_CITY, TO_SITE
from lab.gate import Gate
from lab.gatehouse import VPND, vpnd_config
from lab.netns import Ping
from lab.site import CITY, HOST, PORT, TUNNEL_CITY, uri
from lab.waiting import wait_until
from lab.wireguard import Device, Keys, wg_interface, wg_peer


class Ends:
    """`vpnd -f IFNAME` on gw and city, a tunnel between them."""

    def __init__(self, site):
        ours, theirs = Keys(), Keys()
        self.gw, self.city = (Device(ns, site.ifname("end")) for ns in (site.gw, site.city))
        self.processes = [end.namespace.start(VPND, "-f", end.ifname, log=f"vpnd.{end.ifname}")
                          for end in (self.gw, self.city)]
        for end in (self.gw, self.city):
            wait_until(end.socket.exists, f"{end.ifname} is ready")
        self.gw.configure(wg_interface(ours, PORT) +
                          wg_peer(theirs.public, TO_CITY, uri(CITY[4], PORT)))
        self.city.configure(wg_interface(theirs, PORT) + wg_peer(ours.public, TO_SITE))
        self.gw.up(GW_ADDRESSES)
        self.city.up(CITY_ADDRESSES)


@pytest.fixture(name="ends")
def two_ends(site):
    made = Ends(site)
    # An initiation that comes before the engine knows of "up" is lost, the next is 5 s later.
    assert site.gw.reaches(TUNNEL_CITY[4], timeout=8)
    return made


def test_mtu_changes_under_traffic(site, ends):
    flow = site.gw.start("ping", "-n", "-q", "-i", 0.02, "-c", 150, "-W", 2, TUNNEL_CITY[4])
    for mtu in (1280, 9000, 35000, 576, 35000, 1420, 35000):
        for end in (ends.gw, ends.city):
            end.namespace.ip(f"link set {end.ifname} mtu {mtu}")
        size = min(mtu, 20000) - 28  # what fits the buffers that reassemble fragments
        assert site.gw.ping(TUNNEL_CITY[4], options=("-s", size, "-M", "do")).received == 1, mtu
    assert site.gw.ping(TUNNEL_CITY[4], options=("-s", 35000 - 28, "-M", "do")).received == 1
    flow.wait(20)
    assert Ping(flow.log()).sent == 150 and Ping(flow.log()).lost == 0


def test_too_big_for_the_new_mtu_is_answered_with_it(site):
    gate = Gate(site)
    assert gate.works()
    gate.vpnd.write(vpnd_config(gate.tunnel | {"mtu": 1300}))
    gate.vpnd.reload()
    done = site.app.run("ping", "-n", "-c", 1, "-W", 2, "-s", 1300, "-M", "do", HOST[4], check=False)
    assert "mtu = 1300" in done.stdout + done.stderr


def test_first_packet_waits_for_a_monitor_that_is_late_to_see_up(site, ends):
    site.gw.ip(f"link set {ends.gw.ifname} down")
    wait_until(lambda: not site.gw.reaches(TUNNEL_CITY[4], timeout=1), "the engine knows of down")
    monitor = ends.processes[0].pid
    os.kill(monitor, signal.SIGSTOP)
    try:
        site.gw.ip(f"link set {ends.gw.ifname} up")
        ping = site.gw.start("ping", "-n", "-c", 1, "-W", 15, TUNNEL_CITY[4])
        time.sleep(0.3)
    finally:
        os.kill(monitor, signal.SIGCONT)
    assert ping.wait(20) == 0


def test_link_goes_down_and_up_under_traffic(site, ends):
    flow = site.gw.start("ping", "-n", "-q", "-i", 0.05, "-c", 400, TUNNEL_CITY[4])
    for _ in range(3):
        site.gw.ip(f"link set {ends.gw.ifname} down")
        assert not site.gw.reaches(TUNNEL_CITY[4], timeout=1)
        site.gw.ip(f"link set {ends.gw.ifname} up")
        assert site.gw.reaches(TUNNEL_CITY[4], timeout=7)
    assert all(process.running for process in ends.processes)
    flow.stop()


def test_link_of_the_config_is_put_up_again(site):
    gate = Gate(site)
    assert gate.works()
    site.gw.ip(f"link set {gate.ifname} down")
    wait_until(gate.works, "the tunnel works again")


def move(device, to):
    """Into another namespace, where it is down and has no addresses."""
    device.namespace.ip(f"link set {device.ifname} netns {to}")
    device.namespace = to


def test_interface_works_in_another_namespace_and_back_at_home(site, ends):
    home = ends.gw.namespace
    for namespace in (site.app, home, site.host, home):
        move(ends.gw, namespace)
        ends.gw.up(GW_ADDRESSES)
        assert namespace.reaches(TUNNEL_CITY[4], timeout=7)
        namespace.ip(f"link set {ends.gw.ifname} mtu 9000")
        assert namespace.ping(TUNNEL_CITY[4], options=("-s", 5000)).received == 1
        namespace.ip(f"link set {ends.gw.ifname} mtu 1420")
        assert ends.gw.show("listen-port") == str(PORT)
    assert all(process.running for process in ends.processes)


def test_interface_renamed_works_on(site, ends):
    site.gw.ip(f"link set {ends.gw.ifname} name other0")
    assert site.gw.reaches(TUNNEL_CITY[4])
    assert ends.processes[0].running


def test_deleted_interface_ends_vpnd_cleanly(site, ends):
    site.gw.ip(f"link del {ends.gw.ifname}")
    assert ends.processes[0].wait(5) == 0
    assert not ends.gw.socket.exists()
    assert ends.processes[1].running and ends.city.socket.exists()


def test_interface_deleted_in_another_namespace_ends_vpnd_cleanly(site, ends):
    move(ends.gw, site.app)
    ends.gw.up(GW_ADDRESSES)
    assert site.app.reaches(TUNNEL_CITY[4], timeout=7)
    site.app.ip(f"link del {ends.gw.ifname}")
    assert ends.processes[0].wait(5) == 0
    assert not ends.gw.socket.exists()


def test_interface_of_the_config_deleted_in_another_namespace_is_made_again(site):
    gate = Gate(site)
    assert gate.works()
    site.gw.ip(f"link set {gate.ifname} netns {site.host}")
    wait_until(lambda: "was moved" in gate.vpnd.log(), "that is noticed")
    site.host.ip(f"link del {gate.ifname}")
    wait_until(gate.works, "the tunnel works again")
