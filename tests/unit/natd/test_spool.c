/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines on their way into a file: none is lost unsaid, none is waited for. */
#include "tests/unit/natd/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "natd/spool.h"

static char dir[] = "/tmp/spool-test-XXXXXX";
static char path[64], moved[64];

static struct spool *make(const char *file)
{
	struct spool *spool = NULL;

	assert_int_equal(spool_new(&spool), 0);
	assert_int_equal(spool_target(spool, file, false), 0);
	return spool;
}

/* Wait until so many lines have been written or lost. */
static struct spool_stats await(struct spool *spool, uint64_t lines)
{
	struct spool_stats stats = {0};

	for (int i = 0; i < 1000; i++) {
		spool_stats(spool, &stats);
		if (stats.written + stats.dropped >= lines)
			return stats;
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
	fail_msg("%d lines are neither written nor lost", (int)lines);
	return stats;
}

static void lines_arrive_whole_and_in_order(void **state)
{
	struct spool *spool = make(path);
	char line[64], *text, *at;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		int len = snprintf(line, sizeof(line), "line %d of a good length, all in all\n", i);

		/* As fast as the thread takes them. */
		while (spool_put(spool, line, (size_t)len) == -ENOBUFS)
			nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	spool_free(spool);
	text = at = parse_file(path);
	for (int i = 0; i < 20000; i++) {
		int n = -1;

		assert_int_equal(sscanf(at, "line %d of a good length, all in all\n", &n), 1);
		assert_int_equal(n, i);
		at = strchr(at, '\n') + 1;
	}
	assert_int_equal(*at, '\0');
	free(text);
	assert_int_equal(unlink(path), 0);
}

static void a_moved_file_is_made_anew_when_it_is_said_again(void **state)
{
	struct spool *spool = make(path);
	struct stat st;
	char *text;

	(void)state;
	assert_int_equal(spool_put(spool, "one\n", 4), 0);
	await(spool, 1);
	assert_int_equal(rename(path, moved), 0);
	assert_int_equal(spool_target(spool, path, false), 0);
	assert_int_equal(spool_put(spool, "two\n", 4), 0);
	await(spool, 2);
	spool_free(spool);
	text = parse_file(path);
	assert_string_equal(text, "two\n");
	free(text);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777 & ~0640, 0);
	unlink(path);
	unlink(moved);
}

/* A file that was wanted for a moment only may never have been made. */
static size_t count_whole_lines(const char *file)
{
	char *text;
	size_t n = 0;

	if (access(file, F_OK) < 0)
		return 0;
	text = parse_file(file);
	for (char *at = text; *at; at = strchr(at, '\n') + 1, n++)
		assert_int_equal(strncmp(at, "a line that is whole\n", 21), 0);
	free(text);
	assert_int_equal(unlink(file), 0);
	return n;
}

/* What the log says meanwhile is asked for, too; all that two threads share, at once. */
static void no_line_is_lost_while_the_file_changes(void **state)
{
	struct spool *spool = make(path);
	struct spool_stats stats;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		while (spool_put(spool, "a line that is whole\n", 21) == -ENOBUFS)
			nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
		if (i % 50)
			continue;
		assert_int_equal(spool_target(spool, i % 100 ? path : moved, false), 0);
		spool_stats(spool, &stats);
		assert_int_equal(stats.error, 0);
	}
	await(spool, 20000);
	spool_free(spool);
	assert_int_equal(count_whole_lines(path) + count_whole_lines(moved), 20000);
}

static void what_cannot_be_written_is_counted_with_the_reason(void **state)
{
	struct spool *spool = make("/dev/full");
	struct spool_stats stats;

	(void)state;
	assert_int_equal(spool_put(spool, "one\n", 4), 0);
	stats = await(spool, 1);
	assert_int_equal(stats.dropped, 1);
	assert_int_equal(stats.error, -ENOSPC);
	assert_int_equal(spool_target(spool, "/nowhere/at/all", false), 0);
	assert_int_equal(spool_put(spool, "two\n", 4), 0);
	stats = await(spool, 2);
	assert_int_equal(stats.dropped, 2);
	assert_int_equal(stats.error, -ENOENT);
	spool_free(spool);
}

static void a_file_is_opened_as_soon_as_it_can_be(void **state)
{
	char parent[64], file[96];
	struct spool *spool;
	struct spool_stats stats;

	(void)state;
	snprintf(parent, sizeof(parent), "%s/later", dir);
	snprintf(file, sizeof(file), "%s/flows.jsonl", parent);
	spool = make(file);
	assert_int_equal(spool_put(spool, "one\n", 4), 0);
	stats = await(spool, 1);
	assert_int_equal(stats.dropped, 1);
	assert_int_equal(stats.error, -ENOENT);
	assert_int_equal(mkdir(parent, 0700), 0);
	assert_int_equal(spool_put(spool, "two\n", 4), 0);
	stats = await(spool, 2);
	assert_int_equal(stats.written, 1);
	assert_int_equal(stats.error, 0);
	spool_free(spool);
	unlink(file);
	rmdir(parent);
}

/* A pipe that nobody reads from. */
static void a_stuck_file_holds_up_nobody(void **state)
{
	struct spool *spool;
	struct spool_stats stats;
	char line[1000];
	int reader;

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	reader = open(path, O_RDONLY | O_NONBLOCK);
	assert_true(reader >= 0);
	spool = make(path);
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	for (int i = 0; i < 3000; i++)
		spool_put(spool, line, sizeof(line));
	stats = await(spool, 3000);
	assert_true(stats.dropped > 2000);
	spool_free(spool);
	close(reader);
	unlink(path);
}

static int make_dir(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/flows.jsonl", dir);
	snprintf(moved, sizeof(moved), "%s/flows.jsonl.1", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_arrive_whole_and_in_order),
		cmocka_unit_test(a_moved_file_is_made_anew_when_it_is_said_again),
		cmocka_unit_test(no_line_is_lost_while_the_file_changes),
		cmocka_unit_test(what_cannot_be_written_is_counted_with_the_reason),
		cmocka_unit_test(a_file_is_opened_as_soon_as_it_can_be),
		cmocka_unit_test(a_stuck_file_holds_up_nobody),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
