/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

unsigned int addr_bits(enum addr_family family)
{
	return family == ADDR_V4 ? 32 : family == ADDR_V6 ? 128 : 0;
}

int addr_parse(const char *text, struct addr *out)
{
	struct addr a = {.family = strchr(text, ':') ? ADDR_V6 : ADDR_V4};

	if (inet_pton(a.family == ADDR_V6 ? AF_INET6 : AF_INET, text, a.bytes) != 1)
		return -EINVAL;
	*out = a;
	return 0;
}

/* Decimal digits and nothing else, without a leading zero, up to `max`. */
static int parse_number(const char *text, uint32_t max, uint32_t *out)
{
	uint64_t n = 0;

	if (!*text || (*text == '0' && text[1]))
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		n = n * 10 + (uint64_t)(*text - '0');
		if (n > max)
			return -EINVAL;
	}
	*out = (uint32_t)n;
	return 0;
}

int prefix_parse_host(const char *text, struct prefix *out)
{
	const char *slash = strchr(text, '/');
	size_t addr_len = slash ? (size_t)(slash - text) : strlen(text);
	char addr_text[ADDR_STRLEN];
	struct prefix p;
	uint32_t len;

	if (addr_len >= sizeof(addr_text))
		return -EINVAL;
	memcpy(addr_text, text, addr_len);
	addr_text[addr_len] = '\0';
	if (addr_parse(addr_text, &p.addr) < 0)
		return -EINVAL;
	len = addr_bits(p.addr.family);
	if (slash && parse_number(slash + 1, len, &len) < 0)
		return -EINVAL;
	p.len = (uint8_t)len;
	*out = p;
	return 0;
}

int prefix_parse(const char *text, bool strict, struct prefix *out)
{
	struct prefix whole, masked;

	if (prefix_parse_host(text, &whole) < 0)
		return -EINVAL;
	masked = whole;
	prefix_mask(&masked);
	if (strict && !prefix_equal(&whole, &masked))
		return -EADDRNOTAVAIL;
	*out = masked;
	return 0;
}

/* fe80::/10 is the only range whose addresses need a zone to be reached. */
static bool is_link_local(const struct addr *a)
{
	return a->family == ADDR_V6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

/* "2001:db8::1" or "fe80::1%2", as it stands between brackets. */
static int parse_scoped(char *text, struct endpoint *out)
{
	char *percent = strchr(text, '%');

	if (percent)
		*percent = '\0';
	if (addr_parse(text, &out->addr) < 0 || out->addr.family != ADDR_V6)
		return -EINVAL;
	if (!percent)
		return 0;
	if (!is_link_local(&out->addr))
		return -EINVAL;
	return parse_number(percent + 1, UINT32_MAX, &out->scope_id);
}

int endpoint_parse(const char *text, struct endpoint *out)
{
	const char *colon = strrchr(text, ':');
	struct endpoint e = {0};
	char host[ENDPOINT_STRLEN];
	size_t host_len;
	uint32_t port;
	int r;

	if (!colon)
		return -EINVAL;
	host_len = (size_t)(colon - text);
	if (!host_len || host_len >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, host_len);
	host[host_len] = '\0';
	if (host[0] == '[' && host[host_len - 1] == ']') {
		host[host_len - 1] = '\0';
		r = parse_scoped(host + 1, &e);
	} else {
		r = strchr(host, ':') ? -EINVAL : addr_parse(host, &e.addr);
	}
	if (r < 0 || parse_number(colon + 1, UINT16_MAX, &port) < 0 || !port)
		return -EINVAL;
	e.port = (uint16_t)port;
	*out = e;
	return 0;
}

char *addr_format(const struct addr *a, char out[static ADDR_STRLEN])
{
	if (!addr_bits(a->family) ||
		!inet_ntop(a->family == ADDR_V6 ? AF_INET6 : AF_INET, a->bytes, out, ADDR_STRLEN))
		strcpy(out, "none");
	return out;
}

char *prefix_format(const struct prefix *p, char out[static PREFIX_STRLEN])
{
	char text[ADDR_STRLEN];

	if (!addr_bits(p->addr.family))
		strcpy(out, "none");
	else
		snprintf(out, PREFIX_STRLEN, "%s/%u", addr_format(&p->addr, text), p->len);
	return out;
}

char *endpoint_format(const struct endpoint *e, char out[static ENDPOINT_STRLEN])
{
	char text[ADDR_STRLEN];

	addr_format(&e->addr, text);
	if (!addr_bits(e->addr.family))
		strcpy(out, "none");
	else if (e->addr.family == ADDR_V4)
		snprintf(out, ENDPOINT_STRLEN, "%s:%u", text, e->port);
	else if (e->scope_id)
		snprintf(out, ENDPOINT_STRLEN, "[%s%%%u]:%u", text, e->scope_id, e->port);
	else
		snprintf(out, ENDPOINT_STRLEN, "[%s]:%u", text, e->port);
	return out;
}

int addr_compare(const struct addr *a, const struct addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

int prefix_compare(const struct prefix *a, const struct prefix *b)
{
	int r = addr_compare(&a->addr, &b->addr);

	return r ? r : (int)a->len - (int)b->len;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return addr_compare(a, b) == 0;
}

bool prefix_equal(const struct prefix *a, const struct prefix *b)
{
	return prefix_compare(a, b) == 0;
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return addr_equal(&a->addr, &b->addr) && a->port == b->port && a->scope_id == b->scope_id;
}

/* The bits of byte number `i` that lie within the first `len` bits. */
static uint8_t mask_byte(unsigned int len, unsigned int i)
{
	if (len >= 8 * (i + 1))
		return 0xff;
	return len <= 8 * i ? 0 : (uint8_t)(0xff << (8 - (len - 8 * i)));
}

void prefix_mask(struct prefix *p)
{
	for (unsigned int i = 0; i < sizeof(p->addr.bytes); i++)
		p->addr.bytes[i] &= mask_byte(p->len, i);
}

bool prefix_contains(const struct prefix *p, const struct addr *a)
{
	if (p->addr.family != a->family)
		return false;
	for (unsigned int i = 0; 8 * i < p->len && i < sizeof(a->bytes); i++)
		if ((p->addr.bytes[i] ^ a->bytes[i]) & mask_byte(p->len, i))
			return false;
	return true;
}

bool prefix_covers(const struct prefix *outer, const struct prefix *inner)
{
	return outer->len <= inner->len && prefix_contains(outer, &inner->addr);
}
