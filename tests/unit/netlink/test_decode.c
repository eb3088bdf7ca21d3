/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a kernel told of the links, addresses, routes, rules and next hops of a gateway with two
 * tunnels, as tests/fuzz/corpus/fuzz_netlink holds it: whole, cut short, and with bytes changed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netlink/decode.h"

#define CORPUS "tests/fuzz/corpus/fuzz_netlink/"
#define BYTES_MAX 8192

union any {
	struct nl_link link;
	struct nl_ifaddr addr;
	struct nl_route route;
	struct nl_rule rule;
	struct nl_nexthop nexthop;
};

static int decode(struct nlmsghdr *h, int type, union any *out)
{
	switch (type) {
	case RTM_NEWLINK:
		return decode_link(h, &out->link);
	case RTM_NEWADDR:
		return decode_addr(h, &out->addr);
	case RTM_NEWROUTE:
		return decode_route(h, &out->route);
	case RTM_NEWRULE:
		return decode_rule(h, &out->rule);
	default:
		return decode_nexthop(h, &out->nexthop);
	}
}

/* Decode a copy that ends where its memory does; what fails must leave `out` alone. */
static int decode_copy(const void *bytes, size_t len, int type, union any *out)
{
	struct nlmsghdr *h = malloc(len);
	union any before = *out;
	int r;

	assert_non_null(h);
	memcpy(h, bytes, len);
	r = decode(h, type, out);
	if (r != 0) {
		assert_true(r == -EINVAL || r == -ENOENT);
		assert_memory_equal(&before, out, sizeof(before));
	}
	free(h);
	return r;
}

typedef void (*message_fn)(unsigned char *bytes, size_t len, int type);

/* Call `each` for the messages of a file; returns how many there are. */
static size_t each_message(const char *name, message_fn each)
{
	static _Alignas(struct nlmsghdr) unsigned char bytes[BYTES_MAX];
	char path[128];
	size_t len, n = 0;

	snprintf(path, sizeof(path), CORPUS "%s", name);
	FILE *f = fopen(path, "re");
	assert_non_null(f);
	len = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	for (size_t at = 0; at < len; n++) {
		const struct nlmsghdr *h = (const void *)(bytes + at);

		assert_true(h->nlmsg_len >= sizeof(*h) && at + h->nlmsg_len <= len);
		each(bytes + at, h->nlmsg_len, h->nlmsg_type);
		at += NLMSG_ALIGN((size_t)h->nlmsg_len);
	}
	return n;
}

static void each_file(message_fn each)
{
	static const char *const names[] = {
		"links", "addrs", "routes4", "routes6", "rules", "nexthops"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_true(each_message(names[i], each) > 0);
}

static size_t groups, singles;

static void take_nexthop(unsigned char *bytes, size_t len, int type)
{
	union any out = {0};

	assert_int_equal(decode_copy(bytes, len, type, &out), 0);
	assert_int_equal(out.nexthop.protocol, NL_PROTO_GATEHOUSE);
	assert_false(out.nexthop.opaque);
	if (out.nexthop.n_members > 0) {
		assert_int_equal(out.nexthop.n_members, 2);
		groups++;
	} else {
		assert_true(out.nexthop.ifindex > 0);
		singles++;
	}
}

static void next_hops_of_two_tunnels_are_read_whole(void **state)
{
	(void)state;
	each_message("nexthops", take_nexthop);
	assert_int_equal(groups, 2);
	assert_int_equal(singles, 4);
}

static void cut(unsigned char *bytes, size_t len, int type)
{
	struct nlmsghdr h;

	for (size_t keep = sizeof(h); keep < len; keep++) {
		_Alignas(struct nlmsghdr) unsigned char copy[BYTES_MAX];
		union any out = {0};

		memcpy(copy, bytes, keep);
		memcpy(&h, bytes, sizeof(h));
		h.nlmsg_len = (uint32_t)keep;
		memcpy(copy, &h, sizeof(h));
		decode_copy(copy, keep, type, &out);
	}
}

static void a_message_that_ends_early_is_survived(void **state)
{
	(void)state;
	each_file(cut);
}

/* All but its length, which is the kernel's promise. */
static void flip(unsigned char *bytes, size_t len, int type)
{
	static const unsigned char masks[] = {0x01, 0x02, 0x04, 0x80, 0xff};

	for (size_t at = sizeof(((struct nlmsghdr *)0)->nlmsg_len); at < len; at++)
		for (size_t i = 0; i < sizeof(masks); i++) {
			union any out = {0};

			bytes[at] ^= masks[i];
			decode_copy(bytes, len, type, &out);
			bytes[at] ^= masks[i];
		}
}

static void any_changed_byte_is_survived(void **state)
{
	(void)state;
	each_file(flip);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(next_hops_of_two_tunnels_are_read_whole),
		cmocka_unit_test(a_message_that_ends_early_is_survived),
		cmocka_unit_test(any_changed_byte_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
