/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The input is what the kernel might send about changes of nf_tables: messages one after the other.
 * Whatever they are, a name that is read ends within its message.
 */
#include <linux/netlink.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "netlink/nft_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(
	const struct nlmsghdr *message, const uint8_t *end, const struct nft_message *parsed)
{
	if (parsed->table && (parsed->is_end || parsed->table < (const char *)message ||
				     parsed->table + strlen(parsed->table) >= (const char *)end))
		abort();
	if (memchr(parsed->change.process, 0, sizeof(parsed->change.process)) == NULL ||
		(!parsed->is_end && (parsed->change.pid || *parsed->change.process)))
		abort();
}

/* As the kernel frames them; that it does so rightly is its promise. */
static void take_all(const uint8_t *bytes, size_t len)
{
	while (len >= sizeof(struct nlmsghdr)) {
		const struct nlmsghdr *message = (const void *)bytes;
		size_t step = (message->nlmsg_len + (size_t)3) / 4 * 4;
		struct nft_message parsed;

		if (message->nlmsg_len < sizeof(*message) || step > len)
			return;
		if (nft_message_parse(message, &parsed) == 0)
			check(message, bytes + step, &parsed);
		bytes += step;
		len -= step;
	}
}

/* In memory of its own, aligned and just as long, so that reading too far is seen. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	memcpy(copy, data, len);
	take_all(copy, len);
	free(copy);
	return 0;
}
