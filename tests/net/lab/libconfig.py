# SPDX-License-Identifier: GPL-2.0-or-later
"""Python values as text of libconfig: dicts are groups, lists of dicts are lists, others arrays."""


def text(value, depth=0):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    inner = "  " * (depth + 1)
    if isinstance(value, dict):
        return "{\n" + settings(value, depth + 1) + "  " * depth + "}"
    items = [text(item, depth + 1) for item in value]
    if any(isinstance(item, (dict, list)) for item in value):
        return "(\n" + ",\n".join(inner + item for item in items) + ")"
    return "[ " + ", ".join(items) + " ]"


def settings(values, depth=0):
    """The settings of a file or a group, one below the other."""
    return "".join(f"{'  ' * depth}{key} = {text(value, depth)};\n" for key, value in values.items())
