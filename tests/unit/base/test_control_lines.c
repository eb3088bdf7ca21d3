/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers of many lines: made one by one, as they are taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/control.h"

#define LINE_BYTES 10000

/* What the handler makes: `left` lines, every other turn nothing. */
struct maker {
	struct control_server *server;
	int left, made, ended;
	bool fails, pause;
};

static char path[] = "/tmp/control-lines-XXXXXX";
static struct maker maker;
static sd_event *event;

static int next(void *arg, json_t **data, char *err, size_t errlen)
{
	struct maker *m = arg;
	char filler[LINE_BYTES + 1];

	m->pause = !m->pause;
	if (m->pause)
		return 1;
	if (m->fails && m->made == 3) {
		snprintf(err, errlen, "it broke");
		return -EIO;
	}
	memset(filler, 'x', LINE_BYTES);
	filler[LINE_BYTES] = '\0';
	m->made++;
	*data = json_pack("{s:i, s:s}", "n", m->made, "filler", filler);
	return --m->left > 0;
}

static void done(void *arg)
{
	((struct maker *)arg)->ended++;
}

static json_t *handle(void *arg, const char *cmd, json_t *request, char *err, size_t errlen)
{
	const struct control_lines lines = {next, done, arg};

	(void)err;
	(void)errlen;
	if (!strcmp(cmd, "short"))
		return json_object();
	maker.left = (int)json_integer_value(json_object_get(request, "lines"));
	maker.fails = !strcmp(cmd, "fail");
	maker.made = 0;
	maker.pause = false;
	control_lines(maker.server, &lines);
	return NULL;
}

static int set_up(void **state)
{
	int fd = -1;

	(void)state;
	maker = (struct maker){0};
	if (control_listen(path, 0600, &fd) < 0 || sd_event_new(&event) < 0)
		return -1;
	return control_server_new(event, fd, handle, &maker, &maker.server);
}

static int tear_down(void **state)
{
	(void)state;
	control_server_free(maker.server);
	event = sd_event_unref(event);
	return unlink(path);
}

static int take(json_t *data, bool last, void *arg)
{
	int *taken = arg;

	++*taken;
	assert_int_equal(json_integer_value(json_object_get(data, "n")), *taken);
	return last && *taken < 5 ? -EINVAL : 0;
}

/* Ask in a child, serve here; returns the child's exit status. */
static int ask(const char *cmd, int lines, int (*check)(int r, int taken, const char *err))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		_cleanup_json_ json_t *request =
			json_pack("{s:s, s:i}", "cmd", cmd, "lines", lines);
		char err[200] = "";
		int taken = 0;
		int r = control_call_lines(path, request, 5000, take, &taken, err, sizeof(err));

		_exit(check(r, taken, err));
	}
	while (waitpid(pid, &status, WNOHANG) == 0)
		sd_event_run(event, 20000);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int is_whole(int r, int taken, const char *err)
{
	return r != 0 || taken != 500 || *err;
}

static void all_lines_arrive_in_order(void **state)
{
	(void)state;
	assert_int_equal(ask("long", 500, is_whole), 0);
	assert_int_equal(maker.ended, 1);
}

static int is_broken(int r, int taken, const char *err)
{
	return r != -EREMOTEIO || taken != 3 || strcmp(err, "it broke") != 0;
}

static void an_error_on_the_way_is_told(void **state)
{
	(void)state;
	assert_int_equal(ask("fail", 500, is_broken), 0);
	assert_int_equal(maker.ended, 1);
}

static int dial(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	strcpy(address.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void run(int turns)
{
	while (turns--)
		sd_event_run(event, 0);
}

static void one_who_does_not_read_has_no_more_made_than_fits(void **state)
{
	const char request[] = "{\"cmd\":\"long\",\"lines\":100000}\n";
	int fd = dial(), made;

	(void)state;
	assert_int_equal(write(fd, request, sizeof(request) - 1), sizeof(request) - 1);
	for (int i = 0; i < 20; i++) {
		run(500);
		usleep(1000);
	}
	made = maker.made;
	assert_true(made > 1 && made < 64);
	run(500);
	assert_int_equal(maker.made, made);
	assert_int_equal(maker.ended, 0);
	close(fd);
	run(10);
	assert_int_equal(maker.ended, 1);
	assert_true(maker.made <= made + 1); /* the one that finds nobody there */
}

static void the_next_request_is_answered_after_the_last_line(void **state)
{
	const char requests[] = "{\"cmd\":\"long\",\"lines\":2}\n{\"cmd\":\"short\"}\n";
	char text[4 * LINE_BYTES];
	size_t len = 0;
	int fd = dial();

	(void)state;
	assert_int_equal(write(fd, requests, sizeof(requests) - 1), sizeof(requests) - 1);
	for (int i = 0; i < 50; i++) {
		ssize_t n;

		run(1);
		n = read(fd, text + len, sizeof(text) - 1 - len);
		len += n > 0 ? (size_t)n : 0;
	}
	text[len] = '\0';
	assert_non_null(strstr(text, "\"more\":true"));
	assert_non_null(strstr(text, "\n{\"schema\":1,\"ok\":true,\"data\":{\"n\":2"));
	assert_non_null(strstr(text, "\n{\"schema\":1,\"ok\":true,\"data\":{}}\n"));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_lines_arrive_in_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_error_on_the_way_is_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			one_who_does_not_read_has_no_more_made_than_fits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			the_next_request_is_answered_after_the_last_line, set_up, tear_down),
	};

	close(mkstemp(path));
	unlink(path);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
