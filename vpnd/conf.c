/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/conf.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "vpnd/conf_check.h"

/* A number as text of the config's grammar. */
#define TEXT(number) TEXT_(number)
#define TEXT_(token) #token

static const struct conf_row peer_rows[] = {
	{NULL, CONF_WHERE, CONF_FIELD(struct vpnd_peer_conf, where)},
	{"name", CONF_STRING, CONF_FIELD(struct vpnd_peer_conf, name),
		.help = "What logs and status call this peer"},
	{"public_key", CONF_KEY, CONF_FIELD(struct vpnd_peer_conf, public_key), .required = true,
		.help = "The peer's public key"},
	{"preshared_key_file", CONF_PATH, CONF_FIELD(struct vpnd_peer_conf, preshared_key_file),
		.help = "File with a key that both sides know, mixed into every handshake"},
	{"endpoint", CONF_HOSTPORT, CONF_FIELD(struct vpnd_peer_conf, endpoint),
		.help = "Where the peer is reached until it is heard from elsewhere"},
	{"allowed_ips", CONF_PREFIX, CONF_LIST(struct vpnd_peer_conf, allowed_ips, n_allowed_ips),
		.help = "Addresses behind this peer: what is sent to it and accepted from it"},
	{"persistent_keepalive", CONF_INT, CONF_FIELD(struct vpnd_peer_conf, persistent_keepalive),
		.max = UINT16_MAX, .unit = "seconds", .fallback = "0",
		.help = "Send something at least this often, so that NAT on the way stays open; 0 "
			"is off"},
	{"probe", CONF_ADDR, CONF_FIELD(struct vpnd_peer_conf, probe),
		.help = "Address inside the tunnel that is pinged to measure liveness"},
	{"probe_interval_ms", CONF_INT, CONF_FIELD(struct vpnd_peer_conf, probe_interval_ms),
		.min = 100, .max = 60000, .unit = "milliseconds", .fallback = "1000",
		.help = "Time from one probe to the next"},
};
static const struct conf_table peer_table =
	CONF_TABLE_CHECKED(struct vpnd_peer_conf, peer_rows, conf_check_peer);

static const struct conf_row tunnel_rows[] = {
	{NULL, CONF_WHERE, CONF_FIELD(struct vpnd_tunnel_conf, where)},
	{"name", CONF_IFNAME, CONF_FIELD(struct vpnd_tunnel_conf, name), .required = true,
		.help = "Name of the tunnel and of its interface"},
	{"private_key_file", CONF_PATH, CONF_FIELD(struct vpnd_tunnel_conf, private_key_file),
		.required = true, .help = "File with our private key, readable by its owner alone"},
	{"listen_port", CONF_INT, CONF_FIELD(struct vpnd_tunnel_conf, listen_port),
		.max = UINT16_MAX, .fallback = "0",
		.help = "UDP port to receive on; 0 is any that is free"},
	{"addresses", CONF_IFADDR, CONF_LIST(struct vpnd_tunnel_conf, addresses, n_addresses),
		.help = "Addresses of the interface"},
	{"mtu", CONF_INT, CONF_FIELD(struct vpnd_tunnel_conf, mtu), .min = 576, .max = UINT16_MAX,
		.unit = "bytes", .fallback = TEXT(VPND_CONF_MTU),
		.help = "Largest packet inside the tunnel"},
	{"fwmark", CONF_INT, CONF_FIELD(struct vpnd_tunnel_conf, fwmark), .max = UINT32_MAX,
		.fallback = "0",
		.help = "Firewall mark of the packets that carry the tunnel; 0 is none"},
	{"peers", CONF_GROUP, CONF_LIST(struct vpnd_tunnel_conf, peers, n_peers),
		.group = &peer_table, .help = "Who is at the other end"},
};
static const struct conf_table tunnel_table =
	CONF_TABLE_CHECKED(struct vpnd_tunnel_conf, tunnel_rows, conf_check_tunnel);

static const char *const policies[] = {
	[VPND_FAILOVER] = "failover",
	[VPND_ECMP] = "ecmp",
	NULL,
};

static const struct conf_row route_rows[] = {
	{NULL, CONF_WHERE, CONF_FIELD(struct vpnd_route_conf, where)},
	{"prefix", CONF_PREFIX, CONF_FIELD(struct vpnd_route_conf, prefix), .required = true,
		.help = "Destination that is reached through tunnels, and never in another way"},
	{"via", CONF_IFNAME, CONF_LIST(struct vpnd_route_conf, via, n_via), .required = true,
		.help = "Names of tunnels, best first"},
	{"policy", CONF_ENUM, CONF_FIELD(struct vpnd_route_conf, policy), .names = policies,
		.fallback = "\"failover\"",
		.help = "By the first tunnel of `via` that is up, or by all that are"},
	{"weights", CONF_INT, CONF_LIST(struct vpnd_route_conf, weights, n_weights), .min = 1,
		.max = UINT8_MAX,
		.help = "With \"ecmp\": shares of the tunnels of `via`; none: all the same"},
	{"preempt", CONF_BOOL, CONF_FIELD(struct vpnd_route_conf, preempt), .fallback = "true",
		.help = "With \"failover\": go back to a better tunnel once it has been up for "
			"hold_time_s"},
	{"hold_time_s", CONF_INT, CONF_FIELD(struct vpnd_route_conf, hold_time_s), .max = 86400,
		.unit = "seconds", .fallback = "5",
		.help = "How long a tunnel that came back has to stay up before it is used "
			"again, if there is another"},
	{"table", CONF_INT, CONF_FIELD(struct vpnd_route_conf, table), .min = 1, .max = UINT32_MAX,
		.help = "Routing table; the file's if it is not set"},
};
static const struct conf_table route_table =
	CONF_TABLE_CHECKED(struct vpnd_route_conf, route_rows, conf_check_route);

static const struct conf_row rule_rows[] = {
	{NULL, CONF_WHERE, CONF_FIELD(struct vpnd_rule_conf, where)},
	{"priority", CONF_INT, CONF_FIELD(struct vpnd_rule_conf, priority), .required = true,
		.min = 1, .max = 32765, .help = "Rules of lower numbers are asked first"},
	{"from", CONF_PREFIX, CONF_FIELD(struct vpnd_rule_conf, from), .help = "Source"},
	{"to", CONF_PREFIX, CONF_FIELD(struct vpnd_rule_conf, to), .help = "Destination"},
	{"fwmark", CONF_INT, CONF_FIELD(struct vpnd_rule_conf, fwmark), .max = UINT32_MAX,
		.fallback = "0", .help = "Firewall mark; 0 is any"},
	{"fwmask", CONF_INT, CONF_FIELD(struct vpnd_rule_conf, fwmask), .max = UINT32_MAX,
		.fallback = "0", .help = "The bits of the mark that count; 0 is all"},
	{"table", CONF_INT, CONF_FIELD(struct vpnd_rule_conf, table), .required = true, .min = 1,
		.max = UINT32_MAX, .help = "Routing table to look into"},
};
static const struct conf_table rule_table =
	CONF_TABLE_CHECKED(struct vpnd_rule_conf, rule_rows, conf_check_rule);

static const struct conf_row rows[] = {
	{"engine_user", CONF_STRING, CONF_FIELD(struct vpnd_conf, engine_user),
		.fallback = "\"" VPND_CONF_USER "\"",
		.help = "User that the process with keys and packets runs as"},
	{"tun_offload", CONF_BOOL, CONF_FIELD(struct vpnd_conf, speed.tun_offload),
		.fallback = "true",
		.help = "Let many segments of TCP or UDP cross the TUN in one piece"},
	{"udp_segmentation", CONF_BOOL, CONF_FIELD(struct vpnd_conf, speed.udp_segmentation),
		.fallback = "true", .help = "Send many datagrams of one size in one piece"},
	{"udp_coalescing", CONF_BOOL, CONF_FIELD(struct vpnd_conf, speed.udp_coalescing),
		.fallback = "true", .help = "Receive many datagrams of one size in one piece"},
	{"busy_poll_us", CONF_INT, CONF_FIELD(struct vpnd_conf, speed.busy_poll_us),
		.max = VPND_CONF_BUSY_POLL_MAX_US, .unit = "microseconds", .fallback = "0",
		.help = "How long to look for packets on a busy core before sleeping; 0 is off"},
	{"lanes", CONF_INT, CONF_FIELD(struct vpnd_conf, speed.lanes), .max = VPND_CONF_LANES_MAX,
		.fallback = "0",
		.help = "How many threads move packets; 0: by the number of cores. Read at the "
			"start alone"},
	{"tunnels", CONF_GROUP, CONF_LIST(struct vpnd_conf, tunnels, n_tunnels), .required = true,
		.group = &tunnel_table, .help = "The tunnels"},
	{"routes", CONF_GROUP, CONF_LIST(struct vpnd_conf, routes, n_routes), .group = &route_table,
		.help = "What is reached through them"},
	{"rules", CONF_GROUP, CONF_LIST(struct vpnd_conf, rules, n_rules), .group = &rule_table,
		.help = "Which packets look into which routing table"},
	{"table", CONF_INT, CONF_FIELD(struct vpnd_conf, table), .min = 1, .max = UINT32_MAX,
		.fallback = TEXT(254), .help = "Routing table of routes that name none"},
	{"on_state_change", CONF_PATH, CONF_FIELD(struct vpnd_conf, on_state_change),
		.help = "Program that is run, with a JSON object on its standard input, when a "
			"tunnel or a prefix changes its state"},
	{"hook_user", CONF_STRING, CONF_FIELD(struct vpnd_conf, hook_user),
		.help = "User that it runs as; engine_user if it is not set"},
	{"hook_timeout_s", CONF_INT, CONF_FIELD(struct vpnd_conf, hook_timeout_s), .min = 1,
		.max = 3600, .unit = "seconds", .fallback = "10",
		.help = "How long it may take before it is killed"},
};
const struct conf_table vpnd_conf_table =
	CONF_TABLE_CHECKED(struct vpnd_conf, rows, conf_check_whole);

int vpnd_conf_load(const char *path, struct vpnd_conf **out, struct conf_errors *errors)
{
	void *values;
	int r = conf_load(path, &vpnd_conf_table, &values, errors);

	if (r == 0)
		*out = values;
	return r;
}

void vpnd_conf_free(struct vpnd_conf *conf)
{
	conf_free(&vpnd_conf_table, conf);
}

/* The values as canonical text, allocated. Returns NULL when out of memory. */
static char *print(const struct conf_table *table, const void *values, size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	if (f == NULL)
		return NULL;
	conf_print(f, table, values);
	if (fclose(f) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

int vpnd_conf_hash(const struct vpnd_conf *conf, char out[static VPND_CONF_HASH_STRLEN])
{
	unsigned char digest[crypto_generichash_BYTES_MIN];
	size_t len;
	_cleanup_free_ char *text = print(&vpnd_conf_table, conf, &len);

	if (text == NULL)
		return -ENOMEM;
	crypto_generichash(digest, sizeof(digest), (const unsigned char *)text, len, NULL, 0);
	sodium_bin2hex(out, VPND_CONF_HASH_STRLEN, digest, (VPND_CONF_HASH_STRLEN - 1) / 2);
	return 0;
}

bool vpnd_conf_tunnel_equal(const struct vpnd_tunnel_conf *a, const struct vpnd_tunnel_conf *b)
{
	size_t a_len, b_len;
	_cleanup_free_ char *a_text = print(&tunnel_table, a, &a_len);
	_cleanup_free_ char *b_text = print(&tunnel_table, b, &b_len);

	return a_text != NULL && b_text != NULL && a_len == b_len &&
	       memcmp(a_text, b_text, a_len) == 0;
}

uint32_t vpnd_conf_lanes(uint32_t wanted, size_t cores)
{
	/* One core is left to the rest of the host. */
	enum { MOST = 4 };

	if (wanted)
		return wanted;
	if (cores <= 2)
		return 1;
	return cores - 1 < MOST ? (uint32_t)cores - 1 : MOST;
}

bool vpnd_conf_speed_equal(const struct vpnd_speed_conf *a, const struct vpnd_speed_conf *b)
{
	return a->tun_offload == b->tun_offload && a->udp_segmentation == b->udp_segmentation &&
	       a->udp_coalescing == b->udp_coalescing && a->busy_poll_us == b->busy_poll_us;
}

char *vpnd_conf_peer_label(
	const struct vpnd_peer_conf *peer, char out[static VPND_CONF_LABEL_STRLEN])
{
	_Static_assert(VPND_CONF_LABEL_STRLEN >= KEY_BASE64_STRLEN, "a key fits");
	if (peer->name == NULL)
		return key_to_base64(peer->public_key, out);
	snprintf(out, VPND_CONF_LABEL_STRLEN, "%s", peer->name);
	return out;
}
