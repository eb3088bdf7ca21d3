/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/flow_words.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	uint8_t number;
	const char *name;
} protocols[] = {
	{IPPROTO_TCP, "tcp"},
	{IPPROTO_UDP, "udp"},
	{IPPROTO_ICMP, "icmp"},
	{IPPROTO_ICMPV6, "icmpv6"},
	{IPPROTO_SCTP, "sctp"},
	{IPPROTO_GRE, "gre"},
	{IPPROTO_ESP, "esp"},
	{IPPROTO_UDPLITE, "udplite"},
};
#define N_PROTOCOLS (sizeof(protocols) / sizeof(protocols[0]))

const char *const flow_words_tcp_states[FLOW_WORDS_TCP_STATES] = {"none", "syn_sent", "syn_recv",
	"established", "fin_wait", "close_wait", "last_ack", "time_wait", "close", "syn_sent2"};
static const char *const other_states[] = {"unreplied", "replied", "assured"};

char *flow_words_protocol(uint8_t protocol, char out[static FLOW_WORDS_PROTOCOL_STRLEN])
{
	snprintf(out, FLOW_WORDS_PROTOCOL_STRLEN, "%u", protocol);
	for (size_t i = 0; i < N_PROTOCOLS; i++)
		if (protocols[i].number == protocol)
			snprintf(out, FLOW_WORDS_PROTOCOL_STRLEN, "%s", protocols[i].name);
	return out;
}

int flow_words_parse_protocol(const char *word, uint8_t *protocol)
{
	char *end;
	long number = strtol(word, &end, 10);

	for (size_t i = 0; i < N_PROTOCOLS; i++)
		if (strcmp(protocols[i].name, word) == 0) {
			*protocol = protocols[i].number;
			return 0;
		}
	if (*word < '0' || *word > '9' || *end || number > UINT8_MAX)
		return -EINVAL;
	*protocol = (uint8_t)number;
	return 0;
}

const char *flow_words_other_state(bool replied, bool assured)
{
	return other_states[assured ? 2 : replied];
}

bool flow_words_is_state(const char *word)
{
	for (size_t i = 0; i < FLOW_WORDS_TCP_STATES; i++)
		if (strcmp(flow_words_tcp_states[i], word) == 0)
			return true;
	for (size_t i = 0; i < sizeof(other_states) / sizeof(other_states[0]); i++)
		if (strcmp(other_states[i], word) == 0)
			return true;
	return false;
}
