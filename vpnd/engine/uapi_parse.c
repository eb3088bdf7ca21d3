/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/engine/uapi_parse.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

void uapi_parse_init(struct uapi_parser *parser, bool is_state)
{
	*parser = (struct uapi_parser){.is_state = is_state, .verb = UAPI_PARSED_PART};
}

void uapi_parse_done(struct uapi_parser *parser)
{
	uapi_changes_done(&parser->changes);
	explicit_bzero(parser, sizeof(*parser));
}

/* --- values ------------------------------------------------------------------------------------
 */

/* Digits alone, up to `max`. */
static int number(const char *text, uint32_t max, uint32_t *out)
{
	uint64_t value = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		value = 10 * value + (uint64_t)(*text - '0');
		if (value > max)
			return -EINVAL;
	}
	*out = (uint32_t)value;
	return 0;
}

static int parse_true(const char *value, struct uapi_change *change)
{
	(void)change;
	return strcmp(value, "true") ? -EINVAL : 0;
}

static int parse_key(const char *value, struct uapi_change *change)
{
	return key_from_hex(value, change->key);
}

static int parse_number16(const char *value, struct uapi_change *change)
{
	return number(value, UINT16_MAX, &change->number);
}

static int parse_number32(const char *value, struct uapi_change *change)
{
	return number(value, UINT32_MAX, &change->number);
}

/* The zone of a link-local address may be an interface's name, which becomes its index. */
static int parse_endpoint(const char *value, struct uapi_change *change)
{
	const char *zone = strchr(value, '%'), *end = zone ? strchr(zone, ']') : NULL;
	char name[IF_NAMESIZE], digits[UAPI_PARSE_LINE_MAX + 1];
	unsigned int index;

	if (!zone || !end || (zone[1] >= '0' && zone[1] <= '9'))
		return endpoint_parse(value, &change->endpoint);
	if (end - zone > IF_NAMESIZE)
		return -EINVAL;
	snprintf(name, sizeof(name), "%.*s", (int)(end - zone - 1), zone + 1);
	index = if_nametoindex(name);
	if (index == 0)
		return -EINVAL;
	snprintf(digits, sizeof(digits), "%.*s%%%u%s", (int)(zone - value), value, index, end);
	return endpoint_parse(digits, &change->endpoint);
}

/* A leading minus takes the prefix away. */
static int parse_allowed_ip(const char *value, struct uapi_change *change)
{
	if (*value == '-') {
		change->op = UAPI_DISALLOW;
		value++;
	}
	if (!strchr(value, '/'))
		return -EINVAL;
	return prefix_parse(value, false, &change->prefix);
}

/* --- lines -------------------------------------------------------------------------------------
 */

/* Of which lines a key is one. */
enum place {
	INTERFACE,
	PEER,
	STATE, /* of a peer, and of state text only */
};

static const struct key {
	const char *name;
	enum place place;
	enum uapi_op op;
	int (*parse)(const char *value, struct uapi_change *change);
} keys[] = {
	{"private_key", INTERFACE, UAPI_PRIVATE_KEY, parse_key},
	{"listen_port", INTERFACE, UAPI_LISTEN_PORT, parse_number16},
	{"fwmark", INTERFACE, UAPI_FWMARK, parse_number32},
	{"replace_peers", INTERFACE, UAPI_REPLACE_PEERS, parse_true},
	{"preshared_key", PEER, UAPI_PRESHARED_KEY, parse_key},
	{"endpoint", PEER, UAPI_ENDPOINT, parse_endpoint},
	{"persistent_keepalive_interval", PEER, UAPI_KEEPALIVE, parse_number16},
	{"replace_allowed_ips", PEER, UAPI_REPLACE_ALLOWED_IPS, parse_true},
	{"allowed_ip", PEER, UAPI_ALLOW, parse_allowed_ip},
	{"had_session", STATE, UAPI_HAD_SESSION, parse_true},
};

static const struct key *find_key(const struct uapi_parser *parser, const char *name)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		const struct key *key = &keys[i];

		if (strcmp(key->name, name))
			continue;
		if ((key->place == INTERFACE) == !!parser->peer)
			return NULL;
		return key->place == STATE && !parser->is_state ? NULL : key;
	}
	return NULL;
}

/* Lines that say something about the peer as a whole. */
static int peer_flag(struct uapi_change *peer, enum uapi_peer_flags flag, const char *value)
{
	if (strcmp(value, "true"))
		return -EINVAL;
	peer->peer_flags |= flag;
	return 0;
}

static int peer_line(struct uapi_parser *parser, const char *name, const char *value)
{
	if (!strcmp(name, "remove"))
		return peer_flag(parser->peer, UAPI_PEER_REMOVE, value);
	if (!strcmp(name, "update_only"))
		return peer_flag(parser->peer, UAPI_PEER_UPDATE_ONLY, value);
	if (!strcmp(name, "protocol_version"))
		return strcmp(value, "1") ? -EINVAL : 0;
	return -ENOENT;
}

static int set_line(struct uapi_parser *parser, const char *name, const char *value)
{
	struct uapi_change *change;
	const struct key *key;
	int error;

	if (!strcmp(name, "public_key")) {
		error = uapi_changes_add(&parser->changes, UAPI_PEER, &parser->peer);
		return error ? error : parse_key(value, parser->peer);
	}
	error = parser->peer ? peer_line(parser, name, value) : -ENOENT;
	if (error != -ENOENT)
		return error;
	key = find_key(parser, name);
	if (!key)
		return -EINVAL;
	error = uapi_changes_add(&parser->changes, key->op, &change);
	return error ? error : key->parse(value, change);
}

/* True if the line fits and holds no NUL: then parser->line is all of it. */
static bool line_is_text(const struct uapi_parser *parser)
{
	return strlen(parser->line) == parser->line_len;
}

static int body_line(struct uapi_parser *parser)
{
	char *value;

	if (parser->verb == UAPI_PARSED_GET || !line_is_text(parser))
		return -EINVAL;
	value = strchr(parser->line, '=');
	if (!value)
		return -EPROTO;
	*value++ = '\0';
	return set_line(parser, parser->line, value);
}

static enum uapi_parsed verb_line(struct uapi_parser *parser)
{
	if (line_is_text(parser) && !strcmp(parser->line, "get=1"))
		parser->verb = UAPI_PARSED_GET;
	else if (line_is_text(parser) && !strcmp(parser->line, "set=1"))
		parser->verb = UAPI_PARSED_SET;
	else
		return UAPI_PARSED_JUNK;
	return UAPI_PARSED_PART;
}

/* A whole line, without its newline. Returns what the request is after it. */
static enum uapi_parsed take_line(struct uapi_parser *parser)
{
	if (parser->verb == UAPI_PARSED_PART)
		return verb_line(parser);
	if (parser->line_len == 0)
		return parser->verb;
	if (!parser->error && (parser->error = body_line(parser)))
		uapi_changes_done(&parser->changes);
	return UAPI_PARSED_PART;
}

/* Keep what fits of a part of a line. */
static void keep(struct uapi_parser *parser, const char *bytes, size_t len)
{
	size_t room =
		parser->line_len < UAPI_PARSE_LINE_MAX ? UAPI_PARSE_LINE_MAX - parser->line_len : 0;

	if (room > 0)
		memcpy(parser->line + parser->line_len, bytes, len < room ? len : room);
	parser->line_len += len;
}

enum uapi_parsed uapi_parse(
	struct uapi_parser *parser, const char *bytes, size_t len, size_t *taken)
{
	enum uapi_parsed result = UAPI_PARSED_PART;
	size_t at = 0;

	while (at < len && result == UAPI_PARSED_PART) {
		const char *newline = memchr(bytes + at, '\n', len - at);
		size_t part = newline ? (size_t)(newline - (bytes + at)) : len - at;

		keep(parser, bytes + at, part);
		at += part;
		if (parser->verb == UAPI_PARSED_PART && parser->line_len > UAPI_PARSE_LINE_MAX)
			result = UAPI_PARSED_JUNK;
		if (!newline)
			break;
		at++;
		if (result == UAPI_PARSED_PART)
			result = take_line(parser);
		explicit_bzero(parser->line, sizeof(parser->line));
		parser->line_len = 0;
	}
	*taken = at;
	return result;
}
