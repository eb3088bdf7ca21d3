/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/nft.h"

#include <errno.h>
#include <nftables/libnftables.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"

struct nft {
	struct nft_ctx *ctx;
};

int nft_new(struct nft **out)
{
	struct nft *nft = calloc(1, sizeof(*nft));

	if (!nft)
		return -ENOMEM;
	nft->ctx = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!nft->ctx || nft_ctx_buffer_output(nft->ctx) || nft_ctx_buffer_error(nft->ctx)) {
		nft_free(nft);
		return -ENOMEM;
	}
	*out = nft;
	return 0;
}

void nft_free(struct nft *nft)
{
	if (nft && nft->ctx)
		nft_ctx_free(nft->ctx);
	free(nft);
}

void nft_freep(struct nft **nft)
{
	nft_free(*nft);
}

/* The library shows the offending text below its first line; that is for people with the file. */
static void take_error(struct nft *nft, char *err, size_t errlen)
{
	const char *text = nft_ctx_get_error_buffer(nft->ctx);
	const char *reason = strstr(text, "Error: ");

	if (*text)
		log_debug("nft: %s", text);
	reason = reason ? reason + strlen("Error: ") : text;
	snprintf(err, errlen, "%.*s", (int)strcspn(reason, "\n"),
		*reason ? reason : "the library gives no reason");
}

static int run(struct nft *nft, unsigned int flags, const char *text, char *err, size_t errlen)
{
	nft_ctx_output_set_flags(nft->ctx, flags);
	if (nft_run_cmd_from_buffer(nft->ctx, text) == 0) {
		/* Reading a buffer empties it for the next run. */
		nft_ctx_get_error_buffer(nft->ctx);
		return 0;
	}
	take_error(nft, err, errlen);
	return -EINVAL;
}

int nft_run(struct nft *nft, const char *text, char *err, size_t errlen)
{
	int r = run(nft, 0, text, err, errlen);

	nft_ctx_get_output_buffer(nft->ctx);
	return r;
}

/* Run and take what it prints. */
static int query(struct nft *nft, unsigned int flags, const char *command, char **out, char *err,
	size_t errlen)
{
	int r = run(nft, flags, command, err, errlen);
	const char *output = nft_ctx_get_output_buffer(nft->ctx);
	char *copy;

	if (r < 0)
		return r;
	copy = strdup(output);
	if (!copy) {
		snprintf(err, errlen, "out of memory");
		return -ENOMEM;
	}
	*out = copy;
	return 0;
}

/* True if the list of tables says that there is none of that name. */
static bool is_absent(struct nft *nft, const char *family, const char *table)
{
	_cleanup_free_ char *tables = NULL;
	char line[256], err[256];

	if (query(nft, 0, "list tables", &tables, err, sizeof(err)) < 0)
		return false;
	snprintf(line, sizeof(line), "table %s %s\n", family, table);
	return !strstr(tables, line);
}

static int list(struct nft *nft, unsigned int flags, const char *what, const char *family,
	const char *table, char **out, char *err, size_t errlen)
{
	char command[256];
	int r;

	snprintf(command, sizeof(command), "list %s %s %s", what, family, table);
	r = query(nft, flags, command, out, err, errlen);
	return r == -EINVAL && is_absent(nft, family, table) ? -ENOENT : r;
}

int nft_list(struct nft *nft, const char *family, const char *table, char **text, char *err,
	size_t errlen)
{
	return list(nft, NFT_CTX_OUTPUT_STATELESS, "table", family, table, text, err, errlen);
}

int nft_list_counters(struct nft *nft, const char *family, const char *table, char **json,
	char *err, size_t errlen)
{
	return list(nft, NFT_CTX_OUTPUT_JSON, "counters table", family, table, json, err, errlen);
}
