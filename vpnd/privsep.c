/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/privsep.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/memfd.h"
#include "base/mono.h"

/* A bool that came from outside may hold any byte; reading it as a bool first would be undefined.
 */
static bool is_bool(const bool *b)
{
	return *(const unsigned char *)b <= 1;
}

static bool is_text(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

/* Interface names become paths of sockets: what the kernel would refuse must not pass here. */
static bool is_ifname(const char *name)
{
	return is_text(name, PRIVSEP_IFNAME) && name[0] != '\0' && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0 && strpbrk(name, "/: \t\n\v\f\r") == NULL;
}

static bool is_addr(const struct addr *a)
{
	static const struct addr zero;
	size_t used = addr_bits(a->family) / 8;

	return (a->family == ADDR_NONE || used > 0) &&
	       memcmp(a->bytes + used, zero.bytes, sizeof(zero.bytes) - used) == 0;
}

static bool is_prefix(const struct prefix *p)
{
	struct prefix masked = *p;

	if (!is_addr(&p->addr) || p->addr.family == ADDR_NONE || p->len > addr_bits(p->addr.family))
		return false;
	prefix_mask(&masked);
	return prefix_equal(&masked, p);
}

static bool fits_start(const union privsep_message *m)
{
	return m->start.log_level >= LOG_LEVEL_ERR && m->start.log_level <= LOG_LEVEL_DEBUG &&
	       is_bool(&m->start.uapi_only) &&
	       is_text(m->start.config_file, sizeof(m->start.config_file)) &&
	       is_text(m->start.config_hash, sizeof(m->start.config_hash));
}

static bool fits_tunnel(const union privsep_message *m)
{
	return m->tunnel.ifindex > 0 && m->tunnel.mtu <= UINT16_MAX &&
	       is_bool(&m->tunnel.from_config) && is_bool(&m->tunnel.up) &&
	       m->tunnel.busy_poll_us <= US_PER_S && is_ifname(m->tunnel.name);
}

static bool fits_tun(const union privsep_message *m)
{
	return m->tun.takes <= PRIVSEP_TAKES_ALL && m->tun.queue < PRIVSEP_QUEUES;
}

static bool fits_udp(const union privsep_message *m)
{
	return addr_bits(m->udp.family) > 0 && m->udp.port > 0 && is_bool(&m->udp.segments);
}

static bool fits_peer(const union privsep_message *m)
{
	return is_addr(&m->peer.endpoint.addr) && is_addr(&m->peer.probe) &&
	       is_addr(&m->peer.probe_source) &&
	       m->peer.probe.family == m->peer.probe_source.family &&
	       (m->peer.probe.family == ADDR_NONE || m->peer.probe_interval_ms > 0) &&
	       m->peer.path_mtu <= UINT16_MAX && is_bool(&m->peer.preshared) &&
	       is_text(m->peer.name, sizeof(m->peer.name)) &&
	       is_text(m->peer.host, sizeof(m->peer.host));
}

static bool fits_allowed_ip(const union privsep_message *m)
{
	return is_prefix(&m->allowed_ip.prefix);
}

static bool fits_link(const union privsep_message *m)
{
	return m->link.mtu <= UINT16_MAX && is_bool(&m->link.up) && is_bool(&m->link.gone);
}

static bool fits_bound(const union privsep_message *m)
{
	return m->bound.error >= 0 && (m->bound.error != 0 || m->bound.port > 0);
}

static bool fits_result(const union privsep_message *m)
{
	return m->result.error >= 0;
}

static bool fits_endpoint(const union privsep_message *m)
{
	return is_addr(&m->endpoint.endpoint.addr) &&
	       is_text(m->endpoint.reason, sizeof(m->endpoint.reason));
}

static bool fits_route(const union privsep_message *m)
{
	return is_prefix(&m->route.prefix) && m->route.backup_slot <= PRIVSEP_TUNNELS &&
	       m->route.installed <= 1 && m->route.n_more < PRIVSEP_VIA;
}

static bool fits_reloaded(const union privsep_message *m)
{
	return m->reloaded.error >= 0 &&
	       is_text(m->reloaded.config_hash, sizeof(m->reloaded.config_hash)) &&
	       is_text(m->reloaded.reason, sizeof(m->reloaded.reason));
}

static bool fits_event(const union privsep_message *m)
{
	return m->event.kind < PRIVSEP_EVENT_KINDS && m->event.number > 0 &&
	       m->event.time_ms >= 0 && is_text(m->event.subject, sizeof(m->event.subject)) &&
	       is_text(m->event.what, sizeof(m->event.what)) &&
	       is_text(m->event.why, sizeof(m->event.why));
}

static bool fits_failed(const union privsep_message *m)
{
	return m->failed.error >= 0 && is_text(m->failed.reason, sizeof(m->failed.reason));
}

static bool fits_label(const union privsep_message *m)
{
	return m->label.newest_s >= 0 && m->label.newest_s <= PRIVSEP_LABEL_MAX_S;
}

static bool fits_peer_state(const union privsep_message *m)
{
	return is_bool(&m->peer_state.up) && is_bool(&m->peer_state.proven) &&
	       is_text(m->peer_state.reason, sizeof(m->peer_state.reason));
}

static bool fits_path(const union privsep_message *m)
{
	return is_addr(&m->path.remote.addr) && is_addr(&m->path.local) &&
	       m->path.local.family != ADDR_NONE &&
	       m->path.local.family == m->path.remote.addr.family;
}

static bool fits_path_mtu(const union privsep_message *m)
{
	return m->path_mtu.mtu <= UINT16_MAX;
}

/* What is right for one type. */
struct rule {
	uint32_t type;
	const char *name;
	enum privsep_side side;
	size_t size;        /* bytes, exactly */
	size_t slot_offset; /* 0: names no tunnel */
	bool has_fd;
	bool (*fits)(const union privsep_message *m); /* NULL: nothing more to check */
};

#define PLAIN .size = sizeof(struct privsep_plain)
#define SLOT .size = sizeof(struct privsep_slot), .slot_offset = offsetof(struct privsep_slot, slot)
#define OF(what) \
	.size = sizeof(struct privsep_##what), .slot_offset = offsetof(struct privsep_##what, slot)
#define MONITOR(type_) .type = (type_), .name = #type_, .side = PRIVSEP_FROM_MONITOR
#define ENGINE(type_) .type = (type_), .name = #type_, .side = PRIVSEP_FROM_ENGINE

static const struct rule rules[] = {
	{MONITOR(PRIVSEP_START), .size = sizeof(struct privsep_start), .fits = fits_start},
	{MONITOR(PRIVSEP_CONTROL_FD), PLAIN, .has_fd = true},
	{MONITOR(PRIVSEP_TUNNEL), OF(tunnel), .fits = fits_tunnel},
	{MONITOR(PRIVSEP_TUN_FD), OF(tun), .has_fd = true, .fits = fits_tun},
	{MONITOR(PRIVSEP_UAPI_FD), SLOT, .has_fd = true},
	{MONITOR(PRIVSEP_UDP_FD), OF(udp), .has_fd = true, .fits = fits_udp},
	{MONITOR(PRIVSEP_KEYS_FD), SLOT, .has_fd = true},
	{MONITOR(PRIVSEP_PEER), OF(peer), .fits = fits_peer},
	{MONITOR(PRIVSEP_ALLOWED_IP), OF(allowed_ip), .fits = fits_allowed_ip},
	{MONITOR(PRIVSEP_STATE_FD), SLOT, .has_fd = true},
	{MONITOR(PRIVSEP_TUNNEL_DONE), SLOT},
	{MONITOR(PRIVSEP_TUNNEL_GONE), SLOT},
	{MONITOR(PRIVSEP_SYNCED), PLAIN},
	{MONITOR(PRIVSEP_LINK), OF(link), .fits = fits_link},
	{MONITOR(PRIVSEP_BOUND), OF(bound), .fits = fits_bound},
	{MONITOR(PRIVSEP_MARKED), OF(result), .fits = fits_result},
	{MONITOR(PRIVSEP_ENDPOINT), OF(endpoint), .fits = fits_endpoint},
	{MONITOR(PRIVSEP_ROUTES), PLAIN},
	{MONITOR(PRIVSEP_ROUTE), OF(route), .fits = fits_route},
	{MONITOR(PRIVSEP_RELOADED), .size = sizeof(struct privsep_reloaded), .fits = fits_reloaded},
	{MONITOR(PRIVSEP_LABEL_FLOOR), .size = sizeof(struct privsep_label), .fits = fits_label},
	{MONITOR(PRIVSEP_REROUTED), PLAIN},
	{MONITOR(PRIVSEP_PATH_STALE), OF(path), .fits = fits_path},
	{MONITOR(PRIVSEP_KERNEL), .size = sizeof(struct privsep_kernel)},
	{MONITOR(PRIVSEP_PING), PLAIN},
	{MONITOR(PRIVSEP_EVENT), .size = sizeof(struct privsep_event), .fits = fits_event},
	{MONITOR(PRIVSEP_STOP), PLAIN},
	{ENGINE(PRIVSEP_READY), PLAIN},
	{ENGINE(PRIVSEP_PONG), PLAIN},
	{ENGINE(PRIVSEP_BIND), OF(bind)},
	{ENGINE(PRIVSEP_MARK), OF(mark)},
	{ENGINE(PRIVSEP_STATE), SLOT, .has_fd = true},
	{ENGINE(PRIVSEP_RELOAD), PLAIN},
	{ENGINE(PRIVSEP_TUNNEL_FAILED), OF(failed), .fits = fits_failed},
	{ENGINE(PRIVSEP_LABEL), .size = sizeof(struct privsep_label), .fits = fits_label},
	{ENGINE(PRIVSEP_PEER_STATE), OF(peer_state), .fits = fits_peer_state},
	{ENGINE(PRIVSEP_TUN_LOST), SLOT},
	{ENGINE(PRIVSEP_PATH), OF(path), .fits = fits_path},
	{ENGINE(PRIVSEP_PATH_MTU), OF(path_mtu), .fits = fits_path_mtu},
};

static const struct rule *find(uint32_t type)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].type == type)
			return &rules[i];
	return NULL;
}

static bool slot_fits(const struct rule *rule, const union privsep_message *m)
{
	uint32_t slot;

	if (rule->slot_offset == 0)
		return true;
	memcpy(&slot, (const char *)m + rule->slot_offset, sizeof(slot));
	return slot < PRIVSEP_TUNNELS;
}

const char *privsep_check(const void *msg, size_t len, bool has_fd, enum privsep_side side)
{
	union privsep_message m; /* a copy, for `msg` may stand at any address */
	const struct rule *rule;

	if (len < sizeof(m.type) || len > sizeof(m))
		return NULL;
	memcpy(&m, msg, len);
	rule = find(m.type);
	if (rule == NULL || rule->side != side || rule->size != len || rule->has_fd != has_fd ||
		!slot_fits(rule, &m) || (rule->fits != NULL && !rule->fits(&m)))
		return NULL;
	return rule->name;
}

int privsep_check_state(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (seals < 0 || (seals & memfd_seals) != memfd_seals || fstat(fd, &st) < 0)
		return -EPERM;
	/* What was allocated past its end before it was sealed is held as well. */
	return st.st_size > PRIVSEP_STATE_MAX || st.st_blocks > PRIVSEP_STATE_MAX / 512 ? -EFBIG
											: 0;
}
