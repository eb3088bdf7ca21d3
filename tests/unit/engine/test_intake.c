/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Batches of the monitor's about one tunnel: whole, broken, and given up half-way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "base/keyfile.h"
#include "tests/unit/engine/rig.h"
#include "vpnd/engine/intake.h"

static const mono_t now = {1000 * US_PER_S};
static char reason[PRIVSEP_REASON];

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static int key_file(const char *hex)
{
	int fd = memfd_create("key", MFD_CLOEXEC);
	char text[KEY_BASE64_STRLEN];
	uint8_t key[KEY_LEN];

	assert_int_equal(key_from_hex(hex, key), 0);
	key_to_base64(key, text);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	return fd;
}

/* A private key, none for the first peer, and one for the second. */
static int two_keys(const char *private_key, const char *preshared)
{
	int many = memfd_create("keys", MFD_CLOEXEC), fd = key_file(private_key);

	assert_int_equal(keyfile_gather(fd, many, 0), 0);
	close(fd);
	fd = key_file(preshared);
	assert_int_equal(keyfile_gather(fd, many, 2), 0);
	close(fd);
	return many;
}

static struct intake *begin(bool from_config)
{
	const struct privsep_tunnel head = {.type = PRIVSEP_TUNNEL,
		.slot = 3,
		.ifindex = 7,
		.mtu = 1420,
		.listen_port = 4000,
		.from_config = from_config,
		.up = true,
		.name = "city-a"};
	struct intake *intake = intake_new(&head);

	assert_non_null(intake);
	reason[0] = '\0';
	return intake;
}

static int add_slot(struct intake *intake, uint32_t type, int fd)
{
	const union privsep_message msg = {.slot = {.type = type, .slot = 3}};

	return intake_add(intake, &msg, fd, reason);
}

static int add_peer(struct intake *intake, const char *hex, bool preshared)
{
	union privsep_message msg = {
		.peer = {.type = PRIVSEP_PEER, .slot = 3, .preshared = preshared}};

	assert_int_equal(key_from_hex(hex, msg.peer.public_key), 0);
	assert_int_equal(endpoint_parse("127.0.0.1:9", &msg.peer.endpoint), 0);
	return intake_add(intake, &msg, -1, reason);
}

static void add_good_peer(struct intake *intake, const char *hex)
{
	assert_int_equal(add_peer(intake, hex, false), 0);
}

static int add_prefix(struct intake *intake, const char *text)
{
	union privsep_message msg = {.allowed_ip = {.type = PRIVSEP_ALLOWED_IP, .slot = 3}};

	assert_int_equal(prefix_parse(text, true, &msg.allowed_ip.prefix), 0);
	return intake_add(intake, &msg, -1, reason);
}

static void a_batch_that_is_given_up_leaves_no_descriptor_open(void **state)
{
	int before = count_fds();
	struct intake *intake = begin(true);

	(void)state;
	assert_int_equal(add_slot(intake, PRIVSEP_TUN_FD, eventfd(0, 0)), 0);
	assert_int_equal(add_slot(intake, PRIVSEP_TUN_FD, eventfd(0, 0)), -EPROTO);
	assert_int_equal(add_slot(intake, PRIVSEP_UAPI_FD, eventfd(0, 0)), 0);
	assert_int_equal(add_slot(intake, PRIVSEP_STATE_FD, eventfd(0, 0)), 0);
	assert_int_equal(add_slot(intake, PRIVSEP_CONTROL_FD, eventfd(0, 0)), -EPROTO);
	assert_int_equal(add_peer(intake, RIG_PEER_1, true), -EPROTO);
	assert_int_equal(add_slot(intake, PRIVSEP_KEYS_FD, eventfd(0, 0)), -ESPIPE);
	assert_non_null(strstr(reason, "private key: "));
	assert_int_equal(add_slot(intake, PRIVSEP_KEYS_FD, key_file(RIG_KEY_A)), -EPROTO);
	assert_int_equal(add_prefix(intake, "10.0.0.0/8"), -EPROTO);
	intake_free(intake);
	assert_int_equal(count_fds(), before);
}

static void a_tunnel_that_goes_takes_its_batch_along(void **state)
{
	int before = count_fds();
	struct rig *rig = rig_new();

	(void)state;
	rig->tunnel->intake = begin(true);
	assert_int_equal(add_slot(rig->tunnel->intake, PRIVSEP_TUN_FD, eventfd(0, 0)), 0);
	rig_free(rig);
	assert_int_equal(count_fds(), before);
}

static void the_tunnels_own_key_is_no_peers(void **state)
{
	struct rig *rig = rig_new();
	struct intake *intake = begin(true);

	(void)state;
	assert_int_equal(add_slot(intake, PRIVSEP_KEYS_FD, key_file(RIG_KEY_A)), 0);
	add_good_peer(intake, RIG_PUBLIC_A);
	assert_int_equal(intake_apply(intake, rig->tunnel, now, reason), -EADDRINUSE);
	assert_non_null(strstr(reason, "public key of the tunnel itself"));
	intake_free(intake);
	rig_free(rig);
}

static void each_peer_gets_the_key_of_its_place(void **state)
{
	struct rig *rig = rig_new();
	struct intake *intake = begin(true);
	char *answer;

	(void)state;
	assert_int_equal(add_slot(intake, PRIVSEP_KEYS_FD, two_keys(RIG_KEY_A, RIG_KEY_B)), 0);
	assert_int_equal(add_peer(intake, RIG_PEER_1, true), -EINVAL);
	assert_non_null(strstr(reason, "preshared key of "));
	intake_free(intake);

	intake = begin(true);
	assert_int_equal(add_slot(intake, PRIVSEP_KEYS_FD, two_keys(RIG_KEY_A, RIG_KEY_B)), 0);
	add_good_peer(intake, RIG_PEER_1);
	assert_int_equal(add_peer(intake, RIG_PEER_2, true), 0);
	assert_int_equal(intake_apply(intake, rig->tunnel, now, reason), 0);
	intake_free(intake);
	answer = rig_ask(rig, "get=1\n\n");
	assert_non_null(strstr(answer, "private_key="));
	assert_non_null(strstr(strstr(answer, RIG_PEER_2), "preshared_key=" RIG_KEY_B "\n"));
	free(answer);
	rig_free(rig);
}

/* What we keep of it goes as well; the leak checker would tell. */
static void a_peer_goes_when_its_key_becomes_our_own(void **state)
{
	struct rig *rig = rig_new();
	struct intake *intake = begin(true);

	(void)state;
	add_good_peer(intake, RIG_PUBLIC_A);
	add_good_peer(intake, RIG_PEER_1);
	assert_int_equal(intake_apply(intake, rig->tunnel, now, reason), 0);
	intake_free(intake);
	assert_int_equal(device_peer_count(rig->tunnel->device), 2);

	intake = begin(true);
	assert_int_equal(add_slot(intake, PRIVSEP_KEYS_FD, key_file(RIG_KEY_A)), 0);
	add_good_peer(intake, RIG_PEER_1);
	assert_int_equal(intake_apply(intake, rig->tunnel, now, reason), 0);
	intake_free(intake);
	assert_int_equal(device_peer_count(rig->tunnel->device), 1);
	rig_free(rig);
}

static void of_a_peer_that_is_told_twice_the_last_word_counts(void **state)
{
	struct rig *rig = rig_new();
	struct intake *intake = begin(true);
	const struct allowedips_node *cursor = NULL;
	const struct allowedips_owner *owner;
	char text[PREFIX_STRLEN];
	struct prefix prefix;

	(void)state;
	add_good_peer(intake, RIG_PEER_1);
	assert_int_equal(add_prefix(intake, "10.0.0.0/8"), 0);
	add_good_peer(intake, RIG_PEER_1);
	assert_int_equal(add_prefix(intake, "172.16.0.0/12"), 0);
	assert_int_equal(intake_apply(intake, rig->tunnel, now, reason), 0);
	intake_free(intake);
	assert_int_equal(device_peer_count(rig->tunnel->device), 1);
	owner = peer_allowed_ips(device_peer_next(rig->tunnel->device, NULL));
	assert_true(allowedips_next(owner, &cursor, &prefix));
	assert_string_equal(prefix_format(&prefix, text), "172.16.0.0/12");
	assert_false(allowedips_next(owner, &cursor, &prefix));
	rig_free(rig);
}

static unsigned int attempts(struct rig *rig)
{
	struct peer_info info;

	peer_info(device_peer_next(rig->tunnel->device, NULL), &info, now);
	return info.handshake_attempts;
}

static void a_configured_tunnel_shakes_hands_whenever_it_comes_up(void **state)
{
	struct rig *rig = rig_new();
	struct intake *intake = begin(true);

	(void)state;
	assert_int_equal(add_slot(intake, PRIVSEP_KEYS_FD, key_file(RIG_KEY_A)), 0);
	add_good_peer(intake, RIG_PEER_1);
	assert_int_equal(intake_apply(intake, rig->tunnel, now, reason), 0);
	intake_free(intake);
	assert_int_equal(attempts(rig), 1);
	tunnel_set_link(rig->tunnel, false, 1420);
	assert_int_equal(attempts(rig), 0);
	tunnel_set_link(rig->tunnel, true, 1420);
	assert_int_equal(attempts(rig), 1);

	/* Its interface was made anew: only descriptors come. */
	tunnel_set_link(rig->tunnel, false, 1420);
	intake = begin(false);
	assert_int_equal(intake_apply(intake, rig->tunnel, now, reason), 0);
	intake_free(intake);
	assert_int_equal(attempts(rig), 1);
	rig_free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_that_is_given_up_leaves_no_descriptor_open),
		cmocka_unit_test(a_tunnel_that_goes_takes_its_batch_along),
		cmocka_unit_test(the_tunnels_own_key_is_no_peers),
		cmocka_unit_test(each_peer_gets_the_key_of_its_place),
		cmocka_unit_test(a_peer_goes_when_its_key_becomes_our_own),
		cmocka_unit_test(of_a_peer_that_is_told_twice_the_last_word_counts),
		cmocka_unit_test(a_configured_tunnel_shakes_hands_whenever_it_comes_up),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
