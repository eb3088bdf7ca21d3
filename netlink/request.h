/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A netlink socket for questions: one request at a time, waiting for the answer. rtnetlink answers
 * while it is asked, so this does not block but for the kernel's own lock; should an answer be
 * missing all the same, the request fails after REQUEST_TIMEOUT_S.
 */
#ifndef NETLINK_REQUEST_H
#define NETLINK_REQUEST_H

#include <netlink/msg.h>
#include <stddef.h>

#define REQUEST_TIMEOUT_S 5   /* seconds */
#define REQUEST_TEXT_SIZE 160 /* bytes for the kernel's explanation, the final NUL included */

struct nl_sock;

/* Takes one message of an answer; a negative errno from it becomes the request's result. */
typedef int (*request_message_fn)(struct nlmsghdr *h, void *arg);

/*
 * Open in the current network namespace, with extended acks and strict checks of dump requests.
 * `*out` is the caller's to nl_socket_free. Returns 0 or a negative errno.
 */
int request_open(struct nl_sock **out);
void request_freep(struct nl_sock **sk); /* for __attribute__((cleanup)) */

/*
 * Send `msg`, which is freed, and hand each message of the answer to `each` (NULL: there is none to
 * see), until the kernel acknowledges or the dump ends. NULL for `msg` is -ENOMEM, so that what
 * encode.h returns can be passed on. `text` receives the kernel's explanation, "" if it has none.
 *
 * Returns 0; the kernel's negative errno; -EINTR for a dump that the kernel could not make
 * consistent, to be asked for again; -ETIMEDOUT.
 */
int request_run(struct nl_sock *sk, struct nl_msg *msg, request_message_fn each, void *arg,
	char text[static REQUEST_TEXT_SIZE]);

/*
 * The explanation (NLMSGERR_ATTR_MSG) in an NLMSG_ERROR message, whose original request may be
 * there whole or capped (NLM_F_CAPPED). Unprintable bytes become '?'. Pure. "" if there is none.
 */
void request_explain(const struct nlmsghdr *h, char out[static REQUEST_TEXT_SIZE]);

#endif
