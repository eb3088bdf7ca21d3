# SPDX-License-Identifier: GPL-2.0-or-later
"""The benchmark's arithmetic, tables and picture, on figures that are known."""
import json
import pathlib
import random
import sys
import xml.etree.ElementTree

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

# pylint: disable=wrong-import-position
from bench import sums, svg, table
from bench.figures import FIGURES, PROMISES, Promise

MEDIANS = {"routed": {"tcp4_1": 13.0, "idle_p50": 0.01},
           "vpnd": {"tcp4_1": 5.0, "idle_p50": 0.1, "peak_mb": 9.8},
           "wireguard-go": {"tcp4_1": 2.0, "idle_p50": 0.4, "peak_mb": 210.0},
           "relay": {"tcp4_1": 10.0}}


@pytest.mark.parametrize("percent, value", [(0, 1), (1, 1), (50, 50), (99, 99), (100, 100)])
def test_percentile_is_a_value_that_was_measured(percent, value):
    values = list(range(1, 101))
    random.Random(1).shuffle(values)
    assert sums.percentile(values, percent) == value


def test_percentile_of_few_and_of_none():
    assert sums.percentile([3], 99) == 3
    assert sums.percentile([1, 9], 99) == 9
    assert sums.percentile([], 50) is None


def test_medians_pass_over_what_a_run_lacks():
    runs = [{"a": 1, "b": 5}, {"a": 9}, {"a": 2, "b": None}]
    assert sums.medians(runs) == {"a": 2, "b": 5}
    assert sums.medians([{"a": None}]) == {"a": None}


def test_ratio_of_what_is_not_there_is_none():
    assert sums.ratio(6, 2) == 3
    assert sums.ratio(None, 2) is None and sums.ratio(6, None) is None and sums.ratio(6, 0) is None


def test_ping_replies_are_read_and_nothing_else():
    output = ("64 bytes from 10.0.0.1: icmp_seq=1 ttl=61 time=0.123 ms\n"
              "From 10.0.0.9 icmp_seq=2 Destination Host Unreachable\n"
              "64 bytes from 10.0.0.1: icmp_seq=3 ttl=61 time=12 ms\n"
              "rtt min/avg/max/mdev = 0.1/0.2/0.3/0.1 ms\n")
    assert sums.ping_times(output) == [0.123, 12.0]


def test_iperf_is_what_the_receiver_counted():
    end = {"sum_sent": {"bytes": 999, "bits_per_second": 9e9, "retransmits": 7},
           "sum_received": {"bytes": 500, "bits_per_second": 4e9}}
    assert sums.iperf(json.dumps({"end": end})) == {"bytes": 500, "gbit_s": 4, "retransmits": 7}


def test_iperf_both_ways_is_the_sum():
    end = {"sum_sent": {"retransmits": 7}, "sum_received": {"bytes": 500, "bits_per_second": 4e9},
           "sum_sent_bidir_reverse": {"retransmits": 2},
           "sum_received_bidir_reverse": {"bytes": 300, "bits_per_second": 1e9}}
    assert sums.iperf(json.dumps({"end": end})) == {"bytes": 800, "gbit_s": 5, "retransmits": 9}


def test_cpu_time_of_a_process_whatever_its_name():
    stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 7 7 20 0 1 0 100 1 1"
    assert sums.process_seconds(stat) == 3.0


def test_busy_time_of_the_machine_has_softirqs_and_no_idle_time():
    #              user nice system idle iowait irq softirq steal
    stat = "cpu  100 20 300 9999 8888 40 500 7777 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\n"
    assert sums.machine_seconds(stat) == 9.6


def test_promises_are_judged_by_their_side():
    least, most = (Promise("x", "", 2.5, side) for side in (True, False))
    assert least.holds(2.5) and least.holds(3) and not least.holds(2.49)
    assert most.holds(2.5) and most.holds(2) and not most.holds(2.51)


def test_only_what_was_measured_is_judged():
    judged = {(promise.key, promise.over): (value, holds)
              for promise, value, holds in table.judged(MEDIANS)}
    assert judged == {("tcp4_1", "wireguard-go"): (2.5, True), ("tcp4_1", "relay"): (0.5, False),
                      ("idle_p50", "wireguard-go"): (0.25, True), ("peak_mb", ""): (9.8, True)}
    assert not list(table.judged({"routed": {"tcp4_1": 1}}))


def test_every_promise_and_panel_is_of_a_known_figure():
    keys = {figure.key for figure in FIGURES}
    assert len(keys) == len(FIGURES)
    assert {promise.key for promise in PROMISES} <= keys and set(svg.SHOWN) <= keys


def test_table_has_a_row_a_contender_and_a_column_a_figure():
    lines = list(table.blocks(MEDIANS))
    assert [line.split() for line in lines[:5]] == [
        ["TCP,", "Gbit/s", "1", "v4"], ["routed", "13.00"], ["vpnd", "5.00"],
        ["wireguard-go", "2.00"], ["relay", "10.00"]]
    assert not any("10,000 peers" in line for line in lines)


def test_broken_promises_are_said():
    lines = list(table.promises(MEDIANS))
    assert [line.split()[-1] for line in lines[1:]] == ["holds", "holds", "BROKEN", "holds"]
    assert not list(table.promises({"routed": {"tcp4_1": 1}}))


def test_picture_is_well_formed_and_shows_every_contender():
    text = svg.picture({**MEDIANS, "<other>": {"tcp4_1": 0}}, "How fast & why", "a < b")
    root = xml.etree.ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    words = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"How fast & why", "a < b", "<other>", "vpnd", "wireguard-go"} <= set(words)
    for rect in root.iter("{http://www.w3.org/2000/svg}rect"):
        right = float(rect.get("x", 0)) + float(rect.get("width"))
        assert float(rect.get("width")) > 0 and right <= float(root.get("width"))


def test_picture_of_one_contender_alone():
    xml.etree.ElementTree.fromstring(svg.picture({"vpnd": {"tcp4_1": 1.0}}, "", ""))
