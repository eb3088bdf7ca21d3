/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whole commands, as they are typed, against daemons that a child process plays, and keys against
 * wg(8). Each command runs in a child of its own with its stdin, stdout and stderr in files.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "base/control.h"
#include "vpnctl/exit.h"
#include "vpnctl/invocation.h"

#define TEXT_LEN 8192
#define WORDS_MAX 8

static char dir[] = "/tmp/vpnctl-test-XXXXXX";
static char out[TEXT_LEN], err[TEXT_LEN];

/* --- commands -----------------------------------------------------------------------------------
 */

static void slurp(const char *name, char *text)
{
	_cleanup_fclose_ FILE *f = fopen(name, "re");

	assert_non_null(f);
	text[fread(text, 1, TEXT_LEN - 1, f)] = '\0';
}

static void redirect(int to, const char *name, int flags)
{
	int fd = open(name, flags | O_CREAT, 0600);

	if (fd < 0 || dup2(fd, to) < 0)
		_exit(99);
}

/* Run "vpnctl --run-dir DIR WORDS..."; its exit status, with what it said in out and err. */
static int vpnctl(const char *words, const char *input)
{
	_cleanup_fclose_ FILE *in = fopen("in", "we");

	assert_non_null(in);
	fputs(input, in);
	fflush(in);
	fflush(NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		char line[512], reason[INVOCATION_ERROR_LEN];
		char *argv[WORDS_MAX + 1] = {NULL};
		struct invocation inv;
		int argc = 0;

		redirect(STDIN_FILENO, "in", O_RDONLY);
		redirect(STDOUT_FILENO, "out", O_WRONLY | O_TRUNC);
		redirect(STDERR_FILENO, "err", O_WRONLY | O_TRUNC);
		snprintf(line, sizeof(line), "vpnctl --run-dir %s %s", dir, words);
		for (char *w = strtok(line, " "); w && argc < WORDS_MAX; w = strtok(NULL, " "))
			argv[argc++] = w;
		if (invocation_parse(argc, argv, &inv, reason) < 0)
			_exit(98);
		int code = inv.command->run(&inv);
		fflush(NULL);
		_exit(code);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	slurp("out", out);
	slurp("err", err);
	return WEXITSTATUS(status);
}

/* --- the daemons --------------------------------------------------------------------------------
 */

/* A daemon as played: what it answers, and from which request on. */
struct play {
	const char *status;       /* its data, in JSON */
	const char *later;        /* the same from the third request on; NULL: never changes */
	const char *reload_error; /* NULL: reload succeeds */
	int asked;
};

static json_t *answer(void *arg, const char *cmd, json_t *request, char *why, size_t whylen)
{
	struct play *play = arg;

	(void)request;
	if (!strcmp(cmd, "reload") && play->reload_error) {
		snprintf(why, whylen, "%s", play->reload_error);
		return NULL;
	}
	if (!strcmp(cmd, "reload"))
		return json_pack("{s:s}", "config_hash", "00ff");
	return json_loads(play->later && ++play->asked > 2 ? play->later : play->status, 0, NULL);
}

/* Serve as NAME.sock until killed; returns the child's pid once it can be connected to. */
static pid_t serve(const char *name, struct play play)
{
	char path[300];
	int fd = -1;

	snprintf(path, sizeof(path), "%s/%s.sock", dir, name);
	assert_int_equal(control_listen(path, 0600, &fd), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid > 0) {
		close(fd);
		return pid;
	}
	struct control_server *server = NULL;
	sd_event *event = NULL;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (sd_event_new(&event) < 0 || control_server_new(event, fd, answer, &play, &server) < 0)
		_exit(1);
	_exit(sd_event_loop(event));
}

static void stop(pid_t pid, const char *name)
{
	char path[300];

	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	snprintf(path, sizeof(path), "%s/%s.sock", dir, name);
	unlink(path);
}

#define VPND_WITH(state, reach, answered)                                         \
	"{\"host\":\"gw\",\"tunnels\":[{\"name\":\"a\",\"state\":\"" state        \
	"\",\"reason\":\"nobody\\nhome\",\"handshake_age_s\":5}],"                \
	"\"routes\":[{\"prefix\":\"10.0.0.0/8\",\"via\":\"a\",\"state\":\"" reach \
	"\",\"answered\":" answered "}]}"
#define VPND(state, reach) VPND_WITH(state, reach, "true")
#define NATD "{\"host\":\"gw\",\"state\":\"up\",\"uplinks\":[]}"

/* --- tests --------------------------------------------------------------------------------------
 */

static void a_daemon_that_is_not_there_is_named_with_its_socket(void **state)
{
	pid_t natd = serve("natd", (struct play){.status = NATD});
	char expected[300];

	(void)state;
	assert_int_equal(vpnctl("status", ""), EXIT_UNREACHED);
	snprintf(expected, sizeof(expected),
		"vpnd: no one listens on %s/vpnd.sock (is vpnd running? systemctl status vpnd)\n",
		dir);
	assert_non_null(strstr(out, expected));
	assert_non_null(strstr(out, "NAT -  UP"));
	assert_int_equal(vpnctl("nat", ""), EXIT_WELL);
	assert_int_equal(vpnctl("tunnels", ""), EXIT_UNREACHED);
	stop(natd, "natd");
}

static void status_exits_by_what_the_daemons_say(void **state)
{
	pid_t natd = serve("natd", (struct play){.status = NATD});
	pid_t vpnd = serve("vpnd", (struct play){.status = VPND("up", "reachable")});

	(void)state;
	assert_int_equal(vpnctl("status", ""), EXIT_WELL);
	assert_int_equal(vpnctl("status --json", ""), EXIT_WELL);
	_cleanup_json_ json_t *json = json_loads(out, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(json, "state")), "up");
	stop(vpnd, "vpnd");
	vpnd = serve("vpnd", (struct play){.status = VPND("degraded", "reachable")});
	assert_int_equal(vpnctl("status", ""), EXIT_FAILED);
	stop(vpnd, "vpnd");
	vpnd = serve("vpnd", (struct play){.status = VPND("up", "unreachable")});
	assert_int_equal(vpnctl("status", ""), EXIT_LOST);
	assert_int_equal(vpnctl("tunnels", ""), EXIT_WELL);
	assert_int_equal(vpnctl("routes --json", ""), EXIT_LOST);
	stop(vpnd, "vpnd");
	stop(natd, "natd");
}

static void wait_returns_as_soon_as_it_is_so(void **state)
{
	pid_t vpnd = serve("vpnd", (struct play){.status = VPND("down", "unreachable"),
					   .later = VPND("up", "reachable")});

	(void)state;
	assert_int_equal(vpnctl("wait --for tunnel=a --timeout 20", ""), EXIT_WELL);
	assert_string_equal(err, "");
	assert_int_equal(vpnctl("wait --for prefix=10.0.0.0/8 --timeout 0", ""), EXIT_WELL);
	stop(vpnd, "vpnd");
}

static void wait_for_a_prefix_is_for_an_answer_too(void **state)
{
	pid_t vpnd =
		serve("vpnd", (struct play){.status = VPND_WITH("degraded", "reachable", "false"),
				      .later = VPND("degraded", "reachable")});

	(void)state;
	assert_int_equal(vpnctl("wait --for prefix=10.0.0.0/8 --timeout 0", ""), EXIT_FAILED);
	assert_string_equal(err, "vpnctl: after 0 s prefix=10.0.0.0/8 is not answered yet: "
				 "nobody\\x0ahome\n");
	assert_int_equal(vpnctl("routes", ""), EXIT_FAILED);
	assert_non_null(strstr(out, "not answered yet"));
	assert_int_equal(vpnctl("wait --for prefix=10.0.0.0/8 --timeout 20", ""), EXIT_WELL);
	stop(vpnd, "vpnd");
}

static void wait_says_at_its_end_why_it_is_not_so(void **state)
{
	pid_t vpnd = serve("vpnd", (struct play){.status = VPND("down", "unreachable")});

	(void)state;
	assert_int_equal(vpnctl("wait --for tunnel=a --timeout 0", ""), EXIT_FAILED);
	assert_string_equal(err, "vpnctl: after 0 s tunnel=a is down: nobody\\x0ahome\n");
	assert_int_equal(vpnctl("wait --for tunnel=b --timeout 0", ""), EXIT_FAILED);
	assert_non_null(strstr(err, "vpnd has no tunnel of this name"));
	assert_int_equal(vpnctl("wait --for prefix=10.0.0.0/8 --timeout 0", ""), EXIT_FAILED);
	assert_non_null(strstr(err, "is unreachable"));
	assert_int_equal(vpnctl("wait --for prefix=10.0.0.0/9 --timeout 0", ""), EXIT_FAILED);
	assert_int_equal(vpnctl("wait --for nat --timeout 0", ""), EXIT_FAILED);
	assert_non_null(strstr(err, "no one listens"));
	assert_int_equal(vpnctl("wait --for prefix=ten --timeout 0", ""), EXIT_USAGE);
	assert_int_equal(vpnctl("wait --for moon --timeout 0", ""), EXIT_USAGE);
	assert_int_equal(vpnctl("wait", ""), EXIT_USAGE);
	stop(vpnd, "vpnd");
}

static void reload_prints_every_error_on_a_line_of_its_own(void **state)
{
	pid_t natd = serve("natd", (struct play){0});
	pid_t vpnd = serve(
		"vpnd", (struct play){.reload_error = "v.conf:3: bad word\nv.conf:9: worse\n"});

	(void)state;
	assert_int_equal(vpnctl("reload", ""), EXIT_FAILED);
	assert_string_equal(out, "natd: loaded, config 00ff\n");
	assert_string_equal(err, "vpnd: v.conf:3: bad word\nvpnd: v.conf:9: worse\n"
				 "vpnd: nothing was changed\n");
	assert_int_equal(vpnctl("reload natd", ""), EXIT_WELL);
	assert_string_equal(err, "");
	assert_int_equal(vpnctl("reload --json", ""), EXIT_FAILED);
	_cleanup_json_ json_t *json = json_loads(out, 0, NULL);
	assert_true(json_is_true(json_object_get(json_object_get(json, "natd"), "ok")));
	json_t *refused = json_object_get(json, "vpnd");
	assert_true(json_is_false(json_object_get(refused, "ok")));
	assert_string_equal(json_string_value(json_object_get(refused, "error")),
		"v.conf:3: bad word\nv.conf:9: worse\n");
	stop(vpnd, "vpnd");
	assert_int_equal(vpnctl("reload", ""), EXIT_UNREACHED);
	assert_int_equal(vpnctl("reload sshd", ""), EXIT_USAGE);
	stop(natd, "natd");
}

/* Left out, it would let all flows pass, for --kill as well. */
static void a_filter_that_is_none_is_refused_before_anybody_is_asked(void **state)
{
	(void)state;
	assert_int_equal(vpnctl("flows --from ten", ""), EXIT_USAGE);
	assert_string_equal(err, "vpnctl: --from takes an address or a prefix\n");
	assert_string_equal(out, "");
	assert_int_equal(vpnctl("flows --to 10.0.0.0/33", ""), EXIT_USAGE);
	assert_int_equal(vpnctl("flows --nat 10.0.0.0/8", ""), EXIT_USAGE);
	assert_int_equal(vpnctl("flows --proto tcp --state \xff --kill", ""), EXIT_USAGE);
	assert_non_null(strstr(err, "vpnctl: --state takes a state such as"));
	assert_int_equal(vpnctl("flows --state well", ""), EXIT_USAGE);
	assert_int_equal(vpnctl("flows --proto tpc", ""), EXIT_USAGE);
	assert_int_equal(vpnctl("flows --proto 256", ""), EXIT_USAGE);
	assert_int_equal(vpnctl("flows --kill", ""), EXIT_USAGE);
	assert_int_equal(vpnctl("flows --proto 47 --state time_wait", ""), EXIT_UNREACHED);
	assert_int_equal(vpnctl("flows --from 10.0.0.1 --state \xff", ""), EXIT_USAGE);
}

/* What wg(8) makes of a private key. */
static void wg_pubkey(const char *key, char *text, size_t size)
{
	char command[128];

	snprintf(command, sizeof(command), "echo '%s' | wg pubkey", key);
	FILE *f = popen(command, "re");
	assert_non_null(f);
	assert_non_null(fgets(text, (int)size, f));
	assert_int_equal(pclose(f), 0);
}

static void pubkey_agrees_with_wg(void **state)
{
	char key[TEXT_LEN], expected[64];

	(void)state;
	for (int i = 0; i < 8; i++) {
		/* Keys that are not clamped too: wg takes them as they are. */
		assert_int_equal(vpnctl(i % 2 ? "genpsk" : "genkey", ""), EXIT_WELL);
		assert_int_equal(strlen(out), 45);
		snprintf(key, sizeof(key), "%.44s", out);
		wg_pubkey(key, expected, sizeof(expected));
		assert_int_equal(vpnctl("pubkey", key), EXIT_WELL);
		assert_string_equal(out, expected);
	}
}

static void a_wrong_key_is_refused_and_never_shown(void **state)
{
	static const char *const wrong[] = {"", "\n", "c2VjcmV0", "SECRET",
		"GAuZ1SECRETdnfa4+1ng9sdSuwAjBYi0ebPCqpCm2Hk=x",
		"GAuZ1SECRETdnfa4+1ng9sdSuwAjBYi0ebPCqpCm2Hk=\n\n\n\n\n\nSECRET",
		"GAuZ1SECRETdnfa4+1ng9sdSuwAjBYi0ebPCqpCm2Hl=",
		"18b99d5SECRET00000000000000000000000000000000000000000000000000"};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(vpnctl("pubkey", wrong[i]), EXIT_FAILED);
		assert_string_equal(out, "");
		assert_null(strstr(err, "SECRET"));
	}
}

static void genkey_warns_when_others_can_read_it(void **state)
{
	(void)state;
	assert_int_equal(vpnctl("genkey", ""), EXIT_WELL);
	assert_string_equal(err, "");
	assert_int_equal(chmod("out", 0644), 0);
	assert_int_equal(vpnctl("genkey", ""), EXIT_WELL);
	assert_non_null(strstr(err, "warning: everyone can read"));
	unlink("out");
}

static void key_ensure_makes_a_key_once_and_keeps_it(void **state)
{
	char first[TEXT_LEN], key[TEXT_LEN], expected[64];
	struct stat st;

	(void)state;
	assert_int_equal(vpnctl("key ensure city.key", ""), EXIT_WELL);
	snprintf(first, sizeof(first), "%s", out);
	assert_int_equal(stat("city.key", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	slurp("city.key", key);
	key[strcspn(key, "\n")] = '\0';
	wg_pubkey(key, expected, sizeof(expected));
	assert_string_equal(first, expected);
	assert_int_equal(vpnctl("key ensure city.key", ""), EXIT_WELL);
	assert_string_equal(out, first);
	assert_int_equal(vpnctl("key ensure city.key --json", ""), EXIT_WELL);
	assert_non_null(strstr(out, "\"created\": false"));
}

static void key_ensure_never_touches_what_it_did_not_make(void **state)
{
	char text[TEXT_LEN];
	_cleanup_fclose_ FILE *f = fopen("bad.key", "we");

	(void)state;
	fputs("SECRET, but no key\n", f);
	fflush(f);
	assert_int_equal(chmod("bad.key", 0600), 0);
	assert_int_equal(vpnctl("key ensure bad.key", ""), EXIT_FAILED);
	assert_null(strstr(err, "SECRET"));
	assert_non_null(strstr(err, "bad.key"));
	slurp("bad.key", text);
	assert_string_equal(text, "SECRET, but no key\n");
	assert_int_equal(chmod("bad.key", 0644), 0);
	assert_int_equal(vpnctl("key ensure bad.key", ""), EXIT_FAILED);
	assert_non_null(strstr(err, "chmod 600"));
	assert_int_equal(vpnctl("key ensure none/x.key", ""), EXIT_FAILED);
	assert_non_null(strstr(err, "cannot create it"));
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? chdir(dir) : -1;
}

static int remove_dir(void **state)
{
	static const char *const files[] = {"in", "out", "err", "city.key", "bad.key"};

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		unlink(files[i]);
	/* Fails if a command left anything else behind. */
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_daemon_that_is_not_there_is_named_with_its_socket),
		cmocka_unit_test(status_exits_by_what_the_daemons_say),
		cmocka_unit_test(wait_returns_as_soon_as_it_is_so),
		cmocka_unit_test(wait_for_a_prefix_is_for_an_answer_too),
		cmocka_unit_test(wait_says_at_its_end_why_it_is_not_so),
		cmocka_unit_test(reload_prints_every_error_on_a_line_of_its_own),
		cmocka_unit_test(a_filter_that_is_none_is_refused_before_anybody_is_asked),
		cmocka_unit_test(pubkey_agrees_with_wg),
		cmocka_unit_test(a_wrong_key_is_refused_and_never_shown),
		cmocka_unit_test(genkey_warns_when_others_can_read_it),
		cmocka_unit_test(key_ensure_makes_a_key_once_and_keeps_it),
		cmocka_unit_test(key_ensure_never_touches_what_it_did_not_make),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
