# SPDX-License-Identifier: GPL-2.0-or-later
"""How fast: contenders take turns on both gateways of one site, and are measured alike."""
