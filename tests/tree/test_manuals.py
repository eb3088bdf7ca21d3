# SPDX-License-Identifier: GPL-2.0-or-later
"""The manual pages say what the programs do: each key of a config, each flag of a command line."""
import os
import pathlib
import re
import subprocess

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
BUILD = TREE / os.environ.get("BUILD", "build")

# Where the page of a config describes the keys of each table: a section, or below a key.
SECTIONS = {
    "vpnd": {"rows": "Top level", "tunnel_rows": "A tunnel", "peer_rows": "A peer",
             "route_rows": "A route", "rule_rows": "A rule"},
    "natd": {"rows": None, "uplink_rows": "uplinks", "subnet_rows": "subnets",
             "timeout_rows": "timeouts", "forward_rows": "forwards", "flow_log_rows": "flow_log"},
}
SOURCES = {"vpnd": ["conf.c"], "natd": ["conf.c", "conf_type.c"]}


def tables(daemon):
    """The keys of each table of a daemon's config, each with its default, "" if it has none."""
    text = "".join((TREE / daemon / name).read_text() for name in SOURCES[daemon])
    found = {}
    for name, body in re.findall(r"static const struct conf_row (\w+)\[\] = \{(.*?)\n\};", text,
                                 re.DOTALL):
        rows = re.split(r'\n\t\{(?=")', body)[1:]
        found[name] = {row.split('"')[1]: fallback(row) for row in rows}
    return found


def fallback(row):
    match = re.search(r'\.fallback = "((?:\\.|[^"\\])*)"', row)
    return match[1].replace('\\"', "") if match else ""


def items(lines):
    """Name and text of each item of the lists, and of the lists within them."""
    stack, found = [], []
    for line in lines:
        if line.startswith(".Bl"):
            stack.append(None)
        elif line.startswith(".El"):
            stack.pop()
        elif line.startswith(".It") and stack:
            words = line.split(" Ta ")[0].replace(",", " ").split()[2:]
            stack[-1] = [words, [], [each[0][0] for each in stack[:-1] if each]]
            found.append(stack[-1])
            found[-1][1].append(line)
        else:
            for each in stack:
                if each:
                    each[1].append(line)
    return found


def described(daemon):
    """What the page says of each key, by table."""
    page = (TREE / daemon / f"{daemon}.conf.5").read_text()
    lines = page.replace("\\(dq", "\"").splitlines()
    found = {}
    for table, place in SECTIONS[daemon].items():
        if daemon == "vpnd":
            start = lines.index(f".Ss {place}") + 1
            end = next(i for i in range(start, len(lines)) if lines[i].startswith((".Ss", ".Sh")))
            chosen = items(lines[start:end])
        else:
            chosen = [each for each in items(lines)
                      if each[2] == ([place] if place else [])]
        found[table] = {word: "\n".join(text) for words, text, _ in chosen for word in words}
    return found


@pytest.mark.parametrize("daemon", ["vpnd", "natd"])
def test_page_describes_every_key_of_the_config_and_no_other(daemon):
    keys, pages = tables(daemon), described(daemon)
    assert sorted(keys) == sorted(pages)
    for table, rows in keys.items():
        assert sorted(rows) == sorted(pages[table]), table


@pytest.mark.parametrize("daemon", ["vpnd", "natd"])
def test_page_says_the_default_of_every_key_that_has_a_number_or_a_word(daemon):
    pages = described(daemon)
    for table, rows in tables(daemon).items():
        for key, default in rows.items():
            said = pages[table][key]
            if re.fullmatch(r"[a-z0-9-]+", default) and not (default == "0" and
                                                             "by default any" in said):
                assert re.search(rf"\b{default}\b", said), (table, key, default)


def flags_of_page(name):
    text = (TREE / name.partition("/")[0] / f"{pathlib.Path(name).name}.8").read_text()
    lines = [line for line in text.splitlines() if re.match(r"\.(It |Op |Oo )?.*\bFl ", line)]
    return {f"--{word}" for line in lines for word in re.findall(r" -([a-z][a-z-]+)", line)}


def flags_of_help(*command):
    said = subprocess.run([BUILD / command[0], *command[1:], "--help"], capture_output=True,
                          text=True, check=True).stdout
    return set(re.findall(r"--[a-z][a-z-]+", said))


@pytest.mark.parametrize("daemon", ["vpnd", "natd"])
def test_page_has_every_flag_of_the_daemon_and_no_other(daemon):
    assert flags_of_page(daemon) == flags_of_help(daemon)


def commands_of_vpnctl():
    said = subprocess.run([BUILD / "vpnctl", "--help"], capture_output=True, text=True,
                          check=True).stdout
    block = said.split("\n\n")[1]
    return [re.match(r"  ((?:[a-z]+ )*[a-z]+)", line)[1] for line in block.splitlines()]


def test_page_has_every_flag_and_every_command_of_vpnctl_and_no_other():
    text = (TREE / "vpnctl" / "vpnctl.8").read_text()
    described_commands = set(re.findall(r"^\.It Cm ((?:[a-z]+ ?)+)", text, re.MULTILINE))
    described_commands = {each.strip() for each in described_commands}
    used = set()
    for command in commands_of_vpnctl():
        words = command.split()
        if words[-1] in ("vpnd", "natd", "bash"):
            words.pop()
        assert " ".join(words) in {" ".join(each.split()[:len(words)]) for each in
                                   described_commands}, command
        used |= flags_of_help("vpnctl", *words)
    assert flags_of_page("vpnctl") == used


@pytest.mark.parametrize("page", sorted(path.relative_to(TREE).as_posix() for path in
                                        TREE.glob("*/*.[58]")))
def test_page_is_laid_out_without_complaint(page):
    done = subprocess.run(["man", "--warnings", "-l", TREE / page], capture_output=True, text=True,
                          env={**os.environ, "MANWIDTH": "100", "LC_ALL": "C.UTF-8"}, check=False)
    assert done.returncode == 0 and done.stdout
    assert not [line for line in done.stderr.splitlines() if "can't break line" not in line]
