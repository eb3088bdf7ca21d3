/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nft's JSON is {"nftables": [{"counter": {"name": ..., "packets": ..., "bytes": ...}}, ...]}. It
 * is kept as one object from names to those.
 */
#include "natd/counters.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "natd/ruleset.h"
#include "netlink/nft.h"

struct counters {
	json_t *by_name;
};

static int collect(struct counters *counters, json_t *listing)
{
	json_t *entry, *list = json_object_get(listing, "nftables");
	size_t i;

	if (!json_is_array(list))
		return -EBADMSG;
	json_array_foreach(list, i, entry)
	{
		json_t *counter = json_object_get(entry, "counter");
		const char *name = json_string_value(json_object_get(counter, "name"));

		if (name && json_object_set(counters->by_name, name, counter) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int read_listing(struct nft *nft, json_t **listing, char *err, size_t errlen)
{
	_cleanup_free_ char *text = NULL;
	int r = nft_list_counters(nft, RULESET_FAMILY, RULESET_TABLE, &text, err, errlen);

	if (r < 0 && r != -ENOENT)
		return r;
	*listing = r == 0 ? json_loads(text, 0, NULL) : json_pack("{s:[]}", "nftables");
	if (*listing)
		return 0;
	snprintf(err, errlen, "cannot read nft's list of counters");
	return -EBADMSG;
}

int counters_read(struct nft *nft, struct counters **out, char *err, size_t errlen)
{
	_cleanup_json_ json_t *listing = NULL;
	struct counters *counters;
	int r = read_listing(nft, &listing, err, errlen);

	if (r < 0)
		return r;
	counters = calloc(1, sizeof(*counters));
	if (counters)
		counters->by_name = json_object();
	r = counters && counters->by_name ? collect(counters, listing) : -ENOMEM;
	if (r < 0) {
		snprintf(err, errlen, "cannot read nft's list of counters");
		counters_free(counters);
		return r;
	}
	*out = counters;
	return 0;
}

void counters_free(struct counters *counters)
{
	if (counters)
		json_decref(counters->by_name);
	free(counters);
}

void counters_freep(struct counters **counters)
{
	counters_free(*counters);
}

struct counter counters_get(const struct counters *counters, const char *name)
{
	const json_t *counter = json_object_get(counters->by_name, name);

	return (struct counter){
		.packets = (uint64_t)json_integer_value(json_object_get(counter, "packets")),
		.bytes = (uint64_t)json_integer_value(json_object_get(counter, "bytes")),
	};
}
