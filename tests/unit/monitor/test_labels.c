/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is kept of our timestamps over a reboot: never too little, seldom written, never in the way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "vpnd/monitor/labels.h"
#include "vpnd/privsep.h"

static const uint8_t KEY_A[KEY_LEN] = {1}, KEY_B[KEY_LEN] = {2};
static const mono_t NOW = {1000 * US_PER_S};

static char directory[32], path[64], temporary[80];

static int make_directory(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/labelsXXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/labels", directory);
	snprintf(temporary, sizeof(temporary), "%s.new", path);
	return 0;
}

static int remove_directory(void **state)
{
	(void)state;
	unlink(path);
	rmdir(temporary);
	return rmdir(directory);
}

struct lookup {
	const uint8_t *key;
	int64_t newest_s;
};

static void look(void *arg, const uint8_t public_key[static KEY_LEN], int64_t newest_s)
{
	struct lookup *lookup = arg;

	if (memcmp(public_key, lookup->key, KEY_LEN) == 0)
		lookup->newest_s = newest_s;
}

static int64_t newest(const struct labels *labels, const uint8_t *key)
{
	struct lookup lookup = {key, -1};

	labels_each(labels, look, &lookup);
	return lookup.newest_s;
}

/* What a monitor after a reboot would know; -1: nothing. */
static int64_t kept(const uint8_t *key)
{
	struct labels *labels = labels_new(path);
	int64_t s = newest(labels, key);

	labels_free(labels);
	return s;
}

static ino_t file_now(void)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_ino : 0;
}

static void put_file(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void file_is_never_behind_and_seldom_written(void **state)
{
	struct labels *labels = labels_new(path);
	unsigned int writes = 0;
	ino_t before = 0;

	(void)state;
	labels_raise(labels, KEY_B, 500, NOW);
	for (int64_t s = 1000; s < 1000 + 86400; s += 5) {
		labels_raise(labels, KEY_A, s, mono_add_s(NOW, (uint64_t)s));
		if (file_now() != before) {
			before = file_now();
			writes++;
			assert_true(kept(KEY_A) >= s + LABELS_AHEAD_S / 2);
		}
	}
	assert_true(kept(KEY_A) >= 1000 + 86400 - 5);
	assert_in_range(kept(KEY_B), 500, 500 + LABELS_AHEAD_S);
	assert_in_range(writes, 1, 86400 / (LABELS_AHEAD_S / 2) + 2);
	labels_free(labels);
}

static void clean_end_keeps_what_was_used_and_no_more(void **state)
{
	struct labels *labels = labels_new(path);

	(void)state;
	for (int restart = 0; restart < 50; restart++) {
		labels_raise(labels, KEY_A, 1000 + restart, NOW);
		labels_save(labels);
		labels_free(labels);
		assert_int_equal(kept(KEY_A), 1000 + restart);
		labels = labels_new(path);
	}
	labels_free(labels);
}

static void nothing_is_ever_lowered(void **state)
{
	struct labels *labels = labels_new(path);

	(void)state;
	labels_raise(labels, KEY_A, 5000, NOW);
	labels_raise(labels, KEY_A, 10, NOW);
	assert_int_equal(newest(labels, KEY_A), 5000);
	labels_save(labels);
	assert_int_equal(kept(KEY_A), 5000);
	labels_free(labels);
}

static void damaged_lines_cost_only_themselves(void **state)
{
	static const char GOOD[] = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= 77\n";
	char text[4096];

	(void)state;
	snprintf(text, sizeof(text), "%s%s%s%s%s%s", "\n \nx 1\n",
		"AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= -5\n",
		"AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= 99999999999999999999999999999\n",
		GOOD, "AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= 9223372036854775807\n",
		"AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= 12");
	put_file(text);
	assert_int_equal(kept(KEY_A), 77);
	assert_int_equal(kept(KEY_B), -1);
}

static void any_bytes_are_survived_and_nothing_impossible_is_taken(void **state)
{
	unsigned int seed = (unsigned int)time(NULL);

	(void)state;
	print_message("seed %u\n", seed);
	srand(seed);
	for (int round = 0; round < 3000; round++) {
		char text[] = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= 1099511627776\n"
			      "AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= 77\n";
		size_t len = sizeof(text) - 1;

		for (int flips = 1 + rand() % 8; flips > 0; flips--)
			text[(size_t)rand() % len] = (char)rand();
		put_file(text);
		assert_in_range(kept(KEY_A) + 1, 0, PRIVSEP_LABEL_MAX_S + 1);
		assert_in_range(kept(KEY_B) + 1, 0, PRIVSEP_LABEL_MAX_S + 1);
	}
}

static void disk_that_fails_is_tried_again_and_stops_nothing(void **state)
{
	struct labels *labels = labels_new(path);

	(void)state;
	put_file("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= 77\n");
	assert_int_equal(mkdir(temporary, 0700), 0); /* in the way of the new file */
	labels_raise(labels, KEY_A, 1000, NOW);
	assert_int_equal(newest(labels, KEY_A), 1000);
	assert_int_equal(kept(KEY_A), 77);
	assert_int_equal(rmdir(temporary), 0);
	labels_raise(labels, KEY_A, 1001, mono_add_s(NOW, LABELS_RETRY_S - 1));
	assert_int_equal(kept(KEY_A), 77);
	labels_raise(labels, KEY_A, 1002, mono_add_s(NOW, LABELS_RETRY_S));
	assert_int_equal(kept(KEY_A), 1002 + LABELS_AHEAD_S);
	labels_free(labels);
}

/* A hostile engine: each of its messages alone would be worth a write. */
static void writes_are_bounded_whatever_is_asked_for(void **state)
{
	struct labels *labels = labels_new(path);
	unsigned int writes = 0;
	ino_t before = 0;
	int64_t s = 0;

	(void)state;
	for (unsigned int ms = 0; ms < 10000; ms += 10) {
		labels_raise(labels, KEY_A, s += LABELS_AHEAD_S, mono_add_ms(NOW, ms));
		writes += file_now() != before;
		before = file_now();
	}
	assert_in_range(writes, LABELS_BURST, LABELS_BURST + 10 / LABELS_GAP_S);
	/* Who had to wait is not forgotten: the next write, of another key, is of both. */
	labels_raise(labels, KEY_B, 1000, mono_add_s(NOW, 20));
	assert_int_equal(kept(KEY_A), s + LABELS_AHEAD_S);
	labels_free(labels);
}

static void without_its_directory_nothing_is_kept(void **state)
{
	struct labels *labels = labels_new("/tmp/there-is-no-such-directory/labels");

	(void)state;
	labels_raise(labels, KEY_A, 1000, NOW);
	labels_save(labels);
	assert_int_equal(newest(labels, KEY_A), 1000);
	labels_free(labels);
}

static void number_of_keys_is_bounded_and_the_oldest_go(void **state)
{
	struct labels *labels = labels_new(path);
	uint8_t key[KEY_LEN] = {0};

	(void)state;
	for (int i = 0; i < LABELS_KEYS + 10; i++) {
		key[0] = (uint8_t)i;
		key[1] = (uint8_t)(i >> 8);
		labels_raise(labels, key, 1000 + i, i ? mono_add_s(NOW, 1) : NOW);
	}
	assert_int_equal(newest(labels, key), 1000 + LABELS_KEYS + 9);
	memset(key, 0, sizeof(key));
	key[0] = 9;
	assert_int_equal(newest(labels, key), -1);
	key[0] = 10;
	assert_int_equal(newest(labels, key), 1010);
	labels_free(labels);
}

/* What an engine that was compromised may have left. */
static void keys_in_use_stay_in_a_file_full_of_others(void **state)
{
	FILE *f = fopen(path, "w");
	char base64[KEY_BASE64_STRLEN];
	uint8_t key[KEY_LEN] = {0};
	struct labels *labels;

	(void)state;
	assert_non_null(f);
	for (int i = 0; i < LABELS_KEYS; i++) {
		key[2] = (uint8_t)i;
		key[3] = (uint8_t)(i >> 8);
		fprintf(f, "%s %lld\n", key_to_base64(key, base64), PRIVSEP_LABEL_MAX_S);
	}
	assert_int_equal(fclose(f), 0);
	labels = labels_new(path);
	assert_int_equal(newest(labels, key), PRIVSEP_LABEL_MAX_S);
	labels_raise(labels, KEY_A, 1000, NOW);
	labels_raise(labels, KEY_B, 1000, NOW);
	assert_int_equal(kept(KEY_A), 1000 + LABELS_AHEAD_S);
	assert_int_equal(kept(KEY_B), 1000 + LABELS_AHEAD_S);
	labels_free(labels);
}

#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, make_directory, remove_directory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_DIRECTORY(file_is_never_behind_and_seldom_written),
		IN_DIRECTORY(clean_end_keeps_what_was_used_and_no_more),
		IN_DIRECTORY(nothing_is_ever_lowered),
		IN_DIRECTORY(damaged_lines_cost_only_themselves),
		IN_DIRECTORY(any_bytes_are_survived_and_nothing_impossible_is_taken),
		IN_DIRECTORY(disk_that_fails_is_tried_again_and_stops_nothing),
		IN_DIRECTORY(writes_are_bounded_whatever_is_asked_for),
		IN_DIRECTORY(number_of_keys_is_bounded_and_the_oldest_go),
		IN_DIRECTORY(keys_in_use_stay_in_a_file_full_of_others),
		cmocka_unit_test(without_its_directory_nothing_is_kept),
	};

	log_init("test", LOG_DEST_STDERR, LOG_LEVEL_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
