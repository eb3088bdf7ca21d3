/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IP packets of any form, as they come out of a TUN or of the tunnel: what reads their headers
 * stays inside them, and an ICMP error about one is a whole packet that itself is never answered.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vpnd/proto/echo.h"
#include "vpnd/proto/ecn.h"
#include "vpnd/proto/inner.h"
#include "vpnd/proto/unreachable.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	uint8_t error[UNREACHABLE_MAX], again[UNREACHABLE_MAX];
	uint8_t *packet = malloc(size + 1);
	size_t len = inner_len(bytes, size), error_len;
	struct echo echo;

	if (!packet || !len) {
		free(packet);
		return 0;
	}
	/* Exactly as long as it is, so that a sanitizer sees what is read past it. */
	packet = realloc(packet, len);
	must(packet != NULL);
	memcpy(packet, bytes, len);
	must(inner_upper(packet, len).at <= len);
	if (echo_consume_reply(packet, len, &echo))
		must(echo.to.family != ADDR_NONE && echo.from.family == echo.to.family);
	ecn_decapsulate(bytes[size - 1], packet);
	must(ecn_encapsulate(packet) <= ECN_ECT_0);
	error_len = unreachable_create(packet, len, error);
	if (error_len) {
		must(error_len <= sizeof(error) && inner_len(error, error_len) == error_len);
		must(unreachable_create(error, error_len, again) == 0);
	}
	free(packet);
	return 0;
}
