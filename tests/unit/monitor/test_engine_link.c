/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The monitor's end of the channel, against engines that misbehave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "base/channel.h"
#include "base/memfd.h"
#include "vpnd/monitor/engine_link.h"
#include "vpnd/monitor/tell.h"

struct fixture {
	sd_event *event;
	int engine; /* the engine's end, raw */
	struct engine_link *link;
	int messages, broken;
	uint32_t last_type;
	const char *why;
};

static void on_message(void *arg, const union privsep_message *m, int fd)
{
	struct fixture *f = arg;

	f->messages++;
	f->last_type = m->type;
	if (fd >= 0)
		close(fd);
}

static void on_broken(void *arg, const char *why)
{
	struct fixture *f = arg;

	f->broken++;
	f->why = why;
}

static const struct engine_link_upcalls upcalls = {on_message, on_broken};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int fds[2];

	assert_non_null(f);
	assert_int_equal(channel_pair(fds), 0);
	assert_true(sd_event_new(&f->event) >= 0);
	assert_int_equal(engine_link_new(f->event, fds[0], &upcalls, f, &f->link), 0);
	f->engine = fds[1];
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	engine_link_free(f->link);
	if (f->engine >= 0)
		close(f->engine);
	sd_event_unref(f->event);
	free(f);
	return 0;
}

/* Let the loop run until nothing happens; a link with a full socket tries again and again. */
static void run(struct fixture *f)
{
	for (int i = 0; i < 20 && sd_event_run(f->event, 10000) > 0; i++)
		;
}

static void say(struct fixture *f, const void *msg, size_t len)
{
	assert_int_equal(send(f->engine, msg, len, 0), (ssize_t)len);
}

static void what_an_engine_may_say_arrives(void **state)
{
	struct fixture *f = *state;
	const struct privsep_plain ready = {PRIVSEP_READY};

	say(f, &ready, sizeof(ready));
	run(f);
	assert_int_equal(f->messages, 1);
	assert_int_equal(f->last_type, PRIVSEP_READY);
	assert_int_equal(f->broken, 0);
}

static void an_engine_that_breaks_the_rules_is_reported_once(void **state)
{
	struct fixture *f = *state;
	const struct privsep_plain stop = {PRIVSEP_STOP}; /* the monitor's to say */
	const struct privsep_plain ready = {PRIVSEP_READY};

	say(f, &stop, sizeof(stop));
	say(f, &ready, sizeof(ready));
	run(f);
	assert_int_equal(f->broken, 1);
	assert_non_null(f->why);
	assert_int_equal(f->messages, 0);
}

static void say_state(struct fixture *f, int fd)
{
	struct privsep_slot m = {PRIVSEP_STATE, 1};
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct iovec iov = {&m, sizeof(m)};
	const struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};

	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	assert_int_equal(sendmsg(f->engine, &msg, 0), sizeof(m));
}

static int make_state(off_t size, off_t past_end, int seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	if (past_end)
		assert_int_equal(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, past_end), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static void check_state(struct fixture *f, int fd, bool fine)
{
	assert_true(fd >= 0);
	say_state(f, fd);
	close(fd);
	run(f);
	assert_int_equal(f->messages, fine);
	assert_int_equal(f->broken, !fine);
}

static void state_that_is_sealed_is_taken(void **state)
{
	check_state(*state, make_state(PRIVSEP_STATE_MAX, 0, memfd_seals), true);
}

static void state_that_can_change_is_refused(void **state)
{
	check_state(*state, make_state(1, 0, memfd_seals & ~F_SEAL_GROW), false);
}

static void state_that_is_too_long_is_refused(void **state)
{
	check_state(*state, make_state(PRIVSEP_STATE_MAX + 1, 0, memfd_seals), false);
}

static void state_that_holds_memory_past_its_end_is_refused(void **state)
{
	check_state(*state, make_state(1, PRIVSEP_STATE_MAX + (1 << 12), memfd_seals), false);
}

static void state_that_is_no_file_is_refused(void **state)
{
	check_state(*state, socket(AF_UNIX, SOCK_DGRAM, 0), false);
}

static void the_end_of_an_engine_is_no_offence(void **state)
{
	struct fixture *f = *state;
	const struct privsep_plain ready = {PRIVSEP_READY};

	say(f, &ready, sizeof(ready));
	close(f->engine);
	f->engine = -1;
	run(f);
	assert_int_equal(f->messages, 1);
	assert_int_equal(f->broken, 1);
	assert_null(f->why);
}

/* Take the next message as the engine; closes what came with it. Returns its slot, or -1. */
static int64_t hear(struct fixture *f, bool *with_fd)
{
	struct privsep_slot m;
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {&m, sizeof(m)};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	int fd;

	if (recvmsg(f->engine, &msg, MSG_DONTWAIT) != sizeof(m))
		return -1;
	*with_fd = CMSG_FIRSTHDR(&msg) != NULL;
	if (*with_fd) {
		memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
		close(fd);
	}
	return m.slot;
}

static void a_large_config_arrives_whole_and_in_order(void **state)
{
	enum { MESSAGES = 3000 };
	struct fixture *f = *state;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	uint32_t heard = 0;

	/* More messages than a socket takes, more descriptors than a channel holds. */
	for (uint32_t i = 0; i < MESSAGES; i++)
		tell_slot(f->link, PRIVSEP_TUN_FD, i, i % 2 ? null : -1);
	for (int idle = 0; heard < MESSAGES && idle < 100; idle++) {
		bool with_fd;
		int64_t slot;

		while ((slot = hear(f, &with_fd)) >= 0) {
			assert_int_equal(slot, heard);
			assert_int_equal(with_fd, heard % 2);
			heard++;
			idle = 0;
		}
		sd_event_run(f->event, 20000);
	}
	assert_int_equal(heard, MESSAGES);
	assert_int_equal(f->broken, 0);
	close(null);
}

static void an_engine_that_never_reads_is_reported(void **state)
{
	struct fixture *f = *state;
	const struct privsep_reloaded large = {.type = PRIVSEP_RELOADED};

	for (int i = 0; i < 200000 && !f->broken; i++) {
		engine_link_send(f->link, &large, sizeof(large), -1);
		if (i % 10000 == 0)
			run(f);
	}
	run(f);
	assert_int_equal(f->broken, 1);
	assert_non_null(f->why);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_an_engine_may_say_arrives),
		TEST(an_engine_that_breaks_the_rules_is_reported_once),
		TEST(state_that_is_sealed_is_taken),
		TEST(state_that_can_change_is_refused),
		TEST(state_that_is_too_long_is_refused),
		TEST(state_that_holds_memory_past_its_end_is_refused),
		TEST(state_that_is_no_file_is_refused),
		TEST(the_end_of_an_engine_is_no_offence),
		TEST(a_large_config_arrives_whole_and_in_order),
		TEST(an_engine_that_never_reads_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
