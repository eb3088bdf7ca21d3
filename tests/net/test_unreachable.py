# SPDX-License-Identifier: GPL-2.0-or-later
"""What has no way on through the tunnel is told so.

    app - gw(vpnd) - net - city(wireguard-go) - host
"""
import time

import pytest

from lab.capture import Capture
from lab.gate import Gate
from lab.site import HOST

NOBODY = {4: "172.16.99.9", 6: "fd99::9"}
SAYS = {4: "Destination Host Unreachable", 6: "Address unreachable"}


def told(namespace, address):
    """Whether ping hears at once that nobody is there."""
    begun = time.monotonic()
    done = namespace.run("ping", "-n", "-c", 1, "-W", 5, address, check=False)
    said = f"From {address}" in done.stdout and SAYS[6 if ":" in address else 4] in done.stdout
    return said and time.monotonic() - begun < 1


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("sender", ["gw", "app"])
def test_packet_that_no_peer_owns_is_answered_at_once(site, sender, family):
    gate = Gate(site)
    assert gate.works()
    site.gw.sysctl({"net.ipv4.conf.all.rp_filter": 1})
    site.gw.ip(f"route add {NOBODY[family]} dev {gate.ifname}")
    assert told(getattr(site, sender), NOBODY[family])


@pytest.mark.parametrize("family", [4, 6])
def test_packet_for_a_peer_without_endpoint_is_answered_at_once(site, family):
    Gate(site, gw_knows=False)
    assert told(site.app, HOST[family])


def test_errors_are_not_answered(site):
    gate = Gate(site)
    assert gate.works()
    site.gw.ip(f"route add {NOBODY[4]} dev {gate.ifname}")
    with Capture(site.gw, gate.ifname) as capture:
        site.gw.run("ping", "-n", "-q", "-f", "-c", 2000, "-W", 1, NOBODY[4], check=False)
        # An error about a packet of ours that never was, sent to where nobody is.
        site.gw.run("/usr/bin/python3", "-c", f"""
from scapy.all import IP, ICMP, UDP, send
send(IP(dst="{NOBODY[4]}")/ICMP(type=3, code=3)/IP(src="{NOBODY[4]}", dst="10.1.1.1")/UDP(),
     verbose=False)""")
    errors = capture.count(f"icmp[0] == 3 and src {NOBODY[4]}")
    assert 0 < errors <= capture.count("icmp[0] == 8")
    assert not capture.count(f"icmp[0] == 3 and src {NOBODY[4]} and icmp[17] == 1 and icmp[28] == 3")
    assert gate.works()
