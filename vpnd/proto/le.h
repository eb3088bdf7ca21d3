/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Little-endian integers of the wire; see messages.h. */
#ifndef VPND_PROTO_LE_H
#define VPND_PROTO_LE_H

#include "vpnd/proto/messages.h"

uint32_t le32_get(le32_t v);
uint64_t le64_get(le64_t v);
le32_t le32_of(uint32_t host);
le64_t le64_of(uint64_t host);

#endif
