# SPDX-License-Identifier: GPL-2.0-or-later
"""Waiting for something to become true."""
import time


def wait_until(holds, what, timeout=10.0, every=0.02):
    """Call `holds` until it returns something true, and return that; `timeout` is in seconds."""
    deadline = time.monotonic() + timeout
    while True:
        if result := holds():
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"after {timeout} s still not so: {what}")
        time.sleep(every)
