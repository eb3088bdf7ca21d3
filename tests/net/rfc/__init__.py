# SPDX-License-Identifier: GPL-2.0-or-later
"""What RFC 4787, 5382, 5508, 7857 and 6888 ask of a NAT, and how natd is held to it.

`table.TABLE` has all of it, once the modules that check it are imported.
"""
from . import udp, tcp, icmp, updates  # noqa: F401, in the order of the table
