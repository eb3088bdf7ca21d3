# SPDX-License-Identifier: GPL-2.0-or-later
"""The walls of the house stand, and the checks that say so notice when one is broken."""
import pathlib
import re
import shutil
import subprocess

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
ROOMS = ("base", "netlink", "vpnd", "natd", "vpnctl")
LICENCE = "/* SPDX-License-Identifier: GPL-2.0-or-later */\n"


def check(script, tree=TREE):
    """Exit code and complaints, a line each."""
    done = subprocess.run([TREE / "scripts" / script, tree], capture_output=True, text=True,
                          check=False)
    return done.returncode, (done.stdout + done.stderr).splitlines()


def planted(lines):
    """Complaints about what these tests planted, not about the tree as it is today."""
    return [line for line in lines if "planted" in line.partition(": ")[0]]


@pytest.fixture(name="copy")
def copy_of_the_rooms(tmp_path):
    for room in ROOMS:
        shutil.copytree(TREE / room, tmp_path / room)
    shutil.copy(TREE / ".clang-format", tmp_path)
    return tmp_path


def plant(tree, name, text):
    (tree / name).write_text(LICENCE + text)


@pytest.mark.parametrize("script", ["check-includes", "check-tree"])
def test_tree_keeps_its_promises(script):
    code, said = check(script)
    assert code == 0 and not said, "\n".join(said)


def test_manual_tells_every_cause_of_a_drop():
    """Those of natd's ruleset, in the page of the program that shows them."""
    table = (TREE / "natd/ruleset.c").read_text().partition("ruleset_drop_names[RULESET_DROPS] = {")[2]
    causes = re.findall(r'= "(\w+)"', table.partition("};")[0])
    listed = (TREE / "vpnctl/vpnctl.8").read_text().partition("what was dropped, by cause:")[2]
    assert len(causes) > 5
    assert re.findall(r"^\.It Li (\w+)$", listed.partition("\n.El")[0], re.MULTILINE) == causes


@pytest.mark.parametrize("name, include, reason", [
    ("vpnd/proto/planted.c", "<sys/socket.h>", "no clock"),
    ("vpnd/proto/planted.c", "<time.h>", "no clock"),
    ("vpnd/proto/planted.c", "<stdio.h>", "no clock"),
    ("vpnd/proto/planted.h", "<systemd/sd-event.h>", "no clock"),
    ("vpnd/proto/planted.c", '"base/clock.h"', "may not include base/clock.h"),
    ("vpnd/proto/planted.c", '"vpnd/data/planted.h"', "vpnd/proto may not include vpnd/data"),
    ("vpnd/data/planted.c", '"vpnd/engine/planted.h"', "vpnd/data may not include vpnd/engine"),
    ("vpnd/engine/planted.c", '"vpnd/monitor/planted.h"', "vpnd/engine may not include vpnd/monitor"),
    ("vpnd/engine/planted.c", '"netlink/planted.h"', "vpnd/engine may not include netlink"),
    ("vpnd/monitor/planted.c", '"vpnd/proto/planted.h"', "vpnd/monitor may not include vpnd/proto"),
    ("vpnd/planted.c", '"vpnd/monitor/planted.h"', "vpnd may not include vpnd/monitor"),
    ("vpnd/engine/planted.c", '"natd/planted.h"', "vpnd/engine may not include natd"),
    ("natd/planted.c", '"vpnd/planted.h"', "natd may not include vpnd"),
    ("base/planted.c", '"netlink/planted.h"', "base may not include netlink"),
    ("vpnctl/planted.c", '"natd/planted.h"', "vpnctl may not include natd"),
    ("vpnd/monitor/planted.c", "<linux/rtnetlink.h>", "only netlink speaks netlink"),
    ("natd/planted.c", "<nftables/libnftables.h>", "only netlink speaks netlink"),
    ("base/planted.c", "<netlink/socket.h>", "only netlink speaks netlink"),
    ("base/planted.c", '"planted.h"', "by its path from the tree's root"),
    ("base/planted.c", '"base/no-such.h"', "by its path from the tree's root"),
])
def test_planted_include_is_noticed(copy, name, include, reason):
    for room in (*ROOMS, "vpnd/proto", "vpnd/data", "vpnd/engine", "vpnd/monitor"):
        plant(copy, f"{room}/planted.h", "")
    plant(copy, name, f"#include {include}\n")
    code, said = check("check-includes", copy)
    complaint, = planted(said)
    assert code == 1 and complaint.startswith(f"{name}:2: ") and reason in complaint


def test_clock_behind_an_innocent_header_is_noticed(copy):
    plant(copy, "base/planted.h", '#include "base/clock.h"\n')
    plant(copy, "vpnd/proto/planted.c", '#include "base/planted.h"\n')
    code, said = check("check-includes", copy)
    complaint, = planted(said)
    assert code == 1 and "may not include base/clock.h" in complaint


def test_main_may_put_the_program_together(copy):
    for room in ("monitor", "engine"):
        plant(copy, f"vpnd/{room}/planted.h", "")
    main = copy / "vpnd" / "main.c"
    includes = '#include "vpnd/engine/planted.h"\n#include "vpnd/monitor/planted.h"\n'
    main.write_text(LICENCE + includes)
    assert not [line for line in check("check-includes", copy)[1] if "main.c" in line]


@pytest.mark.parametrize("name, text, reason", [
    ("base/planted.c", "int planted;\n", "SPDX"),
    ("base/planted.c", LICENCE + "int planted;\n" * 600, "601 lines"),
    ("base/planted.c", LICENCE + "int   planted;\n", "layout"),
    ("base/util.c", LICENCE + "int planted;\n", "says nothing"),
    ("planted.py", "print()\n", "SPDX"),
    ("planted", "#!/bin/sh\n", "SPDX"),
    ("planted.8", ".Nm\n" "<<<<<<< HEAD\n", "line 2 is a mark of a merge"),
])
def test_planted_file_is_noticed(tmp_path, name, text, reason):
    (tmp_path / "base").mkdir()
    shutil.copy(TREE / ".clang-format", tmp_path)
    (tmp_path / name).write_text(text)
    code, said = check("check-tree", tmp_path)
    assert code == 1 and said[0].startswith(f"{name}: ") and reason in said[0]
