# SPDX-License-Identifier: GPL-2.0-or-later
"""What vpnd has put into the kernel."""
import re


def kernel_state(site):
    """All that is ours in the kernel, without the numbers of interfaces."""
    lines = []
    for family in ("-4", "-6"):
        for what in (("route", "show", "table", "all", "proto", 71), ("rule", "show"),
                     ("nexthop", "show", "proto", 71), ("addr", "show", "scope", "global")):
            lines += site.gw.output("ip", family, *what).splitlines()
    return sorted(re.sub(r"^\d+: ", "", line) for line in lines)
