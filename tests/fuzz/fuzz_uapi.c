/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Feeds bytes to a UAPI parser twice, whole and in two pieces, which must agree. What parses is
 * applied to a device's worth of tunnel, printed as state and read again, which must parse.
 * The first byte says where the pieces part and whether it is state text.
 */
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>

#include "base/mono.h"
#include "vpnd/engine/engine.h"
#include "vpnd/engine/text.h"
#include "vpnd/engine/tunnel.h"
#include "vpnd/engine/uapi_apply.h"
#include "vpnd/engine/uapi_parse.h"
#include "vpnd/engine/uapi_print.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const mono_t now = {1000000};

static enum uapi_parsed parse(
	struct uapi_parser *parser, const char *bytes, size_t len, size_t part, size_t *taken)
{
	enum uapi_parsed parsed;
	size_t more = 0;

	parsed = uapi_parse(parser, bytes, part, taken);
	if (parsed != UAPI_PARSED_PART)
		return parsed;
	if (*taken != part)
		abort();
	parsed = uapi_parse(parser, bytes + part, len - part, &more);
	*taken += more;
	return parsed;
}

static void apply_and_print(const struct uapi_changes *changes)
{
	static struct engine engine;
	struct uapi_parser again;
	struct tunnel *tunnel;
	struct text text = {0};
	const char *bytes;
	size_t len, taken;

	if (!engine.event && sd_event_new(&engine.event) < 0)
		abort();
	if (tunnel_new(&engine, 0, "fuzz", &tunnel) < 0)
		abort();
	uapi_apply(tunnel, changes, now);
	uapi_print_state(tunnel, now, &text);
	uapi_parse_init(&again, true);
	while ((len = text_front(&text, &bytes))) {
		uapi_parse(&again, bytes, len, &taken);
		text_consume(&text, taken);
	}
	if (again.error)
		abort();
	uapi_parse_done(&again);
	tunnel_free(tunnel);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data + 1;
	struct uapi_parser whole, pieces;
	size_t whole_taken, pieces_taken, part;
	enum uapi_parsed parsed;

	if (size == 0)
		return 0;
	size--;
	part = size ? (data[0] >> 1) % size : 0;
	uapi_parse_init(&whole, data[0] & 1);
	uapi_parse_init(&pieces, data[0] & 1);
	parsed = parse(&whole, bytes, size, size, &whole_taken);
	if (parsed != parse(&pieces, bytes, size, part, &pieces_taken))
		abort();
	if (whole.error != pieces.error || whole.changes.count != pieces.changes.count)
		abort();
	if (parsed != UAPI_PARSED_JUNK && whole_taken != pieces_taken)
		abort();
	if (parsed == UAPI_PARSED_SET && !whole.error)
		apply_and_print(&whole.changes);
	uapi_parse_done(&whole);
	uapi_parse_done(&pieces);
	return 0;
}
