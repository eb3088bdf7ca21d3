/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a core has no time left, by counts as the kernel writes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "natd/cores.h"

static const mono_t start = {1000000};

struct place {
	char path[32];
	struct cores *cores;
	uint64_t idle[2], busy[2]; /* ticks */
};

static void write_counts(const struct place *place)
{
	FILE *f = fopen(place->path, "w");

	assert_non_null(f);
	fputs("cpu  99 1 1 99 1 1 1 1 0 0\n", f);
	for (size_t i = 0; i < 2; i++)
		fprintf(f, "cpu%zu 10 0 %llu %llu 7 0 3 0 0 0\n", i,
			(unsigned long long)place->busy[i], (unsigned long long)place->idle[i]);
	fputs("intr 1 2 3\nctxt 4\n", f);
	assert_int_equal(fclose(f), 0);
}

/* Let ticks pass on both cores, and look. */
static bool after(struct place *place, uint64_t ms, uint64_t idle0, uint64_t idle1)
{
	static uint64_t passed;

	passed += ms;
	place->idle[0] += idle0;
	place->busy[0] += ms / 10 - idle0;
	place->idle[1] += idle1;
	place->busy[1] += ms / 10 - idle1;
	write_counts(place);
	return cores_are_short(place->cores, mono_add_ms(start, passed));
}

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	int fd;

	assert_non_null(place);
	snprintf(place->path, sizeof(place->path), "/tmp/cores-XXXXXX");
	fd = mkstemp(place->path);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(cores_new(place->path, &place->cores), 0);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;

	cores_free(place->cores);
	unlink(place->path);
	free(place);
	return 0;
}

static void test_one_core_without_time_is_enough(void **state)
{
	assert_false(after(*state, 1000, 0, 0)); /* nothing to hold it against */
	assert_false(after(*state, 1000, 50, 50));
	assert_true(after(*state, 1000, 100, 0));
	assert_true(after(*state, 1000, 4, 90));
	assert_false(after(*state, 1000, 5, 90));
}

static void test_looks_too_close_or_too_far_apart_say_nothing(void **state)
{
	assert_false(after(*state, 1000, 0, 0));
	assert_false(after(*state, 100, 0, 0));
	assert_true(after(*state, 100, 0, 0));
	assert_false(after(*state, 10010, 0, 0));
	assert_true(after(*state, 200, 0, 0));
}

static void test_what_cannot_be_read_has_time(void **state)
{
	struct place *place = *state;

	assert_false(after(place, 1000, 0, 0));
	unlink(place->path);
	assert_false(cores_are_short(place->cores, mono_add_ms(start, 1000000)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_one_core_without_time_is_enough, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_looks_too_close_or_too_far_apart_say_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_what_cannot_be_read_has_time, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
