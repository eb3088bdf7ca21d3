/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/request.h"

#include <errno.h>
#include <netlink/attr.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define DUMP_BUFFER_SIZE 65536 /* bytes; the kernel fills at most 32 KiB at a time */

/* What the answer to one request has brought so far. */
struct answer {
	uint32_t seq;
	request_message_fn each;
	void *arg;
	char *text;
	int error;
	bool done, interrupted;
};

static int set_options(struct nl_sock *sk)
{
	const struct timeval timeout = {.tv_sec = REQUEST_TIMEOUT_S};
	const int on = 1;
	int fd = nl_socket_get_fd(sk);

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0)
		return -errno;
	/* Both are refinements that an older kernel may lack. */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	return 0;
}

int request_open(struct nl_sock **out)
{
	struct nl_sock *sk __attribute__((cleanup(request_freep))) = nl_socket_alloc();
	int r;

	if (!sk)
		return -ENOMEM;
	errno = 0;
	if (nl_connect(sk, NETLINK_ROUTE) < 0)
		return errno ? -errno : -EIO;
	r = set_options(sk);
	if (r < 0)
		return r;
	if (nl_socket_set_msg_buf_size(sk, DUMP_BUFFER_SIZE) < 0)
		return -ENOMEM;
	nl_socket_disable_msg_peek(sk);
	*out = sk;
	sk = NULL;
	return 0;
}

void request_freep(struct nl_sock **sk)
{
	nl_socket_free(*sk);
}

void request_explain(const struct nlmsghdr *h, char out[static REQUEST_TEXT_SIZE])
{
	const struct nlmsgerr *e = (const void *)((const char *)h + NLMSG_HDRLEN);
	size_t at = NLMSG_HDRLEN + sizeof(*e), copied = 0;

	out[0] = '\0';
	if (h->nlmsg_len < at || !(h->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(h->nlmsg_flags & NLM_F_CAPPED) && e->msg.nlmsg_len > sizeof(e->msg))
		at += NLMSG_ALIGN((size_t)e->msg.nlmsg_len - sizeof(e->msg));
	while (at + sizeof(struct nlattr) <= h->nlmsg_len) {
		const struct nlattr *attr = (const void *)((const char *)h + at);
		const char *bytes = (const char *)attr + NLA_HDRLEN;

		if (attr->nla_len < NLA_HDRLEN || attr->nla_len > h->nlmsg_len - at)
			return;
		if ((attr->nla_type & NLA_TYPE_MASK) == NLMSGERR_ATTR_MSG) {
			size_t n = strnlen(bytes, (size_t)attr->nla_len - NLA_HDRLEN);

			for (; copied < n && copied < REQUEST_TEXT_SIZE - 1; copied++)
				out[copied] = bytes[copied] >= ' ' && bytes[copied] <= '~'
						      ? bytes[copied]
						      : '?';
			out[copied] = '\0';
			return;
		}
		at += NLMSG_ALIGN((size_t)attr->nla_len);
	}
}

/* What a request that timed out left behind belongs to an older number. */
static int check_seq(struct nl_msg *msg, void *arg)
{
	const struct answer *a = arg;

	return nlmsg_hdr(msg)->nlmsg_seq == a->seq ? NL_OK : NL_SKIP;
}

static int take_message(struct nl_msg *msg, void *arg)
{
	struct answer *a = arg;
	int r = a->each ? a->each(nlmsg_hdr(msg), a->arg) : 0;

	if (r < 0 && a->error == 0)
		a->error = r;
	return NL_OK;
}

static int take_interruption(struct nl_msg *msg, void *arg)
{
	struct answer *a = arg;

	(void)msg;
	a->interrupted = true;
	return NL_OK;
}

static int take_ack(struct nl_msg *msg, void *arg)
{
	struct answer *a = arg;

	(void)msg;
	a->done = true;
	return NL_OK;
}

/* A dump that fails on the way says so in its last message. */
static int take_end(struct nl_msg *msg, void *arg)
{
	struct answer *a = arg;
	int error;

	a->done = true;
	if (nlmsg_datalen(nlmsg_hdr(msg)) < (int)sizeof(error))
		return NL_OK;
	memcpy(&error, nlmsg_data(nlmsg_hdr(msg)), sizeof(error));
	if (error < 0 && a->error == 0)
		a->error = error;
	return NL_OK;
}

/* libnl would fold the errno into its own, coarser codes and does not see the explanation. */
static int take_error(struct sockaddr_nl *from, struct nlmsgerr *e, void *arg)
{
	const struct nlmsghdr *h = (const void *)((const char *)e - NLMSG_HDRLEN);
	struct answer *a = arg;

	(void)from;
	a->error = e->error < 0 ? e->error : -EPROTO;
	a->done = true;
	request_explain(h, a->text);
	return NL_SKIP;
}

static struct nl_cb *make_callbacks(struct answer *a)
{
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);

	if (!cb)
		return NULL;
	nl_cb_set(cb, NL_CB_SEQ_CHECK, NL_CB_CUSTOM, check_seq, a);
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, take_message, a);
	nl_cb_set(cb, NL_CB_DUMP_INTR, NL_CB_CUSTOM, take_interruption, a);
	nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, take_ack, a);
	nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, take_end, a);
	nl_cb_err(cb, NL_CB_CUSTOM, take_error, a);
	return cb;
}

static int receive(struct nl_sock *sk, struct answer *a)
{
	struct nl_cb *cb = make_callbacks(a);
	int r = 0;

	if (!cb)
		return -ENOMEM;
	while (!a->done && r >= 0)
		r = nl_recvmsgs(sk, cb);
	nl_cb_put(cb);
	if (r < 0 && r != -NLE_DUMP_INTR && !a->done)
		return r == -NLE_AGAIN ? -ETIMEDOUT : r == -NLE_NOMEM ? -ENOBUFS : -EIO;
	return a->error ? a->error : a->interrupted ? -EINTR : 0;
}

int request_run(struct nl_sock *sk, struct nl_msg *msg, request_message_fn each, void *arg,
	char text[static REQUEST_TEXT_SIZE])
{
	struct answer a = {.each = each, .arg = arg, .text = text};
	int r;

	text[0] = '\0';
	if (!msg)
		return -ENOMEM;
	r = nl_send_auto(sk, msg);
	a.seq = nlmsg_hdr(msg)->nlmsg_seq;
	nlmsg_free(msg);
	return r < 0 ? -EIO : receive(sk, &a);
}
