# SPDX-License-Identifier: GPL-2.0-or-later
"""ECN and DSCP on the way through the tunnel.

    app - gw(vpnd) - net - city(wireguard-go) - host
"""
import pytest

from lab.capture import Capture
from lab.gate import Gate
from lab.site import APP, HOST

# In tcpdump's words: the traffic class, and the first byte of what is in UDP.
CLASS = {4: "ip[1]", 6: "(ip6[0:2] & 0x0ff0)"}
MESSAGE = {4: "udp[8]", 6: "ip6[48]"}
HANDSHAKE_CLASS, ECT_0, CE = 0x88, 2, 3
EF = 0xb8  # a DSCP, which must not show outside

MARK_ALL = """
    table inet marker {{
        chain through {{
            type filter hook forward priority 0
            udp dport 51820 ip ecn set {mark}
            udp dport 51820 ip6 ecn set {mark}
        }}
    }}
    """


def has_class(family, value):
    return f"{CLASS[family]} == {value << (4 if family == 6 else 0):#x}"


@pytest.mark.parametrize("outer", [4, 6], ids=["outer4", "outer6"])
def test_handshake_has_its_dscp_and_data_only_its_ecn(site, outer):
    gate = Gate(site, outer=outer, begin=False)
    with Capture(site.net, "gw") as capture:
        gate.vpnd.start()
        assert gate.works()
        before = capture.count(f"udp and {has_class(outer, ECT_0)}")
        for address in (HOST[4], HOST[6]):
            assert site.app.ping(address, options=("-Q", EF | ECT_0)).received == 1
    ours = "udp and src port 51820 and " + ("ip" if outer == 4 else "ip6")
    handshakes = f"{ours} and {MESSAGE[outer]} == 1"
    assert capture.count(handshakes) > 0
    assert capture.count(handshakes) == capture.count(
        f"{handshakes} and {has_class(outer, HANDSHAKE_CLASS)}")
    data = f"{ours} and {MESSAGE[outer]} == 4"
    assert before == 0 and capture.count(f"{data} and {has_class(outer, ECT_0)}") == 2
    assert capture.count(data) == capture.count(
        f"{data} and ({has_class(outer, 0)} or {has_class(outer, ECT_0)})")


@pytest.mark.parametrize("outer", [4, 6], ids=["outer4", "outer6"])
def test_congestion_on_the_way_reaches_the_application(site, outer):
    gate = Gate(site, outer=outer)
    assert gate.works()
    site.net.run("nft", "-f", "-", stdin=MARK_ALL.format(mark="ce"))
    for family in (4, 6):
        with Capture(site.app, "eth0") as capture:
            assert site.host.ping(APP[family], options=("-Q", EF | ECT_0)).received == 1
            assert site.host.ping(APP[family], options=("-Q", EF)).received == 1
        request = {4: "icmp[0] == 8", 6: "ip6[40] == 128"}[family]
        assert capture.count(f"{request} and {has_class(family, EF | CE)}") == 1
        assert capture.count(f"{request} and {has_class(family, EF)}") == 1
