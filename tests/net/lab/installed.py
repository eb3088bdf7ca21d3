# SPDX-License-Identifier: GPL-2.0-or-later
"""vpnd as a package: its program is replaced while it runs."""
import os
import shutil
import signal

from .gatehouse import VPND
from .waiting import wait_until


class Installed:
    """A copy of vpnd that is replaced as a package manager does it."""

    def __init__(self, site):
        self.path = site.dir / "installed" / "vpnd"
        self.path.parent.mkdir()
        self.replace(VPND)

    def replace(self, source, mode=0o755):
        """By a copy of a file, or by bytes."""
        fresh = self.path.with_suffix(".dpkg-new")
        if isinstance(source, bytes):
            fresh.write_bytes(source)
        else:
            shutil.copyfile(source, fresh)
        fresh.chmod(mode)
        fresh.rename(self.path)


def upgrade(vpnd, timeout=10):
    """Ask for it and wait until the new program is ready, or says that it is not to be."""
    said = vpnd.log().count("ready, config") + vpnd.log().count("not upgrading")
    os.kill(vpnd.pid, signal.SIGUSR2)
    wait_until(lambda: vpnd.log().count("ready, config") + vpnd.log().count("not upgrading") > said,
               "the upgrade is over", timeout)
