/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/addr.h"
#include "base/sockaddr.h"

#define ROUNDS 20000

/* --- the dumb oracle: one bit at a time ------------------------------------------------------- */

static int bit(const struct addr *a, unsigned int i)
{
	return a->bytes[i / 8] >> (7 - i % 8) & 1;
}

static bool oracle_contains(const struct prefix *p, const struct addr *a)
{
	if (p->addr.family != a->family)
		return false;
	for (unsigned int i = 0; i < p->len; i++)
		if (bit(&p->addr, i) != bit(a, i))
			return false;
	return true;
}

static void oracle_mask(struct prefix *p)
{
	for (unsigned int i = p->len; i < 128; i++)
		p->addr.bytes[i / 8] &= (uint8_t) ~(1 << (7 - i % 8));
}

static unsigned int start_random(void)
{
	const char *given = getenv("SEED");
	unsigned int seed =
		given ? (unsigned int)strtoul(given, NULL, 0) : (unsigned int)time(NULL);

	print_message("SEED=%u\n", seed);
	srandom(seed);
	return seed;
}

static struct addr random_addr(void)
{
	struct addr a = {.family = random() % 2 ? ADDR_V4 : ADDR_V6};

	for (unsigned int i = 0; i < addr_bits(a.family) / 8; i++)
		a.bytes[i] = (uint8_t)random();
	return a;
}

static struct prefix random_prefix(void)
{
	struct prefix p = {.addr = random_addr()};

	p.len = (uint8_t)((unsigned int)random() % (addr_bits(p.addr.family) + 1));
	return p;
}

/* An address that shares more leading bits with the prefix than a random one would. */
static struct addr random_near(const struct prefix *p)
{
	struct addr a = p->addr;
	unsigned int flip = (unsigned int)random() % addr_bits(a.family);

	if (random() % 4)
		a.bytes[flip / 8] ^= (uint8_t)(1 << (7 - flip % 8));
	return a;
}

static void prefix_functions_agree_with_oracle(void **state)
{
	(void)state;
	start_random();
	for (int i = 0; i < ROUNDS; i++) {
		struct prefix p = random_prefix(), masked = p, expected = p;
		struct addr a = random() % 8 ? random_near(&p) : random_addr();
		struct prefix inner = {.addr = a, .len = p.len};

		assert_int_equal(prefix_contains(&p, &a), oracle_contains(&p, &a));
		prefix_mask(&masked);
		oracle_mask(&expected);
		assert_true(prefix_equal(&masked, &expected));
		assert_int_equal(prefix_covers(&p, &inner), oracle_contains(&p, &a));
		if (p.len) {
			inner.len = (uint8_t)(p.len - 1);
			assert_false(prefix_covers(&p, &inner));
		}
	}
}

static void texts_survive_a_round_trip(void **state)
{
	char text[ENDPOINT_STRLEN];

	(void)state;
	start_random();
	for (int i = 0; i < ROUNDS; i++) {
		struct prefix p = random_prefix(), p2;
		struct addr a = random_addr(), a2;
		struct endpoint e = {.addr = a, .port = (uint16_t)(random() % 65535 + 1)}, e2;

		if (a.family == ADDR_V6 && random() % 2) {
			e.addr.bytes[0] = 0xfe;
			e.addr.bytes[1] = 0x80;
			e.scope_id = (uint32_t)random();
		}
		assert_int_equal(addr_parse(addr_format(&a, text), &a2), 0);
		assert_true(addr_equal(&a, &a2));
		assert_int_equal(prefix_parse_host(prefix_format(&p, text), &p2), 0);
		assert_true(prefix_equal(&p, &p2));
		prefix_mask(&p);
		assert_int_equal(prefix_parse(prefix_format(&p, text), true, &p2), 0);
		assert_true(prefix_equal(&p, &p2));
		assert_int_equal(endpoint_parse(endpoint_format(&e, text), &e2), 0);
		assert_true(endpoint_equal(&e, &e2));
	}
}

static void malformed_texts_are_refused_and_change_nothing(void **state)
{
	static const char *const addrs[] = {"", "1.2.3", "1.2.3.4.5", "1.2.3.256", " 1.2.3.4",
		"1.2.3.4 ", "01.2.3.4", "1::2::3", "12345::", "::1%1", "x", "1.2.3.4/8", ":"};
	static const char *const prefixes[] = {"", "/", "/8", "1.2.3.4/", "1.2.3.4/33",
		"1.2.3.4/-1", "1.2.3.4/08", "1.2.3.4/8 ", "1.2.3.4/ 8", "::/129", "::/1/2",
		"1.2.3.4/99999999999999999999", "1.2.3.4/+8",
		"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/8"};
	static const char *const endpoints[] = {"", ":", ":1", "1.2.3.4", "1.2.3.4:", "1.2.3.4:0",
		"1.2.3.4:65536", "1.2.3.4:x", "[1.2.3.4]:1", "::1:1", "[::1]", "[::1]:", "[::1:1",
		"[]:1", "[", "[:1", "[::1%1]:1", "[fe80::1%]:1", "[fe80::1%eth0]:1",
		"[fe80::1%4294967296]:1", "a:1", "1.2.3.4:1 ", "[::1]]:1"};
	struct endpoint e = {.port = 7};
	struct prefix p = {.len = 7};
	struct addr a = {.family = 7};

	(void)state;
	for (size_t i = 0; i < sizeof(addrs) / sizeof(*addrs); i++)
		assert_int_equal(addr_parse(addrs[i], &a), -EINVAL);
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
		assert_int_equal(prefix_parse(prefixes[i], false, &p), -EINVAL);
		assert_int_equal(prefix_parse_host(prefixes[i], &p), -EINVAL);
	}
	for (size_t i = 0; i < sizeof(endpoints) / sizeof(*endpoints); i++)
		assert_int_equal(endpoint_parse(endpoints[i], &e), -EINVAL);
	assert_int_equal(a.family, 7);
	assert_int_equal(p.len, 7);
	assert_int_equal(e.port, 7);
}

static void prefix_parse_is_strict_only_when_asked(void **state)
{
	struct prefix p;
	char text[PREFIX_STRLEN];

	(void)state;
	assert_int_equal(prefix_parse("10.1.2.3/8", true, &p), -EADDRNOTAVAIL);
	assert_int_equal(prefix_parse("10.1.2.3/8", false, &p), 0);
	assert_string_equal(prefix_format(&p, text), "10.0.0.0/8");
	assert_int_equal(prefix_parse_host("10.1.2.3/8", &p), 0);
	assert_string_equal(prefix_format(&p, text), "10.1.2.3/8");
	assert_int_equal(prefix_parse("2001:db8::1", true, &p), 0);
	assert_string_equal(prefix_format(&p, text), "2001:db8::1/128");
	assert_int_equal(prefix_parse("0.0.0.0/0", true, &p), 0);
}

static void longest_texts_fit_their_buffers(void **state)
{
	struct endpoint e = {.port = 65535, .scope_id = UINT32_MAX};
	char text[ENDPOINT_STRLEN];

	(void)state;
	e.addr.family = ADDR_V6;
	memset(e.addr.bytes, 0xff, 16);
	assert_string_equal(endpoint_format(&e, text),
		"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535");
	e.addr = (struct addr){0};
	assert_string_equal(endpoint_format(&e, text), "none");
	assert_string_equal(addr_format(&e.addr, text), "none");
}

static void order_is_family_then_bytes_then_length(void **state)
{
	static const char *const sorted[] = {
		"0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/9", "11.0.0.0/8", "::/0", "2001:db8::/32"};
	struct prefix a, b;

	(void)state;
	for (size_t i = 0; i < sizeof(sorted) / sizeof(*sorted); i++) {
		for (size_t j = 0; j < sizeof(sorted) / sizeof(*sorted); j++) {
			assert_int_equal(prefix_parse(sorted[i], true, &a), 0);
			assert_int_equal(prefix_parse(sorted[j], true, &b), 0);
			assert_true((i < j) == (prefix_compare(&a, &b) < 0));
			assert_true((i == j) == prefix_equal(&a, &b));
		}
	}
}

static void endpoints_survive_socket_addresses(void **state)
{
	static const char *const texts[] = {
		"192.0.2.1:51820", "[2001:db8::1]:1", "[fe80::1%3]:65535", "[::ffff:192.0.2.1]:7"};
	union sockaddr_any s;
	struct endpoint e, back;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		assert_int_equal(endpoint_parse(texts[i], &e), 0);
		assert_true(sockaddr_from_endpoint(&e, &s) > 0);
		assert_int_equal(sockaddr_to_endpoint(&s, &back), 0);
		assert_true(endpoint_equal(&e, &back));
	}
	e = (struct endpoint){0};
	assert_int_equal(sockaddr_from_endpoint(&e, &s), 0);
	assert_int_equal(sockaddr_to_endpoint(&s, &back), -EAFNOSUPPORT);
	assert_int_equal(sockaddr_to_family(AF_UNIX), ADDR_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prefix_functions_agree_with_oracle),
		cmocka_unit_test(texts_survive_a_round_trip),
		cmocka_unit_test(malformed_texts_are_refused_and_change_nothing),
		cmocka_unit_test(prefix_parse_is_strict_only_when_asked),
		cmocka_unit_test(longest_texts_fit_their_buffers),
		cmocka_unit_test(order_is_family_then_bytes_then_length),
		cmocka_unit_test(endpoints_survive_socket_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
