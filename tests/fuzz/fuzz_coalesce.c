/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Batches of packets of several flows, made by a script that lets them deviate from the ordinary in
 * many ways. The first byte says what the TUN takes.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/oracle/flows.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct flows flows;
	static struct coalesce coalesce;
	uint8_t *exact[FLOWS_PACKETS];

	if (!size)
		return 0;
	flows_make(&flows, bytes + 1, size - 1);
	/* Each exactly as long as it is, so that a sanitizer sees what is read past it. */
	for (size_t i = 0; i < flows.count; i++) {
		exact[i] = malloc(flows.packets[i].len + !flows.packets[i].len);
		if (!exact[i])
			abort();
		memcpy(exact[i], flows.packets[i].data, flows.packets[i].len);
		flows.packets[i].data = exact[i];
	}
	coalesce_batch(&coalesce, flows.packets, flows.count, bytes[0]);
	flows_check(&coalesce, flows.packets, flows.count);
	for (size_t i = 0; i < flows.count; i++)
		free(exact[i]);
	return 0;
}
