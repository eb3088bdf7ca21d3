# SPDX-License-Identifier: GPL-2.0-or-later
"""on_state_change: a program that is told what changed, and can do no harm.

    app - gw(vpnd) - net - city(wireguard-go) - host
"""
import pytest

from lab import process
from lab.hook import Hook
from lab.site import CITY_NET, TREE
from lab.waiting import wait_until

def test_hook_is_told_of_tunnels_and_prefixes(site):
    hook = Hook(site)
    name, prefixes = hook.gate.ifname, set(CITY_NET.values())
    wait_until(lambda: {e.get("prefix") for e in hook.events()} >= prefixes, "the first states")
    first = hook.last(prefix=CITY_NET[4])
    assert first.items() >= {"schema": 1, "event": "prefix", "state": "reachable", "via": [name],
                             "backup": None, "table": 254}.items()
    hook.lose_the_peer()
    assert hook.last(event="tunnel")["reason"]
    for prefix in prefixes:
        wait_until(lambda p=prefix: hook.last(prefix=p)["state"] == "unreachable", "no way to it")
        assert hook.last(prefix=prefix)["via"] == []
    hook.gate.city.start()
    wait_until(lambda: hook.last(event="tunnel").get("state") == "up", "the tunnel is back", 40)
    wait_until(lambda: hook.last(prefix=CITY_NET[4])["state"] == "reachable", "and a way")


def test_hook_gets_nothing_but_its_input(site):
    hook = Hook(site, "#!/bin/sh\n{ id -un; env | sort; ls /proc/self/fd; ulimit -c\n"
                      "cat /proc/self/status; printf 'Nice:\\t%s\\n' $(nice); } >{dir}/told.$$\n"
                      "mv {dir}/told.$$ {dir}/told\n")
    wait_until(hook.told, "it ran")
    lines = hook.told().splitlines()
    assert lines[0] == "gatehouse"
    assert {line.split("=")[0] for line in lines if "=" in line} <= {"PATH", "PWD", "SHLVL", "_"}
    assert {line for line in lines if line.isdigit()} <= {"0", "1", "2", "3"}  # 3 is the directory
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    assert int(status["CapBnd"], 16) == int(status["CapPrm"], 16) == 0
    assert status["NoNewPrivs"] == "1" and int(status["SigBlk"], 16) == 0
    assert status["Nice"] == "0"


def test_root_may_be_asked_for_and_keeps_one_capability(site):
    hook = Hook(site, "#!/bin/sh\ncat /proc/self/status >{dir}/told\n", hook_user="root")
    wait_until(lambda: "CapBnd" in hook.told(), "it ran")
    status = dict(line.split(":\t", 1) for line in hook.told().splitlines())
    assert status["Uid"].split()[0] == "0"
    assert int(status["CapBnd"], 16) == int(status["CapPrm"], 16) == 1 << 12  # CAP_NET_ADMIN


def test_hook_that_hangs_is_killed_with_all_it_started_and_the_last_state_arrives(site):
    hook = Hook(site, "#!/bin/sh\necho $$ >>{dir}/pids; sleep 1000 & echo $! >>{dir}/pids\n"
                      "cat >>{dir}/told; echo >>{dir}/told; echo hello; sleep 1000\n")
    assert hook.gate.works()
    wait_until(lambda: "killed, for it took longer" in hook.gate.vpnd.log(), "it is killed")
    assert "on_state_change: hello" in hook.gate.vpnd.log()
    hook.lose_the_peer()
    wait_until(lambda: hook.last(prefix=CITY_NET[6])["state"] == "unreachable", "of prefixes too")
    hook.gate.vpnd.stop()
    pids = [int(pid) for pid in hook.told("pids").split()]
    wait_until(lambda: not any(process.alive(pid) for pid in pids), "nothing of it is left")


@pytest.mark.parametrize("script", ["exit 3", "kill -9 $$", "yes", "exec 0<&- 1>&- 2>&-; exit 0",
                                    "head -c 100000000 /dev/zero"])
def test_hook_that_misbehaves_harms_nothing(site, script):
    hook = Hook(site, f"#!/bin/sh\n{script}\n")
    assert hook.gate.works()
    wait_until(lambda: not hook.site.gw.run("pgrep", "-f", str(hook.path), check=False).stdout,
               "it is over", 20)
    assert hook.gate.works() and len(hook.gate.vpnd.log()) < 100_000


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o644])
def test_hook_that_others_may_write_is_not_run(site, mode):
    hook = Hook(site, mode=mode)
    assert hook.gate.works()
    wait_until(lambda: "on_state_change: cannot run" in hook.gate.vpnd.log(), "that is said")
    assert not hook.told()
    if mode == 0o777:
        hook.path.chmod(0o755)
        hook.lose_the_peer()
        assert hook.gate.vpnd.log().count("on_state_change: cannot run") == 1, "it is said once"


def test_the_example_says_what_it_was_told(site):
    hook = Hook(site, (TREE / "configs" / "on_state_change.example").read_text(), hook_timeout_s=5)
    name = hook.gate.ifname
    wait_until(lambda: f"{CITY_NET[4]} is reached by {name}" in hook.gate.vpnd.log(), "the first")
    hook.gate.city.kill()
    wait_until(lambda: f"on_state_change: {name} is down: peer noc-1 is down" in
               hook.gate.vpnd.log(), "the loss")
    wait_until(lambda: f"{CITY_NET[6]} is not reached by this gateway" in hook.gate.vpnd.log(),
               "and what follows")
