# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets are moved by several threads, and nobody can tell by their order.

    app - gw(vpnd) - net - city(vpnd) - host
"""
import ctypes
import os
import pathlib
import signal
import threading

import pytest

from lab import flow, process
from lab.city import CITY_ADDRESSES, TO_SITE
from lab.gatehouse import Vpnd, tunnel_config, vpnd_config
from lab.pings import Flow
from lab.site import APP, APP_NET, CITY, GW, HOST, PORT, uri
from lab.waiting import wait_until
from lab.whoami import Whoami, send_bulk
from lab.wireguard import Keys

BULK = 20_000_000
FLOWS = 4
DATAGRAMS = 2000
SLACK = 5  # a busy machine gets that many times what is promised
UPGRADE_S = 1.0
WATCHDOG_S = 7.0  # five questions, one a second, and a new engine
PTRACE_SEIZE, PTRACE_INTERRUPT, WALL = 0x4206, 0x4207, 0x40000000


def start(site, **options):
    """vpnd at both ends, each with the rest of its config and the name of its interface."""
    keys, city_keys = Keys(), Keys()
    ends = []
    for namespace, own, other, endpoint, more, prefixes in (
            (site.gw, keys, city_keys, CITY, {}, None),
            (site.city, city_keys, keys, GW,
             {"addresses": CITY_ADDRESSES, "peer": {"allowed_ips": TO_SITE}}, APP_NET)):
        name = site.ifname("gw")
        tunnel = tunnel_config(site, own, other.public, name=name,
                               endpoint=uri(endpoint[4], PORT), **more)
        config = vpnd_config(tunnel, prefixes=tuple(prefixes.values())) if prefixes \
            else vpnd_config(tunnel)
        ends.append((Vpnd(namespace, {**options, **config}).start(), config, name))
    wait_until(lambda: site.app.reaches(HOST[4], 1), "the tunnel carries a ping")
    return ends


def lane_threads(vpnd):
    """The lanes, by the names of the engine's threads."""
    return [int(comm.parent.name) for comm in pathlib.Path(f"/proc/{vpnd.engine}/task").glob("*/comm")
            if comm.read_text() == "vpnd-lane\n"]


def threads(vpnd):
    return len(lane_threads(vpnd))


def descriptors(vpnd):
    """What the monitor holds open, by kind."""
    kinds = [os.readlink(fd) for fd in pathlib.Path(f"/proc/{vpnd.pid}/fd").iterdir()]
    return sorted(kind.split(":")[0] for kind in kinds)


def queues(vpnd):
    """Of its only TUN device; in a chroot the path is longer."""
    return sum(each.endswith("/dev/net/tun") for each in descriptors(vpnd))


def stop_thread(thread):
    """Stop one thread of a process alone, which no signal does. Wait for it when it is dead."""
    libc = ctypes.CDLL(None, use_errno=True)
    for request in (PTRACE_SEIZE, PTRACE_INTERRUPT):
        if libc.ptrace(request, thread, None, None) < 0:
            raise OSError(ctypes.get_errno(), "ptrace")
    os.waitpid(thread, WALL)


class Flows:
    """Numbered flows both ways at once, each from a port of its own, beside streams."""

    def __init__(self, site):
        self._receivers = []
        self._threads = []
        for i in range(FLOWS):
            sender, receiver, address = ((site.app, site.host, HOST) if i % 2 == 0
                                         else (site.host, site.app, APP))
            address = address[4 if i < 2 else 6]
            port = flow.PORT + i
            received = flow.Receiver(receiver, address, port=port)
            self._receivers.append(received)
            self._threads.append(threading.Thread(
                target=flow.send, args=(sender, received, address), kwargs={
                    "count": DATAGRAMS, "seed": i, "port": port}))
        for peer, sender, address in ((site.host, site.app, HOST[4]), (site.app, site.host, APP[6])):
            Whoami(peer)
            self._threads.append(threading.Thread(target=send_bulk, args=(sender, address, BULK)))
        for thread in self._threads:
            thread.start()

    def finish(self):
        for thread in self._threads:
            thread.join()
        for receiver in self._receivers:
            receiver.wait(DATAGRAMS)
        return self._receivers


@pytest.mark.parametrize("lanes", [2, 4])
def test_no_flow_changes_its_order(site, lanes):
    ends = start(site, lanes=lanes)
    for vpnd, _, _ in ends:
        assert threads(vpnd) == lanes
    for got in Flows(site).finish():
        assert got.broken == 0
        assert got.numbers == sorted(set(got.numbers))
        assert len(got.numbers) > DATAGRAMS * 0.5


@pytest.mark.parametrize("lanes", [2, 4])
def test_nothing_is_lost_without_load(site, lanes):
    start(site, lanes=lanes)
    for sender, receiver, address in ((site.app, site.host, HOST[4]), (site.host, site.app, APP[6])):
        got = flow.arrives(sender, receiver, address, count=DATAGRAMS)
        assert got.broken == 0
        assert got.numbers == list(range(DATAGRAMS))


def test_flows_live_through_changes(site):
    """Reloads with other switches and another MTU stop the lanes and start them again."""
    (vpnd, config, name), _ = start(site, lanes=3)
    flows = Flows(site)
    for done, more in enumerate(({"tun_offload": False}, {"busy_poll_us": 50}, {"lanes": 1}, {})):
        vpnd.write({"lanes": 3, **more, **config})
        os.kill(vpnd.pid, signal.SIGHUP)
        wait_until(lambda n=done + 1: vpnd.log().count("is in force") == n, "it is reloaded")
        site.gw.ip(f"link set {name} mtu {1421 + done}")
    for got in flows.finish():
        assert got.broken == 0
        assert got.numbers == sorted(set(got.numbers))
        assert len(got.numbers) > DATAGRAMS * 0.5
    assert threads(vpnd) == 3
    assert vpnd.log().count("there are 3 lanes until vpnd is restarted") == 2


def test_engine_of_kept_queues_uses_all_of_them(site):
    Whoami(site.host)
    (vpnd, _, _), _ = start(site, lanes=2)
    vpnd.kill_engine()
    wait_until(lambda: site.app.reaches(HOST[4], 1), "the tunnel carries a ping")
    assert threads(vpnd) == 2
    assert send_bulk(site.app, HOST[4], BULK)


@pytest.mark.parametrize("before,after", [(2, 2), (1, 2), (3, 1)])
def test_upgrade_takes_over_whatever_queues_there_are(site, before, after):
    """A device that was made for one lane stays with one queue, which all lanes use."""
    Whoami(site.host)
    (vpnd, config, _), _ = start(site, lanes=before)
    vpnd.write({"lanes": after, **config})
    os.kill(vpnd.pid, signal.SIGUSR2)
    wait_until(lambda: vpnd.log().count("ready, config") == 2, "the upgrade is over")
    wait_until(lambda: site.app.reaches(HOST[4], 1), "the tunnel carries a ping")
    assert threads(vpnd) == (after if after > 1 else 0)
    assert queues(vpnd) == (after + 1 if min(before, after) > 1 else 1)
    assert ("its lanes share one" in vpnd.log()) == (before == 1 and after > 1)
    got = flow.arrives(site.app, site.host, HOST[4], count=DATAGRAMS)
    assert got.broken == 0
    assert got.numbers == list(range(DATAGRAMS))
    assert send_bulk(site.app, HOST[4], BULK)


def test_upgrade_costs_no_packet(site, measured):
    (vpnd, _, _), _ = start(site, lanes=2)
    pings, before = Flow(site.app, HOST[4]), descriptors(vpnd)

    def upgrade():
        done = vpnd.log().count("ready, config")
        os.kill(vpnd.pid, signal.SIGUSR2)
        wait_until(lambda: vpnd.log().count("ready, config") > done, "the upgrade is over")
    runs = [pings.during(upgrade) for _ in range(3)]
    measured(f"3 upgrades of 2 lanes under a ping each 10 ms: {sum(lost for lost, _ in runs)} lost, "
             f"{max(silence for _, silence in runs) * 1000:.0f} ms")
    assert max(silence for _, silence in runs) < UPGRADE_S * SLACK
    assert descriptors(vpnd) == before
    assert threads(vpnd) == 2


def test_lane_that_hangs_is_noticed(site):
    """The others go on, and so does the engine's own loop."""
    (vpnd, _, _), _ = start(site, lanes=3)
    engine, thread = vpnd.engine, lane_threads(vpnd)[1]
    stop_thread(thread)
    wait_until(lambda: "it has not answered" in vpnd.log(), "it is noticed", WATCHDOG_S * SLACK)
    os.waitpid(thread, WALL)  # whoever stops a thread has to see it dead
    wait_until(lambda: not process.alive(engine), "it is dead")
    wait_until(lambda: site.app.reaches(HOST[4], 1), "the tunnel carries a ping")
    assert threads(vpnd) == 3


def test_stranger_with_queues_is_not_joined(site):
    """A multi-queue TUN of that name that is somebody else's."""
    name = site.ifname("gw")
    site.gw.ip(f"tuntap add dev {name} mode tun multi_queue")
    keys = Keys()
    tunnel = tunnel_config(site, keys, Keys().public, name=name, endpoint=uri(CITY[4], PORT))
    vpnd = Vpnd(site.gw, {"lanes": 2, **vpnd_config(tunnel)})
    with pytest.raises(Exception):
        vpnd.start()
    assert "exists already, and is not ours" in vpnd.log()
