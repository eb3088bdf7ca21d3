# SPDX-License-Identifier: GPL-2.0-or-later
"""vpnctl import: a wg-quick file becomes a config that vpnd takes, and runs with.

    gw(vpnd, by an imported file) - net - city(wireguard-go) - host
"""
import pathlib
import subprocess

import pytest

from lab.city import GW_ADDRESSES, TO_CITY, CityGateway
from lab.gatehouse import VPNCTL, VPND, Vpnd
from lab.site import CITY, HOST, PORT, TREE, TUNNEL_CITY, uri
from lab.wireguard import Keys, new_psk, wg_peer

GOLDEN = sorted((TREE / "tests" / "golden" / "vpnctl" / "import").glob("*.wg"))


def vpnctl_import(*args):
    return subprocess.run([VPNCTL, "import", *args], capture_output=True, text=True, check=False)


def quick_text(keys, peer, psk=None):
    return (f"[Interface]\nPrivateKey = {keys.private}\nAddress = {', '.join(GW_ADDRESSES)}\n"
            f"ListenPort = {PORT}\n" + wg_peer(peer.public, TO_CITY, uri(CITY[4], PORT), psk))


@pytest.fixture(name="place")
def fresh_place(tmp_path):
    """A directory with city-a.conf and an empty `keys`, and the files that secrets are to go to."""
    ours, theirs, psk = Keys(), Keys(), new_psk()
    (tmp_path / "keys").mkdir()
    (tmp_path / "city-a.conf").write_text(quick_text(ours, theirs, psk))
    return tmp_path, {"city-a.key": ours.private, "city-a-1.psk": psk}


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_what_import_writes_passes_the_check_of_vpnd(file, tmp_path):
    done = vpnctl_import(file, "--name", file.stem)
    assert (done.returncode == 0) == file.with_suffix(".conf").exists()
    assert done.returncode == 0 or not done.stdout and f"{file}:" in done.stderr
    if done.returncode == 0:
        conf = tmp_path / "vpnd.conf"
        conf.write_text(done.stdout)
        checked = subprocess.run([VPND, "-n", "-c", conf], capture_output=True, text=True,
                                 check=False)
        assert (checked.returncode, checked.stderr) == (0, "")


def test_import_alone_writes_no_file_and_no_key(place):
    path, secrets = place
    done = vpnctl_import(path / "city-a.conf")
    assert done.returncode == 0 and 'name = "city-a"' in done.stdout
    assert "no key file was written" in done.stderr
    assert not [key for key in secrets.values() if key in done.stdout + done.stderr]
    assert sorted(file.name for file in path.iterdir()) == ["city-a.conf", "keys"]
    assert not pathlib.Path("/etc/gatehouse/keys/city-a.key").exists()


def test_import_writes_config_and_private_key_files_once(place):
    path, secrets = place
    command = (path / "city-a.conf", "--keys", path / "keys", "--output", path / "vpnd.conf")
    for _ in range(2):  # the second time all is there as it should be
        done = vpnctl_import(*command)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        for name, key in secrets.items():
            file = path / "keys" / name
            assert file.read_text() == key + "\n" and file.stat().st_mode & 0o777 == 0o600
    assert sorted(file.name for file in (path / "keys").iterdir()) == sorted(secrets)
    assert (path / "vpnd.conf").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("other", ["keys/city-a.key", "keys/city-a-1.psk", "vpnd.conf"])
def test_import_leaves_a_different_file_as_it_is(place, other):
    path, secrets = place
    (path / other).write_text(Keys().private + "\n")
    (path / other).chmod(0o600)
    before = (path / other).read_text()
    done = vpnctl_import(path / "city-a.conf", "--keys", path / "keys", "--output",
                         path / "vpnd.conf")
    assert done.returncode == 1 and f"{path / other}:" in done.stderr
    assert "left as it is" in done.stderr and (path / other).read_text() == before
    assert not [key for key in [*secrets.values(), before.strip()] if key in done.stderr]
    files = [file for file in path.rglob("*") if file.is_file()]
    assert sorted(files) == sorted([path / "city-a.conf", path / other])  # nothing was begun


def test_import_refuses_a_key_file_that_others_may_read(place):
    path, secrets = place
    (path / "keys/city-a.key").write_text(secrets["city-a.key"] + "\n")
    (path / "keys/city-a.key").chmod(0o644)
    done = vpnctl_import(path / "city-a.conf", "--keys", path / "keys")
    assert done.returncode == 1 and "chmod 600" in done.stderr and not done.stdout


@pytest.mark.parametrize("words", [("no-such-file",), ("/",), ("/dev/null", "--name", "wg0"),
                                   ("/dev/zero", "--name", "wg0")],
                         ids=["missing", "directory", "empty", "endless"])
def test_import_refuses_what_is_no_such_file(words):
    done = vpnctl_import(*words)
    assert done.returncode == 1 and done.stderr and not done.stdout


def test_import_takes_a_bad_name_for_a_wrong_command_line(tmp_path):
    done = vpnctl_import("/dev/null", "--name", "a/b")
    assert done.returncode == 64 and "--name is no interface name" in done.stderr
    file = tmp_path / "no interface.conf"
    file.touch()
    done = vpnctl_import(file)
    assert done.returncode == 1 and "give one with --name" in done.stderr


def test_vpnd_runs_with_what_was_imported(site):
    ours, theirs, psk = Keys(), Keys(), new_psk()
    name = site.ifname("imp")
    keys = site.dir / "imported"
    keys.mkdir()
    file = site.file(f"{name}.conf", quick_text(ours, theirs, psk), 0o600)
    CityGateway(site, theirs, ours.public, psk=psk)
    done = vpnctl_import(file, "--keys", keys)
    assert done.returncode == 0, done.stderr
    Vpnd(site.gw, done.stdout).start()
    assert site.app.reaches(HOST[4]) and site.app.reaches(HOST[6])
    assert site.gw.reaches(TUNNEL_CITY[4])
