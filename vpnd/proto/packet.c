/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/proto/packet.h"

static const char *const VERDICTS[] = {
	[PACKET_FORWARD] = "forward",
	[PACKET_STAGED] = "staged",
	[PACKET_HANDSHAKE] = "handshake",
	[PACKET_COOKIE] = "cookie",
	[PACKET_KEEPALIVE] = "keepalive",
	[PACKET_PROBE] = "probe",
	[PACKET_BAD_LENGTH] = "bad_length",
	[PACKET_BAD_TYPE] = "bad_type",
	[PACKET_BAD_MAC] = "bad_mac",
	[PACKET_BAD_HANDSHAKE] = "bad_handshake",
	[PACKET_UNKNOWN_PEER] = "unknown_peer",
	[PACKET_REPLAYED] = "replayed",
	[PACKET_NO_COOKIE] = "no_cookie",
	[PACKET_FLOODED] = "flooded",
	[PACKET_BAD_INDEX] = "bad_index",
	[PACKET_EXPIRED] = "expired",
	[PACKET_FORGED] = "forged",
	[PACKET_BAD_INNER] = "bad_inner",
	[PACKET_BAD_SOURCE] = "bad_source",
	[PACKET_NOT_IP] = "not_ip",
	[PACKET_NO_PEER] = "no_peer",
	[PACKET_NO_ENDPOINT] = "no_endpoint",
	[PACKET_LOOPED] = "looped",
	[PACKET_DOWN] = "down",
	[PACKET_STAGE_FULL] = "stage_full",
};
static_assert(sizeof(VERDICTS) / sizeof(VERDICTS[0]) == PACKET_VERDICTS, "a name for each verdict");

const char *packet_verdict_name(enum packet_verdict verdict)
{
	return VERDICTS[verdict];
}
