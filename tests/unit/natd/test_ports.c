/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The split of the port range, and the ruleset that is made of it, against a dumb oracle. */
#include "tests/unit/natd/parse.h"

#include <time.h>

#include "natd/ports.h"
#include "natd/ruleset.h"

#define ROUNDS 300
#define TAKEN_MAX 12

static unsigned int seed;

static uint16_t random_port(uint32_t first, uint32_t last)
{
	return (uint16_t)(first + (uint32_t)rand_r(&seed) % (last - first + 1));
}

/* A config with a random range and random ports taken out of it. */
struct dice {
	struct natd_conf conf;
	struct natd_uplink uplink;
	struct natd_subnet subnet;
	uint16_t reserved[TAKEN_MAX];
	struct natd_forward forwards[TAKEN_MAX];
};

static void throw_dice(struct dice *d)
{
	uint32_t width = rand_r(&seed) % 2 ? 30 : 60000;
	uint32_t first = random_port(1, 65535), last = first + (uint32_t)rand_r(&seed) % width;

	*d = (struct dice){.uplink.name = "eth0", .subnet.translate = true};
	prefix_parse("10.40.15.0/24", true, &d->subnet.prefix);
	last = last > 65535 ? 65535 : last;
	d->conf = (struct natd_conf){.uplinks = &d->uplink,
		.n_uplinks = 1,
		.subnets = &d->subnet,
		.n_subnets = 1,
		.reserved_ports = d->reserved,
		.forwards = d->forwards,
		.n_reserved_ports = (size_t)rand_r(&seed) % TAKEN_MAX,
		.n_forwards = (size_t)rand_r(&seed) % TAKEN_MAX,
		.ports = {(uint16_t)first, (uint16_t)last}};
	for (size_t i = 0; i < d->conf.n_reserved_ports; i++)
		d->reserved[i] = random_port(first, last);
	for (size_t i = 0; i < d->conf.n_forwards; i++) {
		d->forwards[i].uplink_port = random_port(first, last);
		endpoint_parse("10.40.15.9:443", &d->forwards[i].to.address);
	}
}

static bool oracle(const struct natd_conf *conf, uint32_t port)
{
	bool ok = port >= conf->ports.first && port <= conf->ports.last;

	for (size_t i = 0; i < conf->n_reserved_ports; i++)
		ok &= conf->reserved_ports[i] != port;
	for (size_t i = 0; i < conf->n_forwards; i++)
		ok &= conf->forwards[i].uplink_port != port;
	return ok;
}

/* Mark what is in a large run of ports that nobody has, or else in the largest. */
static void mark_parts(const struct natd_conf *conf, bool in[65536])
{
	uint32_t longest = 0, run = 0, least;

	for (uint32_t port = 0; port <= 65535; port++) {
		run = oracle(conf, port) ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	least = longest < 1024 ? longest : 1024;
	run = 0;
	for (uint32_t port = 0; port <= 65536; port++) {
		if (port <= 65535 && oracle(conf, port)) {
			run++;
			continue;
		}
		for (uint32_t i = 1; run >= least && i <= run; i++)
			in[port - i] = true;
		if (longest < 1024 && run == longest)
			return;
		run = 0;
	}
}

static void parts_are_large_runs_of_ports_that_nobody_has(void **state)
{
	static bool wanted[65536];

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct dice dice;
		struct ports ports;
		uint32_t total = 0;

		throw_dice(&dice);
		memset(wanted, 0, sizeof(wanted));
		mark_parts(&dice.conf, wanted);
		assert_int_equal(ports_init(&ports, &dice.conf), 0);
		for (uint32_t port = 0; port <= 65535; port++) {
			int in = 0;

			for (size_t i = 0; i < ports.n; i++)
				in += port >= ports.parts[i].first && port <= ports.parts[i].last;
			assert_int_equal(in, wanted[port]);
			total += (uint32_t)in;
		}
		assert_int_equal(ports.total, total);
		for (size_t i = 1; i < ports.n; i++)
			assert_true(ports.parts[i].first > ports.parts[i - 1].last + 1);
		ports_done(&ports);
	}
}

/* Every range that the ruleset translates to, found by its ":first-last" at the end of a rule. */
static void no_rule_translates_to_a_port_that_is_taken(void **state)
{
	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct dice dice;
		char *text;

		throw_dice(&dice);
		assert_int_equal(ruleset_new(&dice.conf, false, &text), 0);
		for (char *rule = text; (rule = strstr(rule, "masquerade to :")); rule++) {
			unsigned int first, last;
			int n = sscanf(rule, "masquerade to :%u-%u", &first, &last);

			assert_true(n >= 1);
			for (uint32_t port = first; port <= (n == 2 ? last : first); port++)
				assert_true(oracle(&dice.conf, port));
		}
		free(text);
	}
}

static void few_ports_are_all_given_out_and_of_many_some_are_held_back(void **state)
{
	(void)state;
	assert_int_equal(ports_usable(&(struct ports){.total = 64}), 64);
	assert_int_equal(ports_usable(&(struct ports){.total = 128}), 128);
	assert_int_equal(ports_usable(&(struct ports){.total = 1600}), 1400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_are_large_runs_of_ports_that_nobody_has),
		cmocka_unit_test(few_ports_are_all_given_out_and_of_many_some_are_held_back),
		cmocka_unit_test(no_rule_translates_to_a_port_that_is_taken),
	};

	seed = (unsigned int)time(NULL);
	print_message("seed %u\n", seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
