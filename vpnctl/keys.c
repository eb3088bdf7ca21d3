/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keys, as wg(8) makes them. No message holds a byte of what was read, and secrets are read and
 * written without stdio, whose buffers nobody wipes.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/control.h"
#include "base/key.h"
#include "base/keyfile.h"
#include "vpnctl/exit.h"
#include "vpnctl/invocation.h"
#include "vpnctl/newfile.h"

#define ERROR_LEN 512

/* What is secret in one command, wiped whole at its end. */
struct secret {
	uint8_t key[KEY_LEN];
	char text[KEY_BASE64_LEN + 4]; /* with a newline, and more so that too much is noticed */
};

static void wipe(struct secret *secret)
{
	sodium_memzero(secret, sizeof(*secret));
}
#define _wiped_ __attribute__((cleanup(wipe)))

static int failed(const char *reason)
{
	fprintf(stderr, "vpnctl: %s\n", reason);
	return EXIT_FAILED;
}

/* --- new keys -----------------------------------------------------------------------------------
 */

/* The key, and its line of text. */
static int generate(struct secret *secret, bool is_private)
{
	if (sodium_init() < 0)
		return -EIO;
	randombytes_buf(secret->key, sizeof(secret->key));
	if (is_private)
		key_clamp(secret->key);
	key_to_base64(secret->key, secret->text);
	secret->text[KEY_BASE64_LEN] = '\n';
	return 0;
}

static void warn_of_readers(void)
{
	struct stat st;

	if (fstat(STDOUT_FILENO, &st) == 0 && S_ISREG(st.st_mode) && st.st_mode & S_IRWXO)
		fputs("vpnctl: warning: everyone can read the file that this key goes to; better: "
		      "(umask 077; vpnctl genkey >FILE)\n",
			stderr);
}

static int print_new(bool is_private)
{
	_wiped_ struct secret secret = {0};

	warn_of_readers();
	if (generate(&secret, is_private) < 0)
		return failed("no source of random numbers");
	int r = newfile_write(STDOUT_FILENO, secret.text, KEY_BASE64_LEN + 1);
	if (r < 0) {
		fprintf(stderr, "vpnctl: cannot write the key: %s\n", strerror(-r));
		return EXIT_OUTPUT;
	}
	return EXIT_WELL;
}

int keys_genkey(const struct invocation *inv)
{
	(void)inv;
	return print_new(true);
}

int keys_genpsk(const struct invocation *inv)
{
	(void)inv;
	return print_new(false);
}

/* --- public keys --------------------------------------------------------------------------------
 */

static int to_public(const struct secret *secret, char text[static KEY_BASE64_STRLEN])
{
	uint8_t public_key[KEY_LEN];

	if (sodium_init() < 0 || crypto_scalarmult_base(public_key, secret->key) != 0)
		return -EIO;
	key_to_base64(public_key, text);
	return 0;
}

/* Read to the end: a key, then at most a little white space. */
static int read_secret(int fd, struct secret *secret)
{
	size_t len = 0;

	while (len < sizeof(secret->text)) {
		ssize_t n = read(fd, secret->text + len, sizeof(secret->text) - len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			break;
		if (n > 0)
			len += (size_t)n;
	}
	if (len == sizeof(secret->text))
		return -EINVAL;
	while (len && strchr(" \t\r\n", secret->text[len - 1]))
		len--;
	if (len != KEY_BASE64_LEN)
		return -EINVAL;
	secret->text[len] = '\0';
	return key_from_base64(secret->text, secret->key);
}

int keys_pubkey(const struct invocation *inv)
{
	_wiped_ struct secret secret = {0};
	char text[KEY_BASE64_STRLEN];

	(void)inv;
	if (read_secret(STDIN_FILENO, &secret) < 0)
		return failed("what stdin gives is no private key (44 characters of base64)");
	if (to_public(&secret, text) < 0)
		return failed("cannot compute the public key");
	puts(text);
	return EXIT_WELL;
}

/* --- key ensure ---------------------------------------------------------------------------------
 */

/* -EEXIST if somebody else just did. */
static int create(const char *path)
{
	_wiped_ struct secret secret = {0};
	int r = generate(&secret, true);

	return r < 0 ? r : newfile_create(path, 0600, secret.text, KEY_BASE64_LEN + 1);
}

static int open_or_create(const char *path, int *fd, bool *created, char err[static ERROR_LEN])
{
	int r = keyfile_open(path, fd, err, ERROR_LEN);

	if (r != -ENOENT)
		return r;
	r = create(path);
	if (r < 0 && r != -EEXIST) {
		snprintf(err, ERROR_LEN, "%s: cannot create it: %s", path, strerror(-r));
		return r;
	}
	*created = r == 0;
	return keyfile_open(path, fd, err, ERROR_LEN);
}

static int print_ensured(const char *path, const char *public_key, bool created)
{
	_cleanup_json_ json_t *json = json_pack("{s:i, s:s, s:s, s:b}", "schema", CONTROL_SCHEMA,
		"file", path, "public_key", public_key, "created", created);

	if (!json || json_dumpf(json, stdout, JSON_INDENT(2)) < 0)
		return failed("out of memory, or a file name that is no UTF-8");
	putchar('\n');
	return EXIT_WELL;
}

int keys_ensure(const struct invocation *inv)
{
	const char *path = inv->arguments[0];
	_wiped_ struct secret secret = {0};
	char public_key[KEY_BASE64_STRLEN], err[ERROR_LEN], reason[ERROR_LEN];
	_cleanup_close_ int fd = -1;
	bool created = false;

	if (open_or_create(path, &fd, &created, err) < 0)
		return failed(err);
	/* What was just written is read back, too: only what is on disk counts. */
	if (keyfile_read(fd, secret.key, reason, sizeof(reason)) < 0) {
		fprintf(stderr, "vpnctl: %s: %s; left as it is\n", path, reason);
		return EXIT_FAILED;
	}
	if (to_public(&secret, public_key) < 0)
		return failed("cannot compute the public key");
	if (inv->json)
		return print_ensured(path, public_key, created);
	puts(public_key);
	return EXIT_WELL;
}
