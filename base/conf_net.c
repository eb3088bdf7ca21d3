/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The config's types that name interfaces, hosts and networks. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf_ctx.h"

bool conf_is_ifname(const char *text)
{
	static const char valid[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_=+.-";
	size_t len = strlen(text);

	return len > 0 && len < IFNAMSIZ && strspn(text, valid) == len && *text != '-' &&
	       strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

int conf_net_ifname(
	struct conf_ctx *ctx, const struct conf_row *row, const config_setting_t *at, void *dst)
{
	const char *text = conf_type_string(ctx, row, at);

	if (!text)
		return -EINVAL;
	if (!conf_is_ifname(text))
		return conf_type_refuse(
			ctx, at, text, "an interface name: 1 to 15 of A-Z a-z 0-9 _ = + . -");
	memcpy(dst, text, strlen(text) + 1);
	return 0;
}

int conf_net_prefix(
	struct conf_ctx *ctx, const struct conf_row *row, const config_setting_t *at, void *dst)
{
	const char *text = conf_type_string(ctx, row, at);
	struct prefix masked;
	char shown[PREFIX_STRLEN];
	int r = text ? prefix_parse(text, true, dst) : 0;

	if (!text)
		return -EINVAL;
	if (r == -EADDRNOTAVAIL && prefix_parse(text, false, &masked) == 0)
		conf_error(ctx, at, "%s: \"%s\" has bits set past its length; the prefix is \"%s\"",
			conf_name_of(at), text, prefix_format(&masked, shown));
	else if (r < 0)
		conf_type_refuse(
			ctx, at, text, "a prefix like \"10.0.0.0/8\" or \"2001:db8::/32\"");
	return r < 0 ? -EINVAL : 0;
}

int conf_net_ifaddr(
	struct conf_ctx *ctx, const struct conf_row *row, const config_setting_t *at, void *dst)
{
	const char *text = conf_type_string(ctx, row, at);

	if (!text)
		return -EINVAL;
	if (prefix_parse_host(text, dst) < 0)
		return conf_type_refuse(ctx, at, text,
			"an address and length like \"169.254.10.2/30\" or \"2001:db8::1/64\"");
	return 0;
}

int conf_net_addr(
	struct conf_ctx *ctx, const struct conf_row *row, const config_setting_t *at, void *dst)
{
	const char *text = conf_type_string(ctx, row, at);

	if (!text)
		return -EINVAL;
	if (addr_parse(text, dst) < 0)
		return conf_type_refuse(
			ctx, at, text, "an address like \"192.0.2.1\" or \"2001:db8::1\"");
	return 0;
}

/* Digits of a number from 0 to 65535; *end is what follows. */
static int parse_port(const char *text, const char **end, uint16_t *port)
{
	unsigned long value = 0;

	for (*end = text; isdigit((unsigned char)**end) && value <= UINT16_MAX; (*end)++)
		value = value * 10 + (unsigned long)(**end - '0');
	if (*end == text || value > UINT16_MAX)
		return -EINVAL;
	*port = (uint16_t)value;
	return 0;
}

/* RFC 1123: letters, digits and dashes; not all digits at its end, or it is a mistyped address. */
static bool is_host_name(const char *host, size_t len)
{
	const char *label = host;
	bool numeric = true;

	if (len == 0 || len > 253 || host[len - 1] == '.')
		return false;
	for (const char *c = host; c < host + len; c++) {
		if (*c == '.') {
			if (c == label || c[-1] == '-')
				return false;
			label = c + 1;
			numeric = true;
			continue;
		}
		if (!isalnum((unsigned char)*c) && *c != '_' && (*c != '-' || c == label))
			return false;
		if (c - label >= 63)
			return false;
		numeric = numeric && isdigit((unsigned char)*c);
	}
	return !numeric && host[len - 1] != '-';
}

/* How much of the text is the host, without brackets, and where it starts. */
static int parse_hostport(
	const char *text, struct conf_hostport *out, const char **host, size_t *len)
{
	const char *colon = strrchr(text, ':'), *end;

	if (!colon)
		return -EINVAL;
	*host = text;
	*len = (size_t)(colon - text);
	if (endpoint_parse(text, &out->address) == 0) {
		out->port = out->address.port;
		if (*text == '[') {
			*host += 1;
			*len -= 2;
		}
		return 0;
	}
	if (!is_host_name(text, *len) || parse_port(colon + 1, &end, &out->port) < 0 || *end ||
		out->port == 0)
		return -EINVAL;
	return 0;
}

int conf_parse_hostport(const char *text, struct conf_hostport *out)
{
	struct conf_hostport parsed = {0};
	const char *host;
	size_t len;
	int r = parse_hostport(text, &parsed, &host, &len);

	if (r < 0)
		return r;
	parsed.host = strndup(host, len);
	if (!parsed.host)
		return -ENOMEM;
	*out = parsed;
	return 0;
}

int conf_net_hostport(
	struct conf_ctx *ctx, const struct conf_row *row, const config_setting_t *at, void *dst)
{
	const char *text = conf_type_string(ctx, row, at);
	int r = text ? conf_parse_hostport(text, dst) : -EINVAL;

	if (r == -ENOMEM)
		ctx->out_of_memory = true;
	if (!text || r != -EINVAL)
		return r;
	return conf_type_refuse(ctx, at, text,
		"a host and port like \"192.0.2.1:51820\", \"[2001:db8::1]:51820\" or "
		"\"vpn.example.net:51820\"");
}

void conf_net_free_hostport(const struct conf_row *row, void *dst)
{
	(void)row;
	free(((struct conf_hostport *)dst)->host);
}

int conf_net_ports(
	struct conf_ctx *ctx, const struct conf_row *row, const config_setting_t *at, void *dst)
{
	const char *text = conf_type_string(ctx, row, at), *end;
	struct conf_ports ports;

	if (!text)
		return -EINVAL;
	if (parse_port(text, &end, &ports.first) < 0 || *end != '-' ||
		parse_port(end + 1, &end, &ports.last) < 0 || *end || ports.first == 0 ||
		ports.first > ports.last)
		return conf_type_refuse(ctx, at, text, "a range of ports like \"1024-65535\"");
	*(struct conf_ports *)dst = ports;
	return 0;
}
