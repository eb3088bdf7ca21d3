# SPDX-License-Identifier: GPL-2.0-or-later
"""natd sees the flows that it lets through: how many, of whom, to whom, and how they end.

    app - gw(natd) - net - web
"""
import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

import pytest

from lab import process
from lab.gatehouse import Natd, VPNCTL, Vpnctl, natd_config
from lab.natd import control
from lab.site import APP, APP_NET, GW, WEB
from lab.waiting import wait_until
from lab.whoami import Whoami, ask, ask_tcp, ask_udp, connect

ENTRIES = pathlib.Path(__file__).parent / "lab" / "entries.py"
OTHER = "203.0.113.8"  # a second address of the uplink


def start(site, **more):
    site.gw.sysctl({"net.netfilter.nf_conntrack_acct": 1})
    return Natd(site.gw, natd_config(**more)).start()


@pytest.fixture(name="natd")
def running_natd(site):
    return start(site)


def nat(site):
    """The JSON of `vpnctl nat`."""
    return json.loads(Vpnctl(site.gw).run("nat", "--json").stdout)["nat"]


def subnet(site, family=4):
    return next(each for each in nat(site)["subnets"] if each["prefix"] == APP_NET[family])


def address(site, family=4, text=None):
    """The figures of a public address; all are 0 before the first flow by it."""
    wanted = text or GW[family]
    return next((each for each in nat(site)["addresses"] if each["address"] == wanted),
                {"active": 0, "attempts": 0, "established": 0})


def flows(site, *args):
    """What `vpnctl flows` lists."""
    done = Vpnctl(site.gw).run("flows", "--json", *args)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["complete"]
    return answer["flows"]


def fill(site, count, *destinations, rate=0, timeout=600, family=4):
    """Have the kernel hold `count` translated flows more."""
    took = site.gw.output(ENTRIES, count, rate, timeout, GW[family], *destinations, timeout=100)
    assert int(took.split()[0]) == count
    return took


def destinations(count, family=4):
    net = {4: "198.51.100.", 6: "2001:db8:100::"}[family]
    return [f"{net}{host}" for host in range(10, 10 + count)]


@pytest.mark.parametrize("family", [4, 6])
def test_flows_are_counted_by_subnet_and_public_address(site, natd, family):
    del natd
    Whoami(site.web)
    with connect(site.app, WEB[family]) as one, connect(site.app, WEB[family]) as two:
        assert ask(one) != ask(two)
        for figures in (subnet, address):
            wait_until(lambda f=figures: f(site, family)["established"] == 2, "both are seen")
            assert figures(site, family)["active"] == figures(site, family)["attempts"] == 2
    ask_udp(site.app, WEB[family])
    wait_until(lambda: subnet(site, family)["attempts"] == 3, "the third is seen")


def test_ends_are_counted_by_their_reason(site, natd):
    del natd
    service = Whoami(site.web)
    ask_udp(site.app, WEB[4])
    with pytest.raises(ConnectionRefusedError):
        connect(site.app, WEB[4], 9)
    wait_until(lambda: subnet(site)["ended"]["refused"] == 1, "the refused one has ended")
    site.gw.run("conntrack", "-D", "-p", "udp", "-s", APP[4])
    wait_until(lambda: subnet(site)["ended"]["removed"] == 1, "the removed one has ended")
    assert subnet(site)["active"] == 0 and service.seen


def test_idle_and_unanswered_flows_are_told_apart(site):
    start(site, timeouts={"tcp_established": 60, "tcp_transitory": 60, "udp": 1})
    Whoami(site.web)
    ask_udp(site.app, WEB[4])
    with site.app.socket(socket.AF_INET, socket.SOCK_DGRAM) as each:
        each.sendto(b"x", ("198.51.100.77", 80))

    def both_timed_out():
        site.gw.run("conntrack", "-L")  # the kernel looks for what is over each minute, or when asked
        return subnet(site)["idle_timeouts"] == subnet(site)["ended"]["unanswered"] == 1

    wait_until(both_timed_out, "both have timed out", timeout=30)


def test_traffic_is_counted_in_four_directions(site, natd):
    del natd
    Whoami(site.web)
    ask_udp(site.app, WEB[4])
    site.gw.run("conntrack", "-D", "-p", "udp", "-s", APP[4])
    wait_until(lambda: subnet(site)["active"] == 0, "it has ended")
    traffic = subnet(site)["traffic"]
    assert set(traffic) == {"from_inside", "to_outside", "from_outside", "to_inside"}
    assert traffic["from_inside"] == traffic["to_outside"] == {"packets": 1, "bytes": 32}
    assert traffic["from_outside"] == traffic["to_inside"]
    assert traffic["to_inside"]["packets"] == 1
    assert address(site)["traffic"]["from_inside"] == {"packets": 1, "bytes": 32}


def test_without_accounting_traffic_of_flows_is_unknown(site):
    site.gw.sysctl({"net.netfilter.nf_conntrack_acct": 0})
    Natd(site.gw, natd_config()).start()
    assert not nat(site)["accounting"]
    assert subnet(site)["traffic"]["from_inside"]["packets"] is None
    assert subnet(site)["traffic"]["to_outside"]["packets"] == 0
    assert "accounting of flows is off" in Vpnctl(site.gw).run("nat").stdout


def test_untranslated_flows_are_listed_but_not_counted(site, natd):
    """Those of the gateway itself are neither."""
    del natd
    site.gw.reaches(WEB[4])
    site.app.reaches("10.40.15.1")
    assert subnet(site)["attempts"] == 0
    listed = flows(site)
    assert [each["nat"] for each in listed] == [None]


def test_flows_are_listed_as_they_are(site, natd):
    del natd
    Whoami(site.web)
    with connect(site.app, WEB[4]) as each:
        host, port = ask(each)
        wait_until(lambda: flows(site)[0]["state"] == "established", "it is established")
        flow = flows(site)[0]
        assert (flow["source"], flow["source_port"]) == (APP[4], each.getsockname()[1])
        assert (flow["destination"], flow["destination_port"]) == (WEB[4], 80)
        assert (flow["nat"], flow["nat_port"]) == (host, port)
        assert flow["protocol"] == "tcp" and not flow["inward"] and flow["age_s"] < 5
        assert flow["out_packets"] >= 3 and flow["in_bytes"] > 0
        text = Vpnctl(site.gw).run("flows").stdout
        assert f"{WEB[4]}:80" in text and "established" in text


def test_filters_choose_flows(site, natd):
    del natd
    Whoami(site.web)
    with connect(site.app, WEB[4]) as each, connect(site.app, WEB[6]) as other:
        ask(each), ask(other)
        ask_udp(site.app, WEB[4])
        wait_until(lambda: len(flows(site, "--state", "established")) == 2, "both are there")
        assert len(flows(site)) == 3
        for filters, count in ((("--proto", "udp"), 1), (("--to", WEB[6]), 1), (("--from", APP[4]), 2),
                               (("--from", "10.0.0.0/8", "--proto", "tcp"), 1), (("--port", 81), 0),
                               (("--port", 80), 3), (("--nat", GW[6]), 1), (("--limit", 2), 2),
                               (("--to", "198.51.100.0/24", "--state", "established"), 1)):
            assert len(flows(site, *filters)) == count, filters


@pytest.mark.parametrize("wrong", [("--from", "ten"), ("--proto", "tpc"), ("--state", "well"),
                                   ("--nat", "10.0.0.0/8"), ("--kill",), ("--top", "all"),
                                   ("--kill", "--port", "80", "--limit", "3")])
def test_wrong_questions_are_refused_with_a_reason(site, natd, wrong):
    del natd
    done = Vpnctl(site.gw).run("flows", *wrong)
    assert done.returncode == 64 and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("wrong", [{"proto": "tpc"}, {"state": "well"}, {"cmd": "kill_flows"}])
def test_natd_refuses_by_itself_what_vpnctl_would_not_ask(natd, wrong):
    reply = control(natd, **{"cmd": "flows", **wrong})
    assert not reply["ok"] and reply["error"]


def test_a_killed_flow_ends_and_others_live(site, natd):
    del natd
    Whoami(site.web), Whoami(site.web, 81)
    with connect(site.app, WEB[4]) as one, connect(site.app, WEB[4], 81) as two:
        before = ask(one), ask(two)
        done = Vpnctl(site.gw).run("flows", "--kill", "--port", 81)
        assert done.returncode == 0 and done.stdout.startswith("1 flows ended")
        assert ask(one) == before[0]
        wait_until(lambda: subnet(site)["ended"]["removed"] == 1, "the end is seen")
        assert [each["destination_port"] for each in flows(site)] == [80]


@pytest.mark.parametrize("family,proto", [(4, "icmp"), (6, "icmpv6")])
def test_flows_without_ports_are_killed_too(site, natd, family, proto):
    del natd
    assert site.app.reaches(WEB[family])
    assert [each["source_port"] for each in flows(site, "--proto", proto)] == [None]
    wait_until(lambda: nat(site)["busiest"], "it is seen")
    assert [each["port"] for each in nat(site)["busiest"]] == [None]
    done = Vpnctl(site.gw).run("flows", "--kill", "--proto", proto)
    assert done.stdout.startswith("1 flows ended") and not flows(site, "--proto", proto)


def test_the_busiest_destination_is_named_with_its_share_of_ports(site, natd):
    del natd
    fill(site, 300, "198.51.100.10")
    fill(site, 40, "198.51.100.11", "198.51.100.12")
    wait_until(lambda: nat(site)["table"]["held"] >= 300, "they are seen")
    first = nat(site)["busiest"][0]
    assert (first["address"], first["port"], first["nat"]) == ("198.51.100.10", 443, GW[4])
    assert first["active"] >= 280 and first["share"] == pytest.approx(first["active"] / first["ports"])
    top = Vpnctl(site.gw).run("flows", "--top", "dest", "--limit", 1, "--json")
    top = json.loads(top.stdout)["top"]
    assert len(top) == 1 and top[0]["to"] == "198.51.100.10:443"
    assert "198.51.100.10:443" in Vpnctl(site.gw).run("nat").stdout


def test_flows_that_were_there_before_natd_are_counted_once(site):
    start(site).stop()
    Whoami(site.web)
    with connect(site.app, WEB[4]) as each:
        ask(each)
        start(site)
        wait_until(lambda: subnet(site)["active"] == 1, "it is found")
        assert subnet(site)["attempts"] == subnet(site)["established"] == 0
        ask_tcp(site.app, WEB[4])
        wait_until(lambda: subnet(site)["attempts"] == 1, "the next is seen")


def test_an_overrun_is_counted_and_mended(site, natd):
    """While natd is stopped, more happens than its socket holds; then the view is whole again."""
    os.kill(natd.pid, signal.SIGSTOP)
    fill(site, 60000, *destinations(100))
    os.kill(natd.pid, signal.SIGCONT)
    wait_until(lambda: nat(site)["events"]["lost"] > 0, "the loss is counted")
    wait_until(lambda: subnet(site)["active"] == 60000, "it has looked again", timeout=30)
    wait_until(lambda: "events lost" in natd.log(), "it is told", timeout=30)
    assert nat(site)["events"]["overruns"] > 0
    os.kill(natd.pid, signal.SIGSTOP)
    site.gw.run("conntrack", "-F")
    os.kill(natd.pid, signal.SIGCONT)
    wait_until(lambda: subnet(site)["active"] == 0, "all have ended", timeout=30)
    ended = subnet(site)["ended"]
    assert ended["resynced"] > 0 and ended["resynced"] + ended["removed"] == 60000


@contextlib.contextmanager
def every_core_busy():
    spinning = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(os.cpu_count())]
    try:
        yield
    finally:
        for each in spinning:
            each.kill()
            each.wait()


def test_beyond_its_limit_natd_looks_instead_of_listening_and_comes_back(site):
    natd = start(site, flow_events_max=500)
    with every_core_busy():
        fill(site, 20000, *destinations(100), rate=10000)
        wait_until(lambda: not nat(site)["flows_followed"], "it has stopped to listen")
    assert "more flows begin and end than flow_events_max" in natd.log()
    assert "not followed for now" in Vpnctl(site.gw).run("nat").stdout
    wait_until(lambda: subnet(site)["active"] == 20000, "a look finds them all", timeout=30)
    read = nat(site)["events"]["read"]
    Whoami(site.web)
    ask_tcp(site.app, WEB[4])
    wait_until(lambda: subnet(site)["active"] == 20001, "another look finds one more", timeout=30)
    assert nat(site)["events"]["read"] == read
    wait_until(lambda: nat(site)["flows_followed"], "it listens again", timeout=60)
    ask_tcp(site.app, WEB[4])
    wait_until(lambda: nat(site)["events"]["read"] > read, "the next is heard of")
    assert nat(site)["events"]["pauses"] == 1 and nat(site)["events"]["paused_s"] >= 5


def test_who_logs_flows_follows_them_all(site):
    path = site.dir / "flows.jsonl"
    start(site, flow_events_max=500, flow_log={"file": str(path), "end": False})
    with every_core_busy():
        fill(site, 20000, *destinations(100), rate=10000)
    wait_until(lambda: nat(site)["flow_log"]["written"] + nat(site)["flow_log"]["dropped"] == 20000,
               "each has its line", timeout=60)
    assert nat(site)["flows_followed"] and nat(site)["events"]["pauses"] == 0


def log_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_flow_log_has_begin_and_end_with_the_translation(site):
    path = site.dir / "flows.jsonl"
    start(site, flow_log={"file": str(path)})
    Whoami(site.web)
    with connect(site.app, WEB[4]) as each:
        host, port = ask(each)
        mine = each.getsockname()[1]
    site.gw.run("conntrack", "-D", "-p", "tcp", "-s", APP[4])
    wait_until(lambda: len(log_lines(path)) == 2, "both lines are there")
    begin, end = log_lines(path)
    for line in begin, end:
        assert (line["inside"], line["inside_port"]) == (APP[4], mine)
        assert (line["outside"], line["outside_port"]) == (WEB[4], 80)
        assert (line["nat"], line["nat_port"]) == (host, port)
        assert line["protocol"] == "tcp" and line["direction"] == "out"
        assert line["id"] == begin["id"] and line["time"].endswith("Z")
    assert (begin["event"], end["event"]) == ("start", "end")
    assert end["reason"] in ("closed", "removed") and end["duration_s"] < 10
    assert end["out_packets"] >= 3 and end["in_bytes"] > 0
    assert nat(site)["flow_log"] == {"written": 2, "dropped": 0, "error": None}


JOURNAL = pathlib.Path("/run/systemd/journal/socket")  # of the enclosure's own /run


@pytest.fixture(name="journal")
def listening_journal():
    """Where journald would listen."""
    JOURNAL.parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(JOURNAL))
        listener.settimeout(30)
        yield listener
    JOURNAL.unlink()


def journal_entry(journal):
    """The next entry as a dict."""
    return dict(line.split("=", 1) for line in journal.recv(65536).decode().splitlines())


def test_flow_log_goes_to_the_journal_with_fields_to_find_it_by(site, journal):
    start(site, flow_log={"journal": True})
    Whoami(site.web)
    host, port = ask_udp(site.app, WEB[4])
    site.gw.run("conntrack", "-D", "-p", "udp", "-s", APP[4])
    for event in ("start", "end"):
        entry = journal_entry(journal)
        assert entry["GATEHOUSE_KIND"] == "flow" and entry["SYSLOG_IDENTIFIER"] == "natd"
        assert entry["PRIORITY"] == "6"
        line = json.loads(entry["MESSAGE"])
        assert (line["event"], line["nat"], line["nat_port"]) == (event, host, port)
    wait_until(lambda: nat(site)["flow_log"] == {"written": 2, "dropped": 0, "error": None},
               "both are counted")


def test_without_a_journal_flow_log_lines_are_counted_as_lost(site):
    start(site, flow_log={"journal": True})
    Whoami(site.web)
    ask_udp(site.app, WEB[4])
    wait_until(lambda: nat(site)["flow_log"]["dropped"] == 1, "the loss is counted")
    assert nat(site)["flow_log"]["error"] == "No such file or directory"


def test_flow_log_is_opened_anew_on_reload_and_obeys_its_switches(site):
    path = site.dir / "flows.jsonl"
    natd = start(site, flow_log={"file": str(path), "end": False})
    Whoami(site.web)
    ask_udp(site.app, WEB[4])
    wait_until(lambda: len(log_lines(path)) == 1, "the first is written")
    path.rename(site.dir / "flows.jsonl.1")
    os.kill(natd.pid, signal.SIGHUP)
    wait_until(lambda: natd.log().count("is in force") == 2, "it has read its config")
    site.gw.run("conntrack", "-D", "-p", "udp", "-s", APP[4])
    ask_udp(site.app, WEB[4])
    wait_until(lambda: len(log_lines(path)) == 1, "the next is in the new file")
    assert len(log_lines(site.dir / "flows.jsonl.1")) == 1


@pytest.mark.parametrize("events", [{"start", "end"}, {"start"}, {"end"}])
def test_flow_log_samples_whole_flows_and_each_event_has_a_switch(site, events):
    path = site.dir / "flows.jsonl"
    start(site, flow_log={"file": str(path), "sample": 4, "start": "start" in events, "end": "end" in events})
    fill(site, 400, "198.51.100.10")
    wait_until(lambda: subnet(site)["attempts"] == 400, "all are seen")
    site.gw.run("conntrack", "-F")
    wait_until(lambda: subnet(site)["active"] == 0, "all have ended")

    def ids(event):
        return {line["id"] for line in log_lines(path) if line["event"] == event}
    for event in events:
        wait_until(lambda e=event: len(ids(e)) > 50, "one in 4 is written")
    if len(events) == 2:
        wait_until(lambda: ids("start") == ids("end"), "of the same flows")
    assert max(len(ids(event)) for event in events) < 150
    assert not any(ids(event) for event in {"start", "end"} - events)


def test_a_full_disk_costs_log_lines_and_nothing_else(site):
    """/dev/full takes no byte."""
    start(site, flow_log={"file": "/dev/full"})
    Whoami(site.web)
    ask_udp(site.app, WEB[4])
    wait_until(lambda: nat(site)["flow_log"]["dropped"] == 1, "the loss is counted")
    assert nat(site)["flow_log"]["error"] == "No space left on device"
    assert ask_udp(site.app, WEB[4])[0] == GW[4]


def test_when_an_address_goes_only_its_flows_end(site):
    site.gw.ip(f"addr add {OTHER}/24 dev uplink")
    second = {4: "10.40.16.0/24"}
    natd = start(site, subnets=[{"prefix": APP_NET[4], "snat": [GW[4]]},
                                {"prefix": second[4], "snat": [OTHER]}])
    app = site.namespace("second")
    site.wire(app, "eth0", site.gw, "lan2")
    app.ip("addr add 10.40.16.10/24 dev eth0", "route add default via 10.40.16.1")
    site.gw.ip("addr add 10.40.16.1/24 dev lan2")
    Whoami(site.web)
    with connect(site.app, WEB[4]) as stays, connect(app, WEB[4]) as goes:
        before = ask(stays)
        assert before[0] == GW[4] and ask(goes)[0] == OTHER
        site.gw.ip(f"addr del {OTHER}/24 dev uplink")
        wait_until(lambda: not flows(site, "--nat", OTHER), "its flows have ended")
        assert len(flows(site, "--nat", GW[4])) == 1 and ask(stays) == before
    wait_until(lambda: "1 flows ended, whose address has gone" in natd.log(), "it is logged")


def rss_kb(natd):
    return int(process.status(natd.pid)["VmRSS"].split()[0])


@pytest.mark.parametrize("family", [4, 6])
def test_a_quarter_of_a_million_flows_fit(site, natd, measured, family):
    """In memory, in time, and with events at 20,000 a second followed or their loss mended."""
    count = 250000
    took = fill(site, count, *destinations(240, family), rate=20000, family=family)
    wait_until(lambda: subnet(site, family)["active"] == count, "all are seen", timeout=60)
    started = time.monotonic()
    listing = site.gw.start(VPNCTL, "--run-dir", natd.run_dir, "flows", log="listing")
    wait_until(lambda: listing.log().count("\n") > 1, "the first is listed", every=0.005)
    first_s = time.monotonic() - started
    wait_until(lambda: not listing.running, "all are listed", timeout=100)
    assert listing.log().count("\n") == count + 1
    events = nat(site)["events"]
    measured(f"250,000 flows of IPv{family} ({took}): natd {rss_kb(natd) / 1024:.1f} MB, first line after "
             f"{first_s * 1000:.0f} ms, {events['lost']} events lost, {events['lists']} lists")
    if "SANITIZED" not in os.environ:
        assert rss_kb(natd) < 32 * 1024
    assert first_s < 5
    assert "more than 80 % full" in nat(site)["reason"]
