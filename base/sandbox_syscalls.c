/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <seccomp.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/sandbox.h"

#define SOCKET_TYPE 0xf /* the bits of socket(2)'s type that are no flags */

static int allow(scmp_filter_ctx filter, const char *name)
{
	int nr = seccomp_syscall_resolve_name(name);

	/* A negative number is a system call of some other architecture. */
	if (nr < 0)
		return 0;
	/*
	 * Other sockets reach the network and, as a TCP stream that lingers, hold up whoever closes
	 * the descriptor last: that may be one who was sent it. Datagrams are for the journal. A
	 * Unix stream would reach the services of this host, and our user is in the group that may
	 * tell natd what to do.
	 */
	if (strcmp(name, "socket") == 0)
		return seccomp_rule_add(filter, SCMP_ACT_ALLOW, nr, 2,
			SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0),
			SCMP_A1(SCMP_CMP_MASKED_EQ, SOCKET_TYPE, SOCK_DGRAM));
	/* Of a descriptor that others share, a TUN, all else would be changed for them as well. */
	if (strcmp(name, "ioctl") == 0)
		return seccomp_rule_add(filter, SCMP_ACT_ALLOW, nr, 1,
			SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, SIOCGIFINDEX));
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, nr, 0);
}

int sandbox_restrict_syscalls(const char *const *names, size_t n)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r = 0;

	if (!filter)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = allow(filter, names[i]);
	if (r == 0)
		r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
	/* For threads that there are already too. */
	if (r == 0)
		r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}
