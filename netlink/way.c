/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/way.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/socket.h>
#include <stdlib.h>

#include "netlink/encode.h"
#include "netlink/request.h"

struct way {
	struct nl_sock *sk;
};

int way_new(struct way **out)
{
	struct way *w = calloc(1, sizeof(*w));
	int r = w ? request_open(&w->sk) : -ENOMEM;

	if (r < 0)
		way_free(w);
	else
		*out = w;
	return r;
}

void way_free(struct way *w)
{
	if (!w)
		return;
	nl_socket_free(w->sk);
	free(w);
}

static int take_interface(struct nlmsghdr *h, void *arg)
{
	struct nlattr *oif;
	uint32_t *ifindex = arg;

	if (h->nlmsg_type != RTM_NEWROUTE)
		return 0;
	oif = nlmsg_find_attr(h, sizeof(struct rtmsg), RTA_OIF);
	if (!oif || nla_len(oif) < (int)sizeof(*ifindex))
		return -ENETUNREACH;
	*ifindex = nla_get_u32(oif);
	return 0;
}

int way_find(struct way *w, const struct way_query *query, uint32_t *ifindex)
{
	char text[REQUEST_TEXT_SIZE];
	uint32_t found = 0;
	int r = request_run(w->sk, encode_way(query), take_interface, &found, text);

	if (r == 0 && !found)
		r = -ENETUNREACH;
	if (r == 0)
		*ifindex = found;
	return r;
}
