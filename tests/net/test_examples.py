# SPDX-License-Identifier: GPL-2.0-or-later
"""The example of vpnd.conf is right as it is, and with any of its commented settings taken."""
import re
import subprocess

import pytest

from lab.gatehouse import VPND
from lab.site import TREE

EXAMPLE = (TREE / "configs" / "vpnd.conf").read_text()
SETTING = re.compile(r"^( *)# (?=[a-z_]+ = .*;)", re.MULTILINE)


def check(path, text):
    path.write_text(text)
    return subprocess.run([VPND, "-n", "-c", path], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("number", range(len(SETTING.findall(EXAMPLE))))
def test_a_commented_setting_of_the_example_can_be_taken(tmp_path, number):
    start = list(SETTING.finditer(EXAMPLE))[number]
    text = EXAMPLE[:start.end(1)] + EXAMPLE[start.end():]
    done = check(tmp_path / "vpnd.conf", text)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), text[start.start():][:80]


def test_the_example_has_them_all():
    names = {name for name in re.findall(r"# ([a-z_]+) = ", EXAMPLE)}
    assert names >= {"preempt", "hold_time_s", "table", "rules", "on_state_change", "hook_user",
                     "hook_timeout_s", "policy"}
