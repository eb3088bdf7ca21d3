/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A wg-quick file as vpnd.conf(5). */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "vpnctl/wgquick.h"

char *wgquick_key_path(const char *dir, const char *name, unsigned int peer)
{
	char *path;
	int r = peer ? asprintf(&path, "%s/%s-%u.psk", dir, name, peer)
		     : asprintf(&path, "%s/%s.key", dir, name);

	return r < 0 ? NULL : path;
}

/* A string in libconfig's grammar. */
static void print_string(FILE *f, const char *text)
{
	fputc('"', f);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', f);
		fputc(*text, f);
	}
	fputc('"', f);
}

/* `key = "DIR/..."; ` */
static int print_key_path(
	FILE *f, const char *key, const char *dir, const char *name, unsigned int peer)
{
	_cleanup_free_ char *path = wgquick_key_path(dir, name, peer);

	if (!path)
		return -ENOMEM;
	fprintf(f, "%s = ", key);
	print_string(f, path);
	fputc(';', f);
	return 0;
}

/* As many prefixes in a line as are read at a glance. */
static void print_prefixes(FILE *f, const char *indent, const struct wgquick_prefixes *list)
{
	enum { IN_A_LINE = 4 };
	char text[PREFIX_STRLEN];
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++) {
		if (list->items[i].again)
			continue;
		if (n > 0)
			fputc(',', f);
		if (n > 0 && n % IN_A_LINE == 0)
			fprintf(f, "\n%s", indent);
		else
			fputc(' ', f);
		fprintf(f, "\"%s\"", prefix_format(&list->items[i].prefix, text));
		n++;
	}
	fputs(n ? " ];" : "];", f);
}

static void print_endpoint(FILE *f, const struct conf_hostport *endpoint)
{
	char text[ENDPOINT_STRLEN];

	if (endpoint->address.addr.family != ADDR_NONE)
		fprintf(f, "\n        endpoint = \"%s\";",
			endpoint_format(&endpoint->address, text));
	else if (endpoint->host)
		fprintf(f, "\n        endpoint = \"%s:%u\";", endpoint->host, endpoint->port);
}

static int print_peer(FILE *f, const struct wgquick_peer *peer, unsigned int number,
	const char *name, const char *dir)
{
	char key[KEY_BASE64_STRLEN];
	int r = 0;

	fprintf(f, "\n      { public_key = \"%s\";", key_to_base64(peer->public_key, key));
	if (peer->has_preshared_key) {
		fputs("\n        ", f);
		r = print_key_path(f, "preshared_key_file", dir, name, number);
	}
	print_endpoint(f, &peer->endpoint);
	if (peer->allowed_ips.n) {
		fputs("\n        allowed_ips = [", f);
		print_prefixes(f, "                        ", &peer->allowed_ips);
	}
	if (peer->persistent_keepalive)
		fprintf(f, "\n        persistent_keepalive = %u;", peer->persistent_keepalive);
	fputs(" }", f);
	return r;
}

static int print_peers(FILE *f, const struct wgquick *quick, const char *name, const char *dir)
{
	unsigned int number = 0;
	int r = 0;

	if (!quick->peers)
		return 0;
	fputs("\n    peers = (", f);
	for (const struct wgquick_peer *peer = quick->peers; peer && r == 0; peer = peer->next) {
		r = print_peer(f, peer, ++number, name, dir);
		fputs(peer->next ? "," : " );", f);
	}
	return r;
}

static int print_tunnel(FILE *f, const struct wgquick *quick, const char *name, const char *dir)
{
	int r;

	fprintf(f, "tunnels = (\n  { name = \"%s\";\n    ", name);
	r = print_key_path(f, "private_key_file", dir, name, 0);
	if (quick->listen_port)
		fprintf(f, "\n    listen_port = %u;", quick->listen_port);
	if (quick->addresses.n) {
		fputs("\n    addresses = [", f);
		print_prefixes(f, "                  ", &quick->addresses);
	}
	if (quick->mtu)
		fprintf(f, "\n    mtu = %" PRIu32 ";", quick->mtu);
	if (quick->fwmark) /* one that needs 33 bits with its sign is long to libconfig */
		fprintf(f, "\n    fwmark = %" PRIu32 "%s;", quick->fwmark,
			quick->fwmark > INT32_MAX ? "L" : "");
	if (r == 0)
		r = print_peers(f, quick, name, dir);
	fputs(" } );\n", f);
	return r;
}

static void print_routes(FILE *f, const struct wgquick *quick, const char *name)
{
	const char *before = "routes = (\n";
	char text[PREFIX_STRLEN];

	for (const struct wgquick_peer *peer = quick->peers; peer; peer = peer->next) {
		for (size_t i = 0; i < peer->allowed_ips.n; i++) {
			if (!wgquick_routed(quick, &peer->allowed_ips.items[i]))
				continue;
			fprintf(f, "%s  { prefix = \"%s\"; via = [ \"%s\" ]; }", before,
				prefix_format(&peer->allowed_ips.items[i].prefix, text), name);
			before = ",\n";
		}
	}
	if (*before == ',')
		fputs(" );\n", f);
}

int wgquick_print(FILE *f, const struct wgquick *quick, const char *name, const char *dir)
{
	int r = print_tunnel(f, quick, name, dir);

	if (r == 0)
		print_routes(f, quick, name);
	return r;
}
