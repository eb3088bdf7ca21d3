/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/engine/offloads.h"

#include <jansson.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "vpnd/engine/tunnel.h"

/* Only the kernel knows: the monitor switches it at the socket. */
static bool coalesces(const struct udp_socket *udp)
{
	socklen_t len = sizeof(int);
	int on;

	return udp->fd >= 0 && getsockopt(udp->fd, IPPROTO_UDP, UDP_GRO, &on, &len) == 0 && on;
}

static bool segments(const struct udp_socket *udp)
{
	return udp->fd >= 0 && udp->segments;
}

json_t *offloads_json(const struct tunnel *tunnel)
{
	const struct lane *lane = &tunnel->lane;
	unsigned int takes = lane->tun.fd >= 0 ? lane->tun.takes : 0;
	const struct {
		const char *name;
		bool on;
	} all[] = {
		{"tun_tcp4", takes & COALESCE_TCP4},
		{"tun_tcp6", takes & COALESCE_TCP6},
		{"tun_udp4", takes & COALESCE_UDP4},
		{"tun_udp6", takes & COALESCE_UDP6},
		{"udp4_segmentation", segments(&lane->udp.v4)},
		{"udp6_segmentation", segments(&lane->udp.v6)},
		{"udp4_coalescing", coalesces(&lane->udp.v4)},
		{"udp6_coalescing", coalesces(&lane->udp.v6)},
	};
	_cleanup_json_ json_t *names = json_array();

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i].on && json_array_append_new(names, json_string(all[i].name)))
			return NULL;
	return cleanup_take(names);
}

json_t *offloads_fallbacks_json(const struct tunnel *tunnel)
{
	return json_pack("{s:I, s:I}", "tun", (json_int_t)tunnel->lane.tun.fallbacks, "udp",
		(json_int_t)tunnel->lane.udp_errors.fallbacks);
}

int offloads_add_drops(const struct tunnel *tunnel, json_t *drops)
{
	const struct lane *lane = &tunnel->lane;
	const struct {
		const char *name;
		uint64_t count;
	} all[] = {
		{"tun_refused", lane->tun.refused},
		{"tun_malformed", lane->tun.malformed},
		{"udp_refused", lane->udp_errors.dropped},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (json_object_set_new(drops, all[i].name, json_integer((json_int_t)all[i].count)))
			return -1;
	return 0;
}
