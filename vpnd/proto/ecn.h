/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Congestion marks across the tunnel (RFC 6040), and nothing else of the traffic class: the outer
 * header tells nobody which class an inner packet has.
 */
#ifndef VPND_PROTO_ECN_H
#define VPND_PROTO_ECN_H

#include <stdint.h>

enum {
	ECN_MASK = 3, /* the bits of a traffic class that are the mark; the six above are DSCP */
	ECN_NOT_ECT = 0,
	ECN_ECT_1 = 1,
	ECN_ECT_0 = 2,
	ECN_CE = 3,
	HANDSHAKE_CLASS = 0x88, /* DSCP AF41: the last to be dropped where data queues */
};

/* Traffic class of the datagram that carries `packet`, which inner_len accepts (section 4.1). */
uint8_t ecn_encapsulate(const uint8_t *packet);

/*
 * Take over into `packet`, which inner_len accepts, what happened to the datagram of class `outer`
 * on its way (section 4.2). One that cannot carry a mark goes on without it: if it were dropped, as
 * section 4.2 has it, whoever marks datagrams would learn which class their packets have.
 */
void ecn_decapsulate(uint8_t outer, uint8_t *packet);

#endif
