/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/monitor/tundev.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include "base/cleanup.h"

#define TUN_PATH "/dev/net/tun"

enum {
	PATIENT_TRIES = 20,
	TRY_INTERVAL_MS = 50,
};

static int explain(int error, const char *name, char *err, size_t errlen)
{
	switch (error) {
	case -EBUSY:
		snprintf(err, errlen, "interface %s exists already, and is not ours", name);
		break;
	case -EINVAL:
		snprintf(err, errlen, "%s cannot be the name of an interface", name);
		break;
	case -EPERM:
		snprintf(err, errlen, "making interface %s needs CAP_NET_ADMIN", name);
		break;
	default:
		snprintf(err, errlen, "cannot make interface %s: %s", name, strerror(-error));
		break;
	}
	return error;
}

static int attach(int fd, const char *name, int tries, struct ifreq *ifr)
{
	const struct timespec interval = {.tv_nsec = TRY_INTERVAL_MS * 1000000L};

	for (int try = 0; try < tries; try++) {
		*ifr = (struct ifreq){.ifr_flags = (short)(IFF_TUN | IFF_NO_PI | IFF_TUN_EXCL)};
		memcpy(ifr->ifr_name, name, strlen(name));
		if (ioctl(fd, TUNSETIFF, ifr) == 0)
			return 0;
		if (errno != EBUSY)
			return -errno;
		if (try + 1 < tries)
			nanosleep(&interval, NULL);
	}
	return -EBUSY;
}

/* An attached TUN descriptor does not take it: any socket does. */
static int set_mtu(const char *name, uint32_t mtu)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = {.ifr_mtu = (int)mtu};

	memcpy(ifr.ifr_name, name, strlen(name));
	return fd < 0 || ioctl(fd, SIOCSIFMTU, &ifr) < 0 ? -errno : 0;
}

int tundev_open(const char *name, uint32_t mtu, bool patient, int *fd, uint32_t *ifindex, char *err,
	size_t errlen)
{
	_cleanup_close_ int opened = -1;
	struct ifreq ifr;
	uint32_t index;
	int r;

	/* The kernel would take "tun%d" as a pattern. */
	if (!name[0] || strlen(name) >= IFNAMSIZ || strchr(name, '%'))
		return explain(-EINVAL, name, err, errlen);
	opened = open(TUN_PATH, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (opened < 0) {
		r = -errno;
		snprintf(err, errlen, "cannot open " TUN_PATH ": %s", strerror(-r));
		return r;
	}
	r = attach(opened, name, patient ? PATIENT_TRIES : 1, &ifr);
	if (r == 0)
		r = set_mtu(name, mtu);
	if (r < 0)
		return explain(r, name, err, errlen);
	index = if_nametoindex(name);
	if (index == 0)
		return explain(-errno, name, err, errlen);
	*ifindex = index;
	*fd = cleanup_take_fd(&opened);
	return 0;
}

bool tundev_alive(int fd)
{
	struct ifreq ifr = {0};

	return ioctl(fd, TUNGETIFF, &ifr) == 0;
}
