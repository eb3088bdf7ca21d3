/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "tests/unit/engine/rig.h"
#include "vpnd/engine/state.h"

static const char full[] =
	"set=1\nprivate_key=" RIG_KEY_A "\nreplace_peers=true\n"
	"public_key=" RIG_PEER_1 "\npreshared_key=" RIG_PUBLIC_A "\nendpoint=192.0.2.1:51820\n"
	"persistent_keepalive_interval=25\nallowed_ip=10.0.0.0/8\n"
	"public_key=" RIG_PEER_2 "\nendpoint=[fe80::1%1]:7\nallowed_ip=::/0\n\n";

/* A sealed file with this text, as the monitor would hand it over. */
static int sealed(const char *text, int seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

enum { ALL_SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

static void a_restored_tunnel_is_as_the_saved_one(void **state)
{
	struct rig *one = rig_new(), *other = rig_new();
	char *want, *got;
	int fd = -1;

	(void)state;
	free(rig_ask(one, full));
	want = rig_ask(one, "get=1\n\n");
	assert_int_equal(state_save(one->tunnel, clock_mono(), &fd), 0);
	assert_int_equal(state_restore(other->tunnel, clock_mono(), fd), 0);
	got = rig_ask(other, "get=1\n\n");
	assert_string_equal(got, want);
	assert_non_null(strstr(got, "[fe80::1%1]:7"));
	/* Once more: the file is read from its begin, and what there was is replaced. */
	free(got);
	assert_int_equal(state_restore(other->tunnel, clock_mono(), fd), 0);
	got = rig_ask(other, "get=1\n\n");
	assert_string_equal(got, want);
	free(got);
	free(want);
	close(fd);
	rig_free(one);
	rig_free(other);
}

static void a_saved_state_cannot_be_changed(void **state)
{
	struct rig *rig = rig_new();
	int fd = -1;

	(void)state;
	assert_int_equal(state_save(rig->tunnel, clock_mono(), &fd), 0);
	assert_int_equal(fcntl(fd, F_GET_SEALS) & ALL_SEALS, ALL_SEALS);
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	rig_free(rig);
}

static void peers_that_had_a_session_shake_hands_at_once(void **state)
{
	struct rig *rig = rig_new();
	struct peer *peer = NULL;
	struct peer_info info;
	int fd = sealed("set=1\nprivate_key=" RIG_KEY_A "\npublic_key=" RIG_PEER_1
			"\nendpoint=127.0.0.1:9\nhad_session=true\npublic_key=" RIG_PEER_2
			"\nendpoint=127.0.0.1:9\n\n",
		ALL_SEALS);

	(void)state;
	tunnel_set_link(rig->tunnel, true, 1420);
	assert_int_equal(state_restore(rig->tunnel, clock_mono(), fd), 0);
	for (unsigned int want = 1; (peer = device_peer_next(rig->tunnel->device, peer)); want--) {
		peer_info(peer, &info, clock_mono());
		assert_int_equal(info.handshake_attempts, want);
	}
	close(fd);
	rig_free(rig);
}

static void what_is_no_state_changes_nothing(void **state)
{
	static const struct {
		const char *text;
		int seals, error;
	} cases[] = {
		{"", ALL_SEALS, -EINVAL},
		{"set=1\nprivate_key=" RIG_KEY_B "\n", ALL_SEALS, -EINVAL},
		{"set=1\nprivate_key=" RIG_KEY_B "\nbad=1\n\n", ALL_SEALS, -EINVAL},
		{"set=1\nprivate_key=" RIG_KEY_B "\n\nset=1\n\n", ALL_SEALS, -EINVAL},
		{"get=1\n\n", ALL_SEALS, -EINVAL},
		{"garbage", ALL_SEALS, -EINVAL},
		{"set=1\nprivate_key=" RIG_KEY_B "\n\n", 0, -EPERM},
		{"set=1\nprivate_key=" RIG_KEY_B "\n\n", ALL_SEALS & ~F_SEAL_WRITE, -EPERM},
	};
	struct rig *rig = rig_new();
	char *want, *got;

	(void)state;
	free(rig_ask(rig, full));
	want = rig_ask(rig, "get=1\n\n");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int fd = sealed(cases[i].text, cases[i].seals);

		assert_int_equal(state_restore(rig->tunnel, clock_mono(), fd), cases[i].error);
		got = rig_ask(rig, "get=1\n\n");
		assert_string_equal(got, want);
		free(got);
		close(fd);
	}
	assert_int_equal(state_restore(rig->tunnel, clock_mono(), rig->monitor), -EPERM);
	free(want);
	rig_free(rig);
}

static void as_much_as_a_client_may_set_can_be_saved(void **state)
{
	struct rig *one = rig_new(), *other = rig_new();
	struct peer *peer;
	uint8_t key[KEY_LEN] = {9};
	int fd = -1;

	(void)state;
	assert_int_equal(tunnel_peer_get(one->tunnel, key, &peer), 0);
	for (uint32_t n = 0; n < 130000; n++) {
		struct prefix prefix = {
			{ADDR_V4, {10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n}}, 32};

		assert_int_equal(peer_allow(peer, &prefix), 0);
	}
	assert_int_equal(state_save(one->tunnel, clock_mono(), &fd), 0);
	assert_int_equal(state_restore(other->tunnel, clock_mono(), fd), 0);
	peer = device_peer(other->tunnel->device, key);
	assert_non_null(peer);
	assert_int_equal(peer_allowed_ips(peer)->count, 130000);
	close(fd);
	rig_free(one);
	rig_free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_restored_tunnel_is_as_the_saved_one),
		cmocka_unit_test(a_saved_state_cannot_be_changed),
		cmocka_unit_test(peers_that_had_a_session_shake_hands_at_once),
		cmocka_unit_test(what_is_no_state_changes_nothing),
		cmocka_unit_test(as_much_as_a_client_may_set_can_be_saved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
