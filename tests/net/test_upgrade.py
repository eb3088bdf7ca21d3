# SPDX-License-Identifier: GPL-2.0-or-later
"""From one program to the next while all goes on.

    app - gw(vpnd) - net - city(wireguard-go) - host
"""
import os
import signal

import pytest

from lab import process
from lab.city import TO_CITY
from lab.gate import Gate
from lab.gatehouse import VPND, vpnd_config
from lab.hook import Hook
from lab.installed import Installed, upgrade
from lab.kernel import kernel_state
from lab.names import NAME, Names
from lab.pair import Pair
from lab.pings import Flow
from lab.site import CITY, HOST, PORT, TUNNEL_CITY, uri
from lab.waiting import wait_until
from lab.wireguard import Device, Keys, wg_interface, wg_peer

SLACK = 5  # a busy machine gets that many times what is promised
RESTART_S = 1.0


def ifindex(gate):
    return gate.site.gw.ip_json("link", "show", "dev", gate.ifname)[0]["ifindex"]


@pytest.fixture(name="installed")
def install(site):
    return Installed(site)


def named(site, installed):
    """A gate that knows its peer by a name."""
    gate = Gate(site, begin=False, gw_knows=False, peer={"endpoint": f"{NAME}:{PORT}"})
    gate.vpnd.program = installed.path
    gate.vpnd.start()
    return gate


@pytest.fixture(name="upgradable")
def start_installed(site, installed):
    """A gate that runs what is installed, and works."""
    gate = Gate(site, begin=False)
    gate.vpnd.program = installed.path
    gate.vpnd.start()
    assert gate.works()
    return gate


def test_upgrade_costs_no_packet(site, installed, upgradable, measured):
    gate, flow, lost, silence = upgradable, Flow(site.app, HOST[4]), 0, 0
    before = kernel_state(site), ifindex(gate), len(os.listdir(f"/proc/{gate.vpnd.pid}/fd"))
    engine = gate.vpnd.engine
    for _ in range(3):
        installed.replace(VPND)
        run = flow.during(lambda: upgrade(gate.vpnd))
        lost, silence = lost + run[0], max(silence, run[1])
        assert os.path.samefile(f"/proc/{gate.vpnd.pid}/exe", installed.path)
    measured(f"3 upgrades under a ping each 10 ms: {lost} lost, {silence * 1000:.0f} ms")
    assert silence < RESTART_S * SLACK
    assert (kernel_state(site), ifindex(gate),
            len(os.listdir(f"/proc/{gate.vpnd.pid}/fd"))) == before
    assert gate.vpnd.engine not in (None, engine) and not process.zombies(gate.vpnd.pid)
    assert process.status(gate.vpnd.pid)["Name"] == "vpnd"
    assert gate.ctl.status()[1]["tunnels"][0]["state"] == "up"


def test_upgraded_program_still_keeps_others_out(site, upgradable):
    upgrade(upgradable.vpnd)
    for run_dir, said in ((upgradable.vpnd.run_dir, "another vpnd runs with"),
                          (site.dir / "other", "another vpnd runs in this network namespace")):
        done = site.gw.run(VPND, "-f", "-c", upgradable.vpnd.config, "--run-dir", run_dir, check=False)
        assert done.returncode == 1 and said in done.stderr


# What the package manager may find in place of the program, and what is said of it.
WRONG = {
    "text": (lambda: b"this is no program\n", 0o755),
    "not executable": (VPND.read_bytes, 0o644),
    "fails": (lambda: open("/bin/false", "rb").read(), 0o755),
    "understands no handover": (lambda: VPND.read_bytes().replace(b"vpnd-handover\0",
                                                                  b"vpnd-handoveR\0"), 0o755),
}


@pytest.mark.parametrize("what", WRONG)
def test_upgrade_to_what_cannot_go_on_changes_nothing(site, installed, upgradable, what):
    gate, engine = upgradable, upgradable.vpnd.engine
    content, mode = WRONG[what]
    flow = Flow(site.app, HOST[4])
    installed.replace(content(), mode)
    lost, _ = flow.during(lambda: upgrade(gate.vpnd))
    assert lost == 0 and gate.vpnd.engine == engine
    assert "not upgrading" in gate.vpnd.log()
    installed.replace(VPND)
    upgrade(gate.vpnd)
    assert gate.vpnd.engine != engine and gate.works()


def test_upgrade_is_refused_while_the_config_is_wrong(installed, upgradable):
    gate, engine = upgradable, upgradable.vpnd.engine
    right = gate.vpnd.config.read_text()
    gate.vpnd.write("tunnels = nonsense")
    installed.replace(VPND)
    upgrade(gate.vpnd)
    assert gate.vpnd.engine == engine and gate.works()
    gate.vpnd.write(right)
    upgrade(gate.vpnd)
    assert gate.vpnd.engine != engine and gate.works()


def test_upgrade_puts_a_changed_config_in_force(site, installed, upgradable):
    gate = upgradable
    gate.vpnd.write(vpnd_config({**gate.tunnel, "mtu": 1400}))
    installed.replace(VPND)
    upgrade(gate.vpnd)
    assert site.gw.ip_json("link", "show", gate.ifname)[0]["mtu"] == 1400 and gate.works()


def test_upgrade_holds_to_the_way_that_was_chosen(site, installed):
    """Were the choice forgotten, routes would go back to the first, which is up again."""
    pair = Pair(site, preempt=False, program=installed.path)
    wait_until(pair.works, "both families work")
    pair.blacken()
    wait_until(lambda: pair.via() == pair.name, "all goes by the second", 30)
    pair.clear()
    wait_until(lambda: pair.state(pair.first.ifname) == "up", "the first is up", 30)
    assert pair.via() == pair.name
    installed.replace(VPND)
    upgrade(pair.vpnd)
    assert "goes by" not in pair.vpnd.log().rpartition("upgrading")[2]
    wait_until(lambda: pair.state(pair.first.ifname) == "up", "the new engine knows", 30)
    assert pair.via() == pair.name and pair.works()


# One run at a time: what comes meanwhile waits.
SLOW_HOOK = """#!/bin/sh
text=$(cat)
sleep 1
echo "$text" >>{dir}/told
echo "it is over"
"""


def test_upgrade_leaves_a_hook_that_runs_and_tells_what_waits(site, installed):
    hook = Hook(site, SLOW_HOOK, program=installed.path, hook_timeout_s=20)
    vpnd = hook.gate.vpnd
    assert hook.gate.works()
    wait_until(lambda: len(process.children(vpnd.pid)) == 2, "the first run")
    running = set(process.children(vpnd.pid)) - {vpnd.engine}
    hook.gate.city.kill()
    wait_until(lambda: "is down" in vpnd.log(), "something more to tell", 30)
    installed.replace(VPND)
    upgrade(vpnd)
    assert not process.zombies(vpnd.pid)
    wait_until(lambda: not running & set(process.children(vpnd.pid)), "it ends by itself", 30)
    wait_until(lambda: hook.last(event="tunnel").get("state") == "down", "the loss is told", 60)
    assert hook.last(event="prefix") and "on_state_change: it is over" in vpnd.log()
    assert "on_state_change: ended" not in vpnd.log() and not process.zombies(vpnd.pid)


def test_upgrade_kills_a_hook_that_hangs_when_its_time_is_over(site, installed):
    hook = Hook(site, "#!/bin/sh\nexec sleep 1000\n", program=installed.path, hook_timeout_s=4)
    vpnd = hook.gate.vpnd
    wait_until(lambda: len(process.children(vpnd.pid)) == 2, "the first run")
    hung = (set(process.children(vpnd.pid)) - {vpnd.engine}).pop()
    installed.replace(VPND)
    upgrade(vpnd)
    assert process.alive(hung)
    wait_until(lambda: not process.alive(hung), "it is killed", 30)
    wait_until(lambda: not process.zombies(vpnd.pid), "and asked after")
    assert "killed, for it took longer than 4 s" in vpnd.log()


def test_upgrade_while_a_name_is_looked_up_leaves_no_process_behind(site, installed):
    names = Names(site, patience_s=4)
    silent = names.hear_nothing()
    gate = named(site, installed)
    wait_until(lambda: len(process.children(gate.vpnd.pid)) == 2, "a lookup runs")
    installed.replace(VPND)
    upgrade(gate.vpnd)
    assert not process.zombies(gate.vpnd.pid)
    silent.close()
    names.serve(CITY[4])
    wait_until(lambda: gate.works(1), "the tunnel works", 60)
    assert not process.zombies(gate.vpnd.pid)


def test_upgrade_needs_no_name_server(site, installed):
    """What a name stood for is known already."""
    names = Names(site)
    names.serve(CITY[4])
    gate = named(site, installed)
    assert gate.works()
    names.end()
    installed.replace(VPND)
    upgrade(gate.vpnd)
    assert gate.works()


def test_upgrade_keeps_what_was_set_by_wg(site, installed):
    """An interface without config has nothing but what its clients told it."""
    ours, theirs = Keys(), Keys()
    gw, city = (Device(ns, site.ifname("end")) for ns in (site.gw, site.city))
    monitor = site.gw.start(installed.path, "-f", gw.ifname, log="vpnd")
    site.city.start(VPND, "-f", city.ifname, log="vpnd")
    for end in (gw, city):
        wait_until(end.socket.exists, f"{end.ifname} is ready")
    gw.configure(wg_interface(ours, PORT) + wg_peer(theirs.public, TO_CITY, uri(CITY[4], PORT)))
    gw.wg("set", "fwmark", "0x17")
    city.configure(wg_interface(theirs, PORT) + wg_peer(ours.public, ["0.0.0.0/0"]))
    gw.up(["169.254.10.2/30"])
    city.up(["169.254.10.1/30"])
    flow = Flow(site.gw, TUNNEL_CITY[4])
    engine = process.children(monitor.pid)
    installed.replace(VPND)

    def change():
        os.kill(monitor.pid, signal.SIGUSR2)
        wait_until(lambda: len(process.children(monitor.pid)) == 1 and
                   process.children(monitor.pid) != engine, "a new engine")
    _, silence = flow.during(change)
    assert silence < RESTART_S * SLACK
    assert sorted(gw.show("allowed-ips")[theirs.public].split()) == sorted(TO_CITY)
    assert (gw.show("fwmark"), gw.show("private-key")) == ("0x17", ours.private)
