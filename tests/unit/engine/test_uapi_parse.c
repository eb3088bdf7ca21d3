/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/proto/dice.h"
#include "vpnd/engine/uapi_parse.h"

#define HEX_A "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
#define HEX_B "C0C1C2C3C4C5C6C7C8C9CACBCCCDCECFD0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF"
#define PEER "set=1\npublic_key=" HEX_A "\n"

/* Says what was parsed, one change a line, so that results can be compared and read. */
static void describe_change(FILE *f, const struct uapi_change *change)
{
	char text[ENDPOINT_STRLEN], hex[KEY_HEX_STRLEN];

	fprintf(f, "%d/%d ", change->op, change->peer_flags);
	switch ((enum uapi_op)change->op) {
	case UAPI_PRIVATE_KEY:
	case UAPI_PEER:
	case UAPI_PRESHARED_KEY:
		fputs(key_to_hex(change->key, hex), f);
		break;
	case UAPI_LISTEN_PORT:
	case UAPI_FWMARK:
	case UAPI_KEEPALIVE:
		fprintf(f, "%u", change->number);
		break;
	case UAPI_ENDPOINT:
		fputs(endpoint_format(&change->endpoint, text), f);
		break;
	case UAPI_ALLOW:
	case UAPI_DISALLOW:
		fputs(prefix_format(&change->prefix, text), f);
		break;
	case UAPI_REPLACE_PEERS:
	case UAPI_REPLACE_ALLOWED_IPS:
	case UAPI_HAD_SESSION:
		break;
	}
	fputc('\n', f);
}

static char *describe(const struct uapi_parser *parser, enum uapi_parsed parsed)
{
	const struct uapi_change *change;
	struct uapi_cursor cursor = {0};
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	fprintf(f, "parsed %d error %d count %zu\n", parsed, parser->error, parser->changes.count);
	while ((change = uapi_changes_next(&parser->changes, &cursor)))
		describe_change(f, change);
	fclose(f);
	return text;
}

/* Parse up to the end of the first request, in pieces of a size between 1 and `most`. */
static char *parse_in_pieces(
	const char *bytes, size_t len, unsigned int most, struct dice *dice, bool is_state)
{
	enum uapi_parsed parsed = UAPI_PARSED_PART;
	struct uapi_parser parser;
	size_t at = 0, taken, part;
	char *text;

	uapi_parse_init(&parser, is_state);
	while (at < len && parsed == UAPI_PARSED_PART) {
		part = most ? 1 + dice_below(dice, most) : len;
		if (part > len - at)
			part = len - at;
		parsed = uapi_parse(&parser, bytes + at, part, &taken);
		assert_true(taken <= part);
		assert_true(taken == part || parsed != UAPI_PARSED_PART);
		at += taken;
	}
	text = describe(&parser, parsed);
	uapi_parse_done(&parser);
	return text;
}

static char *parse(const char *text)
{
	return parse_in_pieces(text, strlen(text), 0, NULL, false);
}

static void whole_requests_are_told_from_parts_and_junk(void **state)
{
	static const struct {
		const char *text;
		enum uapi_parsed parsed;
	} cases[] = {
		{"", UAPI_PARSED_PART},
		{"get=1", UAPI_PARSED_PART},
		{"get=1\n", UAPI_PARSED_PART},
		{"get=1\n\n", UAPI_PARSED_GET},
		{"set=1\n\n", UAPI_PARSED_SET},
		{"set=1\nlisten_port=1", UAPI_PARSED_PART},
		{"get=1\r\n\r\n", UAPI_PARSED_JUNK},
		{"\n", UAPI_PARSED_JUNK},
		{"get=2\n", UAPI_PARSED_JUNK},
		{"get\n", UAPI_PARSED_JUNK},
		{"GET / HTTP/1.1\n", UAPI_PARSED_JUNK},
	};
	char want[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *got = parse(cases[i].text);

		snprintf(want, sizeof(want), "parsed %d error 0 count 0\n", cases[i].parsed);
		assert_string_equal(got, want);
		free(got);
	}
}

static void what_follows_a_request_is_left_alone(void **state)
{
	static const char two[] = "get=1\n\nset=1\nfwmark=7\n\n";
	struct uapi_parser parser;
	size_t taken;

	(void)state;
	uapi_parse_init(&parser, false);
	assert_int_equal(uapi_parse(&parser, two, sizeof(two) - 1, &taken), UAPI_PARSED_GET);
	assert_int_equal(taken, 7);
	uapi_parse_done(&parser);
	uapi_parse_init(&parser, false);
	assert_int_equal(
		uapi_parse(&parser, two + 7, sizeof(two) - 1 - 7, &taken), UAPI_PARSED_SET);
	assert_int_equal(taken, sizeof(two) - 1 - 7);
	assert_int_equal(parser.changes.count, 1);
	uapi_parse_done(&parser);
}

static void every_key_of_a_set_is_understood(void **state)
{
	char *got = parse("set=1\n"
			  "private_key=" HEX_B "\nlisten_port=65535\nfwmark=4294967295\n"
			  "replace_peers=true\n"
			  "public_key=" HEX_A "\nprotocol_version=1\npreshared_key=" HEX_B "\n"
			  "endpoint=192.0.2.1:51820\nendpoint=[2001:db8::1]:1\n"
			  "endpoint=[fe80::1%1]:2\nendpoint=[fe80::1%lo]:3\n"
			  "persistent_keepalive_interval=0\nreplace_allowed_ips=true\n"
			  "allowed_ip=10.1.2.3/8\nallowed_ip=-::1/0\nallowed_ip=::/128\n"
			  "public_key=" HEX_B "\nremove=true\n"
			  "public_key=" HEX_A "\nupdate_only=true\n\n");
	char want[4096];

	(void)state;
	snprintf(want, sizeof(want),
		"parsed %d error 0 count 17\n"
		"%d/0 c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf\n"
		"%d/0 65535\n%d/0 4294967295\n%d/0 \n"
		"%d/0 " HEX_A "\n"
		"%d/0 c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf\n"
		"%d/0 192.0.2.1:51820\n%d/0 [2001:db8::1]:1\n%d/0 [fe80::1%%1]:2\n"
		"%d/0 [fe80::1%%1]:3\n%d/0 0\n%d/0 \n%d/0 10.0.0.0/8\n%d/0 ::/0\n%d/0 ::/128\n"
		"%d/1 c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf\n"
		"%d/2 " HEX_A "\n",
		UAPI_PARSED_SET, UAPI_PRIVATE_KEY, UAPI_LISTEN_PORT, UAPI_FWMARK,
		UAPI_REPLACE_PEERS, UAPI_PEER, UAPI_PRESHARED_KEY, UAPI_ENDPOINT, UAPI_ENDPOINT,
		UAPI_ENDPOINT, UAPI_ENDPOINT, UAPI_KEEPALIVE, UAPI_REPLACE_ALLOWED_IPS, UAPI_ALLOW,
		UAPI_DISALLOW, UAPI_ALLOW, UAPI_PEER, UAPI_PEER);
	assert_string_equal(got, want);
	free(got);
}

static void every_bad_line_fails_the_whole_request(void **state)
{
	static const struct {
		const char *line;
		int error;
	} cases[] = {
		/* of the interface */
		{"set=1\nprivate_key\n", -EPROTO},
		{"set=1\nprivate_key=\n", -EINVAL},
		{"set=1\nprivate_key=00\n", -EINVAL},
		{"set=1\nprivate_key=" HEX_A "0\n", -EINVAL},
		{"set=1\nprivate_key=" HEX_A " \n", -EINVAL},
		{"set=1\nprivate_key=g" HEX_A "\n", -EINVAL},
		{"set=1\n private_key=" HEX_A "\n", -EINVAL},
		{"set=1\nprivate_key =" HEX_A "\n", -EINVAL},
		{"set=1\nPRIVATE_KEY=" HEX_A "\n", -EINVAL},
		{"set=1\nlisten_port=\n", -EINVAL},
		{"set=1\nlisten_port=65536\n", -EINVAL},
		{"set=1\nlisten_port=-1\n", -EINVAL},
		{"set=1\nlisten_port=+1\n", -EINVAL},
		{"set=1\nlisten_port=0x10\n", -EINVAL},
		{"set=1\nlisten_port=1 \n", -EINVAL},
		{"set=1\nlisten_port=1\r\n", -EINVAL},
		{"set=1\nlisten_port=18446744073709551617\n", -EINVAL},
		{"set=1\nfwmark=4294967296\n", -EINVAL},
		{"set=1\nfwmark=off\n", -EINVAL},
		{"set=1\nreplace_peers=false\n", -EINVAL},
		{"set=1\nreplace_peers=\n", -EINVAL},
		{"set=1\nunknown=1\n", -EINVAL},
		{"set=1\n=1\n", -EINVAL},
		{"set=1\n=\n", -EINVAL},
		{"set=1\nset=1\n", -EINVAL},
		{"set=1\nerrno=0\n", -EINVAL},
		/* of a peer, but there is none */
		{"set=1\nallowed_ip=10.0.0.0/8\n", -EINVAL},
		{"set=1\nremove=true\n", -EINVAL},
		{"set=1\nprotocol_version=1\n", -EINVAL},
		/* of a peer */
		{"set=1\npublic_key=\n", -EINVAL},
		{"set=1\npublic_key=" HEX_A "00\n", -EINVAL},
		{PEER "remove=yes\n", -EINVAL},
		{PEER "update_only=1\n", -EINVAL},
		{PEER "protocol_version=2\n", -EINVAL},
		{PEER "preshared_key=\n", -EINVAL},
		{PEER "endpoint=\n", -EINVAL},
		{PEER "endpoint=192.0.2.1\n", -EINVAL},
		{PEER "endpoint=192.0.2.1:\n", -EINVAL},
		{PEER "endpoint=192.0.2.1:0\n", -EINVAL},
		{PEER "endpoint=192.0.2.1:65536\n", -EINVAL},
		{PEER "endpoint=host.example:51820\n", -EINVAL},
		{PEER "endpoint=2001:db8::1:51820\n", -EINVAL},
		{PEER "endpoint=[2001:db8::1]51820\n", -EINVAL},
		{PEER "endpoint=[fe80::1%]:1\n", -EINVAL},
		{PEER "endpoint=[fe80::1%no-such-if]:1\n", -EINVAL},
		{PEER "endpoint=[fe80::1%an-interface-name-too-long]:1\n", -EINVAL},
		{PEER "endpoint=[fe80::1%lo:1\n", -EINVAL},
		{PEER "persistent_keepalive_interval=65536\n", -EINVAL},
		{PEER "persistent_keepalive_interval=off\n", -EINVAL},
		{PEER "replace_allowed_ips=1\n", -EINVAL},
		{PEER "allowed_ip=\n", -EINVAL},
		{PEER "allowed_ip=-\n", -EINVAL},
		{PEER "allowed_ip=--10.0.0.0/8\n", -EINVAL},
		{PEER "allowed_ip=10.0.0.0\n", -EINVAL},
		{PEER "allowed_ip=10.0.0.0/\n", -EINVAL},
		{PEER "allowed_ip=10.0.0.0/33\n", -EINVAL},
		{PEER "allowed_ip=::/129\n", -EINVAL},
		{PEER "allowed_ip=10.0.0.0/8,10.0.0.0/8\n", -EINVAL},
		{PEER "had_session=true\n", -EINVAL},
		/* of the interface, but there is a peer */
		{PEER "private_key=" HEX_A "\n", -EINVAL},
		{PEER "listen_port=1\n", -EINVAL},
		{PEER "replace_peers=true\n", -EINVAL},
		/* in a get */
		{"get=1\nlisten_port=1\n", -EINVAL},
	};
	char request[512], want[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		bool get = cases[i].line[0] == 'g';
		char *got;

		/* What is right after the bad line helps nothing. */
		snprintf(request, sizeof(request), "%spublic_key=" HEX_B "\n\n", cases[i].line);
		got = parse(request);
		snprintf(want, sizeof(want), "parsed %d error %d count 0\n",
			get ? UAPI_PARSED_GET : UAPI_PARSED_SET, cases[i].error);
		if (strcmp(got, want))
			print_error("%s", request);
		assert_string_equal(got, want);
		free(got);
	}
}

static void a_line_with_a_nul_or_of_any_length_is_refused(void **state)
{
	static const char nul[] = "set=1\nlisten_port=1\0002\n\n";
	static const char verb[] = "set=1\0\nlisten_port=1\n\n";
	char *got = parse_in_pieces(nul, sizeof(nul) - 1, 0, NULL, false);
	char want[64];

	(void)state;
	snprintf(want, sizeof(want), "parsed %d error %d count 0\n", UAPI_PARSED_SET, -EINVAL);
	assert_string_equal(got, want);
	free(got);
	for (size_t len = UAPI_PARSE_LINE_MAX - 2; len < UAPI_PARSE_LINE_MAX + 3; len++) {
		char request[UAPI_PARSE_LINE_MAX + 64] = "set=1\nfwmark=";

		memset(request + 13, '0', len - 7);
		strcpy(request + 6 + len, "\n\n");
		got = parse(request);
		if (len > UAPI_PARSE_LINE_MAX)
			assert_string_equal(got, want);
		else
			assert_string_not_equal(got, want);
		free(got);
	}
	got = parse_in_pieces(verb, sizeof(verb) - 1, 0, NULL, false);
	snprintf(want, sizeof(want), "parsed %d error 0 count 0\n", UAPI_PARSED_JUNK);
	assert_string_equal(got, want);
	free(got);
}

static void an_endless_first_line_is_junk_at_once(void **state)
{
	char bytes[UAPI_PARSE_LINE_MAX + 1];
	struct uapi_parser parser;
	size_t taken;

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	uapi_parse_init(&parser, false);
	assert_int_equal(uapi_parse(&parser, bytes, sizeof(bytes), &taken), UAPI_PARSED_JUNK);
	uapi_parse_done(&parser);
}

static void marks_of_the_engine_are_read_in_state_text_only(void **state)
{
	static const char text[] = PEER "had_session=true\n\n";
	char *got = parse_in_pieces(text, sizeof(text) - 1, 0, NULL, true);
	char want[128];

	(void)state;
	snprintf(want, sizeof(want), "parsed %d error 0 count 2\n%d/0 " HEX_A "\n%d/0 \n",
		UAPI_PARSED_SET, UAPI_PEER, UAPI_HAD_SESSION);
	assert_string_equal(got, want);
	free(got);
}

/* 40 peers with 52 allowed IPs each. */
static char *many_peers(size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	assert_non_null(f);
	fputs("set=1\nprivate_key=" HEX_A "\nlisten_port=51820\nreplace_peers=true\n", f);
	for (int peer = 0; peer < 40; peer++) {
		fprintf(f, "public_key=%064d\npreshared_key=" HEX_B "\nendpoint=192.0.2.%d:51820\n",
			peer, peer + 1);
		fputs("persistent_keepalive_interval=25\nreplace_allowed_ips=true\n", f);
		for (int ip = 0; ip < 52; ip++)
			fprintf(f,
				ip % 2 ? "allowed_ip=10.%d.%d.0/24\n"
				       : "allowed_ip=2001:db8:%d:%d::/64\n",
				peer, ip);
	}
	fputc('\n', f);
	fclose(f);
	return text;
}

static void pieces_of_any_size_give_the_same_result(void **state)
{
	struct dice dice = dice_new();
	size_t len;
	char *text = many_peers(&len);
	char *want = parse_in_pieces(text, len, 0, NULL, false);

	(void)state;
	for (int run = 0; run < 60; run++) {
		unsigned int most = run < 3 ? 1 + (unsigned int)run : 1 + dice_below(&dice, 5000);
		char *got = parse_in_pieces(text, len, most, &dice, false);

		assert_string_equal(got, want);
		free(got);
	}
	free(want);
	free(text);
}

/* Whatever is flipped, the parser ends in one of its answers, the same for whole and pieces. */
static void flipped_bytes_are_survived(void **state)
{
	struct dice dice = dice_new();
	size_t len;
	char *text = many_peers(&len);

	(void)state;
	for (int run = 0; run < 2000; run++) {
		size_t at = dice_below(&dice, (unsigned int)len);
		char before = text[at];
		char *whole, *pieces;

		text[at] ^= (char)(1 << dice_below(&dice, 8));
		whole = parse_in_pieces(text, len, 0, NULL, false);
		if (run % 20 == 0) {
			pieces = parse_in_pieces(text, len, 700, &dice, false);
			assert_string_equal(pieces, whole);
			free(pieces);
		}
		text[at] = before;
		free(whole);
	}
	free(text);
}

static void as_many_allowed_ips_as_the_reference_takes_are_taken(void **state)
{
	static const int numbers[] = {130000, UAPI_CHANGES_MAX - 1, UAPI_CHANGES_MAX};
	static const int errors[] = {0, 0, -E2BIG};
	struct uapi_parser parser;
	char line[64];
	size_t taken;

	(void)state;
	for (int i = 0; i < 3; i++) {
		uapi_parse_init(&parser, false);
		uapi_parse(&parser, PEER, strlen(PEER), &taken);
		for (int n = 0; n < numbers[i]; n++) {
			snprintf(line, sizeof(line), "allowed_ip=10.%d.%d.%d/32\n", n >> 16,
				n >> 8 & 255, n & 255);
			assert_int_equal(
				uapi_parse(&parser, line, strlen(line), &taken), UAPI_PARSED_PART);
		}
		assert_int_equal(uapi_parse(&parser, "\n", 1, &taken), UAPI_PARSED_SET);
		assert_int_equal(parser.error, errors[i]);
		assert_int_equal(parser.changes.count, errors[i] ? 0 : numbers[i] + 1);
		uapi_parse_done(&parser);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_requests_are_told_from_parts_and_junk),
		cmocka_unit_test(what_follows_a_request_is_left_alone),
		cmocka_unit_test(every_key_of_a_set_is_understood),
		cmocka_unit_test(every_bad_line_fails_the_whole_request),
		cmocka_unit_test(a_line_with_a_nul_or_of_any_length_is_refused),
		cmocka_unit_test(an_endless_first_line_is_junk_at_once),
		cmocka_unit_test(marks_of_the_engine_are_read_in_state_text_only),
		cmocka_unit_test(pieces_of_any_size_give_the_same_result),
		cmocka_unit_test(flipped_bytes_are_survived),
		cmocka_unit_test(as_many_allowed_ips_as_the_reference_takes_are_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
