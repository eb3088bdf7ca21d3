/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What operators call what a flow of packets is made of: in filters, in answers and in logs. */
#ifndef BASE_FLOW_WORDS_H
#define BASE_FLOW_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#define FLOW_WORDS_PROTOCOL_STRLEN 8
#define FLOW_WORDS_TCP_STATES 10

/* "tcp", "icmpv6", or the number of one without a name here. Returns `out`. */
char *flow_words_protocol(uint8_t protocol, char out[static FLOW_WORDS_PROTOCOL_STRLEN]);

/* The number of such a word. Returns 0 or -EINVAL. */
int flow_words_parse_protocol(const char *word, uint8_t *protocol);

/* States of TCP, "established", by the number that Linux's connection tracking gives them. */
extern const char *const flow_words_tcp_states[FLOW_WORDS_TCP_STATES];

/* The state of others: "unreplied", "replied", or "assured" once both spoke more than once. */
const char *flow_words_other_state(bool replied, bool assured);

/* True for one of all these states. */
bool flow_words_is_state(const char *word);

#endif
