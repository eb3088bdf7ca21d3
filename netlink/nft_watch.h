/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Notices when anybody, we included, changes a table of nf_tables in this network namespace. */
#ifndef NETLINK_NFT_WATCH_H
#define NETLINK_NFT_WATCH_H

#include <systemd/sd-event.h>

#include "netlink/nft_message.h"

struct nft_watch;

/* Called once for each transaction that touched the table. May not free the watch. */
typedef void (*nft_watch_fn)(const struct nft_change *change, void *arg);

/*
 * Watch the tables called `table` (copied), of whichever family. A receive buffer that overran
 * counts as a change by nobody known. `event` is referenced until nft_watch_free. Returns 0 or a
 * negative errno.
 */
int nft_watch_new(sd_event *event, const char *table, nft_watch_fn changed, void *arg,
	struct nft_watch **out);
void nft_watch_free(struct nft_watch *watch);

#endif
