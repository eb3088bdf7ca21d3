/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Overlapping allowed_ips, found by sorting, against comparing each with each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vpnd/conf.h"

enum { PEERS = 3, PREFIXES_MAX = 12, ROUNDS = 2000 };

static const char *const keys[PEERS] = {
	"XdX7XlhvvfrEyBRY4pZF81w75iapvGDI08xJEIN4c28=",
	"imSMPcQp6C/2hRUmyACkDpqj15SkYxX7BDjHFsj7jnA=",
	"4GqzmJKRFAuYQo3+qH0EHzGOPPh3Ad2iFvPjUEvrSjk=",
};

struct owned {
	struct prefix prefix;
	int peer;
};

/* In a space so small that about half of all configs have an overlap. */
static struct prefix random_prefix(void)
{
	struct prefix p = {.addr.family = rand() % 4 ? ADDR_V4 : ADDR_V6};

	p.addr.bytes[0] = 32;
	p.addr.bytes[1] = (uint8_t)(rand() & 0x0f);
	p.addr.bytes[2] = (uint8_t)(rand() & 0xc0);
	p.len = (uint8_t)(10 + rand() % 15);
	prefix_mask(&p);
	return p;
}

static bool each_with_each(const struct owned *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++)
			if (all[i].peer != all[j].peer &&
				prefix_covers(&all[i].prefix, &all[j].prefix))
				return true;
	return false;
}

static void print_config(FILE *f, const struct owned *all, size_t n)
{
	char text[PREFIX_STRLEN];

	fprintf(f, "tunnels = ( { name = \"t\"; private_key_file = \"/k\"; peers = (");
	for (int peer = 0; peer < PEERS; peer++) {
		const char *comma = "";

		fprintf(f, "%s{ public_key = \"%s\"; allowed_ips = [", peer ? ", " : "",
			keys[peer]);
		for (size_t i = 0; i < n; i++) {
			if (all[i].peer != peer)
				continue;
			fprintf(f, "%s \"%s\"", comma, prefix_format(&all[i].prefix, text));
			comma = ",";
		}
		fprintf(f, " ]; }");
	}
	fprintf(f, " ); } );");
}

/* True if the config is refused. */
static bool refused(const struct owned *all, size_t n)
{
	struct conf_errors errors = {0};
	void *conf = NULL;
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	int r;

	assert_non_null(f);
	print_config(f, all, n);
	fclose(f);
	r = conf_parse("random", text, len, &vpnd_conf_table, &conf, &errors);
	if (r < 0)
		assert_non_null(strstr(errors.items[0].reason, "overlaps"));
	conf_errors_done(&errors);
	conf_free(&vpnd_conf_table, conf);
	free(text);
	return r < 0;
}

static void overlap_is_found_exactly_where_there_is_one(void **state)
{
	unsigned int seed = (unsigned int)time(NULL);
	int overlaps = 0;

	(void)state;
	print_message("seed %u\n", seed);
	srand(seed);
	for (int round = 0; round < ROUNDS; round++) {
		struct owned all[PREFIXES_MAX];
		size_t n = 1 + (size_t)rand() % PREFIXES_MAX;

		for (size_t i = 0; i < n; i++)
			all[i] = (struct owned){random_prefix(), rand() % PEERS};
		overlaps += each_with_each(all, n);
		assert_int_equal(refused(all, n), each_with_each(all, n));
	}
	/* Else the test has tested nothing. */
	assert_in_range(overlaps, ROUNDS / 10, ROUNDS * 9 / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(overlap_is_found_exactly_where_there_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
