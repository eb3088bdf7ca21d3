/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/keyfile.h"
#include "base/memfd.h"

static const char good[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

static void key_texts_survive_a_round_trip(void **state)
{
	uint8_t key[KEY_LEN], back[KEY_LEN];
	char text[KEY_HEX_STRLEN];

	(void)state;
	assert_int_equal(key_from_base64(good, key), 0);
	for (int i = 0; i < KEY_LEN; i++)
		assert_int_equal(key[i], i);
	assert_string_equal(key_to_base64(key, text), good);
	assert_string_equal(key_to_hex(key, text),
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
	assert_int_equal(key_from_hex(text, back), 0);
	assert_memory_equal(key, back, KEY_LEN);
	assert_int_equal(
		key_from_hex(
			"000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F", back),
		0);
	assert_memory_equal(key, back, KEY_LEN);
}

static void malformed_keys_are_refused_and_change_nothing(void **state)
{
	static const char *const bad[] = {"", "=", "AAEC",
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",   /* no padding */
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8==", /* too much */
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=",  /* unused bits set */
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8 ",
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n",
		" AECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
		"AA-CAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", /* the URL alphabet */
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=A"};
	uint8_t key[KEY_LEN], before[KEY_LEN];

	(void)state;
	memset(key, 7, sizeof(key));
	memcpy(before, key, sizeof(key));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(key_from_base64(bad[i], key), -EINVAL);
		assert_int_equal(key_from_hex(bad[i], key), -EINVAL);
	}
	assert_int_equal(
		key_from_hex(
			"g00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", key),
		-EINVAL);
	assert_memory_equal(key, before, KEY_LEN);
}

static void clamp_and_zero_follow_rfc7748(void **state)
{
	uint8_t key[KEY_LEN] = {0};

	(void)state;
	assert_true(key_is_zero(key));
	memset(key, 0xff, sizeof(key));
	key_clamp(key);
	assert_int_equal(key[0], 0xf8);
	assert_int_equal(key[31], 0x7f);
	memset(key, 0, sizeof(key));
	key_clamp(key);
	assert_int_equal(key[31], 0x40);
	assert_false(key_is_zero(key));
}

/* --- files ------------------------------------------------------------------------------------ */

static int make_dir(void **state)
{
	static char dir[] = "/tmp/test_key.XXXXXX";

	*state = mkdtemp(dir);
	return *state && chdir(dir) == 0 ? 0 : -1;
}

static int remove_dir(void **state)
{
	unlink("key");
	unlink("fifo");
	unlink("link");
	return rmdir(*state);
}

static void put(const char *content, size_t len, mode_t mode)
{
	int fd = open("key", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, content, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static int read_file(uint8_t key[KEY_LEN], char *err, size_t errlen)
{
	int fd, many, r = keyfile_open("key", &fd, err, errlen);
	char again[256] = "";

	if (r < 0)
		return r;
	r = keyfile_read(fd, key, err, errlen);
	/* Among others it is worth the same. */
	many = memfd_new("many");
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(keyfile_gather(fd, many, 2 * i), 0);
	assert_int_equal(memfd_seal(many), 0);
	assert_int_equal(keyfile_read_nth(many, 2, key, again, sizeof(again)), r);
	assert_string_equal(again, err);
	assert_int_equal(keyfile_read_nth(many, 4, key, again, sizeof(again)), r);
	assert_int_equal(keyfile_read_nth(many, 3, key, again, sizeof(again)), -EINVAL);
	close(many);
	close(fd);
	return r;
}

static void keyfile_takes_one_line_of_base64(void **state)
{
	uint8_t key[KEY_LEN];
	char text[64], err[256] = "";

	(void)state;
	put(good, 44, 0600);
	assert_int_equal(read_file(key, err, sizeof(err)), 0);
	snprintf(text, sizeof(text), "%s\n", good);
	put(text, 45, 0400);
	assert_int_equal(read_file(key, err, sizeof(err)), 0);
	assert_int_equal(key[31], 31);
	assert_string_equal(err, "");
}

static void keyfile_refuses_wrong_content_without_showing_it(void **state)
{
	static const char *const bad[] = {"", "\n", "SECRETSECRET",
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n\n",
		"\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=x"};
	uint8_t key[KEY_LEN];
	char err[256];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		put(bad[i], strlen(bad[i]), 0600);
		assert_int_equal(read_file(key, err, sizeof(err)), -EINVAL);
		assert_null(strstr(err, "SECRET"));
		assert_null(strstr(err, "AAEC"));
	}
}

static void keyfile_refuses_every_right_of_others(void **state)
{
	static const mode_t modes[] = {0640, 0604, 0620, 0610, 0601, 0666};
	uint8_t key[KEY_LEN];
	char err[256];

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		put(good, 44, modes[i]);
		assert_int_equal(read_file(key, err, sizeof(err)), -EPERM);
		assert_non_null(strstr(err, "chmod 600 key"));
	}
	if (geteuid() == 0) {
		put(good, 44, 0600);
		assert_int_equal(chown("key", 65534, 65534), 0);
		assert_int_equal(read_file(key, err, sizeof(err)), -EPERM);
		assert_non_null(strstr(err, "chown root key"));
		assert_int_equal(chown("key", 0, 0), 0);
	}
}

static void keyfile_refuses_what_is_no_file(void **state)
{
	char err[256];
	int fd = -7;

	(void)state;
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_int_equal(keyfile_open("fifo", &fd, err, sizeof(err)), -EINVAL);
	assert_int_equal(keyfile_open(".", &fd, err, sizeof(err)), -EINVAL);
	assert_int_equal(keyfile_open("missing", &fd, err, sizeof(err)), -ENOENT);
	assert_non_null(strstr(err, "missing: "));
	assert_int_equal(fd, -7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(key_texts_survive_a_round_trip),
		cmocka_unit_test(malformed_keys_are_refused_and_change_nothing),
		cmocka_unit_test(clamp_and_zero_follow_rfc7748),
		cmocka_unit_test(keyfile_takes_one_line_of_base64),
		cmocka_unit_test(keyfile_refuses_wrong_content_without_showing_it),
		cmocka_unit_test(keyfile_refuses_every_right_of_others),
		cmocka_unit_test(keyfile_refuses_what_is_no_file),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
