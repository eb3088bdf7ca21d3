/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnctl/wgquick.h"

#include <errno.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/nearest.h"

enum {
	MTU_MIN = 576,  /* bytes, as vpnd.conf has it */
	HOST_LEN = 240, /* bytes of a host name that vpnd takes */
};

enum section {
	NOWHERE,
	INTERFACE,
	PEER,
	UNKNOWN, /* its lines are passed over: there is an error already */
};

struct reader {
	const char *file;
	FILE *notes;
	int line;
	enum section section;
	struct wgquick quick;
	struct wgquick_peer *peer; /* the newest */
	int error;
};

__attribute__((format(printf, 2, 3))) static int wrong(
	struct reader *reader, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fprintf(reader->notes, "%s:%d: ", reader->file, reader->line);
	vfprintf(reader->notes, format, ap);
	fputc('\n', reader->notes);
	va_end(ap);
	return -EINVAL;
}

static int out_of_memory(struct reader *reader)
{
	wrong(reader, "out of memory");
	return -ENOMEM;
}

/* --- values -------------------------------------------------------------------------------------
 */

/* Decimal, or hex after 0x. */
static int parse_number(const char *text, uint32_t max, uint32_t *out)
{
	char *end;
	int base = strncasecmp(text, "0x", 2) == 0 ? 16 : 10;
	const char *digits = base == 16 ? text + 2 : text;

	if (strspn(digits, base == 16 ? "0123456789abcdefABCDEF" : "0123456789") != strlen(digits))
		return -EINVAL;
	errno = 0;
	unsigned long long value = strtoull(digits, &end, base);
	if (end == digits || errno || value > max)
		return -EINVAL;
	*out = (uint32_t)value;
	return 0;
}

static int read_number(
	struct reader *reader, const char *key, const char *value, uint32_t max, uint32_t *out)
{
	if (parse_number(value, max, out) < 0)
		return wrong(reader, "%s: must be a number from 0 to %u", key, max);
	return 0;
}

static int read_key(
	struct reader *reader, const char *key, const char *value, uint8_t out[static KEY_LEN])
{
	if (key_from_base64(value, out) < 0)
		return wrong(reader, "%s: must be a key, 44 characters of base64", key);
	return 0;
}

static int add_prefix(
	struct reader *reader, struct wgquick_prefixes *list, const struct prefix *prefix)
{
	if (list->n == list->room) {
		size_t room = list->room ? 2 * list->room : 4;
		void *items = reallocarray(list->items, room, sizeof(*list->items));

		if (!items)
			return out_of_memory(reader);
		list->items = items;
		list->room = room;
	}
	list->items[list->n++] = (struct wgquick_prefix){*prefix, reader->line, false};
	return 0;
}

static char *trim(char *text)
{
	static const char space[] = " \t\r\n\v\f";
	size_t len;

	text += strspn(text, space);
	len = strlen(text);
	while (len && strchr(space, text[len - 1]))
		len--;
	text[len] = '\0';
	return text;
}

/* Prefixes with commas between them; none is fine. */
static int read_prefixes(struct reader *reader, const char *key, char *value, bool host,
	struct wgquick_prefixes *list)
{
	struct prefix prefix;
	char *item;
	int n = 0;

	while (*value && (item = strsep(&value, ","))) {
		int r;

		n++;
		item = trim(item);
		r = host ? prefix_parse_host(item, &prefix) : prefix_parse(item, false, &prefix);
		if (r < 0)
			return wrong(reader,
				"%s: number %d of the line is no address with a length, like %s",
				key, n, host ? "10.0.0.2/24" : "10.0.0.0/24");
		r = add_prefix(reader, list, &prefix);
		if (r < 0)
			return r;
		if (!value)
			break;
	}
	return 0;
}

/* --- keys of [Interface] ------------------------------------------------------------------------
 */

static int read_private_key(struct reader *reader, const char *key, char *value)
{
	int r = read_key(reader, key, value, reader->quick.private_key);

	reader->quick.has_private_key = true; /* in any case: one error is enough */
	if (r == 0 && key_is_zero(reader->quick.private_key))
		return wrong(reader, "%s: is no key, all of it is zero", key);
	return r;
}

static int read_listen_port(struct reader *reader, const char *key, char *value)
{
	uint32_t number;
	int r = read_number(reader, key, value, UINT16_MAX, &number);

	if (r == 0)
		reader->quick.listen_port = (uint16_t)number;
	return r;
}

static int read_fwmark(struct reader *reader, const char *key, char *value)
{
	if (strcasecmp(value, "off") == 0) {
		reader->quick.fwmark = 0;
		return 0;
	}
	return read_number(reader, key, value, UINT32_MAX, &reader->quick.fwmark);
}

static int read_address(struct reader *reader, const char *key, char *value)
{
	return read_prefixes(reader, key, value, true, &reader->quick.addresses);
}

static int read_mtu(struct reader *reader, const char *key, char *value)
{
	if (parse_number(value, UINT16_MAX, &reader->quick.mtu) < 0 || reader->quick.mtu < MTU_MIN)
		return wrong(
			reader, "%s: must be a number from %d to %d", key, MTU_MIN, UINT16_MAX);
	reader->quick.mtu_line = reader->line;
	return 0;
}

static int read_table(struct reader *reader, const char *key, char *value)
{
	reader->quick.no_routes = strcmp(value, "off") == 0;
	if (reader->quick.no_routes)
		wrong(reader, "warning: %s = off: no routes are written", key);
	else if (strcmp(value, "auto") != 0)
		wrong(reader, "warning: %s: the routes of vpnd are in the main table", key);
	return 0;
}

static int read_dns(struct reader *reader, const char *key, char *value)
{
	(void)value;
	wrong(reader, "warning: %s: vpnd sets no name servers", key);
	return 0;
}

static int read_hook(struct reader *reader, const char *key, char *value)
{
	(void)value;
	wrong(reader, "warning: %s: vpnd runs no commands", key);
	return 0;
}

static int read_save_config(struct reader *reader, const char *key, char *value)
{
	if (strcmp(value, "true") == 0)
		wrong(reader, "warning: %s: vpnd never writes its config", key);
	else if (strcmp(value, "false") != 0)
		return wrong(reader, "%s: must be true or false", key);
	return 0;
}

/* --- keys of [Peer] -----------------------------------------------------------------------------
 */

static int read_public_key(struct reader *reader, const char *key, char *value)
{
	struct wgquick_peer *peer = reader->peer;
	int r = read_key(reader, key, value, peer->public_key);

	peer->has_public_key = true; /* in any case, too */
	if (r == 0 && key_is_zero(peer->public_key))
		return wrong(reader, "%s: is no key, all of it is zero", key);
	return r;
}

/* All zero is none, on the wire as well. */
static int read_preshared_key(struct reader *reader, const char *key, char *value)
{
	struct wgquick_peer *peer = reader->peer;
	int r = read_key(reader, key, value, peer->preshared_key);

	peer->has_preshared_key = r == 0 && !key_is_zero(peer->preshared_key);
	return r;
}

static int read_allowed_ips(struct reader *reader, const char *key, char *value)
{
	return read_prefixes(reader, key, value, false, &reader->peer->allowed_ips);
}

static int read_endpoint(struct reader *reader, const char *key, char *value)
{
	struct conf_hostport endpoint = {0};
	int r = conf_parse_hostport(value, &endpoint);

	if (r == -ENOMEM)
		return out_of_memory(reader);
	if (r == 0 && strlen(endpoint.host) > HOST_LEN) {
		free(endpoint.host);
		r = -EINVAL;
	}
	if (r < 0)
		return wrong(reader,
			"%s: must be a host and a port, like 192.0.2.1:51820, [2001:db8::1]:51820 "
			"or vpn.example.net:51820",
			key);
	free(reader->peer->endpoint.host);
	reader->peer->endpoint = endpoint;
	reader->peer->endpoint_line = reader->line;
	return 0;
}

static int read_keepalive(struct reader *reader, const char *key, char *value)
{
	uint32_t seconds = 0;
	int r = strcasecmp(value, "off") == 0
			? 0
			: read_number(reader, key, value, UINT16_MAX, &seconds);

	if (r == 0)
		reader->peer->persistent_keepalive = (uint16_t)seconds;
	return r;
}

/* --- lines --------------------------------------------------------------------------------------
 */

static const struct key {
	const char *name;
	enum section section;
	int (*read)(struct reader *reader, const char *key, char *value);
} keys[] = {
	{"PrivateKey", INTERFACE, read_private_key},
	{"ListenPort", INTERFACE, read_listen_port},
	{"FwMark", INTERFACE, read_fwmark},
	{"Address", INTERFACE, read_address},
	{"MTU", INTERFACE, read_mtu},
	{"Table", INTERFACE, read_table},
	{"DNS", INTERFACE, read_dns},
	{"PreUp", INTERFACE, read_hook},
	{"PostUp", INTERFACE, read_hook},
	{"PreDown", INTERFACE, read_hook},
	{"PostDown", INTERFACE, read_hook},
	{"SaveConfig", INTERFACE, read_save_config},
	{"PublicKey", PEER, read_public_key},
	{"PresharedKey", PEER, read_preshared_key},
	{"AllowedIPs", PEER, read_allowed_ips},
	{"Endpoint", PEER, read_endpoint},
	{"PersistentKeepalive", PEER, read_keepalive},
};

static int unknown_key(struct reader *reader, const char *name)
{
	struct nearest nearest = nearest_to(name);

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].section == reader->section)
			nearest_offer(&nearest, keys[i].name);
	if (!nearest.best)
		return wrong(reader, "unknown key");
	return wrong(reader, "unknown key; did you mean %s?", nearest.best);
}

static int take_setting(struct reader *reader, const char *name, char *value)
{
	if (reader->section == UNKNOWN)
		return 0;
	if (reader->section == NOWHERE)
		return wrong(reader, "stands before the first [Interface] or [Peer]");
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const struct key *key = &keys[i];

		if (strcasecmp(key->name, name) != 0)
			continue;
		if (key->section != reader->section)
			return wrong(reader, "%s belongs into %s", key->name,
				key->section == PEER ? "[Peer]" : "[Interface]");
		return key->read(reader, key->name, value);
	}
	return unknown_key(reader, name);
}

static int begin_peer(struct reader *reader)
{
	struct wgquick_peer *peer = calloc(1, sizeof(*peer));

	if (!peer)
		return out_of_memory(reader);
	peer->line = reader->line;
	*(reader->peer ? &reader->peer->next : &reader->quick.peers) = peer;
	reader->peer = peer;
	return 0;
}

static int begin_section(struct reader *reader, const char *name)
{
	reader->section = UNKNOWN;
	if (strcasecmp(name, "[Interface]") == 0) {
		reader->section = INTERFACE;
		reader->quick.line = reader->line;
		return 0;
	}
	if (strcasecmp(name, "[Peer]") != 0)
		return wrong(reader, "unknown section; there are [Interface] and [Peer]");
	reader->section = PEER;
	return begin_peer(reader);
}

static int take_line(struct reader *reader, char *line)
{
	char *equals;

	line[strcspn(line, "#")] = '\0';
	line = trim(line);
	if (!*line)
		return 0;
	if (*line == '[')
		return begin_section(reader, line);
	equals = strchr(line, '=');
	if (!equals)
		return wrong(reader, "must be KEY = VALUE");
	*equals = '\0';
	return take_setting(reader, trim(line), trim(equals + 1));
}

static void take_lines(struct reader *reader, char *text, size_t len)
{
	char *end = text + len, *newline;

	for (; text < end && reader->error != -ENOMEM; text = newline + 1) {
		int r;

		reader->line++;
		newline = memchr(text, '\n', (size_t)(end - text));
		if (!newline)
			newline = end;
		*newline = '\0';
		if (strlen(text) != (size_t)(newline - text))
			r = wrong(reader, "holds a zero byte");
		else
			r = take_line(reader, text);
		if (r < 0)
			reader->error = r;
	}
}

int wgquick_parse(const char *file, char *text, size_t len, FILE *notes, struct wgquick *out)
{
	struct reader reader = {.file = file, .notes = notes};
	int r;

	take_lines(&reader, text, len);
	r = wgquick_check(file, notes, &reader.quick);
	if (reader.error < 0)
		r = reader.error;
	if (r == 0)
		*out = reader.quick;
	else
		wgquick_done(&reader.quick);
	sodium_memzero(&reader, sizeof(reader));
	return r;
}

void wgquick_done(struct wgquick *quick)
{
	struct wgquick_peer *peer;

	while ((peer = quick->peers)) {
		quick->peers = peer->next;
		free(peer->endpoint.host);
		free(peer->allowed_ips.items);
		sodium_memzero(peer, sizeof(*peer));
		free(peer);
	}
	free(quick->addresses.items);
	sodium_memzero(quick, sizeof(*quick));
}
