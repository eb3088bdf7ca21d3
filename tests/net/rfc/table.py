# SPDX-License-Identifier: GPL-2.0-or-later
"""The table: one row a requirement, with the function that checks it.

A check asserts what is promised. Where the promise is not kept, by design, the row says why in
`deviation`, and the check ends in `deviates(...)` once it has seen the very behaviour that deviates.
So a row whose deviation is gone, as when the kernel has changed, fails until the table says so.
"""
from typing import Callable, NamedTuple, Optional

TABLE = []


class Deviation(Exception):
    """What was seen is known, and not what is asked for."""


class Requirement(NamedTuple):
    rfc: int
    number: str
    level: str  # of RFC 2119; RECOMMENDED is a SHOULD
    promise: str  # in our words
    check: Callable  # is given a Gateway
    deviation: Optional[str]  # why it is not kept
    gateway: str  # which of those that the test has

    @property
    def name(self):
        return f"RFC {self.rfc} {self.number}"


def requirement(rfc, number, level, promise, deviation=None, gateway="usual"):
    """Make a row of the function that follows."""
    assert level in ("MUST", "SHOULD", "MAY")

    def add(check):
        TABLE.append(Requirement(rfc, number, level, promise, check,
                                 deviation and " ".join(deviation.split()), gateway))
        return check
    return add


def deviates(condition):
    """End a check: the behaviour that the row declares was seen, or not."""
    if condition:
        raise Deviation


def verdict(row, gate):
    """Check a row; returns "pass" or "deviation", raises AssertionError otherwise."""
    try:
        row.check(gate)
    except Deviation:
        assert row.deviation, f"{row.name} is not kept: {row.promise}"
        return "deviation"
    assert not row.deviation, f"{row.name} is kept; the table says that it is not: {row.deviation}"
    return "pass"


def document(rows):
    """The deviations as the table of docs/nat-behaviour.md."""
    lines = ["| requirement | level | what is asked | why it is not so |", "|---|---|---|---|"]
    lines += [f"| {row.name} | {row.level} | {row.promise} | {row.deviation} |"
              for row in rows if row.deviation]
    return "\n".join(lines) + "\n"
