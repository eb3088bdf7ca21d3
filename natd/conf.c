/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "natd/conf.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "natd/conf_check.h"
#include "natd/conf_type.h"

static const struct conf_row subnet_rows[] = {
	{NULL, CONF_WHERE, CONF_FIELD(struct natd_subnet, where)},
	{"prefix", CONF_PREFIX, CONF_FIELD(struct natd_subnet, prefix), .required = true,
		.help = "Private network whose hosts may use the uplinks"},
	{"snat", CONF_ADDR, CONF_LIST(struct natd_subnet, snat, n_snat),
		.help = "Public addresses to translate to, each host to one of them; without, "
			"those "
			"of the uplink"},
	{"snat_prefix", CONF_PREFIX, CONF_FIELD(struct natd_subnet, snat_prefix),
		.help = "Public prefix of the same length that takes the subnet's place, host part "
			"and ports kept, instead of snat"},
	{"translate", CONF_BOOL, CONF_FIELD(struct natd_subnet, translate), .fallback = "true",
		.help = "Whether the subnet is translated at all; not if its addresses are public"},
	{"random_ports", CONF_BOOL, CONF_FIELD(struct natd_subnet, random_ports),
		.fallback = "false",
		.help = "Take source ports at random, rather than keep those that are free"},
	{"max_connections_per_host", CONF_INT,
		CONF_FIELD(struct natd_subnet, max_connections_per_host), .min = 0, .max = 1 << 20,
		.unit = "flows", .fallback = "0",
		.help = "Flows that one host may have through the uplinks at a time; 0 is no "
			"limit"},
};
static const struct conf_table subnet_table =
	CONF_TABLE_CHECKED(struct natd_subnet, subnet_rows, conf_check_subnet);

static const char *const protocols[] = {[NATD_TCP] = "tcp", [NATD_UDP] = "udp", NULL};

static const struct conf_row forward_rows[] = {
	{NULL, CONF_WHERE, CONF_FIELD(struct natd_forward, where)},
	{"protocol", CONF_ENUM, CONF_FIELD(struct natd_forward, protocol), .names = protocols,
		.required = true, .help = "Transport protocol"},
	{"uplink_port", CONF_INT, CONF_FIELD(struct natd_forward, uplink_port), .min = 1,
		.max = UINT16_MAX, .required = true,
		.help = "Port of the uplinks' addresses that strangers connect to"},
	{"to", CONF_HOSTPORT, CONF_FIELD(struct natd_forward, to), .required = true,
		.help = "Inside address and port that it leads to"},
};
static const struct conf_table forward_table =
	CONF_TABLE_CHECKED(struct natd_forward, forward_rows, conf_check_forward);

static const struct conf_row flow_log_rows[] = {
	{"file", CONF_PATH, CONF_FIELD(struct natd_flow_log, file),
		.help = "File to log flows to, one JSON object a line"},
	{"journal", CONF_BOOL, CONF_FIELD(struct natd_flow_log, journal), .fallback = "false",
		.help = "Log flows to the journal"},
	{"start", CONF_BOOL, CONF_FIELD(struct natd_flow_log, start), .fallback = "true",
		.help = "Log when a flow begins"},
	{"end", CONF_BOOL, CONF_FIELD(struct natd_flow_log, end), .fallback = "true",
		.help = "Log when a flow ends, why, and what it carried"},
	{"sample", CONF_INT, CONF_FIELD(struct natd_flow_log, sample), .min = 1, .max = 1 << 20,
		.fallback = "1", .help = "Log one flow of so many"},
};
static const struct conf_table flow_log_table = CONF_TABLE(struct natd_flow_log, flow_log_rows);

static const struct conf_row rows[] = {
	{NULL, CONF_WHERE, CONF_FIELD(struct natd_conf, where)},
	{"uplinks", CONF_CUSTOM, CONF_LIST(struct natd_conf, uplinks, n_uplinks),
		.custom = &conf_type_uplink, .required = true,
		.help = "Interfaces that lead to the Internet; they need not exist yet"},
	{"subnets", CONF_GROUP, CONF_LIST(struct natd_conf, subnets, n_subnets),
		.group = &subnet_table, .required = true,
		.help = "Private networks that are forwarded, and translated on the uplinks"},
	{"never_uplink", CONF_CUSTOM, CONF_LIST(struct natd_conf, never_uplink, n_never_uplink),
		.custom = &conf_type_prefix,
		.help = "Prefixes behind tunnels: not translated, and never out by an uplink"},
	{"exempt", CONF_CUSTOM, CONF_LIST(struct natd_conf, exempt, n_exempt),
		.custom = &conf_type_prefix,
		.help = "Destinations that the subnets reach by an uplink untranslated"},
	{"ports", CONF_PORTS, CONF_FIELD(struct natd_conf, ports), .fallback = "\"1024-65535\"",
		.help = "Source ports that translated flows may have"},
	{"reserved_ports", CONF_INT, CONF_LIST(struct natd_conf, reserved_ports, n_reserved_ports),
		.min = 1, .max = UINT16_MAX,
		.help = "Ports of this host itself, such as those of its tunnels, that no "
			"translated flow may take"},
	{"timeouts", CONF_CUSTOM, CONF_FIELD(struct natd_conf, timeouts),
		.custom = &conf_type_timeouts, .fallback = "\"behave\"",
		.help = "How long silent flows keep their place: \"cloud\", \"behave\", or a group "
			"of values in seconds"},
	{"forwards", CONF_GROUP, CONF_LIST(struct natd_conf, forwards, n_forwards),
		.group = &forward_table,
		.help = "Ports that lead from the uplinks to inside hosts"},
	{"manage_sysctl", CONF_BOOL, CONF_FIELD(struct natd_conf, manage_sysctl),
		.fallback = "false",
		.help = "Set the kernel's settings of connection tracking; if not, natd only says "
			"which it would set"},
	{"flow_log", CONF_GROUP, CONF_FIELD(struct natd_conf, flow_log), .group = &flow_log_table,
		.fallback = "{}", .help = "What is logged of each flow, and where"},
	{"flow_events_max", CONF_INT, CONF_FIELD(struct natd_conf, flow_events_max), .min = 0,
		.max = 1 << 20, .unit = "a second", .fallback = "25000",
		.help = "Beginnings and ends of flows that are followed one by one in any case. "
			"More "
			"are only while each core has time to spare, else forwarding comes first "
			"and lists alone find flows. 0 is no limit, and so is a flow_log"},
};
const struct conf_table natd_conf_table =
	CONF_TABLE_CHECKED(struct natd_conf, rows, conf_check_whole);

enum natd_translation natd_translation_of(const struct natd_subnet *subnet)
{
	if (!subnet->translate)
		return NATD_NONE;
	if (subnet->snat_prefix.addr.family != ADDR_NONE)
		return NATD_TO_PREFIX;
	return subnet->n_snat ? NATD_TO_POOL : NATD_TO_UPLINK;
}

int natd_conf_load(const char *path, struct natd_conf **out, struct conf_errors *errors)
{
	void *values;
	int r = conf_load(path, &natd_conf_table, &values, errors);

	if (r == 0)
		*out = values;
	return r;
}

void natd_conf_free(struct natd_conf *conf)
{
	conf_free(&natd_conf_table, conf);
}

void natd_conf_freep(struct natd_conf **conf)
{
	natd_conf_free(*conf);
}

int natd_conf_hash(const struct natd_conf *conf, char out[static NATD_CONF_HASH_STRLEN])
{
	unsigned char digest[crypto_generichash_BYTES_MIN];
	_cleanup_free_ char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return -ENOMEM;
	conf_print(f, &natd_conf_table, conf);
	if (fclose(f))
		return -ENOMEM;
	crypto_generichash(digest, sizeof(digest), (const unsigned char *)text, len, NULL, 0);
	sodium_bin2hex(out, NATD_CONF_HASH_STRLEN, digest, (NATD_CONF_HASH_STRLEN - 1) / 2);
	return 0;
}
