/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The monitor against engines that somebody has taken over. An engine is this program once more, as
 * in vpnd: started under the engine's name it plays the part that PART names.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "base/clock.h"
#include "vpnd/monitor/child.h"
#include "vpnd/monitor/hook.h"
#include "vpnd/monitor/labels.h"
#include "vpnd/monitor/state.h"

#define PART "TEST_ENGINE"
#define NOBODY 65534
#define PATIENCE_US (30 * US_PER_S)

enum { OFTEN = 100000, RELOADS = 400, RELOADS_AT_MOST = 200 };
enum { NOT_TAKEN = 3, NOT_AS_EXPECTED = 4 }; /* how an engine may end */

/* --- the engine ----------------------------------------------------------------------------------
 */

static void await(short events)
{
	struct pollfd channel = {.fd = CHILD_CHANNEL_FD, .events = events};

	if (poll(&channel, 1, -1) < 0)
		exit(2);
}

static void say(const void *msg, size_t len)
{
	while (send(CHILD_CHANNEL_FD, msg, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		await(POLLOUT);
}

static void say_plain(uint32_t type)
{
	const struct privsep_plain msg = {type};

	say(&msg, sizeof(msg));
}

/* Read up to the next message of that type, and say READY if asked to, as an honest one does. */
static union privsep_message hear(uint32_t type, bool honest)
{
	union privsep_message msg;

	for (;;) {
		ssize_t n = recv(CHILD_CHANNEL_FD, &msg, sizeof(msg), MSG_DONTWAIT);

		if (n == 0)
			exit(0);
		if (n < 0) {
			await(POLLIN);
			continue;
		}
		if (honest && msg.type == PRIVSEP_SYNCED)
			say_plain(PRIVSEP_READY);
		if (msg.type == PRIVSEP_PING)
			say_plain(PRIVSEP_PONG);
		if (msg.type == PRIVSEP_TUNNEL && msg.tunnel.ifindex == 0)
			exit(NOT_TAKEN);
		if (msg.type == type)
			return msg;
	}
}

static void be_ready(void)
{
	hear(PRIVSEP_SYNCED, true);
}

static void stay(void)
{
	hear(PRIVSEP_STOP, false);
}

static void play_ready(void)
{
	for (int i = 0; i < OFTEN; i++)
		say_plain(PRIVSEP_READY);
}

static void play_flapping(void)
{
	struct privsep_peer_state msg = {.type = PRIVSEP_PEER_STATE, .reason = "why not"};

	be_ready();
	memset(msg.public_key, 7, sizeof(msg.public_key));
	for (int i = 0; i < OFTEN; i++) {
		msg.up = i % 2;
		say(&msg, sizeof(msg));
	}
	stay();
}

static void play_measuring(void)
{
	struct privsep_path_mtu msg = {.type = PRIVSEP_PATH_MTU};

	be_ready();
	memset(msg.public_key, 7, sizeof(msg.public_key));
	for (int i = 0; i < OFTEN; i++) {
		msg.mtu = 1280 + (uint32_t)i % 2;
		say(&msg, sizeof(msg));
	}
	stay();
}

static void play_reloading(void)
{
	be_ready();
	for (int i = 0; i < RELOADS; i++) {
		say_plain(PRIVSEP_RELOAD);
		hear(PRIVSEP_RELOADED, true);
	}
}

/* It asks for a reload, and then it lets that wait. */
static void play_waiting(void)
{
	be_ready();
	say_plain(PRIVSEP_RELOAD);
	stay();
}

static void expect(int error, int expected)
{
	if (error != expected)
		exit(NOT_AS_EXPECTED);
}

static int ask_bind(uint16_t port, uint32_t fwmark)
{
	const struct privsep_bind msg = {.type = PRIVSEP_BIND, .port = port, .fwmark = fwmark};

	say(&msg, sizeof(msg));
	return hear(PRIVSEP_BOUND, true).bound.error;
}

static int ask_mark(uint32_t fwmark)
{
	const struct privsep_mark msg = {.type = PRIVSEP_MARK, .fwmark = fwmark};

	say(&msg, sizeof(msg));
	return hear(PRIVSEP_MARKED, true).result.error;
}

/* The config says port 443 and mark 7. */
static void play_binding(void)
{
	be_ready();
	expect(ask_bind(53, 0), EPERM);
	expect(ask_bind(0, 8), EPERM);
	expect(ask_mark(8), EPERM);
	expect(ask_bind(0, 7), 0);
	expect(ask_bind(443, 0), 0);
	expect(ask_mark(7), 0);
	expect(ask_mark(0), 0);
}

static void play_honest(void)
{
	be_ready();
	say_plain(PRIVSEP_RELOAD);
	expect(hear(PRIVSEP_RELOADED, true).reloaded.error, 0);
}

static int play(const char *part)
{
	static const struct {
		const char *name;
		void (*play)(void);
	} parts[] = {
		{"ready", play_ready},
		{"flapping", play_flapping},
		{"measuring", play_measuring},
		{"reloading", play_reloading},
		{"waiting", play_waiting},
		{"binding", play_binding},
		{"honest", play_honest},
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strcmp(parts[i].name, part) == 0)
			parts[i].play();
	return 0;
}

/* --- the monitor ---------------------------------------------------------------------------------
 */

static const char config[] =
	"tunnels = ( { name = \"city-a\"; private_key_file = \"%s/key\";\n"
	"  listen_port = 443; fwmark = 7; mtu = %d; addresses = [ \"169.254.10.2/30\" ];\n"
	"  peers = ( { public_key = \"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\";\n"
	"              allowed_ips = [ \"10.241.0.0/16\" ]; } ); } );\n"
	"routes = ( { prefix = \"10.241.0.0/16\"; via = [ \"city-a\" ]; } );\n";

struct fixture {
	char dir[32], config[64], labels[64];
	struct monitor_options options;
	struct monitor m;
};

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fchmod(fileno(f), 0600), 0);
	assert_int_equal(fclose(f), 0);
}

static void write_config(const struct fixture *f, int mtu)
{
	char text[sizeof(config) + 64];

	snprintf(text, sizeof(text), config, f->dir, mtu);
	write_file(f->config, text);
}

static void remove_dir(const char *dir)
{
	static const char *const names[] = {"conf", "key", "labels", ""};
	char path[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		remove(path);
	}
}

/* A tunnel as it is while its device is gone. */
static struct held *hold(const struct vpnd_conf *conf)
{
	struct held *h = calloc(1, sizeof(*h));
	char err[256];

	assert_non_null(h);
	*h = (struct held){.name = "city-a",
		.conf = &conf->tunnels[0],
		.tun_fd = -1,
		.mtu = 1420,
		.speed = conf->speed,
		.udp = UDPSOCK_NONE,
		.uapi = SOCKFILE_NONE,
		.peers = calloc(1, sizeof(*h->peers)),
		.state_fd = -1};
	assert_non_null(h->peers);
	assert_int_equal(keyset_open(h->conf, &h->keys, err, sizeof(err)), 0);
	return h;
}

static void load(struct fixture *f)
{
	struct conf_errors errors = {0};

	assert_int_equal(vpnd_conf_load(f->config, &f->m.conf, &errors), 0);
	f->m.groups = groups_new(f->m.conf, NULL);
	assert_non_null(f->m.groups);
	f->m.slots[0] = hold(f->m.conf);
	monitor_order_tunnels(&f->m);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char key[64];

	assert_non_null(f);
	strcpy(f->dir, "/tmp/test_minder.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->config, sizeof(f->config), "%s/conf", f->dir);
	snprintf(f->labels, sizeof(f->labels), "%s/labels", f->dir);
	snprintf(key, sizeof(key), "%s/key", f->dir);
	write_file(key, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n");
	write_config(f, 1420);
	f->options = (struct monitor_options){.config = f->config, .ready_fd = -1};
	f->m = (struct monitor){.options = &f->options,
		.instance = INSTANCE_NONE,
		.control = SOCKFILE_NONE,
		.engine_restarts = 1,
		.uid = NOBODY,
		.gid = NOBODY,
		.reloads = LOG_LIMIT_INIT(120)};
	load(f);
	assert_true(sd_event_new(&f->m.event) >= 0);
	assert_int_equal(hook_new(f->m.event, &f->m.hook), 0);
	f->m.labels = labels_new(f->labels);
	assert_non_null(f->m.labels);
	assert_int_equal(kernel_prepare(&f->m), 0);
	assert_int_equal(minder_prepare(&f->m), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	reload_end(&f->m);
	minder_end(&f->m);
	kernel_end(&f->m);
	hook_free(f->m.hook);
	labels_free(f->m.labels);
	groups_free(f->m.groups);
	vpnd_conf_free(f->m.conf);
	held_free(f->m.slots[0]);
	sd_event_unref(f->m.event);
	remove_dir(f->dir);
	free(f);
	return 0;
}

static void start(struct fixture *f, const char *part)
{
	assert_int_equal(setenv(PART, part, 1), 0);
	assert_int_equal(minder_start(&f->m), 0);
}

/* Go on until an engine has ended. */
static void watch_it_end(struct fixture *f)
{
	mono_t until = mono_add_us(clock_mono(), PATIENCE_US);

	while (f->m.engine_restarts == 1 && mono_before(clock_mono(), until))
		assert_true(sd_event_run(f->m.event, 100000) >= 0);
	assert_int_equal(f->m.engine_restarts, 2);
}

static bool it_ended(const struct fixture *f, const char *how)
{
	const struct events *e = &f->m.events;

	return strstr(e->all[e->newest % EVENTS_MAX].why, how) != NULL;
}

static bool was_killed(const struct fixture *f)
{
	return it_ended(f, "signal 9");
}

static void ready_counts_once(void **state)
{
	struct fixture *f = *state;

	start(f, "ready");
	watch_it_end(f);
	assert_true(f->m.events.newest < 4);
}

static void changes_without_end_kill_the_engine(void **state)
{
	struct fixture *f = *state;

	start(f, "flapping");
	watch_it_end(f);
	assert_true(was_killed(f));
	assert_true(f->m.events.newest < 2000);
}

static void sizes_without_end_kill_the_engine(void **state)
{
	struct fixture *f = *state;

	start(f, "measuring");
	watch_it_end(f);
	assert_true(was_killed(f));
}

static void reloads_without_end_are_refused(void **state)
{
	struct fixture *f = *state;

	start(f, "reloading");
	watch_it_end(f);
	assert_false(was_killed(f));
	assert_in_range(f->m.events.newest, 100, RELOADS_AT_MOST);
}

static void reload_is_not_waited_for_without_end(void **state)
{
	struct fixture *f = *state;
	mono_t until = mono_add_us(clock_mono(), PATIENCE_US);
	uint64_t due_us, now_us;

	start(f, "waiting");
	while (!f->m.reload && mono_before(clock_mono(), until))
		assert_true(sd_event_run(f->m.event, 100000) >= 0);
	assert_non_null(f->m.reload);
	assert_true(sd_event_source_get_enabled(f->m.engine_timer, NULL) > 0);
	assert_int_equal(sd_event_source_get_time(f->m.engine_timer, &due_us), 0);
	assert_true(sd_event_now(f->m.event, CLOCK_MONOTONIC, &now_us) >= 0);
	assert_true(due_us < now_us + PATIENCE_US);
}

static void ports_and_marks_are_those_of_the_config(void **state)
{
	struct fixture *f = *state;

	start(f, "binding");
	watch_it_end(f);
	assert_true(it_ended(f, "status 0"));
}

/* Another program may have made an interface of its name: it can be gone for long. */
static void tunnel_whose_device_is_gone_can_be_reloaded(void **state)
{
	struct fixture *f = *state;

	write_config(f, 1400);
	start(f, "honest");
	watch_it_end(f);
	assert_true(it_ended(f, "status 0"));
	assert_int_equal(f->m.slots[0]->conf->mtu, 1400);
	assert_false(f->m.slots[0]->told);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ready_counts_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			changes_without_end_kill_the_engine, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			sizes_without_end_kill_the_engine, set_up, tear_down),
		cmocka_unit_test_setup_teardown(reloads_without_end_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			reload_is_not_waited_for_without_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			ports_and_marks_are_those_of_the_config, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			tunnel_whose_device_is_gone_can_be_reloaded, set_up, tear_down),
	};
	sigset_t children;

	if (argc > 0 && strcmp(argv[0], CHILD_ENGINE_NAME) == 0)
		return play(getenv(PART));
	if (unshare(CLONE_NEWNET) < 0) {
		puts("skipped: only root has a network of his own");
		return 0;
	}
	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	sigprocmask(SIG_BLOCK, &children, NULL);
	log_set_level(LOG_LEVEL_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
