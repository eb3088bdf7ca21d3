# SPDX-License-Identifier: GPL-2.0-or-later
"""A laboratory of network namespaces: hosts, wires, a real peer, a bad network, our gateway.

Demo, benchmark and tests are made of it. It runs inside scripts/enclosed, which sees to it that
nothing outlives it.
"""
