# SPDX-License-Identifier: GPL-2.0-or-later
"""What the systemd units, sysusers, tmpfiles and sysctl files grant is what the daemons need.

    app - gw(vpnd, natd) - net - city(wireguard-go) - host
"""
import re

import pytest

from lab.city import CityGateway
from lab.gatehouse import Natd, Vpnd, natd_config, tunnel_config, vpnd_config
from lab.site import CITY, HOST, PORT, TREE, WEB, uri
from lab.wireguard import Keys

SYSTEMD = TREE / "configs" / "systemd"


def setting(unit, key):
    return re.search(rf"^{key}=(.*)$", (SYSTEMD / unit).read_text(), re.MULTILINE)[1]


def confined(daemon, unit):
    """Run with the capabilities of the unit and, as it says, without gaining new ones."""
    granted = setting(unit, "CapabilityBoundingSet").lower().replace("cap_", "+").split()
    assert setting(unit, "NoNewPrivileges") == "yes"
    daemon.wrapper = ("setpriv", "--no-new-privs", "--inh-caps=-all",
                      "--bounding-set", ",".join(["-all", *granted]), "--")
    return daemon.start()


def test_daemons_work_with_what_their_units_grant(site):
    ours, theirs = Keys(), Keys()
    CityGateway(site, theirs, ours.public)
    confined(Natd(site.gw, natd_config()), "natd.service")
    vpnd = confined(Vpnd(site.gw, vpnd_config(tunnel_config(
        site, ours, theirs.public, name=site.ifname("gw"), endpoint=uri(CITY[4], PORT)))),
        "vpnd.service")
    assert site.app.reaches(HOST[4]) and site.app.reaches(WEB[4])
    vpnd.kill_engine()
    assert site.app.reaches(HOST[4])
    for name in ("vpnd.sock", "natd.sock"):
        assert (vpnd.run_dir / name).group() == "gatehouse"


@pytest.mark.parametrize("unit", ["vpnd", "natd"])
def test_unit_waits_for_readiness_and_restarts(unit):
    assert setting(f"{unit}.service", "Type") == "notify"
    assert setting(f"{unit}.service", "Restart") == "always"
    assert setting(f"{unit}.service", "ExecStart") == \
        f"@PREFIX@/sbin/{unit} -f -c /etc/gatehouse/{unit}.conf"
