/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * States: FOLLOW reads events. LIST reads a list in small parts, one a turn of the loop, and lets
 * events wait. CATCH_UP reads the events that waited; when there are none left, what the list said
 * is whole, and FOLLOW goes on.
 *
 * Reading costs forwarding: on a busy machine each wake-up takes a core from it. So the socket is
 * read when something has come, but not again for READ_GAP_US, and then with many events a call.
 *
 * After an overrun the kernel delivers nothing more until the socket has been read empty. So the
 * socket is drained before the list begins: what happens from then on is in the list or in the
 * socket.
 */
#include "netlink/conntrack_follow.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include "base/mono.h"
#include "netlink/budget.h"

#define RCVBUF_BYTES (16 << 20)
#define EVENT_SIZE_MAX 2048 /* bytes; most are some hundred */
#define BATCH 64            /* events in one call */
#define READS_MAX 32        /* calls in one turn of the loop */
#define READ_GAP_US (20 * US_PER_MS)
#define LIST_EVERY_US (60 * US_PER_S)
#define LIST_GAP_US US_PER_S /* at least, from one list to the next */
#define LIST_SHARE 20        /* of this many parts of the time, lists that are asked for take one */

enum phase { FOLLOW, LIST, CATCH_UP };

struct conntrack_follow {
	struct conntrack_follow_config config;
	struct conntrack_follow_counters counters;
	enum phase phase;
	bool lost;             /* an overrun since the last list began */
	uint32_t kernel_drops; /* as last read from the socket; it wraps */
	struct budget budget;
	mono_t paused, resumes; /* since and until when nobody listens; counters.paused */
	uint64_t list_began_us, list_took_us;
	uint64_t read_us; /* when the socket was last found empty */
	sd_event *event;
	struct mnl_socket *socket;
	sd_event_source *events, *later, *parts, *timer; /* later: in the place of events */
	struct conntrack_list *list;
	struct mmsghdr headers[BATCH];
	struct iovec parts_of[BATCH];
	char buffers[BATCH][EVENT_SIZE_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
};

/* --- events ----------------------------------------------------------------------------------- */

static int take_event(const struct nlmsghdr *h, void *arg)
{
	struct conntrack_follow *f = arg;
	struct conntrack_flow flow;
	enum conntrack_event event;

	if (conntrack_parse(h, &flow, &event) < 0)
		f->counters.malformed++;
	else if (!f->config.translated_only || flow.src_nat || flow.dst_nat)
		f->config.flow(event, &flow, f->config.arg);
	return MNL_CB_OK;
}

/* What was lost is known when the socket is empty: until then the kernel delivers nothing. */
static void count_lost(struct conntrack_follow *f)
{
	uint32_t info[SK_MEMINFO_VARS] = {0};
	socklen_t len = sizeof(info);

	if (getsockopt(mnl_socket_get_fd(f->socket), SOL_SOCKET, SO_MEMINFO, info, &len) < 0)
		return;
	f->counters.lost += info[SK_MEMINFO_DROPS] - f->kernel_drops;
	f->kernel_drops = info[SK_MEMINFO_DROPS];
}

static uint64_t now_us(const struct conntrack_follow *f)
{
	uint64_t us = 0;

	sd_event_now(f->event, CLOCK_BOOTTIME, &us);
	return us;
}

static mono_t now(const struct conntrack_follow *f)
{
	return (mono_t){now_us(f)};
}

/* The next one begins `us` after the last one began. */
static void list_after(struct conntrack_follow *f, uint64_t us)
{
	sd_event_source_set_time(f->timer, f->list_began_us + us);
	sd_event_source_set_enabled(f->timer, SD_EVENT_ONESHOT);
}

static void list_next(struct conntrack_follow *f)
{
	uint64_t gap = f->lost ? LIST_GAP_US : LIST_EVERY_US;

	if (f->counters.paused)
		gap = mono_elapsed_us((mono_t){f->list_began_us}, f->resumes);
	list_after(f, gap);
}

/* The socket is empty. What an overrun left out is not in a list that was made before either. */
static void settle(struct conntrack_follow *f)
{
	if (f->lost)
		count_lost(f);
	else if (f->phase == CATCH_UP)
		f->config.list_ended(f->config.arg);
	else
		return;
	f->phase = FOLLOW;
	list_next(f);
}

/* --- whether anybody listens ------------------------------------------------------------------ */

static int listen_to_groups(struct conntrack_follow *f, int option)
{
	static const int groups[] = {NFNLGRP_CONNTRACK_NEW, NFNLGRP_CONNTRACK_DESTROY};

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		int group = groups[i];

		if (mnl_socket_setsockopt(f->socket, option, &group, sizeof(group)) < 0)
			return -errno;
	}
	return 0;
}

/* What waits is heard yet. The list at the end begins when events are heard again. */
static void pause_listening(struct conntrack_follow *f)
{
	uint64_t pause;

	if (f->counters.paused || listen_to_groups(f, NETLINK_DROP_MEMBERSHIP) < 0)
		return;
	pause = budget_pause(&f->budget, now(f));
	f->counters.paused = true;
	f->counters.pauses++;
	f->paused = now(f);
	f->resumes = mono_add_us(now(f), pause);
	list_next(f);
	f->config.pauses(pause, f->config.arg);
}

static void resume_listening(struct conntrack_follow *f)
{
	if (listen_to_groups(f, NETLINK_ADD_MEMBERSHIP) < 0)
		return;
	f->counters.paused = false;
	f->counters.paused_us += mono_elapsed_us(f->paused, now(f));
	budget_resume(&f->budget, now(f));
}

/* --- reading events --------------------------------------------------------------------------- */

static void take_batch(struct conntrack_follow *f, int n)
{
	for (int i = 0; i < n; i++) {
		f->counters.events++;
		if (f->headers[i].msg_hdr.msg_flags & MSG_TRUNC)
			f->counters.malformed++; /* longer than any event */
		else
			mnl_cb_run(f->buffers[i], f->headers[i].msg_len, 0, 0, take_event, f);
	}
	if (budget_spend(&f->budget, (uint32_t)n, now(f)))
		return;
	if (f->config.has_time(f->config.arg))
		budget_refill(&f->budget, now(f));
	else
		pause_listening(f);
}

static void drain(struct conntrack_follow *f)
{
	for (int i = 0; i < READS_MAX; i++) {
		int n = recvmmsg(mnl_socket_get_fd(f->socket), f->headers, BATCH, 0, NULL);

		if (n > 0) {
			take_batch(f, n);
		} else if (errno == EAGAIN) {
			f->read_us = now_us(f);
			settle(f);
			return;
		} else if (errno == ENOBUFS) {
			f->counters.overruns++;
			f->lost = true;
		}
	}
}

/* Events wait for a while, or for a list. */
static void read_later(struct conntrack_follow *f)
{
	sd_event_source_set_enabled(f->events, SD_EVENT_OFF);
	sd_event_source_set_time(f->later, f->read_us + READ_GAP_US);
	sd_event_source_set_enabled(f->later, SD_EVENT_ONESHOT);
}

static int on_events(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct conntrack_follow *f = arg;

	(void)source;
	(void)fd;
	(void)events;
	if (now_us(f) < f->read_us + READ_GAP_US)
		read_later(f);
	else
		drain(f);
	return 0;
}

static int on_later(sd_event_source *source, uint64_t us, void *arg)
{
	struct conntrack_follow *f = arg;

	(void)source;
	(void)us;
	sd_event_source_set_enabled(f->events, SD_EVENT_ON);
	drain(f);
	return 0;
}

/* --- the list --------------------------------------------------------------------------------- */

static void take_found(enum conntrack_event event, const struct conntrack_flow *flow, void *arg)
{
	struct conntrack_follow *f = arg;

	if (!f->config.translated_only || flow->src_nat || flow->dst_nat)
		f->config.flow(event, flow, f->config.arg);
}

static void end_list(struct conntrack_follow *f, int r)
{
	f->parts = sd_event_source_disable_unref(f->parts);
	conntrack_list_free(f->list);
	f->list = NULL;
	f->list_took_us = now_us(f) - f->list_began_us;
	sd_event_source_set_enabled(f->events, SD_EVENT_ON);
	if (r < 0) {
		f->counters.failed++;
		f->phase = FOLLOW;
		list_after(f, LIST_GAP_US);
		return;
	}
	f->counters.lists++;
	f->phase = CATCH_UP;
	drain(f); /* if none waits, none may come that would wake us */
}

static int on_part(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct conntrack_follow *f = arg;
	int r = conntrack_list_read(f->list, take_found, f);

	(void)source;
	(void)fd;
	(void)events;
	if (r <= 0)
		end_list(f, r);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t us, void *arg)
{
	struct conntrack_follow *f = arg;
	int r;

	(void)source;
	(void)us;
	if (f->counters.paused && !mono_before(now(f), f->resumes))
		resume_listening(f);
	f->lost = false;
	f->list_began_us = now_us(f);
	r = conntrack_list_new(ADDR_NONE, &f->list);
	if (r == 0)
		r = sd_event_add_io(
			f->event, &f->parts, conntrack_list_fd(f->list), EPOLLIN, on_part, f);
	if (r < 0) {
		end_list(f, r);
		return 0;
	}
	f->phase = LIST;
	sd_event_source_set_enabled(f->events, SD_EVENT_OFF);
	sd_event_source_set_enabled(f->later, SD_EVENT_OFF);
	f->config.list_begins(f->config.arg);
	return 0;
}

/* --- making ----------------------------------------------------------------------------------- */

static void lay_out_buffers(struct conntrack_follow *f)
{
	for (size_t i = 0; i < BATCH; i++) {
		f->parts_of[i] = (struct iovec){f->buffers[i], sizeof(f->buffers[i])};
		f->headers[i].msg_hdr.msg_iov = &f->parts_of[i];
		f->headers[i].msg_hdr.msg_iovlen = 1;
	}
}

/* Deliver only what has one of these bits in its status, and what has no status. */
static int filter_by_status(int fd, uint32_t mask)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_IMM, NLMSG_HDRLEN + sizeof(struct nfgenmsg)),
		BPF_STMT(BPF_LDX | BPF_IMM, CTA_STATUS),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_NLATTR)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 3, 0),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_IND, NLA_HDRLEN),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, mask, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno
											   : 0;
}

static int open_socket(struct conntrack_follow *f)
{
	int size = f->config.rcvbuf_bytes ? f->config.rcvbuf_bytes : RCVBUF_BYTES, fd, r = 0;

	f->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (!f->socket || mnl_socket_bind(f->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	fd = mnl_socket_get_fd(f->socket);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0 &&
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) < 0)
		return -errno;
	if (f->config.translated_only)
		r = filter_by_status(fd, IPS_SRC_NAT | IPS_DST_NAT);
	return r < 0 ? r : listen_to_groups(f, NETLINK_ADD_MEMBERSHIP);
}

int conntrack_follow_new(sd_event *event, const struct conntrack_follow_config *config,
	struct conntrack_follow **out)
{
	struct conntrack_follow *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	f->config = *config;
	f->event = sd_event_ref(event);
	budget_init(&f->budget, config->events_max, now(f));
	lay_out_buffers(f);
	r = open_socket(f);
	if (r >= 0)
		r = sd_event_add_io(
			event, &f->events, mnl_socket_get_fd(f->socket), EPOLLIN, on_events, f);
	if (r >= 0)
		r = sd_event_add_time(event, &f->later, CLOCK_BOOTTIME, 0, 1, on_later, f);
	if (r >= 0)
		r = sd_event_source_set_enabled(f->later, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_add_time_relative(event, &f->timer, CLOCK_BOOTTIME, 0, 1, on_timer, f);
	if (r < 0) {
		conntrack_follow_free(f);
		return r;
	}
	*out = f;
	return 0;
}

void conntrack_follow_look(struct conntrack_follow *f)
{
	uint64_t gap = f->list_took_us * LIST_SHARE, when = 0;

	if (f->phase != FOLLOW || sd_event_source_get_time(f->timer, &when) < 0)
		return;
	if (gap < LIST_GAP_US)
		gap = LIST_GAP_US;
	if (when > f->list_began_us + gap)
		list_after(f, gap);
}

void conntrack_follow_free(struct conntrack_follow *f)
{
	if (!f)
		return;
	sd_event_source_disable_unref(f->parts);
	sd_event_source_disable_unref(f->events);
	sd_event_source_disable_unref(f->later);
	sd_event_source_disable_unref(f->timer);
	conntrack_list_free(f->list);
	if (f->socket)
		mnl_socket_close(f->socket);
	sd_event_unref(f->event);
	free(f);
}

void conntrack_follow_set_max(struct conntrack_follow *f, uint32_t events_max)
{
	budget_set(&f->budget, events_max);
	if (!f->counters.paused || events_max)
		return;
	f->resumes = now(f);
	if (f->phase == FOLLOW)
		list_next(f);
}

struct conntrack_follow_counters conntrack_follow_counters(const struct conntrack_follow *f)
{
	struct conntrack_follow_counters counters = f->counters;

	if (counters.paused)
		counters.paused_us += mono_elapsed_us(f->paused, now(f));
	return counters;
}
