/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/engine/uapi_print.h"

#include <inttypes.h>

#include "vpnd/engine/tunnel.h"
#include "vpnd/proto/allowedips.h"
#include "vpnd/proto/crypto.h"

static void print_key(struct text *out, const char *name, const uint8_t key[static KEY_LEN])
{
	char hex[KEY_HEX_STRLEN];

	text_add(out, "%s=%s\n", name, key_to_hex(key, hex));
	crypto_wipe(hex, sizeof(hex));
}

static void print_interface(const struct tunnel *tunnel, struct text *out)
{
	if (device_has_private_key(tunnel->device))
		print_key(out, "private_key", device_private_key(tunnel->device));
	if (tunnel->listen_port)
		text_add(out, "listen_port=%u\n", tunnel->listen_port);
	if (tunnel->fwmark)
		text_add(out, "fwmark=%" PRIu32 "\n", tunnel->fwmark);
}

static void print_endpoint(const struct endpoint *endpoint, struct text *out)
{
	char text[ENDPOINT_STRLEN];

	if (endpoint->addr.family != ADDR_NONE)
		text_add(out, "endpoint=%s\n", endpoint_format(endpoint, text));
}

static void print_allowed_ips(const struct peer *peer, struct text *out)
{
	const struct allowedips_node *cursor = NULL;
	char text[PREFIX_STRLEN];
	struct prefix prefix;

	while (allowedips_next(peer_allowed_ips(peer), &cursor, &prefix))
		text_add(out, "allowed_ip=%s\n", prefix_format(&prefix, text));
}

static void print_peer(const struct peer *peer, mono_t now, struct text *out)
{
	const struct tunnel_peer *known = peer_user(peer);
	struct peer_info info;

	peer_info(peer, &info, now);
	print_key(out, "public_key", peer_public_key(peer));
	print_key(out, "preshared_key", peer_preshared_key(peer));
	text_add(out, "protocol_version=1\n");
	print_endpoint(&info.path.remote, out);
	text_add(out, "last_handshake_time_sec=%" PRId64 "\n", known->session_wall.s);
	text_add(out, "last_handshake_time_nsec=%" PRIu32 "\n", known->session_wall.ns);
	text_add(out, "tx_bytes=%" PRIu64 "\n", info.tx_bytes);
	text_add(out, "rx_bytes=%" PRIu64 "\n", info.rx_bytes);
	text_add(out, "persistent_keepalive_interval=%u\n", info.persistent_keepalive);
	print_allowed_ips(peer, out);
}

void uapi_print_get(const struct tunnel *tunnel, mono_t now, struct text *out)
{
	const struct peer *peer = NULL;

	print_interface(tunnel, out);
	while ((peer = device_peer_next(tunnel->device, peer)))
		print_peer(peer, now, out);
}

static void print_peer_state(const struct peer *peer, mono_t now, struct text *out)
{
	struct peer_info info;

	peer_info(peer, &info, now);
	print_key(out, "public_key", peer_public_key(peer));
	print_key(out, "preshared_key", peer_preshared_key(peer));
	print_endpoint(&info.path.remote, out);
	text_add(out, "persistent_keepalive_interval=%u\n", info.persistent_keepalive);
	print_allowed_ips(peer, out);
	if (info.has_session)
		text_add(out, "had_session=true\n");
}

void uapi_print_state(const struct tunnel *tunnel, mono_t now, struct text *out)
{
	const struct peer *peer = NULL;

	text_add(out, "set=1\n");
	print_interface(tunnel, out);
	text_add(out, "replace_peers=true\n");
	while ((peer = device_peer_next(tunnel->device, peer)))
		print_peer_state(peer, now, out);
	text_add(out, "\n");
}
