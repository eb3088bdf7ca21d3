/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "natd/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"

static uint64_t read_number(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[32];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n <= 0)
		return 0;
	text[n] = '\0';
	return strtoull(text, NULL, 10);
}

void proc_read(struct proc *out)
{
	*out = (struct proc){
		.forwarding_v4 = read_number("/proc/sys/net/ipv4/ip_forward") != 0,
		.forwarding_v6 = read_number("/proc/sys/net/ipv6/conf/all/forwarding") != 0,
		.flows = read_number("/proc/sys/net/netfilter/nf_conntrack_count"),
		.flows_max = read_number("/proc/sys/net/netfilter/nf_conntrack_max"),
	};
}

bool proc_accounting(void)
{
	return read_number("/proc/sys/net/netfilter/nf_conntrack_acct") != 0;
}

uint32_t proc_flow_bytes(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/slabinfo", "re");
	char line[256];
	uint32_t size;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "nf_conntrack %*u %*u %u", &size) == 1)
			return size;
	return 0;
}
