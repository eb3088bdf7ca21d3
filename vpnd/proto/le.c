/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/proto/le.h"

#include <endian.h>
#include <string.h>

uint32_t le32_get(le32_t v)
{
	uint32_t raw;

	memcpy(&raw, v.b, sizeof(raw));
	return le32toh(raw);
}

uint64_t le64_get(le64_t v)
{
	uint64_t raw;

	memcpy(&raw, v.b, sizeof(raw));
	return le64toh(raw);
}

le32_t le32_of(uint32_t host)
{
	uint32_t raw = htole32(host);
	le32_t v;

	memcpy(v.b, &raw, sizeof(raw));
	return v;
}

le64_t le64_of(uint64_t host)
{
	uint64_t raw = htole64(host);
	le64_t v;

	memcpy(v.b, &raw, sizeof(raw));
	return v;
}
