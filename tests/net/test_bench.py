# SPDX-License-Identifier: GPL-2.0-or-later
"""The benchmark still runs, and its programs measure what they say."""
import json
import subprocess
import xml.etree.ElementTree

from lab.gatehouse import BUILD
from lab.site import TREE

PROGRAMS = BUILD / "tests" / "bench"


def output(*command, timeout=60):
    return subprocess.run(list(map(str, command)), check=True, text=True, timeout=timeout,
                          stdout=subprocess.PIPE).stdout


def test_bench_brings_up_both_gateways_and_measures_them(tmp_path):
    said = output(TREE / "scripts" / "bench", "--only", "vpnd", "--figures", "bidir", "--rounds", 1,
                  "--seconds", 1, "--into", tmp_path)
    assert "both ways" in said and "memory MB" in said
    result = json.loads((tmp_path / "bench.json").read_text())
    assert result["medians"]["vpnd"]["bidir4_1"] > 0.01
    xml.etree.ElementTree.parse(tmp_path / "bench.svg")


def test_failover_is_measured_and_loses_nothing_on_the_way_back(tmp_path):
    output(TREE / "scripts" / "bench", "failover", "--interval", 200, "--rounds", 2, "--slack", 5,
           "--into", tmp_path)
    figures, = json.loads((tmp_path / "failover.json").read_text())
    assert len(figures["away_s"]) == 2 and 0 < figures["p50_s"] <= figures["max_s"]
    assert figures["lost_at_return"] == 0 and figures["holds"]


def test_responder_needs_four_operations_of_x25519_for_a_handshake():
    got = json.loads(output(PROGRAMS / "handshakes", 0.05))
    assert (got["shared"], got["public"]) == (3, 1)  # ss is kept
    assert got["per_s"] > 0 and 0 < got["of_x25519"] < 1


def test_every_one_of_many_peers_is_found():
    got = json.loads(output(PROGRAMS / "lookups", 1000))
    assert got["v4_ns"] > 0 and got["v6_ns"] > 0 and 0 < got["heap"] < 8000


def test_blast_counts_what_arrives_one_by_one_and_in_runs(site):
    for options in ((), ("runs",)):
        receiver = site.host.start(PROGRAMS / "blast", "receive", 5300,
                                   log=f"blast{len(options)}")
        receiver.wait_for_log("ready")
        sent = json.loads(site.city.output(PROGRAMS / "blast", "send", "10.241.0.10", 5300, 100,
                                           200, *options))
        receiver.wait(20)
        got = json.loads(receiver.log().splitlines()[-1])
        assert 0 < got["datagrams"] <= sent["datagrams"] and got["late"] == 0
        assert got["bytes"] == 100 * got["datagrams"]
