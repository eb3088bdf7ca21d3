/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/unit/engine/rig.h"

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define PSK "188515093e952f5f22e865cef3012e72f8b5f0b598ac0309d5dacce3b70fcf52"

/* What `get` says of a peer that was just set, up to its allowed IPs. */
#define GET_PEER(public_key, psk, endpoint, keepalive)                                    \
	"public_key=" public_key "\npreshared_key=" psk "\nprotocol_version=1\n" endpoint \
	"last_handshake_time_sec=0\nlast_handshake_time_nsec=0\ntx_bytes=0\nrx_bytes=0\n" \
	"persistent_keepalive_interval=" keepalive "\n"

static int set_up(void **state)
{
	*state = rig_new();
	return 0;
}

static int tear_down(void **state)
{
	rig_free(*state);
	return 0;
}

static void expect(struct rig *rig, const char *request, const char *want)
{
	char *got = rig_ask(rig, request);

	assert_string_equal(got, want);
	free(got);
}

static void a_fresh_tunnel_has_only_its_port(void **state)
{
	expect(*state, "get=1\n\n", "listen_port=4000\nerrno=0\n\n");
}

static void get_tells_what_was_set(void **state)
{
	expect(*state,
		"set=1\nprivate_key=" RIG_KEY_A "\nreplace_peers=true\n"
		"public_key=" RIG_PEER_1 "\npreshared_key=" PSK "\nendpoint=192.0.2.1:51820\n"
		"persistent_keepalive_interval=25\nreplace_allowed_ips=true\n"
		"allowed_ip=10.1.2.3/8\n"
		"public_key=" RIG_PEER_2 "\nendpoint=[2001:db8::1]:7\nallowed_ip=::/0\n\n",
		"errno=0\n\n");
	expect(*state, "get=1\n\n",
		"private_key=" RIG_KEY_A
		"\nlisten_port=4000\n" GET_PEER(RIG_PEER_1, PSK, "endpoint=192.0.2.1:51820\n",
			"25") "allowed_ip=10.0.0.0/8\n" GET_PEER(RIG_PEER_2, ZEROS,
			"endpoint=[2001:db8::1]:7\n", "0") "allowed_ip=::/0\nerrno=0\n\n");
}

static void one_bad_line_and_nothing_changes(void **state)
{
	static const char bad[] = "set=1\nprivate_key=" RIG_KEY_A "\nlisten_port=99\n"
				  "public_key=" RIG_PEER_1 "\nallowed_ip=10.0.0.0/33\n\n";
	union privsep_message msg;

	expect(*state, bad, "errno=-22\n\n");
	expect(*state, "set=1\nfwmark\n\n", "errno=-71\n\n");
	expect(*state, "get=1\nfoo=1\n\n", "errno=-22\n\n");
	expect(*state, "get=1\n\n", "listen_port=4000\nerrno=0\n\n");
	assert_false(rig_was_told(*state, PRIVSEP_BIND, &msg));
}

static void a_connection_carries_many_requests(void **state)
{
	expect(*state,
		"get=1\n\nset=1\npublic_key=" RIG_PEER_1
		"\n\nset=1\nbad=1\n\nset=1\npublic_key=" RIG_PEER_1 "\nremove=true\n\nget=1\n\n",
		"listen_port=4000\nerrno=0\n\nerrno=0\n\nerrno=-22\n\nerrno=0\n\n"
		"listen_port=4000\nerrno=0\n\n");
}

static void what_is_no_request_ends_the_connection(void **state)
{
	int fd = rig_connect(*state);
	bool ended = false;
	char *got;

	rig_send(*state, fd, "get=1\n\nGET / HTTP/1.1\n");
	got = rig_receive(*state, fd, &ended);
	assert_string_equal(got, "listen_port=4000\nerrno=0\n\n");
	assert_true(ended);
	free(got);
	close(fd);
}

static void our_own_key_is_no_peer(void **state)
{
	/* Be it set before the private key or after it. */
	expect(*state, "set=1\npublic_key=" RIG_PUBLIC_A "\nallowed_ip=10.0.0.0/8\n\n",
		"errno=0\n\n");
	expect(*state,
		"set=1\nprivate_key=" RIG_KEY_A "\npublic_key=" RIG_PUBLIC_A
		"\nallowed_ip=10.0.0.0/8\n\n",
		"errno=0\n\n");
	expect(*state, "get=1\n\n", "private_key=" RIG_KEY_A "\nlisten_port=4000\nerrno=0\n\n");
}

static void a_zero_private_key_clears_it(void **state)
{
	expect(*state, "set=1\nprivate_key=" RIG_KEY_A "\n\nset=1\nprivate_key=" ZEROS "\n\n",
		"errno=0\n\nerrno=0\n\n");
	expect(*state, "get=1\n\n", "listen_port=4000\nerrno=0\n\n");
}

static void a_private_key_is_clamped(void **state)
{
	expect(*state,
		"set=1\nprivate_key="
		"0f7ec6e14bbed210e7215cdc73468dfa23f080a1bfb8665b2fd809bd99d283f9\n\n",
		"errno=0\n\n");
	expect(*state, "get=1\n\n", "private_key=" RIG_KEY_A "\nlisten_port=4000\nerrno=0\n\n");
}

static void only_known_peers_are_updated_and_removed(void **state)
{
	struct rig *rig = *state;

	expect(rig,
		"set=1\npublic_key=" RIG_PEER_1 "\nallowed_ip=10.0.0.0/8\npublic_key=" RIG_PEER_2
		"\nallowed_ip=10.0.0.0/8\nupdate_only=true\n\n",
		"errno=0\n\n");
	expect(rig, "set=1\npublic_key=" RIG_PEER_2 "\nremove=true\nallowed_ip=10.0.0.0/8\n\n",
		"errno=0\n\n");
	expect(rig,
		"set=1\npublic_key=" RIG_PEER_1
		"\nupdate_only=true\npersistent_keepalive_interval=1\n\n",
		"errno=0\n\n");
	expect(rig, "get=1\n\n",
		"listen_port=4000\n" GET_PEER(
			RIG_PEER_1, ZEROS, "", "1") "allowed_ip=10.0.0.0/8\nerrno=0\n\n");
	expect(rig, "set=1\npublic_key=" RIG_PEER_1 "\nremove=true\n\n", "errno=0\n\n");
	expect(rig, "get=1\n\n", "listen_port=4000\nerrno=0\n\n");
}

static void the_last_peer_to_claim_a_prefix_has_it(void **state)
{
	expect(*state,
		"set=1\npublic_key=" RIG_PEER_1 "\nallowed_ip=10.0.0.0/8\nallowed_ip=11.0.0.0/8\n"
		"allowed_ip=-11.0.0.0/8\nallowed_ip=-12.0.0.0/8\n"
		"public_key=" RIG_PEER_2 "\nallowed_ip=10.0.0.0/8\n\n",
		"errno=0\n\n");
	expect(*state, "get=1\n\n",
		"listen_port=4000\n" GET_PEER(RIG_PEER_1, ZEROS, "", "0")
			GET_PEER(RIG_PEER_2, ZEROS, "", "0") "allowed_ip=10.0.0.0/8\nerrno=0\n\n");
	expect(*state,
		"set=1\nreplace_peers=true\npublic_key=" RIG_PEER_1
		"\nallowed_ip=10.0.0.0/8\nreplace_allowed_ips=true\nallowed_ip=13.0.0.0/8\n\n",
		"errno=0\n\n");
	expect(*state, "get=1\n\n",
		"listen_port=4000\n" GET_PEER(
			RIG_PEER_1, ZEROS, "", "0") "allowed_ip=13.0.0.0/8\nerrno=0\n\n");
}

static void a_keepalive_is_sent_after_all_lines_of_its_peer(void **state)
{
	struct rig *rig = *state;
	struct peer_info info;

	tunnel_set_link(rig->tunnel, true, 1420);
	expect(rig,
		"set=1\nprivate_key=" RIG_KEY_A "\npublic_key=" RIG_PEER_1
		"\npersistent_keepalive_interval=25\nendpoint=127.0.0.1:9\n\n",
		"errno=0\n\n");
	peer_info(device_peer_next(rig->tunnel->device, NULL), &info, clock_mono());
	assert_int_equal(info.handshake_attempts, 1);
}

/* --- what the monitor must do first ---------------------------------------------------------- */

static void a_port_is_answered_when_the_monitor_has(void **state)
{
	struct rig *rig = *state;
	int fd = rig_connect(rig), other = rig_connect(rig);
	union privsep_message msg;
	char *got;

	rig_send(rig, fd, "set=1\nlisten_port=5000\npublic_key=" RIG_PEER_1 "\n\nget=1\n\n");
	assert_true(rig_was_told(rig, PRIVSEP_BIND, &msg));
	assert_int_equal(msg.bind.port, 5000);
	assert_int_equal(msg.bind.slot, 3);
	rig_send(rig, other, "get=1\n\nset=1\npublic_key=" RIG_PEER_2 "\n\n");
	got = rig_receive(rig, other, NULL);
	assert_string_equal(got, "listen_port=4000\nerrno=0\n\n");
	free(got);
	got = rig_receive(rig, fd, NULL);
	assert_string_equal(got, "");
	free(got);

	tunnel_bound(rig->tunnel, 0, 5000);
	got = rig_receive(rig, fd, NULL);
	assert_string_equal(got, "errno=0\n\nlisten_port=5000\n" GET_PEER(RIG_PEER_1, ZEROS, "",
					 "0") GET_PEER(RIG_PEER_2, ZEROS, "", "0") "errno=0\n\n");
	free(got);
	got = rig_receive(rig, other, NULL);
	assert_string_equal(got, "errno=0\n\n");
	free(got);
	close(fd);
	close(other);
}

static void a_port_that_is_refused_leaves_all_as_it_was(void **state)
{
	struct rig *rig = *state;
	int fd = rig_connect(rig);
	union privsep_message msg;
	char *got;

	rig_send(rig, fd, "set=1\nfwmark=1\nlisten_port=80\npublic_key=" RIG_PEER_1 "\n\n");
	assert_true(rig_was_told(rig, PRIVSEP_BIND, &msg));
	tunnel_bound(rig->tunnel, EADDRINUSE, 0);
	got = rig_receive(rig, fd, NULL);
	assert_string_equal(got, "errno=-98\n\n");
	free(got);
	assert_false(rig_was_told(rig, PRIVSEP_MARK, &msg));
	close(fd);
	expect(rig, "get=1\n\n", "listen_port=4000\nerrno=0\n\n");
}

static void a_mark_comes_after_the_port(void **state)
{
	struct rig *rig = *state;
	int fd = rig_connect(rig);
	union privsep_message msg;
	char *got;

	rig_send(rig, fd, "set=1\nfwmark=51820\nlisten_port=0\n\n");
	assert_true(rig_was_told(rig, PRIVSEP_BIND, &msg));
	assert_int_equal(msg.bind.port, 0);
	tunnel_bound(rig->tunnel, 0, 40404);
	assert_true(rig_was_told(rig, PRIVSEP_MARK, &msg));
	assert_int_equal(msg.mark.fwmark, 51820);
	tunnel_marked(rig->tunnel, 0);
	got = rig_receive(rig, fd, NULL);
	assert_string_equal(got, "errno=0\n\n");
	free(got);
	close(fd);
	expect(rig, "get=1\n\n", "listen_port=40404\nfwmark=51820\nerrno=0\n\n");
}

static void what_is_so_already_is_not_asked_for(void **state)
{
	union privsep_message msg;

	expect(*state, "set=1\nfwmark=0\nlisten_port=1\nlisten_port=4000\n\n", "errno=0\n\n");
	assert_false(rig_was_told(*state, PRIVSEP_BIND, &msg));
}

static void a_set_is_carried_out_when_its_client_is_gone(void **state)
{
	struct rig *rig = *state;
	int fd = rig_connect(rig);
	union privsep_message msg;

	rig_send(rig, fd, "set=1\nlisten_port=5000\npublic_key=" RIG_PEER_1 "\n\n");
	assert_true(rig_was_told(rig, PRIVSEP_BIND, &msg));
	close(fd);
	rig_run(rig);
	tunnel_bound(rig->tunnel, 0, 5000);
	expect(rig, "get=1\n\n",
		"listen_port=5000\n" GET_PEER(RIG_PEER_1, ZEROS, "", "0") "errno=0\n\n");
}

static void a_server_may_end_while_the_monitor_is_asked(void **state)
{
	struct rig *rig = *state;
	int fd = rig_connect(rig);
	union privsep_message msg;

	rig_send(rig, fd, "set=1\nlisten_port=5000\n\n");
	assert_true(rig_was_told(rig, PRIVSEP_BIND, &msg));
	uapi_server_free(rig->tunnel->uapi);
	rig->tunnel->uapi = NULL;
	tunnel_bound(rig->tunnel, 0, 5000);
	close(fd);
}

static void a_tunnel_may_end_while_clients_wait_in_line(void **state)
{
	struct rig *rig = *state;
	int first = rig_connect(rig), second = rig_connect(rig);

	rig_send(rig, first, "set=1\nlisten_port=5000\n\n");
	rig_send(rig, second, "set=1\nlisten_port=5001\nfwmark=1\n\n");
	close(first);
	close(second);
}

/* --- clients that behave badly --------------------------------------------------------------- */

/* A request for a peer with this many allowed IPs. */
static char *huge_set(int count)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	fputs("set=1\npublic_key=" RIG_PEER_1 "\n", f);
	for (int n = 0; n < count; n++)
		fprintf(f, "allowed_ip=10.%d.%d.%d/32\n", n >> 16, n >> 8 & 255, n & 255);
	fputs("\n", f);
	fclose(f);
	return text;
}

static size_t count_lines(const char *text, const char *begin)
{
	size_t count = 0, len = strlen(text);

	for (const char *at = text, *end = text + len; at; at = memchr(at, '\n', end - at)) {
		at += *at == '\n';
		count += !strncmp(at, begin, strlen(begin));
	}
	return count;
}

static void a_slow_reader_of_a_huge_answer_holds_up_nobody(void **state)
{
	struct rig *rig = *state;
	char *request = huge_set(130000), *got;
	int slow = rig_connect(rig);

	expect(rig, request, "errno=0\n\n");
	free(request);
	rig_send(rig, slow, "get=1\n\n");
	expect(rig, "set=1\npublic_key=" RIG_PEER_2 "\n\n", "errno=0\n\n");
	got = rig_receive(rig, slow, NULL);
	assert_int_equal(count_lines(got, "allowed_ip="), 130000);
	assert_int_equal(count_lines(got, "public_key="), 1);
	assert_string_equal(got + strlen(got) - 9, "errno=0\n\n");
	free(got);
	close(slow);
}

static void the_idlest_client_makes_room_for_a_new_one(void **state)
{
	struct rig *rig = *state;
	int fds[UAPI_CLIENTS_MAX + 1];
	bool ended;
	char *got;

	for (int i = 0; i <= UAPI_CLIENTS_MAX; i++) {
		if (i == UAPI_CLIENTS_MAX) {
			usleep(1000 * UAPI_PATIENCE_MS);
			rig_send(rig, fds[0], "get=1\n"); /* a part is progress, too */
		}
		fds[i] = rig_connect(rig);
	}
	for (int i = 0; i <= UAPI_CLIENTS_MAX; i++) {
		ended = false;
		got = rig_receive(rig, fds[i], &ended);
		assert_int_equal(ended, i == 1);
		free(got);
		close(fds[i]);
	}
}

static void who_finds_no_place_waits_and_pushes_nobody_out(void **state)
{
	struct rig *rig = *state;
	int fds[UAPI_CLIENTS_MAX + 1];
	bool ended = false;
	char *got;

	for (int i = 0; i <= UAPI_CLIENTS_MAX; i++)
		fds[i] = rig_connect(rig);
	rig_send(rig, fds[UAPI_CLIENTS_MAX], "get=1\n\n");
	free(rig_receive(rig, fds[0], &ended));
	assert_false(ended);
	close(fds[1]); /* a place */
	got = rig_receive(rig, fds[UAPI_CLIENTS_MAX], &ended);
	assert_string_equal(got, "listen_port=4000\nerrno=0\n\n");
	free(got);
	for (int i = 0; i <= UAPI_CLIENTS_MAX; i++)
		if (i != 1)
			close(fds[i]);
}

static void a_client_that_leaves_in_the_middle_changes_nothing(void **state)
{
	int fd = rig_connect(*state);

	rig_send(*state, fd, "set=1\nprivate_key=" RIG_KEY_A "\npublic_key=" RIG_PEER_1 "\n");
	close(fd);
	rig_run(*state);
	expect(*state, "get=1\n\n", "listen_port=4000\nerrno=0\n\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_fresh_tunnel_has_only_its_port),
		TEST(get_tells_what_was_set),
		TEST(one_bad_line_and_nothing_changes),
		TEST(a_connection_carries_many_requests),
		TEST(what_is_no_request_ends_the_connection),
		TEST(our_own_key_is_no_peer),
		TEST(a_zero_private_key_clears_it),
		TEST(a_private_key_is_clamped),
		TEST(only_known_peers_are_updated_and_removed),
		TEST(the_last_peer_to_claim_a_prefix_has_it),
		TEST(a_keepalive_is_sent_after_all_lines_of_its_peer),
		TEST(a_port_is_answered_when_the_monitor_has),
		TEST(a_port_that_is_refused_leaves_all_as_it_was),
		TEST(a_mark_comes_after_the_port),
		TEST(what_is_so_already_is_not_asked_for),
		TEST(a_set_is_carried_out_when_its_client_is_gone),
		TEST(a_server_may_end_while_the_monitor_is_asked),
		TEST(a_tunnel_may_end_while_clients_wait_in_line),
		TEST(a_slow_reader_of_a_huge_answer_holds_up_nobody),
		TEST(the_idlest_client_makes_room_for_a_new_one),
		TEST(who_finds_no_place_waits_and_pushes_nobody_out),
		TEST(a_client_that_leaves_in_the_middle_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
