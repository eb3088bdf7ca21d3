/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "natd/ports.h"

#include <errno.h>
#include <stdlib.h>

#define PORTS 65536
#define PART_MIN 1024 /* ports that a part must have to be one of several */
#define HELD_BACK 8   /* of more ports than the kernel tries, one in so many */
#define SEARCHED 128  /* ports that the kernel tries in turn, NF_NAT_MAX_ATTEMPTS */

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

static void leave_small_parts_out(struct ports *out)
{
	uint32_t least = ports_count(ports_largest(out)) < PART_MIN ? 0 : PART_MIN;
	size_t kept = 0;

	if (!least)
		out->parts[kept++] = *ports_largest(out);
	for (size_t i = 0; least && i < out->n; i++)
		if (ports_count(&out->parts[i]) >= least)
			out->parts[kept++] = out->parts[i];
	out->n = kept;
	out->total = 0;
	for (size_t i = 0; i < kept; i++)
		out->total += ports_count(&out->parts[i]);
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
	if (out->n > 1)
		leave_small_parts_out(out);
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

uint32_t ports_usable(const struct ports *ports)
{
	return ports->total <= SEARCHED ? ports->total : ports->total - ports->total / HELD_BACK;
}

const struct conf_ports *ports_largest(const struct ports *ports)
{
	const struct conf_ports *largest = &ports->parts[0];

	for (size_t i = 1; i < ports->n; i++)
		if (ports_count(&ports->parts[i]) > ports_count(largest))
			largest = &ports->parts[i];
	return largest;
}
