/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of the fast data path a tunnel uses now, and what it cost when the kernel refused, as JSON.
 */
#ifndef VPND_ENGINE_OFFLOADS_H
#define VPND_ENGINE_OFFLOADS_H

struct json_t;
struct tunnel;

/*
 * The names of what is in use, as vpnctl(8) lists them: large frames that the TUN takes, by
 * protocol and family, and runs of datagrams, by direction and family. Less than was granted at
 * the start once the kernel refused. A new reference, or NULL without memory.
 */
struct json_t *offloads_json(const struct tunnel *tunnel);

/* How often the kernel refused since the start: {"tun": N, "udp": N}. As above. */
struct json_t *offloads_fallbacks_json(const struct tunnel *tunnel);

/*
 * Add to an object of counters what the kernel did not take or gave broken: tun_refused,
 * tun_malformed, udp_refused, in packets. 0, or -1 without memory.
 */
int offloads_add_drops(const struct tunnel *tunnel, struct json_t *drops);

#endif
