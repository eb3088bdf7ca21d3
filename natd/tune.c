/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "natd/tune.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"

#define CONNTRACK "net.netfilter.nf_conntrack_"
#define FLOW_BYTES 512 /* of memory for one flow, its extensions and share of the hash included */
#define MEMORY_SHARE 8 /* the table may take one part in so many */

enum { BUCKETS, MAX, ICMP, ICMPV6, LOOSE, HELPER, ACCT };

static const struct {
	const char *name;
	uint64_t wanted;
	bool at_least; /* more is as good */
} settings[TUNE_SETTINGS] = {
	[BUCKETS] = {CONNTRACK "buckets", 0, true},
	[MAX] = {CONNTRACK "max", 0, true},
	[ICMP] = {CONNTRACK "icmp_timeout", 60, true},
	[ICMPV6] = {CONNTRACK "icmpv6_timeout", 60, true},
	[LOOSE] = {CONNTRACK "tcp_loose", 1, false},
	[HELPER] = {CONNTRACK "helper", 0, false},
	[ACCT] = {CONNTRACK "acct", 1, false},
};

size_t tune_plan(const struct tune_values *values, uint64_t memory_bytes,
	struct tune_setting out[static TUNE_SETTINGS])
{
	uint64_t flows = memory_bytes / MEMORY_SHARE / FLOW_BYTES;
	size_t n = 0;

	for (size_t i = 0; i < TUNE_SETTINGS; i++) {
		uint64_t is = values->is[i];
		uint64_t wanted = i == BUCKETS || i == MAX ? flows : settings[i].wanted;

		if (is == UINT64_MAX || is == wanted || (settings[i].at_least && is > wanted))
			continue;
		out[n++] = (struct tune_setting){settings[i].name, is, wanted};
	}
	return n;
}

/* Open "a.b" as /proc/sys/a/b. */
static int open_setting(const char *name, int flags)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	for (char *c = path; *c; c++)
		if (*c == '.')
			*c = '/';
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static uint64_t read_setting(const char *name)
{
	_cleanup_close_ int fd = open_setting(name, O_RDONLY);
	char text[32];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n <= 0)
		return UINT64_MAX;
	text[n] = '\0';
	return strtoull(text, NULL, 10);
}

void tune_read(struct tune_values *out)
{
	for (size_t i = 0; i < TUNE_SETTINGS; i++)
		out->is[i] = read_setting(settings[i].name);
}

uint64_t tune_memory(void)
{
	return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
}

int tune_set(const struct tune_setting *setting)
{
	_cleanup_close_ int fd = open_setting(setting->name, O_WRONLY);
	char text[32];
	int len = snprintf(text, sizeof(text), "%" PRIu64 "\n", setting->wanted);

	if (fd < 0)
		return fd;
	return write(fd, text, (size_t)len) == len ? 0 : -errno;
}
