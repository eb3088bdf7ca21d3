/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/sockaddr.h"

#include <errno.h>
#include <string.h>

int sockaddr_family(enum addr_family family)
{
	return family == ADDR_V4 ? AF_INET : family == ADDR_V6 ? AF_INET6 : AF_UNSPEC;
}

enum addr_family sockaddr_to_family(int af)
{
	return af == AF_INET ? ADDR_V4 : af == AF_INET6 ? ADDR_V6 : ADDR_NONE;
}

void sockaddr_to_in(const struct addr *a, struct in_addr *out)
{
	memcpy(out, a->bytes, sizeof(*out));
}

void sockaddr_to_in6(const struct addr *a, struct in6_addr *out)
{
	memcpy(out, a->bytes, sizeof(*out));
}

void sockaddr_from_in(const struct in_addr *in, struct addr *out)
{
	*out = (struct addr){.family = ADDR_V4};
	memcpy(out->bytes, in, sizeof(*in));
}

void sockaddr_from_in6(const struct in6_addr *in6, struct addr *out)
{
	*out = (struct addr){.family = ADDR_V6};
	memcpy(out->bytes, in6, sizeof(*in6));
}

socklen_t sockaddr_from_endpoint(const struct endpoint *e, union sockaddr_any *out)
{
	memset(out, 0, sizeof(*out));
	out->sa.sa_family = (sa_family_t)sockaddr_family(e->addr.family);
	switch (out->sa.sa_family) {
	case AF_INET:
		out->in.sin_port = htons(e->port);
		sockaddr_to_in(&e->addr, &out->in.sin_addr);
		return sizeof(out->in);
	case AF_INET6:
		out->in6.sin6_port = htons(e->port);
		out->in6.sin6_scope_id = e->scope_id;
		sockaddr_to_in6(&e->addr, &out->in6.sin6_addr);
		return sizeof(out->in6);
	default:
		return 0;
	}
}

int sockaddr_to_endpoint(const union sockaddr_any *s, struct endpoint *out)
{
	switch (s->sa.sa_family) {
	case AF_INET:
		*out = (struct endpoint){.port = ntohs(s->in.sin_port)};
		sockaddr_from_in(&s->in.sin_addr, &out->addr);
		return 0;
	case AF_INET6:
		*out = (struct endpoint){.port = ntohs(s->in6.sin6_port)};
		out->scope_id = s->in6.sin6_scope_id;
		sockaddr_from_in6(&s->in6.sin6_addr, &out->addr);
		return 0;
	default:
		return -EAFNOSUPPORT;
	}
}
