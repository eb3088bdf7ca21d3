/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>

#include "base/args.h"

static const struct args_program program = {
	.name = "prog", .synopsis = "  prog [options] [NAME]\n", .max_operands = 1};

static int parse(struct args *out, char **argv)
{
	int argc = 0;

	while (argv[argc])
		argc++;
	return args_parse(&program, argc, argv, out);
}

#define WORDS(...) ((char *[]){(char[]){"prog"}, ##__VA_ARGS__, NULL})
#define W(text) ((char[]){text})

static void flags_have_defaults(void **state)
{
	struct args a;

	(void)state;
	assert_int_equal(parse(&a, WORDS()), 0);
	assert_null(a.config);
	assert_string_equal(a.run_dir, ARGS_RUN_DIR);
	assert_false(a.check || a.foreground || a.verbose);
	assert_int_equal(a.n_operands, 0);
}

static void flags_are_taken_in_any_place(void **state)
{
	struct args a;

	(void)state;
	assert_int_equal(parse(&a, WORDS(W("-f"), W("wg0"), W("--config"), W("x.conf"), W("-nv"),
					   W("--run-dir=/tmp/r"))),
		0);
	assert_true(a.check && a.foreground && a.verbose);
	assert_string_equal(a.config, "x.conf");
	assert_string_equal(a.run_dir, "/tmp/r");
	assert_int_equal(a.n_operands, 1);
	assert_string_equal(a.operands[0], "wg0");
}

static void wrong_usage_is_refused_and_changes_nothing(void **state)
{
	struct args a = {.n_operands = 7};

	(void)state;
	assert_int_equal(parse(&a, WORDS(W("--bogus"))), -EINVAL);
	assert_int_equal(parse(&a, WORDS(W("-c"))), -EINVAL);
	assert_int_equal(parse(&a, WORDS(W("a"), W("b"))), -EINVAL);
	assert_int_equal(a.n_operands, 7);
}

static void flag_of_one_program_is_taken_out(void **state)
{
	char name[] = "vpnd", config[] = "-c", file[] = "x", flush[] = "--flush";
	char *argv[] = {name, flush, config, file, NULL};
	int argc = 4;

	(void)state;
	assert_true(args_take_flag(&argc, argv, "--flush"));
	assert_int_equal(argc, 3);
	assert_ptr_equal(argv[1], config);
	assert_null(argv[3]);
	assert_false(args_take_flag(&argc, argv, "--flush"));
}

static void help_and_version_end_it(void **state)
{
	struct args a;

	(void)state;
	assert_int_equal(parse(&a, WORDS(W("--help"))), 1);
	assert_int_equal(parse(&a, WORDS(W("--version"))), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flags_have_defaults),
		cmocka_unit_test(flags_are_taken_in_any_place),
		cmocka_unit_test(wrong_usage_is_refused_and_changes_nothing),
		cmocka_unit_test(flag_of_one_program_is_taken_out),
		cmocka_unit_test(help_and_version_end_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
