/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A socket in a directory of its own, and what is done to both. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/dirwatch.h"
#include "base/sockfile.h"

#define DIR "run"
#define AWAY "away"
#define PATH DIR "/test.sock"
#define PATIENCE_US 30000000
#define MOMENT_US 1500000 /* longer than it takes to be asked again */

struct fixture {
	char home[32];
	sd_event *event;
	struct dirwatch *watch;
	struct sockfile socket;
	unsigned int looks, made, again;
	int answer; /* what a look returns that has nothing to mend */
};

static int look(void *arg, bool again)
{
	struct fixture *f = arg;
	int r;

	f->looks++;
	f->again += again;
	if (sockfile_in_place(PATH, &f->socket))
		return f->answer;
	cleanup_close(&f->socket.fd);
	f->socket = SOCKFILE_NONE;
	r = sockfile_listen(PATH, 0600, &f->socket);
	f->made += r == 0;
	return r;
}

static int start(void **state)
{
	static struct fixture f;

	f = (struct fixture){.home = "/tmp/test_dirwatch.XXXXXX", .socket = SOCKFILE_NONE};
	if (!mkdtemp(f.home) || chdir(f.home) < 0 || sd_event_new(&f.event) < 0 ||
		dirwatch_new(f.event, DIR, look, &f, &f.watch) < 0)
		return -1;
	*state = &f;
	return 0;
}

static int stop(void **state)
{
	struct fixture *f = *state;

	dirwatch_free(f->watch);
	sd_event_unref(f->event);
	sockfile_unlink(PATH, &f->socket);
	cleanup_close(&f->socket.fd);
	rmdir(DIR);
	return rmdir(f->home);
}

/* Run until so many were made, and all is watched that is to be. */
static void await_made(struct fixture *f, unsigned int made)
{
	while (f->made < made)
		assert_true(sd_event_run(f->event, PATIENCE_US) > 0);
	while (sd_event_run(f->event, MOMENT_US) > 0)
		;
	assert_int_equal(f->made, made);
	assert_true(sockfile_in_place(PATH, &f->socket));
}

static void what_is_missing_is_made_with_its_directory(void **state)
{
	await_made(*state, 1);
}

static void what_is_removed_is_made_again(void **state)
{
	struct fixture *f = *state;

	await_made(f, 1);
	unlink(PATH);
	await_made(f, 2);
	rename(PATH, "other");
	await_made(f, 3);
	unlink("other");
}

/* The directory that stands there then is watched as the first one was. */
static void it_follows_a_directory_that_is_moved_or_removed(void **state)
{
	struct fixture *f = *state;

	await_made(f, 1);
	rename(DIR, AWAY);
	await_made(f, 2);
	unlink(PATH);
	await_made(f, 3);
	unlink(PATH);
	rmdir(DIR);
	await_made(f, 4);
	unlink(PATH);
	await_made(f, 5);
	unlink(AWAY "/test.sock");
	rmdir(AWAY);
}

static void nothing_is_looked_at_while_nothing_happens(void **state)
{
	struct fixture *f = *state;
	unsigned int looks;

	await_made(f, 1);
	looks = f->looks;
	assert_int_equal(sd_event_run(f->event, MOMENT_US), 0);
	assert_int_equal(f->looks, looks);
}

static void a_look_that_failed_is_repeated_and_told_so(void **state)
{
	struct fixture *f = *state;

	await_made(f, 1);
	f->answer = 1; /* not now, but that is no failure */
	unlink(PATH);
	while (f->looks < 6)
		assert_true(sd_event_run(f->event, PATIENCE_US) > 0);
	assert_int_equal(f->again, 0);
	f->answer = -EBUSY;
	while (f->again == 0)
		assert_true(sd_event_run(f->event, PATIENCE_US) > 0);
	f->answer = 0;
	await_made(f, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_missing_is_made_with_its_directory),
		TEST(what_is_removed_is_made_again),
		TEST(it_follows_a_directory_that_is_moved_or_removed),
		TEST(nothing_is_looked_at_while_nothing_happens),
		TEST(a_look_that_failed_is_repeated_and_told_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
