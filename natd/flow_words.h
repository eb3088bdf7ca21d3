/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What operators call what a flow is made of, in both directions: for filters and for answers. */
#ifndef NATD_FLOW_WORDS_H
#define NATD_FLOW_WORDS_H

#include "natd/flow_role.h"

#define FLOW_PROTOCOL_STRLEN 8

/* "tcp", "icmpv6", or the number of one without a name here. Returns `out`. */
char *flow_words_protocol(uint8_t protocol, char out[static FLOW_PROTOCOL_STRLEN]);

/* The number of such a word. Returns 0 or -EINVAL. */
int flow_words_parse_protocol(const char *word, uint8_t *protocol);

/*
 * The state: of TCP the kernel's word for it, "established"; of others "unreplied", "replied", or
 * "assured" once both sides have spoken more than once.
 */
const char *flow_words_state(const struct conntrack_flow *flow);

/* True for a word that flow_words_state may return. */
bool flow_words_is_state(const char *word);

#endif
