/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * This machine's kernel, in a network namespace of the test program's own:
 *
 *   lo   city-a (TUN, held open here)   city-b (TUN)   eth0 <-veth-> inet 203.0.113.10/24
 *
 * Needs root. Each test starts with the tunnels up and nothing of ours, and leaves it so; the
 * namespace goes with the process.
 */
#ifndef TESTS_UNIT_NETLINK_LAB_H
#define TESTS_UNIT_NETLINK_LAB_H

#include "tests/unit/netlink/make.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "netlink/apply.h"
#include "netlink/observe.h"

#define _cleanup_diff_ __attribute__((cleanup(diff_freep)))
#define _cleanup_observe_ __attribute__((cleanup(observe_freep)))

/* What all tests share; the descriptors keep the TUN devices alive and with carrier. */
static struct {
	struct apply *apply;
	struct observe *observe;
	uint32_t a, b; /* ifindex of city-a and city-b */
	int tun[2];
	int changes; /* calls of `changed` */
} lab;

/* --- the namespace ---------------------------------------------------------------------------- */
static inline void sh(const char *command)
{
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

/* True if the output of `command` contains `text`. */
static inline bool says(const char *command, const char *text)
{
	char out[65536] = "";
	FILE *f = popen(command, "r");
	size_t n;

	assert_non_null(f);
	n = fread(out, 1, sizeof(out) - 1, f);
	out[n] = '\0';
	pclose(f);
	return strstr(out, text) != NULL;
}

static inline int open_tun(const char *name)
{
	struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	assert_int_equal(ioctl(fd, TUNSETIFF, &ifr), 0);
	return fd;
}

static inline void count_change(struct observe *o, void *arg)
{
	(void)o, (void)arg;
	lab.changes++;
}

static inline uint32_t index_of(const char *name)
{
	struct nl_link link;

	assert_int_equal(apply_find_link(lab.apply, name, &link), 0);
	return link.ifindex;
}

static inline int build_lab(void **unused)
{
	const struct observe_config config = {.changed = count_change};

	(void)unused;
	if (unshare(CLONE_NEWNET) < 0) {
		print_error("cannot make a network namespace (%s): run as root\n", strerror(errno));
		return -1;
	}
	lab.tun[0] = open_tun("city-a");
	lab.tun[1] = open_tun("city-b");
	sh("ip link set lo up && ip link add eth0 type veth peer name inet &&"
	   "ip addr add 203.0.113.10/24 dev eth0 && ip link set eth0 up && ip link set inet up &&"
	   "ip route add default via 203.0.113.1");
	assert_int_equal(apply_new(&lab.apply), 0);
	lab.a = index_of("city-a");
	lab.b = index_of("city-b");
	assert_int_equal(apply_link_up(lab.apply, lab.a), 0);
	assert_int_equal(apply_link_up(lab.apply, lab.b), 0);
	assert_int_equal(observe_new(&config, &lab.observe), 0);
	return 0;
}

static inline int leave_lab(void **unused)
{
	(void)unused;
	observe_free(lab.observe);
	apply_free(lab.apply);
	close(lab.tun[0]);
	close(lab.tun[1]);
	return 0;
}

/* --- reconciling ------------------------------------------------------------------------------ */
static inline void print_failure(const struct diff_op *op, int error, const char *line, void *arg)
{
	(void)op, (void)arg;
	if (error < 0)
		print_error("%s\n", line);
}

static inline struct diff *compare(const struct nl_state *wanted)
{
	struct diff *d = NULL;

	assert_int_equal(observe_read(lab.observe), 0);
	assert_int_equal(diff_new(wanted, observe_state(lab.observe), &d), 0);
	return d;
}

/* How many ops it takes from here to `wanted`. */
static inline size_t distance(const struct nl_state *wanted)
{
	struct diff *d _cleanup_diff_ = compare(wanted);

	assert_int_equal(d->n_problems, 0);
	return d->n_ops;
}

/* True if what was followed is what a new dump says, and it is `wanted`. */
static inline bool is_there(const struct nl_state *wanted)
{
	struct observe *second _cleanup_observe_ = NULL;
	const bool near = distance(wanted) == 0;

	assert_int_equal(observe_new(&(struct observe_config){0}, &second), 0);
	assert_int_equal(observe_read(lab.observe), 0);
	return near && model_equal(observe_state(lab.observe), observe_state(second));
}

/*
 * Apply, and be there within two seconds: the kernel announces carrier and IPv6 addresses by a
 * worker, a little after it acknowledged the request.
 */
static inline void reach(const struct nl_state *wanted)
{
	struct diff *d _cleanup_diff_ = compare(wanted), *left _cleanup_diff_ = NULL;
	char line[DIFF_LINE_SIZE];

	assert_int_equal(d->n_problems, 0);
	assert_int_equal(
		apply_diff(lab.apply, d, observe_state(lab.observe), print_failure, NULL, NULL), 0);
	for (int ms = 0; ms < 2000 && !is_there(wanted); ms += 10)
		usleep(10 * 1000);
	left = compare(wanted);
	for (size_t i = 0; i < left->n_ops; i++)
		print_error("left: %s\n",
			diff_describe_op(&left->ops[i], observe_state(lab.observe), line));
	assert_true(is_there(wanted));
}

static inline int clean_lab(void **unused)
{
	struct nl_state *nothing _cleanup_state_ = make_state();

	(void)unused;
	reach(nothing);
	return 0;
}

static inline void want_route(struct nl_state *s, const struct nl_route *r)
{
	assert_int_equal(model_put_route(s, r), 1);
}

enum { NH = NL_NEXTHOP_FIRST }; /* and the ids after it */

/* Both tunnels as next hops NH and NH + 1, and the group NH + 2 of one or both of them. */
static inline void want_nexthops(struct nl_state *s, bool v6, bool a, bool b)
{
	uint32_t first = a ? NH : NH + 1;

	put_nexthop(s, make_nexthop(NH, v6 ? ADDR_V6 : ADDR_V4, lab.a));
	put_nexthop(s, make_nexthop(NH + 1, v6 ? ADDR_V6 : ADDR_V4, lab.b));
	put_nexthop(s, make_group(NH + 2, first, a && b ? NH + 1 : 0));
}

#endif
