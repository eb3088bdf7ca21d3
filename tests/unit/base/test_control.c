/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A server on an event loop in a child process, clients in this one: what it survives is what a
 * later, well-behaved call still gets answered.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#include "base/control.h"

#define PATH "test.sock"
#define PATIENCE_MS 5000
#define IDLE_MS 300

/* --- the server ---------------------------------------------------------------------------------
 */

static struct control_server *server;

static json_t *handle(void *arg, const char *cmd, json_t *request, char *err, size_t errlen)
{
	int *served = arg, fd;

	if (strcmp(cmd, "count") == 0)
		return json_pack("{s:i}", "served", ++*served);
	if (strcmp(cmd, "echo") == 0)
		return json_incref(request);
	if (strcmp(cmd, "move") == 0) {
		unlink(PATH);
		return control_listen(PATH, 0640, &fd) == 0 && control_server_move(server, fd) == 0
			       ? json_object()
			       : NULL;
	}
	if (strcmp(cmd, "big") == 0) {
		size_t len = (size_t)json_integer_value(json_object_get(request, "len"));
		char *text = malloc(len + 1);
		json_t *data;

		memset(text, 'x', len);
		text[len] = '\0';
		data = json_string(text);
		free(text);
		return data;
	}
	snprintf(err, errlen, "no such command: %s", cmd);
	return NULL;
}

static _Noreturn void serve(int listen_fd)
{
	sd_event *event = NULL;
	int served = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (sd_event_new(&event) < 0 ||
		control_server_new(event, listen_fd, handle, &served, &server) < 0)
		_exit(1);
	control_server_set_idle_ms(server, IDLE_MS);
	sd_event_loop(event);
	_exit(1);
}

struct fixture {
	char dir[32];
	pid_t server;
};

static int start(void **state)
{
	static struct fixture f;
	int fd;

	strcpy(f.dir, "/tmp/test_control.XXXXXX");
	if (!mkdtemp(f.dir) || chdir(f.dir) < 0 || control_listen(PATH, 0640, &fd) < 0)
		return -1;
	f.server = fork();
	if (f.server == 0)
		serve(fd);
	close(fd);
	*state = &f;
	return 0;
}

/* The server must still be there: whatever the test did to it. */
static int stop(void **state)
{
	struct fixture *f = *state;
	int status, died = waitpid(f->server, &status, WNOHANG) != 0;

	if (!died) {
		kill(f->server, SIGKILL);
		waitpid(f->server, &status, 0);
	}
	unlink(PATH);
	return rmdir(f->dir) < 0 || died ? -1 : 0;
}

/* --- clients ------------------------------------------------------------------------------------
 */

static int dial(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = PATH};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void say(int fd, const void *text, size_t len)
{
	assert_true(send(fd, text, len, MSG_NOSIGNAL) == (ssize_t)len);
}

/* One reply line, or NULL at the end of the connection. */
static json_t *hear(int fd)
{
	static char line[CONTROL_REPLY_MAX + 1];
	size_t len = 0;

	while (len < sizeof(line)) {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
		if (recv(fd, line + len, 1, 0) != 1)
			return NULL;
		if (line[len++] == '\n')
			return json_loadb(line, len, 0, NULL);
	}
	return NULL;
}

static void assert_reply(int fd, bool ok)
{
	json_t *reply = hear(fd);

	assert_non_null(reply);
	assert_int_equal(json_integer_value(json_object_get(reply, "schema")), 1);
	assert_int_equal(json_is_true(json_object_get(reply, "ok")), ok);
	assert_int_equal(json_is_string(json_object_get(reply, "error")), !ok);
	json_decref(reply);
}

static int ask(const char *request_text, json_t **data, char *err, size_t errlen)
{
	json_t *request = json_loads(request_text, 0, NULL);
	int r = control_call(PATH, request, PATIENCE_MS, data, err, errlen);

	json_decref(request);
	return r;
}

static void assert_serves(void)
{
	json_t *data = NULL;
	char err[256] = "";

	assert_int_equal(ask("{\"cmd\":\"echo\",\"x\":1}", &data, err, sizeof(err)), 0);
	assert_int_equal(json_integer_value(json_object_get(data, "x")), 1);
	json_decref(data);
}

/* --- tests --------------------------------------------------------------------------------------
 */

static void call_returns_data_or_the_servers_words(void **state)
{
	json_t *data = NULL;
	char err[256] = "";

	(void)state;
	assert_serves();
	assert_int_equal(ask("{\"cmd\":\"bogus\\n\"}", &data, err, sizeof(err)), -EREMOTEIO);
	assert_string_equal(err, "no such command: bogus\\\\x0a");
	assert_null(data);
}

static void call_says_what_could_not_be_reached(void **state)
{
	json_t *request = json_pack("{s:s}", "cmd", "x"), *data = NULL;
	char err[256] = "", path[200];
	struct fixture *f = *state;

	assert_int_equal(control_call("missing", request, 100, &data, err, sizeof(err)), -ENOENT);
	assert_string_equal(err, "missing: No such file or directory");
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(control_call(path, request, 100, &data, err, sizeof(err)), -ENAMETOOLONG);
	kill(f->server, SIGSTOP);
	assert_int_equal(control_call(PATH, request, 100, &data, err, sizeof(err)), -ETIMEDOUT);
	kill(f->server, SIGCONT);
	assert_null(data);
	json_decref(request);
}

static void requests_on_one_connection_are_answered_in_order(void **state)
{
	static const char two[] = "{\"cmd\":\"count\"}\n{\"cmd\":\"count\"}\n{\"cmd\":";
	int fd = dial();

	(void)state;
	say(fd, two, strlen(two));
	say(fd, "\"count\"}\n", 9);
	for (int i = 1; i <= 3; i++) {
		json_t *reply = hear(fd);
		json_t *data = json_object_get(reply, "data");

		assert_int_equal(json_integer_value(json_object_get(data, "served")), i);
		json_decref(reply);
	}
	close(fd);
}

static void a_client_that_ends_its_side_still_gets_its_replies(void **state)
{
	static const char text[] = "{\"cmd\":\"echo\"}\n{\"cmd\":\"echo\"}\n{\"cmd\":\"cut off";
	int fd = dial();

	(void)state;
	say(fd, text, strlen(text));
	shutdown(fd, SHUT_WR);
	assert_reply(fd, true);
	assert_reply(fd, true);
	assert_null(hear(fd));
	close(fd);
}

static void malformed_requests_get_an_error_and_the_next_is_served(void **state)
{
	static const char *const bad[] = {"\n", "x\n", "{}\n", "[]\n", "{\"cmd\":1}\n",
		"{\"cmd\":\"echo\"\n", "{\"cmd\":\"echo\",\"cmd\":\"echo\"}\n", "\"cmd\"\n",
		"{\"cmd\":\"echo\\u0000\"}\n", "{\"cmd\":\"\xff\"}\n", "null\n"};
	int fd = dial();

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		say(fd, bad[i], strlen(bad[i]));
		assert_reply(fd, false);
	}
	say(fd, "{\"cmd\":\"\0\"}\n", 12);
	assert_reply(fd, false);
	say(fd, "{\"cmd\":\"echo\"}\n", 15);
	assert_reply(fd, true);
	close(fd);
}

static void a_request_of_the_longest_length_is_served_and_no_longer_one(void **state)
{
	static char text[CONTROL_REQUEST_MAX + 1];
	static const char head[] = "{\"cmd\":\"count\",\"x\":\"", tail[] = "\"}\n";
	int fd = dial();

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, head, strlen(head));
	memcpy(text + CONTROL_REQUEST_MAX - strlen(tail), tail, strlen(tail));
	say(fd, text, CONTROL_REQUEST_MAX);
	assert_reply(fd, true);
	memset(text + strlen(head), 'x', sizeof(text) - strlen(head));
	memcpy(text + sizeof(text) - strlen(tail), tail, strlen(tail));
	say(fd, text, sizeof(text));
	assert_reply(fd, false);
	close(fd);
	assert_serves();
}

static void a_large_reply_arrives_and_one_too_large_is_an_error(void **state)
{
	json_t *data = NULL;
	char err[256] = "", request[64];

	(void)state;
	snprintf(request, sizeof(request), "{\"cmd\":\"big\",\"len\":%d}", CONTROL_REPLY_MAX - 64);
	assert_int_equal(ask(request, &data, err, sizeof(err)), 0);
	assert_int_equal(json_string_length(data), CONTROL_REPLY_MAX - 64);
	json_decref(data);
	snprintf(request, sizeof(request), "{\"cmd\":\"big\",\"len\":%d}", CONTROL_REPLY_MAX);
	assert_int_equal(ask(request, &data, err, sizeof(err)), -EREMOTEIO);
	assert_string_equal(err, "the reply is too large");
}

static void a_client_that_takes_no_replies_holds_up_nobody(void **state)
{
	static const char request[] = "{\"cmd\":\"big\",\"len\":1000000}\n";
	int fd = dial();

	(void)state;
	for (int i = 0; i < 50; i++)
		say(fd, request, strlen(request));
	for (int i = 0; i < 5; i++)
		assert_serves();
	close(fd);
	assert_serves();
}

static void an_idle_client_is_dropped_and_a_busy_one_is_not(void **state)
{
	struct pollfd p = {.fd = dial(), .events = POLLIN};
	int busy = dial();

	(void)state;
	for (int i = 0; i < 5; i++) {
		usleep(IDLE_MS * 1000 / 2);
		say(busy, "{\"cmd\":\"echo\"}\n", 15);
		assert_reply(busy, true);
	}
	assert_int_equal(poll(&p, 1, 0), 1);
	assert_null(hear(p.fd));
	close(p.fd);
	close(busy);
}

static void one_client_too_many_is_told_so(void **state)
{
	int fds[CONTROL_CLIENTS_MAX + 1];
	json_t *reply;

	(void)state;
	for (int i = 0; i <= CONTROL_CLIENTS_MAX; i++)
		fds[i] = dial();
	reply = hear(fds[CONTROL_CLIENTS_MAX]);
	assert_string_equal(json_string_value(json_object_get(reply, "error")), "too many clients");
	json_decref(reply);
	for (int i = 0; i <= CONTROL_CLIENTS_MAX; i++)
		close(fds[i]);
	usleep(50000);
	assert_serves();
}

static void garbage_and_flipped_bytes_kill_nothing(void **state)
{
	static const char good[] = "{\"cmd\":\"echo\",\"list\":[1,2.5e3,\"\\u00e9\",null,true]}\n";
	const char *given = getenv("SEED");
	unsigned int seed =
		given ? (unsigned int)strtoul(given, NULL, 0) : (unsigned int)time(NULL);

	(void)state;
	print_message("SEED=%u\n", seed);
	srandom(seed);
	for (size_t i = 0; i < 8 * (sizeof(good) - 1); i++) {
		char text[sizeof(good)];
		int fd = dial();

		memcpy(text, good, sizeof(good));
		text[i / 8] = (char)(text[i / 8] ^ (1 << (i % 8)));
		say(fd, text, sizeof(good) - 1);
		if (memchr(text, '\n', sizeof(good) - 1))
			json_decref(hear(fd));
		close(fd);
	}
	for (int i = 0; i < 200; i++) {
		char text[2048];
		int fd = dial();

		for (size_t j = 0; j < sizeof(text); j++)
			text[j] = (char)random();
		send(fd, text, (size_t)random() % sizeof(text), MSG_NOSIGNAL);
		close(fd);
	}
	assert_serves();
}

static void a_live_socket_is_not_replaced_and_a_dead_one_is(void **state)
{
	struct stat st;
	int fd = -7, fd2 = -7;
	FILE *f;

	(void)state;
	assert_int_equal(control_listen(PATH, 0600, &fd), -EADDRINUSE);
	assert_int_equal(fd, -7);
	assert_serves();

	assert_int_equal(control_listen("dead.sock", 0666, &fd), 0);
	assert_int_equal(stat("dead.sock", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0666);
	close(fd);
	assert_int_equal(control_listen("dead.sock", 0600, &fd2), 0);
	assert_int_equal(stat("dead.sock", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	close(fd2);
	unlink("dead.sock");

	f = fopen("file", "w");
	fclose(f);
	assert_int_equal(control_listen("file", 0600, &fd), -EEXIST);
	unlink("file");
	assert_int_equal(control_listen("no/such/dir", 0600, &fd), -ENOENT);
}

static void a_server_that_moves_keeps_its_clients(void **state)
{
	int before = dial();

	(void)state;
	say(before, "{\"cmd\":\"move\"}\n", strlen("{\"cmd\":\"move\"}\n"));
	json_decref(hear(before));
	assert_serves();
	say(before, "{\"cmd\":\"count\"}\n", strlen("{\"cmd\":\"count\"}\n"));
	json_decref(hear(before));
	close(before);
}

static void a_stranger_who_locks_the_directory_stops_nobody(void **state)
{
	int dir = open(".", O_RDONLY | O_DIRECTORY), fd = -1;

	(void)state;
	assert_int_equal(flock(dir, LOCK_EX), 0);
	assert_int_equal(control_listen("other.sock", 0600, &fd), 0);
	close(fd);
	close(dir);
	unlink("other.sock");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(call_returns_data_or_the_servers_words),
		TEST(call_says_what_could_not_be_reached),
		TEST(requests_on_one_connection_are_answered_in_order),
		TEST(a_client_that_ends_its_side_still_gets_its_replies),
		TEST(malformed_requests_get_an_error_and_the_next_is_served),
		TEST(a_request_of_the_longest_length_is_served_and_no_longer_one),
		TEST(a_large_reply_arrives_and_one_too_large_is_an_error),
		TEST(a_client_that_takes_no_replies_holds_up_nobody),
		TEST(an_idle_client_is_dropped_and_a_busy_one_is_not),
		TEST(one_client_too_many_is_told_so),
		TEST(garbage_and_flipped_bytes_kill_nothing),
		TEST(a_live_socket_is_not_replaced_and_a_dead_one_is),
		TEST(a_server_that_moves_keeps_its_clients),
		TEST(a_stranger_who_locks_the_directory_stops_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
