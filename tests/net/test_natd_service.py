# SPDX-License-Identifier: GPL-2.0-or-later
"""natd as a service: it keeps its rules in force, tells how it is, and gives what its config offers.

              gw(natd) - net - web
        app --+
"""
import os
import signal
import socket
import struct
import threading
import time

import pytest

from lab import process
from lab.capture import Capture
from lab.gatehouse import NATD, Natd, natd_config, says_where
from lab.natd import control, our_table, status
from lab.site import APP_NET, GW, HOST, PORT, TREE, WEB
from lab.waiting import wait_until
from lab.whoami import Whoami, ask, ask_tcp, ask_udp, connect

PRIVATE = "net 10.0.0.0/8 or ip6 net fd00::/8"
REPAIR_SECONDS = 5 * 0.2  # fivefold: the machine may be busy
CAP_NET_ADMIN = 1 << 12
POOL = ["203.0.113.21", "203.0.113.22", "203.0.113.23"]


@pytest.fixture(name="natd")
def running_natd(site):
    return Natd(site.gw, natd_config()).start()


class Talk:
    """A connection that asks all the time, from a thread; a context manager."""

    def __init__(self, namespace):
        self.answers, self.slowest, self._error = set(), 0.0, None
        self._connection = connect(namespace, WEB[4])
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        self._connection.close()
        assert self._error is None, f"the connection died: {self._error}"

    def _run(self):
        try:
            while not self._stop.is_set():
                start = time.monotonic()
                self.answers.add(ask(self._connection))
                self.slowest = max(self.slowest, time.monotonic() - start)
        except OSError as error:
            self._error = error


@pytest.mark.parametrize("deed", ["flush ruleset", "delete table inet gatehouse"])
def test_rules_that_others_flush_are_back_at_once_and_no_flow_is_lost(site, natd, deed):
    Whoami(site.web)
    rules = our_table(site)
    with Capture(site.gw, "uplink") as capture, Talk(site.app) as talk:
        for _ in range(20):
            site.gw.run("nft", deed)
            wait_until(lambda: our_table(site) == rules, "the rules are back", REPAIR_SECONDS)
            assert ask_udp(site.app, WEB[4])[0] == GW[4]
    assert len(talk.answers) == 1 and talk.slowest < 1
    assert capture.count() > 100
    assert not capture.lines(PRIVATE)
    assert "ruleset restored" in natd.log()


def test_guard_holds_when_natd_is_killed_before_it_can_repair(site, natd):
    """Flushed while it stands still, then killed: nothing private leaves, and the next natd mends it."""
    Whoami(site.web)
    os.kill(natd.pid, signal.SIGSTOP)
    site.gw.run("nft", "flush ruleset")
    with Capture(site.gw, "uplink") as capture:
        for killed in (False, True):
            if killed:
                natd.kill()
            assert not site.app.reaches(WEB[4], timeout=1) and not site.app.reaches(HOST[4], timeout=1)
            assert not site.gw.reaches(HOST[6], timeout=1)
            assert site.gw.reaches(WEB[4])
    assert capture.count(f"host {WEB[4]}") > 0
    assert not capture.lines(PRIVATE)
    natd.start()
    assert ask_udp(site.app, WEB[4])[0] == GW[4]
    assert site.gw.run("nft", "delete table inet gatehouse_guard", check=False).returncode == 1


def test_guard_follows_the_config_and_stays_ours(site, natd):
    def guard():
        return site.gw.output("nft", "list table inet gatehouse_guard")
    natd.write(natd_config(never_uplink=["10.242.0.0/16"]))
    assert "10.242.0.0/16" not in guard()
    assert control(natd, "reload")["ok"]
    assert "10.242.0.0/16" in guard() and "flags owner" in guard()


def test_guard_goes_when_natd_stops_or_is_flushed(site, natd):
    def flush():
        return site.gw.run(NATD, "--flush", "--run-dir", natd.run_dir)
    natd.stop()
    assert site.gw.output("nft", "list tables") == "table inet gatehouse"
    flush()
    assert not site.gw.output("nft", "list tables")
    natd.start()
    natd.kill()
    assert "gatehouse_guard" in site.gw.output("nft", "list tables")
    flush()
    assert not site.gw.output("nft", "list tables")


FOREIGN = """
table ip others {
    set s { type ipv4_addr; elements = { 192.0.2.1, 192.0.2.2 }; }
    counter n { packets 7 bytes 700 }
    chain c { type filter hook input priority 300; ip saddr @s counter name n drop; }
}
"""


def test_hundred_reloads_and_flushes_under_load_lose_no_flow_and_touch_no_other_table(site, natd):
    Whoami(site.web)
    site.gw.run("nft", "-f", "-", stdin=FOREIGN)
    foreign = site.gw.output("nft", "-a", "list", "table", "ip", "others")
    configs = [natd_config(ports="2000-60000", timeouts="cloud"), natd_config()]
    with Talk(site.app) as one, Talk(site.app) as two:
        for n in range(100):
            natd.write(configs[n % 2])
            assert control(natd, "reload")["ok"]
            site.gw.run("nft", "delete table inet gatehouse")
    wait_until(lambda: status(natd)["ruleset"] == "verified", "all is in force")
    for talk in (one, two):
        assert len(talk.answers) == 1 and talk.slowest < 1
    assert site.gw.output("nft", "-a", "list", "table", "ip", "others") == foreign


def test_reload_of_the_same_config_changes_nothing_in_the_kernel(site, natd):
    """Not a rule is made anew, or its handle would be another."""
    before = site.gw.output("nft", "-a", "list", "ruleset")
    assert "table inet gatehouse_guard" in before
    assert control(natd, "reload")["ok"]
    assert site.gw.output("nft", "-a", "list", "ruleset") == before


def test_second_natd_in_the_same_network_is_refused_and_does_no_harm(site, natd):
    before = site.gw.output("nft", "-a", "list", "ruleset")
    done = site.gw.run(NATD, "-f", "-c", natd.write(natd_config(ports="3000-4000")), "--run-dir",
                       site.dir / "other", check=False)
    assert done.returncode == 1 and "another natd runs in this network namespace" in done.stderr
    assert site.gw.output("nft", "-a", "list", "ruleset") == before
    assert status(natd)["ruleset"] == "verified"


def test_of_two_natds_that_start_at_once_one_runs(site):
    pair = [Natd(site.gw, natd_config()), Natd(site.gw, natd_config())]
    pair[1].run_dir = site.dir / "other"
    for refused in range(1, 4):
        for natd in pair:
            natd.spawn()
        wait_until(lambda: not all(natd.process.running for natd in pair), "one leaves", 30)
        winner, loser = sorted(pair, key=lambda natd: not natd.process.running)
        assert loser.process.wait() == 1
        assert winner.log().count("another natd runs in this network namespace") == refused  # one log
        wait_until((winner.run_dir / "natd.sock").exists, "the other is ready", 30)
        assert status(winner)["ruleset"] == "verified"
        assert "drop" in site.gw.output("nft", "list table inet gatehouse_guard")
        winner.stop()


@pytest.mark.parametrize("example", sorted((TREE / "configs").glob("natd*.conf")), ids=lambda path: path.stem)
def test_check_prints_the_ruleset_as_nft_takes_it(site, example):
    """And changes nothing; that it is the right one is held by tests/golden."""
    ruleset = site.gw.output(NATD, "-n", "--print", "-c", example)
    assert ruleset == (TREE / "tests/golden/natd" / f"example-{example.stem}.nft").read_text().strip()
    assert not site.gw.output("nft", "list", "ruleset")
    site.gw.run("nft", "-f", "-", stdin=ruleset)
    assert (diff := site.gw.run(NATD, "--diff", "-c", example, check=False)).returncode == 0, diff.stdout


def test_diff_tells_what_a_config_would_change(site, natd):
    def diff():
        return site.gw.run(NATD, "--diff", "-c", natd.config, check=False)
    same = diff()
    assert (same.returncode, same.stdout) == (0, "")
    natd.write(natd_config(timeouts="cloud"))
    other = diff()
    assert other.returncode == 1
    assert "-ct timeout udp_300 {" in other.stdout and "+ct timeout udp_350 {" in other.stdout
    assert ' chain translated {\n-\tmeta l4proto tcp ct timeout set' in other.stdout
    natd.write("uplinks = 7;")
    assert diff().returncode == 2


def test_diff_does_not_take_a_drain_for_a_difference(site, natd):
    def diff():
        return site.gw.run(NATD, "--diff", "-c", natd.config, check=False)
    assert control(natd, "drain")["ok"]
    assert (diff().returncode, diff().stdout) == (0, "")
    natd.write(natd_config(timeouts="cloud"))
    other = diff()
    assert other.returncode == 1 and "draining" not in other.stdout


@pytest.mark.parametrize("flags, code", [(["--run-dir", "/run/elsewhere"], 1), (["-n"], 2), (["--diff"], 2)])
def test_rules_of_a_natd_that_runs_are_not_flushed(site, natd, flags, code):
    before = site.gw.output("nft", "-a", "list", "ruleset")
    done = site.gw.run(NATD, "--flush", "-c", natd.config, *flags, check=False)
    assert done.returncode == code and done.stderr
    assert site.gw.output("nft", "-a", "list", "ruleset") == before


@pytest.mark.parametrize("managed", [False, True])
@pytest.mark.parametrize("setting, before, after", [("icmp_timeout", 30, 60), ("acct", 0, 1)])
def test_settings_of_the_kernel_are_changed_only_if_the_config_says_so(
        site, managed, setting, before, after):
    name = f"net.netfilter.nf_conntrack_{setting}"
    site.gw.run("nft", "add table t; add chain t c { type nat hook output priority 0; }")  # conntrack
    site.gw.sysctl({name: before})
    natd = Natd(site.gw, natd_config(manage_sysctl=managed)).start()
    assert site.gw.output("sysctl", "-n", name) == str(after if managed else before)
    wanted = {each["name"]: each["wanted"] for each in status(natd)["settings"]}
    assert (wanted.get(name) == after) != managed
    said = "set" if managed else "manage_sysctl would set"
    assert natd.log().count(f"{said} {name} = {after}") == 1


@pytest.mark.parametrize("deed", [
    "insert rule inet gatehouse srcnat accept",
    "flush chain inet gatehouse leak",
    "add element inet gatehouse private4 { 1.2.3.4 }",
    "add table inet gatehouse { flags dormant; }",
])
def test_rules_that_others_edit_are_put_right(site, natd, deed):
    rules = our_table(site)
    site.gw.run("nft", deed)
    wait_until(lambda: our_table(site) == rules, "the rules are right again", REPAIR_SECONDS)
    assert status(natd)["ruleset"] == "verified"


def test_rules_that_another_holds_and_puts_right_are_noticed_at_once(site, natd):
    """Nobody but the owner of a table may change it, so natd can only look on."""
    fifo = site.dir / "commands"
    os.mkfifo(fifo)
    right = site.file("right.nft", "delete table inet gatehouse\n" +
                      site.gw.output(NATD, "-n", "--print", "-c", natd.config))
    site.gw.start("sh", "-c", f"exec nft -i <{fifo}", log="owner")
    with fifo.open("w") as owner:
        print("delete table inet gatehouse; add table inet gatehouse { flags owner; }", file=owner, flush=True)
        natd.process.wait_for_log("NAT is down: the ruleset is not in force")
        assert status(natd)["state"] == "down" and status(natd)["ruleset"] == "differs"
        print(f'include "{right}"', file=owner, flush=True)
        wait_until(lambda: "NAT is up" in natd.log().partition("NAT is down")[2], "natd says so", 5)
    assert status(natd)["state"] == "up" and status(natd)["reason"] is None


def test_reload_takes_the_new_config_and_loses_neither_flow_nor_counter(site, natd):
    Whoami(site.web)
    assert not site.app.reaches(HOST[4], timeout=1)
    before = status(natd)
    assert before["drops"]["never_uplink"] >= 1
    with Talk(site.app) as talk:
        for _ in range(10):
            natd.write(natd_config(ports="2000-60000", timeouts="cloud"))
            reply = control(natd, "reload")
            assert reply["ok"] and reply["data"]["config_hash"] != before["config_hash"]
            assert ":2000-51819" in our_table(site)
            natd.write(natd_config())
            os.kill(natd.pid, signal.SIGHUP)
            wait_until(lambda: status(natd)["config_hash"] == before["config_hash"], "reloaded")
    assert len(talk.answers) == 1
    after = status(natd)
    assert after["drops"]["never_uplink"] >= before["drops"]["never_uplink"]
    counts = {subnet["prefix"]: subnet for subnet in after["subnets"]}[APP_NET[4]]
    assert counts["out"]["packets"] > 10 and counts["in"]["packets"] > 10
    assert counts["packets"] == counts["out"]["packets"] + counts["in"]["packets"]


def test_broken_config_on_reload_changes_nothing(site, natd):
    rules, before = our_table(site), status(natd)
    natd.write(natd_config(never_uplink=["10.40.0.0/16"]))
    reply = control(natd, "reload")
    assert not reply["ok"] and says_where(reply["error"], natd.config)
    assert our_table(site) == rules
    assert status(natd)["config_hash"] == before["config_hash"]


def test_status_says_why_it_is_down(site, natd):
    assert status(natd)["state"] == "up" and status(natd)["reason"] is None
    site.gw.sysctl({"net.ipv4.ip_forward": 0})
    assert status(natd)["state"] == "down"
    assert status(natd)["reason"] == "forwarding is off: net.ipv4.ip_forward = 0"
    site.gw.sysctl({"net.ipv4.ip_forward": 1})
    site.gw.ip("link set uplink down")
    wait_until(lambda: status(natd)["reason"] == "uplink uplink is down", "the uplink is missed")
    assert not status(natd)["uplinks"][0]["up"]
    assert "NAT is down: uplink uplink is down" in natd.log()


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE, signal.SIGRTMAX])
def test_signal_that_means_nothing_does_not_end_it(natd, number):
    os.kill(natd.pid, number)
    assert status(natd)["pid"] == natd.pid and status(natd)["state"] == "up"


def test_it_keeps_one_capability(natd):
    held = process.status(natd.pid)
    assert all(int(held[key], 16) == CAP_NET_ADMIN for key in ("CapPrm", "CapEff", "CapBnd"))
    assert held["NoNewPrivs"] == "1"


def test_command_returns_when_the_rules_stand(site):
    natd = Natd(site.gw, natd_config())
    site.gw.run(NATD, "-c", natd.config, "--run-dir", natd.run_dir)
    assert "chain srcnat" in our_table(site)
    assert site.gw.run(NATD, "--flush", "--run-dir", natd.run_dir, check=False).returncode == 1
    data = status(natd)
    assert data["ruleset"] == "verified"
    pid, = (pid for pid in site.gw.pids() if "natd" in process.status(pid)["Name"])
    site.gw.run("kill", pid)
    wait_until(lambda: pid not in site.gw.pids(), "natd ends")
    assert "chain srcnat" in our_table(site)
    site.gw.run(NATD, "--flush", "--run-dir", natd.run_dir)
    assert not our_table(site)


def test_host_of_a_pool_keeps_one_address(site):
    site.gw.ip(*(f"addr add {address}/24 dev uplink" for address in POOL))
    site.app.ip(*(f"addr add 10.40.15.{n}/24 dev eth0" for n in range(20, 30)))
    Natd(site.gw, natd_config(subnets=[{"prefix": APP_NET[4], "snat": POOL}])).start()
    Whoami(site.web)
    used = {}
    for n in range(20, 30):
        for _ in range(4):
            with site.app.socket() as each:
                each.bind((f"10.40.15.{n}", 0))
                each.connect((WEB[4], 80))
                used.setdefault(n, set()).add(ask(each)[0])
    assert all(len(addresses) == 1 for addresses in used.values())
    assert len(set.union(*used.values())) > 1 and set.union(*used.values()) <= set(POOL)


@pytest.mark.parametrize("family", [4, 6])
def test_forwarded_port_leads_to_its_host_and_no_other_does(site, family):
    inside = {4: "10.40.15.10:80", 6: "[fd40:15::10]:80"}[family]
    forward = {"protocol": "tcp", "uplink_port": 8443, "to": inside}
    Natd(site.gw, natd_config(forwards=[forward])).start()
    Whoami(site.app)
    assert ask_tcp(site.web, GW[family], 8443)[0] == WEB[family]
    with pytest.raises(OSError):
        connect(site.web, GW[family], 80, timeout=1)


def test_host_inside_cannot_take_the_tunnels_packets(site, natd):
    """Port shadowing: the host speaks from the tunnel's port to the peer before the tunnel does."""
    del natd
    with site.gw.socket(socket.AF_INET, socket.SOCK_DGRAM) as tunnel, \
            site.app.socket(socket.AF_INET, socket.SOCK_DGRAM) as shadow, \
            site.web.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        for each in (tunnel, shadow, peer):
            each.bind(("", PORT))
            each.settimeout(1)
        shadow.sendto(b"shadow", (WEB[4], PORT))
        data, source = peer.recvfrom(100)
        assert data == b"shadow" and source[0] == GW[4] and source[1] != PORT
        tunnel.sendto(b"tunnel", (WEB[4], PORT))
        assert peer.recvfrom(100) == (b"tunnel", (GW[4], PORT))
        peer.sendto(b"to the tunnel", (GW[4], PORT))
        assert tunnel.recv(100) == b"to the tunnel"
        with pytest.raises(TimeoutError):
            shadow.recv(100)
    assert f"dport={PORT} src={GW[4]}" not in site.gw.output("conntrack", "-L", "-s", GW[4])


@pytest.mark.parametrize("timeouts, tcp, udp", [
    ("cloud", 350, 350), ("behave", 7440, 300), ({"udp": 123}, 7440, 123)])
def test_flows_live_as_long_as_the_config_says(site, timeouts, tcp, udp):
    Natd(site.gw, natd_config(timeouts=timeouts)).start()
    Whoami(site.web)
    for family in (4, 6):
        with connect(site.app, WEB[family]) as connection:
            ask(connection)
            ask_udp(site.app, WEB[family])
            table = site.gw.output("conntrack", "-L", "-f", f"ipv{family}").splitlines()
            left = {line.split()[0]: int(line.split()[2]) for line in table}
            assert tcp - 5 <= left["tcp"] <= tcp
            assert udp - 5 <= left["udp"] <= udp


def test_each_state_of_tcp_lives_as_long_as_the_config_says(site):
    """Seen where a state lasts: asked and not answered, reset, closed by both."""
    Natd(site.gw, natd_config(timeouts={"tcp_transitory": 100, "tcp_opening": 50, "tcp_closing": 70,
                                        "tcp_reset": 30})).start()
    Whoami(site.web)
    site.web.run("nft", "table inet t { chain c { type filter hook input priority 0; tcp dport 81 drop; }; }")
    with pytest.raises(TimeoutError):
        connect(site.app, WEB[4], 81, timeout=1)
    ask_tcp(site.app, WEB[4])
    with connect(site.app, WEB[4]) as connection:
        ask(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def left():
        table = site.gw.output("conntrack", "-L", "-p", "tcp").splitlines()
        return {line.split()[3]: int(line.split()[2]) for line in table}
    states = wait_until(lambda: len(found := left()) == 3 and "TIME_WAIT" in found and found, "all are there")
    assert 20 < states["SYN_SENT"] <= 50 and 10 < states["CLOSE"] <= 30 and 50 < states["TIME_WAIT"] <= 70
