/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any text as a config file, read by a table of every kind of key: it is refused with at least one
 * error in printable words, or it is right, and then what is printed of it reads back to the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* On a syntax error libconfig 1.5 forgets the token it was at; that is not what we look for. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so";
}

struct peer {
	struct conf_where where;
	char *name;
	uint8_t key[KEY_LEN];
	struct conf_hostport endpoint;
	struct prefix *covers;
	size_t n_covers;
};

struct demo {
	bool fast;
	int8_t offset;
	uint64_t bytes;
	int policy;
	char *file;
	char uplink[IFNAMSIZ];
	struct conf_ports ports;
	struct addr source;
	struct prefix at;
	char **names;
	size_t n_names;
	struct peer *peers;
	size_t n_peers;
};

static const char *const POLICIES[] = {"failover", "ecmp", NULL};

static const struct conf_row PEER_ROWS[] = {
	{NULL, CONF_WHERE, CONF_FIELD(struct peer, where)},
	{"name", CONF_STRING, CONF_FIELD(struct peer, name), .help = "Name"},
	{"key", CONF_KEY, CONF_FIELD(struct peer, key), .help = "Key"},
	{"endpoint", CONF_HOSTPORT, CONF_FIELD(struct peer, endpoint), .help = "Where it is"},
	{"covers", CONF_PREFIX, CONF_LIST(struct peer, covers, n_covers), .required = true,
		.help = "What it covers"},
};
static const struct conf_table PEER_TABLE = CONF_TABLE(struct peer, PEER_ROWS);

static const struct conf_row ROWS[] = {
	{"fast", CONF_BOOL, CONF_FIELD(struct demo, fast), .fallback = "true", .help = "Fast"},
	{"offset", CONF_INT, CONF_FIELD(struct demo, offset), .min = -5, .max = 100,
		.help = "Offset"},
	{"bytes", CONF_INT, CONF_FIELD(struct demo, bytes), .help = "Bytes"},
	{"policy", CONF_ENUM, CONF_FIELD(struct demo, policy), .names = POLICIES,
		.fallback = "\"ecmp\"", .help = "Policy"},
	{"file", CONF_PATH, CONF_FIELD(struct demo, file), .help = "File"},
	{"uplink", CONF_IFNAME, CONF_FIELD(struct demo, uplink), .help = "Uplink"},
	{"ports", CONF_PORTS, CONF_FIELD(struct demo, ports), .help = "Ports"},
	{"source", CONF_ADDR, CONF_FIELD(struct demo, source), .help = "Source"},
	{"at", CONF_IFADDR, CONF_FIELD(struct demo, at), .help = "Address"},
	{"names", CONF_STRING, CONF_LIST(struct demo, names, n_names), .help = "Names"},
	{"peers", CONF_GROUP, CONF_LIST(struct demo, peers, n_peers), .group = &PEER_TABLE,
		.help = "Peers"},
};
static const struct conf_table TABLE = CONF_TABLE(struct demo, ROWS);

static void must(bool right)
{
	if (!right)
		abort();
}

static char *print(const void *values, size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	must(f != NULL);
	conf_print(f, &TABLE, values);
	fclose(f);
	return text;
}

static void check_errors(const struct conf_errors *errors)
{
	must(errors->n > 0);
	for (size_t i = 0; i < errors->n; i++)
		for (const char *p = errors->items[i].reason; *p; p++)
			must(*p >= ' ' && *p <= '~');
}

/* What is right is right again as it is printed, and prints the same. */
static void check_printed(const void *values)
{
	struct conf_errors errors = {0};
	size_t len = 0, len_again = 0;
	_cleanup_free_ char *text = print(values, &len), *text_again = NULL;
	void *again = NULL;

	must(conf_parse("printed", text, len, &TABLE, &again, &errors) == 0 && !errors.n);
	text_again = print(again, &len_again);
	must(len == len_again && memcmp(text, text_again, len) == 0);
	conf_free(&TABLE, again);
	conf_errors_done(&errors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_errors errors = {0};
	void *values = NULL;

	if (conf_parse("input", (const char *)data, size, &TABLE, &values, &errors) == 0) {
		must(!errors.n);
		check_printed(values);
	} else {
		must(!values);
		check_errors(&errors);
	}
	conf_free(&TABLE, values);
	conf_errors_done(&errors);
	return 0;
}
