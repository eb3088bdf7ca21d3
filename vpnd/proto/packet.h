/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The unit that moves between the parts of the data path: a batch of packets, each a view into a
 * buffer that its batch owns, with room around the bytes so that a packet is sealed and opened
 * where it lies. The core sets the verdict; what is not FORWARD goes no further.
 */
#ifndef VPND_PROTO_PACKET_H
#define VPND_PROTO_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "vpnd/proto/messages.h"

struct peer;
struct session;

/* Writable bytes that suffice before and after an inner packet that is to be sealed in place. */
enum {
	PACKET_HEADROOM = sizeof(struct message_data),
	PACKET_TAILROOM = PADDING_MULTIPLE + TAG_LEN,
	PACKET_BATCH = 256, /* packets that one batch holds */
};

/* What became of a packet. Counted by the device under these names, see packet_verdict_name. */
enum packet_verdict {
	PACKET_FORWARD,   /* goes on: out to `path` when sealed, to the TUN when opened */
	PACKET_STAGED,    /* kept until a handshake is done */
	PACKET_HANDSHAKE, /* a valid handshake message, answered if it asks for that */
	PACKET_COOKIE,    /* a valid cookie reply */
	PACKET_KEEPALIVE, /* authenticated, and empty */
	PACKET_PROBE,     /* the reply to a probe of ours; the core counted it as FORWARD */
	/* Dropped: whatever comes from the network wrong. */
	PACKET_BAD_LENGTH,    /* too short, or of another length than its type has */
	PACKET_BAD_TYPE,      /* no known message type */
	PACKET_BAD_MAC,       /* handshake message without a valid mac1 */
	PACKET_BAD_HANDSHAKE, /* handshake message that does not authenticate */
	PACKET_UNKNOWN_PEER,  /* initiation from a static key that is no peer's */
	PACKET_REPLAYED,      /* counter or timestamp seen before, or too old */
	PACKET_NO_COOKIE,     /* handshake message under load: answered with a cookie alone */
	PACKET_FLOODED,       /* initiations faster than allowed, from this peer or this source */
	PACKET_BAD_INDEX,     /* receiver index of no session or handshake */
	PACKET_EXPIRED,       /* key past REJECT_AFTER_TIME or REJECT_AFTER_MESSAGES */
	PACKET_FORGED,        /* data that does not authenticate */
	PACKET_BAD_INNER,     /* authenticated, but no whole IP packet inside */
	PACKET_BAD_SOURCE,    /* inner source address that is not the peer's */
	/* Dropped: what comes from the TUN and cannot be sent. */
	PACKET_NOT_IP,      /* no IP packet */
	PACKET_NO_PEER,     /* no peer's allowed IPs hold the destination */
	PACKET_NO_ENDPOINT, /* the peer has no endpoint yet */
	PACKET_LOOPED,      /* a datagram of our own, routed into the tunnel */
	PACKET_DOWN,        /* device down, or without a private key */
	PACKET_STAGE_FULL,  /* pushed out of the stage by newer packets, or never sent from it */
	PACKET_VERDICTS,
};

/* "forward", "staged", "bad_length"...: stable names for counters. */
const char *packet_verdict_name(enum packet_verdict verdict);

/* The way of a datagram: where the other side is, and which address of ours it spoke to. */
struct path {
	struct endpoint remote;
	struct addr local;      /* ADDR_NONE: let the kernel choose */
	uint32_t local_ifindex; /* interface it came in by; 0: any */
};

struct packet {
	uint8_t *data;
	size_t len; /* bytes */
	struct path path;
	uint8_t class;     /* traffic class (RFC 2474) of the datagram, as received or to be sent */
	bool follows;      /* to be sealed: of the same flow as the packet before it in its batch;
			      to be opened: it came the same way as that one, in one piece with it */
	struct peer *peer; /* who sent it or will get it; set with PACKET_FORWARD */
	enum packet_verdict verdict;
	bool stale; /* set by who sent it: the kernel did not take its local address any more */
	struct session *session; /* whose keys are at work on it; see device_release */
	uint64_t counter;        /* to be sealed: that the session gave it */
};

#endif
