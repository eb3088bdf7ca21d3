# SPDX-License-Identifier: GPL-2.0-or-later
"""natd behaves as the RFCs on NATs ask, or in a way that is declared, with a reason.

One test a requirement; the summary of the run has the table of verdicts. See rfc/wire.py for the
topology, rfc/table.py for how requirements are written down.
"""
import collections

import pytest

from lab.site import TREE
from rfc.table import TABLE, document, verdict
from rfc.wire import Gateway

# The defaults, which are the timeouts of `behave`; and one where all is short.
CONFIGS = {"usual": {},
           "tight": {"ports": "5000-5003",
                     "timeouts": {"tcp_established": 20, "tcp_transitory": 2, "tcp_closing": 12,
                                  "udp": 2}}}
DOCUMENT = TREE / "docs" / "nat-behaviour.md"


@pytest.fixture(scope="module", name="gateways")
def running_gateways():
    running = {name: Gateway(**config) for name, config in CONFIGS.items()}
    yield running
    for gateway in running.values():
        gateway.close()


@pytest.fixture(scope="module", name="verdicts")
def empty_verdicts():
    return {}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.rfc}-{row.number}-{row.check.__name__}")
def test_requirement(row, gateways, verdicts):
    verdicts[row] = "FAIL"
    gateways[row.gateway].flush()
    verdicts[row] = verdict(row, gateways[row.gateway])


def test_no_requirement_fails(verdicts, measured):
    """Last, for the table."""
    for row, decided in verdicts.items():
        measured(f"{decided:9}  {row.level:6}  {row.name:16}  {row.promise}")
    counts = collections.Counter((decided, row.level) for row, decided in verdicts.items())
    measured(", ".join(f"{count} {decided} ({level})" for (decided, level), count
                       in sorted(counts.items())))
    assert "FAIL" not in verdicts.values()


def test_document_tells_every_deviation():
    assert document(TABLE) in DOCUMENT.read_text(), f"docs/nat-behaviour.md lacks:\n{document(TABLE)}"
