# SPDX-License-Identifier: GPL-2.0-or-later
"""What the systemd units, sysusers, tmpfiles and sysctl files grant is what the daemons need.

    app - gw(vpnd, natd) - net - city(wireguard-go) - host
"""
import os
import re
import shutil
import stat
import subprocess

import pytest

from lab.city import CityGateway
from lab.gatehouse import BUILD, Natd, Vpnd, natd_config, says_where, tunnel_config, vpnd_config
from lab.site import CITY, HOST, PORT, TREE, WEB, uri
from lab.waiting import wait_until
from lab.wireguard import Keys

SYSTEMD = TREE / "configs" / "systemd"


def setting(unit, key):
    return re.search(rf"^{key}=(.*)$", (SYSTEMD / unit).read_text(), re.MULTILINE)[1]


def settings(unit, key):
    return re.findall(rf"^{key}=(.*)$", (SYSTEMD / unit).read_text(), re.MULTILINE)


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
        socket = vpnd.run_dir / name
        assert socket.group() == "gatehouse"
        socket.unlink()
        wait_until(socket.exists, "it is made again", 30)
        wait_until(lambda: socket.group() == "gatehouse", "for the group", 30)
        wait_until(lambda: stat.S_IMODE(socket.stat().st_mode) == 0o660, "for the group", 30)


def reload(daemon):
    """As the unit has it done, with what it grants."""
    command, *arguments = setting(f"{daemon.program.name}.service", "ExecReload").split()
    return daemon.namespace.run(*daemon.wrapper, command.replace("@PREFIX@/bin", str(BUILD)),
                                "--run-dir", daemon.run_dir, *arguments, check=False)


def one_tunnel(site):
    return vpnd_config(tunnel_config(site, Keys(), Keys().public, name=site.ifname("gw")))


@pytest.mark.parametrize("kind, config, broken", [
    (Natd, lambda site: natd_config(), natd_config(never_uplink=["10.40.0.0/16"])),
    (Vpnd, one_tunnel, {"tunnels": [], "routes": 7})])
def test_reload_of_a_unit_fails_if_its_config_is_broken(site, kind, config, broken):
    daemon = kind(site.gw, config(site))
    confined(daemon, f"{daemon.program.name}.service")
    done = reload(daemon)
    assert done.returncode == 0, done.stderr
    assert daemon.log().count("is in force") >= 1
    daemon.write(broken)
    done = reload(daemon)
    assert done.returncode != 0 and says_where(done.stderr, daemon.config)
    assert "nothing was changed" in done.stderr and daemon.process.running


def tunables(unit):
    """A command that runs another with /proc/sys as the unit has it."""
    assert setting(unit, "ProtectKernelTunables") == "yes"
    written = [path for path in " ".join(settings(unit, "ReadWritePaths")).split()
               if path.startswith("/proc/sys")]
    mounts = [f"mount --bind {path} {path}" for path in ("/proc/sys", *written)]
    script = " && ".join([*mounts, "mount -o remount,bind,ro /proc/sys", 'exec "$@"'])
    return "unshare", "--mount", "sh", "-c", script, "sh"


def test_unit_lets_natd_set_what_the_config_says_and_no_more(site):
    natd = Natd(site.gw, natd_config(manage_sysctl=True))
    natd.wrapper = tunables("natd.service")
    natd.start()
    assert site.gw.output("sysctl", "-n", "net.netfilter.nf_conntrack_icmp_timeout") == "60"
    assert "set net.netfilter.nf_conntrack_acct = 1" in natd.log()
    done = site.gw.run(*natd.wrapper, "sysctl", "-w", "kernel.printk_ratelimit=5", check=False)
    assert done.returncode != 0 and "permission denied" in done.stderr


@pytest.mark.parametrize("unit", ["vpnd", "natd"])
def test_unit_waits_for_readiness_and_restarts(unit):
    assert setting(f"{unit}.service", "Type") == "notify"
    assert setting(f"{unit}.service", "Restart") == "always"
    assert setting(f"{unit}.service", "ExecStart") == \
        f"@PREFIX@/sbin/{unit} -f -c /etc/gatehouse/{unit}.conf"


# Units of others, cut down to their order: with cloud-init much waits for the network.
NETWORKING = """[Unit]
DefaultDependencies=no
Wants=network.target
After=local-fs.target network-pre.target
Before=network.target network-online.target
[Service]
Type=oneshot
ExecStart=/bin/true
"""
CLOUD_INIT = """[Unit]
DefaultDependencies=no
Wants=networking.service
After=networking.service
Before=network-online.target sysinit.target
[Service]
Type=oneshot
ExecStart=/bin/true
"""


def boot_order(directory, *changes):
    """What systemd-analyze has to say of a boot with our units, each change made to their text."""
    for name, wanted_by in (("vpnd", "multi-user"), ("natd", "multi-user"),
                            ("networking", "multi-user"), ("cloud-init", "sysinit")):
        text = {"networking": NETWORKING, "cloud-init": CLOUD_INIT}.get(name) or \
            re.sub("Documentation=.*", "", (SYSTEMD / f"{name}.service").read_text())
        for old, new in (("@PREFIX@", str(directory)), *changes):
            text = text.replace(old, new)
        (directory / f"{name}.service").write_text(text)
        wants = directory / f"{wanted_by}.target.wants"
        wants.mkdir(exist_ok=True)
        (wants / f"{name}.service").unlink(missing_ok=True)
        (wants / f"{name}.service").symlink_to(f"../{name}.service")
    for name in ("sbin/vpnd", "sbin/natd", "bin/vpnctl"):
        (directory / name).parent.mkdir(exist_ok=True)
        shutil.copy("/bin/true", directory / name)
    environment = {**os.environ, "SYSTEMD_UNIT_PATH": f"{directory}:/lib/systemd/system"}
    said = subprocess.run(["systemd-analyze", "verify", "multi-user.target",
                           *(directory / f"{name}.service" for name in ("vpnd", "natd"))],
                          capture_output=True, text=True, check=False, env=environment).stderr
    return [line for line in said.splitlines()
            if re.search(r"vpnd|natd|cloud-init|ordering cycle", line)]


def test_units_stand_before_the_network_without_a_cycle(tmp_path):
    for unit in ("vpnd", "natd"):
        assert "network-pre.target" in setting(f"{unit}.service", "Before").split()
    assert not boot_order(tmp_path)
    assert any("ordering cycle" in line
               for line in boot_order(tmp_path, ("DefaultDependencies=no\nRequires", "Requires")))
