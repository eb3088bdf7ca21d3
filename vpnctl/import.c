/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A wg-quick(8) file becomes a vpnd.conf(5) and its key files. All that can be refused is looked at
 * before the first file is made, so that a second try finds things as the first did.
 */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/keyfile.h"
#include "vpnctl/exit.h"
#include "vpnctl/invocation.h"
#include "vpnctl/newfile.h"
#include "vpnctl/wgquick.h"

#define KEYS_DIR "/etc/gatehouse/keys"

enum {
	FILE_MAX = 8 << 20, /* bytes of what is read */
	ERROR_LEN = 512,
};

struct import {
	const struct invocation *inv;
	char name[IFNAMSIZ];
	char *dir; /* of the keys, absolute */
	struct wgquick quick;
	char *conf; /* the result */
	size_t conf_len;
};

__attribute__((format(printf, 1, 2))) static int failed(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fputs("vpnctl: ", stderr);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
	va_end(ap);
	return -EINVAL;
}

/* --- what is asked for --------------------------------------------------------------------------
 */

#define NO_IFNAME "is no interface name, 1 to 15 of A-Z a-z 0-9 _ = + . -"

/* The tunnel's name: as told, or that of the file as wg-quick takes it. */
static int take_name(struct import *import)
{
	const char *file = import->inv->arguments[0], *slash = strrchr(file, '/');
	const char *base = slash ? slash + 1 : file;
	size_t len = strlen(base);
	_cleanup_free_ char *name = NULL;

	if (len > 5 && strcmp(base + len - 5, ".conf") == 0)
		len -= 5;
	name = import->inv->name ? strdup(import->inv->name) : strndup(base, len);
	if (!name)
		return failed("out of memory");
	if (!conf_is_ifname(name))
		return failed("the file's name " NO_IFNAME "; give one with --name");
	memcpy(import->name, name, strlen(name) + 1);
	return 0;
}

/* The config needs an absolute path, without what libconfig would not take. */
static int take_dir(struct import *import)
{
	const char *given = import->inv->keys;

	import->dir = given ? realpath(given, NULL) : strdup(KEYS_DIR);
	if (!import->dir)
		return failed("%s: %s%s", given ?: KEYS_DIR, strerror(errno),
			errno == ENOENT ? "; to make it: mkdir -m 700 DIR" : "");
	for (const char *c = import->dir; *c; c++)
		if (*c < ' ' || *c > '~')
			return failed("--keys: the path holds what a config cannot");
	return 0;
}

/* --- the file -----------------------------------------------------------------------------------
 */

/* Up to `room` bytes from the start of a file. Returns how many, or a negative errno. */
static ssize_t read_all(int fd, char *text, size_t room)
{
	size_t len = 0;

	while (len < room) {
		ssize_t n = read(fd, text + len, room - len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			break;
		if (n > 0)
			len += (size_t)n;
	}
	return (ssize_t)len;
}

static int parse(struct import *import)
{
	const char *file = import->inv->arguments[0];
	_cleanup_close_ int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char *text;
	ssize_t len;
	int r;

	if (fd < 0)
		return failed("%s: %s", file, strerror(errno));
	text = malloc(FILE_MAX + 1);
	if (!text)
		return failed("out of memory");
	len = read_all(fd, text, FILE_MAX + 1);
	if (len < 0)
		r = failed("%s: %s", file, strerror((int)-len));
	else if (len > FILE_MAX)
		r = failed("%s: more than %d MB", file, FILE_MAX >> 20);
	else {
		text[len] = '\0';
		r = wgquick_parse(file, text, (size_t)len, stderr, &import->quick);
	}
	sodium_memzero(text, FILE_MAX + 1); /* also what came before a read error */
	free(text);
	return r;
}

static int print(struct import *import)
{
	FILE *f = open_memstream(&import->conf, &import->conf_len);
	int r;

	if (!f)
		return failed("out of memory");
	r = wgquick_print(f, &import->quick, import->name, import->dir);
	if (fclose(f) != 0 || r < 0)
		return failed("out of memory");
	return 0;
}

/* --- key files ----------------------------------------------------------------------------------
 */

/* Whether a key file is there. An error if it is and holds another key, or others may read it. */
static int find_key(const char *path, const uint8_t key[static KEY_LEN], bool *there)
{
	char err[ERROR_LEN];
	_cleanup_close_ int fd = -1;
	uint8_t held[KEY_LEN];
	bool same;
	int r = keyfile_open(path, &fd, err, sizeof(err));

	if (r == -ENOENT) {
		*there = false;
		return 0;
	}
	if (r < 0)
		return failed("%s", err);
	r = keyfile_read(fd, held, err, sizeof(err));
	if (r < 0)
		return failed("%s: %s; left as it is", path, err);
	same = sodium_memcmp(held, key, KEY_LEN) == 0;
	sodium_memzero(held, sizeof(held));
	if (!same)
		return failed("%s: holds another key; left as it is", path);
	*there = true;
	return 0;
}

static int make_key(const char *path, const uint8_t key[static KEY_LEN])
{
	char text[KEY_BASE64_STRLEN];
	int r;

	key_to_base64(key, text);
	text[KEY_BASE64_LEN] = '\n';
	r = newfile_create(path, 0600, text, sizeof(text));
	sodium_memzero(text, sizeof(text));
	return r < 0 ? failed("%s: cannot create it: %s", path, strerror(-r)) : 0;
}

/* See to one key file; make it only when that is asked for. */
static int place_key(const struct import *import, unsigned int peer,
	const uint8_t key[static KEY_LEN], bool make)
{
	_cleanup_free_ char *path = wgquick_key_path(import->dir, import->name, peer);
	bool there;
	int r = path ? find_key(path, key, &there) : failed("out of memory");

	return r == 0 && make && !there ? make_key(path, key) : r;
}

static int place_keys(const struct import *import, bool make)
{
	const struct wgquick *quick = &import->quick;
	unsigned int number = 0;
	int r = 0;

	if (quick->has_private_key)
		r = place_key(import, 0, quick->private_key, make);
	for (const struct wgquick_peer *peer = quick->peers; peer && r == 0; peer = peer->next) {
		number++;
		if (peer->has_preshared_key)
			r = place_key(import, number, peer->preshared_key, make);
	}
	return r;
}

/* --- what comes out -----------------------------------------------------------------------------
 */

static int place_conf(const struct import *import, bool make)
{
	const char *path = import->inv->output;
	int r = newfile_compare(path, import->conf, import->conf_len);

	if (r == -EEXIST)
		return failed("%s: is there and says something else; left as it is", path);
	if (r == 0 && make)
		r = newfile_create(path, 0644, import->conf, import->conf_len);
	return r < 0 ? failed("%s: %s", path, strerror(-r)) : 0;
}

static void say_dry(const struct import *import)
{
	bool has_key = import->quick.has_private_key;

	for (const struct wgquick_peer *peer = import->quick.peers; peer; peer = peer->next)
		has_key = has_key || peer->has_preshared_key;
	if (has_key)
		fputs("vpnctl: no key file was written; --keys DIR or --output FILE does it\n",
			stderr);
}

/* With neither a place for keys nor one for the config, nothing is written: a look at it. */
static int deliver(const struct import *import)
{
	bool dry = !import->inv->keys && !import->inv->output;
	int r = 0;

	if (import->inv->output)
		r = place_conf(import, false);
	if (r == 0 && !dry)
		r = place_keys(import, false);
	if (r == 0 && !dry)
		r = place_keys(import, true);
	if (r == 0 && import->inv->output)
		r = place_conf(import, true);
	else if (r == 0)
		fputs(import->conf, stdout);
	if (r == 0 && dry)
		say_dry(import);
	return r;
}

int import_run(const struct invocation *inv)
{
	struct import import = {.inv = inv};
	int r;

	if (inv->name && !conf_is_ifname(inv->name)) {
		failed("--name " NO_IFNAME);
		return EXIT_USAGE;
	}
	r = sodium_init() < 0 ? failed("no source of random numbers") : take_name(&import);

	if (r == 0)
		r = take_dir(&import);
	if (r == 0)
		r = parse(&import);
	if (r == 0)
		r = print(&import);
	if (r == 0)
		r = deliver(&import);
	wgquick_done(&import.quick);
	free(import.conf);
	free(import.dir);
	return r < 0 ? EXIT_FAILED : EXIT_WELL;
}
