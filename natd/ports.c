/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "natd/ports.h"

#include <errno.h>
#include <stdlib.h>

#define PORTS 65536
#define KEEP_MIN 1024 /* ports that a part must have to keep those that come from it */

static void mark_taken(const struct natd_conf *conf, bool taken[static PORTS])
{
	for (size_t i = 0; i < conf->n_reserved_ports; i++)
		taken[conf->reserved_ports[i]] = true;
	for (size_t i = 0; i < conf->n_forwards; i++)
		taken[conf->forwards[i].uplink_port] = true;
}

static void collect(struct ports *out, const struct conf_ports *range, const bool *taken)
{
	bool open = false;

	for (uint32_t port = range->first; port <= range->last; port++) {
		if (taken[port]) {
			open = false;
			continue;
		}
		if (!open)
			out->parts[out->n++].first = (uint16_t)port;
		out->parts[out->n - 1].last = (uint16_t)port;
		out->total++;
		open = true;
	}
}

int ports_init(struct ports *out, const struct natd_conf *conf)
{
	/* Each port that is taken can end one part. */
	size_t most = conf->n_reserved_ports + conf->n_forwards + 1;
	bool *taken = calloc(PORTS, sizeof(*taken));
	struct conf_ports *parts = calloc(most, sizeof(*parts));

	if (!taken || !parts) {
		free(taken);
		free(parts);
		return -ENOMEM;
	}
	*out = (struct ports){.parts = parts};
	mark_taken(conf, taken);
	collect(out, &conf->ports, taken);
	free(taken);
	return 0;
}

void ports_done(struct ports *ports)
{
	free(ports->parts);
	*ports = (struct ports){0};
}

uint32_t ports_count(const struct conf_ports *part)
{
	return (uint32_t)part->last - part->first + 1;
}

bool ports_keep(const struct conf_ports *part)
{
	return ports_count(part) >= KEEP_MIN;
}
