/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "vpnctl/foreign.h"
#include "vpnctl/table.h"
#include "vpnctl/units.h"
#include "vpnctl/view.h"

#define KEY_SHOWN 8 /* characters of a key that stand for a peer without a name */

/* vpnd calls a peer without a name by its key, of which the beginning is enough. */
static void put_peer_name(struct table *table, const struct reply_peer *peer)
{
	const char *key = peer->public_key;

	if (key && (!peer->name || !strcmp(peer->name, key)))
		table_take(table, PAINT_PLAIN, foreign_text(key, KEY_SHOWN));
	else
		table_put_foreign(table, peer->name);
}

static void put_peer(
	struct table *table, const struct reply_tunnel *tunnel, const struct reply_peer *peer)
{
	char text[UNITS_LEN];

	table_put_foreign(table, tunnel->name);
	put_peer_name(table, peer);
	table_put(table, view_state_paint(peer->state), view_state(peer->state));
	table_put_foreign(table, peer->endpoint);
	table_put(table, PAINT_PLAIN, units_duration(peer->handshake_age_s, text));
	table_put(table, PAINT_PLAIN, units_count(peer->handshake_attempts, text));
	table_put(table, PAINT_PLAIN,
		peer->persistent_keepalive ? units_duration(peer->persistent_keepalive, text)
					   : "off");
	table_put(table, PAINT_PLAIN, units_bytes(peer->rx_bytes, text));
	table_put(table, PAINT_PLAIN, units_bytes(peer->tx_bytes, text));
	table_take(table, PAINT_PLAIN,
		foreign_list(&peer->allowed_ips, ", ", peer->allowed_ips_count));
	if (peer->state == REPLY_UP)
		return;
	if (peer->reason)
		table_note_foreign(table, "why", peer->reason);
	if (peer->advice)
		table_note_foreign(table, "try", peer->advice);
}

static void note_counters(struct table *table, const char *what, const struct field_list *counters)
{
	_cleanup_free_ char *text = view_counters(counters);

	/* "0" and "-" are not worth a line. */
	if (text && strlen(text) > 1)
		table_note(table, what, text);
}

static void put_tunnel(struct table *table, const struct reply_tunnel *tunnel)
{
	static const struct reply_peer none = {.allowed_ips_count = FIELD_UNKNOWN,
		.persistent_keepalive = FIELD_UNKNOWN,
		.handshake_age_s = FIELD_UNKNOWN,
		.handshake_attempts = FIELD_UNKNOWN,
		.rx_bytes = FIELD_UNKNOWN,
		.tx_bytes = FIELD_UNKNOWN};
	const struct reply_peer *peers = tunnel->peers.items;

	if (!tunnel->peers.n)
		put_peer(table, tunnel, &none);
	for (size_t i = 0; i < tunnel->peers.n; i++)
		put_peer(table, tunnel, &peers[i]);
	note_counters(table, "drops", &tunnel->drops);
	note_counters(table, "fallbacks", &tunnel->fallbacks);
}

int tunnels_print(const struct view *view, struct pen pen)
{
	static const char *const names[] = {"TUNNEL", "PEER", "STATE", "ENDPOINT", "HANDSHAKE",
		"ATTEMPTS", "KEEPALIVE", "IN", "OUT", "ALLOWED IPS"};
	const struct field_list *tunnels = &view->report->vpn.tunnels;
	const struct reply_tunnel *items = tunnels->items;
	struct table table;

	view_unreached(view, REPORT_TUNNELS, pen);
	if (!tunnels->known)
		return 0;
	table_init(&table, names, sizeof(names) / sizeof(names[0]));
	for (size_t i = 0; i < tunnels->n; i++)
		put_tunnel(&table, &items[i]);
	int r = table_print(&table, pen);
	table_done(&table);
	return r;
}
