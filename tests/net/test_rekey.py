# SPDX-License-Identifier: GPL-2.0-or-later
"""Keys change under traffic and no packet is lost. Who started the session starts the next one.

    app - gw(vpnd) - net - city(wireguard-go) - host

The two runs take as long as a key lives. They begin with the session, beside the other tests, and
these tests, the last ones, read what came of them (see long_runs in conftest.py).
"""
import pytest


@pytest.mark.parametrize("starter", ["gw", "city"])
def test_rekey_under_traffic_loses_no_packet(long_runs, starter):
    lost = long_runs(starter).finish()
    assert not lost, f"pings without reply: {lost}"
