/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The input is two tables as nft would list them, parted by a NUL. Whatever they are, a difference
 * has a reason, and there are commands to replace one by the other.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "natd/listing.h"
#include "natd/replace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void compare(const struct listing *a, const struct listing *b)
{
	_cleanup_free_ char *commands = NULL;
	char why[64] = "";
	bool equal = listing_equal(a, b, why, sizeof(why));

	if (equal != (*why == '\0') || replace_new("RULESET", a, b, &commands) < 0)
		abort();
	if (!strstr(commands, "RULESET"))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	_cleanup_free_ char *first = malloc(len + 2);
	struct listing *a = NULL, *b = NULL;
	const char *second;

	memcpy(first, data, len);
	memset(first + len, 0, 2);
	second = first + strlen(first) + (strlen(first) < len);
	if (listing_parse(first, &a) == 0 && listing_parse(second, &b) == 0) {
		compare(a, b);
		compare(b, a);
	}
	listing_free(a);
	listing_free(b);
	return 0;
}
