# SPDX-License-Identifier: GPL-2.0-or-later
"""Two hosts that were given the same key take each other's session away. vpnd names them.

    app - gw(vpnd) - net - city(wireguard-go) - host
                      |
                     web(wireguard-go, with the City's key)
"""
from lab.city import TO_SITE
from lab.gate import Gate
from lab.site import CITY, GW, PORT, WEB, uri
from lab.waiting import wait_until
from lab.wireguard import WireguardGo, wg_interface, wg_peer


def test_two_hosts_with_one_key_are_named(site):
    gate = Gate(site, gw_knows=False)
    rival = WireguardGo(site.web)
    rival.up()
    text = wg_interface(gate.city_keys, PORT) + wg_peer(gate.keys.public, TO_SITE,
                                                        uri(GW[4], PORT), keepalive=60)
    for turn in range(6):
        device = rival if turn % 2 else gate.city
        assert "two hosts" not in gate.vpnd.log()
        device.configure(text)  # forgets its sessions, and shakes hands at once
        wait_until(lambda device=device: device.handshake(gate.keys.public), "it has a session")
        device.configure(wg_interface(gate.city_keys, PORT))
    places = {uri(CITY[4], PORT), uri(WEB[4], PORT)}
    line = next(line for line in gate.vpnd.log().splitlines() if "two hosts" in line)
    assert "noc-1" in line and all(place in line for place in places)
    _, status = gate.ctl.status()
    tunnel, = status["tunnels"]
    assert tunnel["state"] == "degraded"
    assert all(place in tunnel["reason"] for place in places) and tunnel["advice"]
