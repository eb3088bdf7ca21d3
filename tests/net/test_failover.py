# SPDX-License-Identifier: GPL-2.0-or-later
"""Two tunnels lead to the City: what one loses the other carries.

    app - gw(vpnd: a, b) - net - city(wireguard-go: a, b) - host
"""
import pytest

from lab.pair import Pair
from lab.pings import Flow
from lab.site import HOST
from lab.waiting import wait_until


def via(pair):
    return {pair.via(address) for address in HOST.values()}


def test_failover_leaves_a_lost_tunnel_and_comes_back(site):
    pair = Pair(site, hold_time_s=1)
    first, second = pair.first.ifname, pair.name
    wait_until(pair.works, "both families work")
    assert via(pair) == {first}
    pair.first.city.kill()
    wait_until(lambda: via(pair) == {second} and pair.works(), "all goes by the second", 10)
    pair.first.city.start()
    wait_until(lambda: via(pair) == {first} and pair.works(), "all goes by the first again", 20)
    assert f"goes by {second} now, no longer by {first}" in pair.vpnd.log()


def test_ecmp_uses_both_and_goes_on_with_one(site):
    pair = Pair(site, policy="ecmp", weights=[1, 2], hold_time_s=1)
    wait_until(pair.works, "both families work")
    for family in ("-4", "-6"):
        shown = site.gw.output("ip", family, "route", "show", "proto", 71)
        assert f"dev {pair.first.ifname} weight 1" in shown and f"dev {pair.name} weight 2" in shown
    pair.first.city.kill()
    wait_until(lambda: f"by {pair.name} now, no longer by {pair.first.ifname}, {pair.name}"
               in pair.vpnd.log(), "it leaves", 10)
    assert pair.works() and via(pair) == {pair.name}


@pytest.mark.parametrize("policy", ["failover", "ecmp"])
def test_no_packet_is_lost_when_a_tunnel_is_used_again(site, policy):
    pair = Pair(site, policy=policy, hold_time_s=1)
    pair.answer_where_asked()
    wait_until(pair.works, "both families work")
    pair.blacken()
    wait_until(lambda: via(pair) == {pair.name} and pair.works(), "all goes by the second", 30)
    flows = [Flow(namespace, address) for namespace in (site.app, site.gw)
             for address in HOST.values()]
    pair.clear()
    again = {"failover": f"goes by {pair.first.ifname} now",
             "ecmp": f"goes by {pair.first.ifname}, {pair.name} now"}[policy]
    wait_until(lambda: pair.vpnd.log().count(again) == len(HOST), "the first is used again", 30)
    for flow in flows:
        lost, _ = flow.during(lambda: None)
        assert lost == 0 and not flow.lost_since(1)


def test_restart_while_the_first_path_is_black_costs_a_second(site, measured):
    """Nothing is remembered, but a tunnel that answers is worth more than one that has not yet."""
    pair = Pair(site, probe_ms=1000)
    pair.answer_where_asked()
    wait_until(pair.works, "both families work")
    pair.blacken()
    wait_until(lambda: via(pair) == {pair.name} and pair.works(), "all goes by the second", 30)
    flow = Flow(site.app, HOST[4])

    def restart():
        pair.vpnd.stop()
        pair.vpnd.start()
        wait_until(lambda: via(pair) == {pair.name} and pair.works(), "all goes by the second", 30)

    lost, silence_s = flow.during(restart)
    measured(f"restart on a black path: {lost} lost, {silence_s * 1000:.0f} ms")
    assert silence_s < 5


def test_guard_answers_when_all_tunnels_are_down(site):
    pair = Pair(site)
    wait_until(pair.works, "both families work")
    pair.first.city.kill()
    pair.second.kill()
    wait_until(lambda: via(pair) == {None}, "it is refused", 10)
    for address in HOST.values():
        done = site.app.run("ping", "-n", "-c", 1, "-W", 2, address, check=False)
        assert "nreachable" in done.stdout + done.stderr or "No route" in done.stdout
    assert {route["state"] for route in pair.ctl.status()[1]["routes"]} == {"unreachable"}
