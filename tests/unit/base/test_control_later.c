/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers that a handler of the control protocol gives later. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "base/control.h"

struct bench {
	sd_event *event;
	struct control_server *server;
	struct control_later *later; /* what the handler owes */
	struct sockaddr_un address;
};

static json_t *handle(void *arg, const char *cmd, json_t *request, char *err, size_t errlen)
{
	struct bench *b = arg;

	(void)request;
	snprintf(err, errlen, "no memory");
	if (!strcmp(cmd, "now"))
		return json_object();
	b->later = control_later(b->server);
	if (!strcmp(cmd, "at once"))
		control_answer(b->later, json_string("at once"), "");
	return NULL;
}

static void set_up(struct bench *b)
{
	socklen_t len = sizeof(b->address);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	*b = (struct bench){.address.sun_family = AF_UNIX};
	assert_int_equal(bind(fd, (struct sockaddr *)&b->address, sizeof(sa_family_t)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&b->address, &len), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_true(sd_event_new(&b->event) >= 0);
	assert_int_equal(control_server_new(b->event, fd, handle, b, &b->server), 0);
}

static void tear_down(struct bench *b)
{
	control_server_free(b->server);
	sd_event_unref(b->event);
}

static void run(struct bench *b)
{
	while (sd_event_run(b->event, 3000) > 0)
		;
}

static int ask(struct bench *b, const char *request)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&b->address,
				 sizeof(sa_family_t) + 1 + strlen(b->address.sun_path + 1)),
		0);
	assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
	run(b);
	return fd;
}

static void expect(struct bench *b, int fd, const char *want)
{
	char got[512];
	ssize_t n;

	run(b);
	n = recv(fd, got, sizeof(got) - 1, 0);
	if (!*want) {
		assert_true(n < 0 && errno == EAGAIN);
		return;
	}
	assert_true(n > 0);
	got[n] = '\0';
	assert_string_equal(got, want);
}

static void replies_keep_the_order_of_their_requests(void **state)
{
	struct bench b;
	int fd;

	(void)state;
	set_up(&b);
	fd = ask(&b, "{\"cmd\":\"later\"}\n{\"cmd\":\"now\"}\n");
	expect(&b, fd, "");
	control_answer(b.later, json_integer(7), "");
	expect(&b, fd,
		"{\"schema\":1,\"ok\":true,\"data\":7}\n{\"schema\":1,\"ok\":true,\"data\":{}}\n");
	close(fd);
	tear_down(&b);
}

static void others_are_served_while_one_waits(void **state)
{
	struct bench b;
	int fd, other;

	(void)state;
	set_up(&b);
	fd = ask(&b, "{\"cmd\":\"later\"}\n");
	other = ask(&b, "{\"cmd\":\"now\"}\n");
	expect(&b, other, "{\"schema\":1,\"ok\":true,\"data\":{}}\n");
	control_answer(b.later, NULL, "vpnd.conf:3: no such key");
	expect(&b, fd, "{\"schema\":1,\"ok\":false,\"error\":\"vpnd.conf:3: no such key\"}\n");
	close(fd);
	close(other);
	tear_down(&b);
}

static void an_answer_within_the_handler_is_an_answer(void **state)
{
	struct bench b;
	int fd;

	(void)state;
	set_up(&b);
	fd = ask(&b, "{\"cmd\":\"at once\"}\n");
	expect(&b, fd, "{\"schema\":1,\"ok\":true,\"data\":\"at once\"}\n");
	close(fd);
	tear_down(&b);
}

static void a_client_may_leave_before_the_answer(void **state)
{
	struct bench b;

	(void)state;
	set_up(&b);
	close(ask(&b, "{\"cmd\":\"later\"}\n"));
	run(&b);
	control_answer(b.later, json_object(), "");
	run(&b);
	close(ask(&b, "{\"cmd\":\"later\"}\n"));
	control_answer(b.later, NULL, "no");
	tear_down(&b);
}

static void the_server_may_end_before_the_answer(void **state)
{
	struct bench b;
	int fd;

	(void)state;
	set_up(&b);
	fd = ask(&b, "{\"cmd\":\"later\"}\n");
	tear_down(&b);
	control_answer(b.later, json_object(), "");
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies_keep_the_order_of_their_requests),
		cmocka_unit_test(others_are_served_while_one_waits),
		cmocka_unit_test(an_answer_within_the_handler_is_an_answer),
		cmocka_unit_test(a_client_may_leave_before_the_answer),
		cmocka_unit_test(the_server_may_end_before_the_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
