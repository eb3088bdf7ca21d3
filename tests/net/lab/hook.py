# SPDX-License-Identifier: GPL-2.0-or-later
"""A gate that tells a program what changes."""
import json

from .gate import Gate
from .gatehouse import vpnd_config
from .site import TUNNEL_CITY
from .waiting import wait_until

KEEP = "#!/bin/sh\ncat >>{dir}/told && echo >>{dir}/told\n"


class Hook:
    """A gate whose vpnd runs `script`, in which {dir} is a directory that it may write to."""

    def __init__(self, site, script=KEEP, mode=0o755, program=None, **more):
        self.site = site
        self.dir = site.dir / "hook"
        self.dir.mkdir()
        self.dir.chmod(0o777)
        self.path = site.file("hook.sh", script.replace("{dir}", str(self.dir)), mode)
        self.gate = Gate(site, begin=False, peer={"probe": TUNNEL_CITY[4],
                                               "probe_interval_ms": 200})
        self.config = {**vpnd_config(self.gate.tunnel), "on_state_change": str(self.path),
                       "hook_timeout_s": 1, **more}
        self.gate.vpnd.program = program or self.gate.vpnd.program
        self.gate.vpnd.write(self.config)
        self.gate.vpnd.start()

    def told(self, name="told"):
        file = self.dir / name
        return file.read_text() if file.exists() else ""

    def events(self):
        return [json.loads(line) for line in self.told().splitlines() if line.endswith("}")]

    def lose_the_peer(self):
        """End the City's gateway and see that the program is told."""
        self.gate.city.kill()
        wait_until(lambda: self.last(event="tunnel").get("state") == "down", "it is down")

    def last(self, **what):
        """The newest event of which all of `what` is true."""
        found = [event for event in self.events() if what.items() <= event.items()]
        return found[-1] if found else {}
