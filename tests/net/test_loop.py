# SPDX-License-Identifier: GPL-2.0-or-later
"""A tunnel whose endpoint is routed into the tunnel itself.

    app - gw(vpnd) - net - city(wireguard-go) - host
"""
import pytest

from lab.gate import Gate
from lab.site import CITY, HOST


def sent(gate):
    return gate.device.transfer(gate.city_keys.public)[1]


@pytest.mark.parametrize("outer", [4, 6], ids=["outer4", "outer6"])
def test_endpoint_routed_into_its_tunnel_is_bounded_and_named(site, outer):
    gate = Gate(site, outer=outer)
    assert gate.works()
    gate.device.wg("set", "peer", gate.city_keys.public, "allowed-ips", "0.0.0.0/0,::/0")
    site.gw.ip(f"route add {CITY[outer]} dev {gate.ifname}")
    before = sent(gate)
    assert site.app.ping(HOST[4], count=5, timeout=1).received == 0
    assert site.app.ping(HOST[4], timeout=1, options=("-s", 1392)).received == 0  # in fragments
    assert sent(gate) - before < 10 * 1500
    lines = [line for line in gate.vpnd.log().splitlines() if "outside of the tunnel" in line]
    assert len(lines) == 1 and gate.ifname in lines[0] and CITY[outer] in lines[0]
    _, status = gate.ctl.status()
    assert status["tunnels"][0]["drops"]["looped"] >= 5
    site.gw.ip(f"route del {CITY[outer]} dev {gate.ifname}")
    assert gate.works()
