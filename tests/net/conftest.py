# SPDX-License-Identifier: GPL-2.0-or-later
"""What every namespace test shares: a time limit, and the logs of a lab when a test fails."""
import os
import signal

import pytest

from lab.netns import Lab
from lab.rekey import RekeyRun
from lab.site import Site

TEST_SECONDS = 200  # no test may take longer, so that a hang is a failure with a name


def pytest_configure(config):
    if not os.environ.get("GATEHOUSE_ENCLOSED"):
        raise pytest.UsageError("run this by `make net`, or as: scripts/enclosed /usr/bin/python3 "
                                "-m pytest tests/net")
    del config
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))


def pytest_collection_modifyitems(items):
    """What waits for the long runs comes last."""
    items.sort(key=lambda item: "rekey" in item.name)


def begin(starter):
    """A run, or what kept it from starting, to be said by the test that asks for it."""
    try:
        return RekeyRun(starter)
    except Exception as error:  # pylint: disable=broad-except
        return error


@pytest.fixture(scope="session", autouse=True)
def long_runs(request):
    """Runs that take minutes go on beside the other tests, if a test asks for them by name."""
    runs = {}
    if any("rekey" in item.name for item in request.session.items):
        runs = {starter: begin(starter) for starter in ("gw", "city")}

    def get(starter):
        if isinstance(runs[starter], Exception):
            raise runs[starter]
        return runs[starter]

    yield get
    for run in runs.values():
        if isinstance(run, RekeyRun):
            run.close()


@pytest.fixture(name="site")
def make_site():
    with Site() as site:
        yield site


MEASURED = []


@pytest.fixture(name="measured")
def say_what_was_measured():
    """Call it with a line that the summary of the run is to hold."""
    return MEASURED.append


def pytest_terminal_summary(terminalreporter):
    if MEASURED:
        terminalreporter.section("measured")
        for line in MEASURED:
            terminalreporter.line(line)


@pytest.fixture(autouse=True)
def time_limit():
    def expire(*_):
        raise TimeoutError(f"the test took longer than {TEST_SECONDS} s")
    signal.signal(signal.SIGALRM, expire)
    signal.alarm(TEST_SECONDS)
    yield
    signal.alarm(0)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Add what the processes of the test's labs said to the report of a failure."""
    report = (yield).get_result()
    if not report.failed or call.when == "teardown":
        return
    for name, value in item.funcargs.items():
        lab = value if isinstance(value, Lab) else getattr(value, "site", None)
        if isinstance(lab, Lab):
            for log, text in lab.logs():
                report.sections.append((f"{name}: {log}", text[-4000:]))
