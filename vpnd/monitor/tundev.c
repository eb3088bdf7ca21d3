/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/monitor/tundev.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include "base/cleanup.h"
#include "vpnd/privsep.h"

#define TUN_PATH "/dev/net/tun"

/* Since Linux 6.2; the headers may be older than the kernel. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

enum {
	FLAGS = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR,
	PATIENT_TRIES = 50,
	TRY_INTERVAL_MS = 20,
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

static int attach(int fd, const char *name, int flags)
{
	struct ifreq ifr = {.ifr_flags = (short)flags};

	memcpy(ifr.ifr_name, name, strlen(name));
	return ioctl(fd, TUNSETIFF, &ifr) < 0 ? -errno : 0;
}

/* What the kernel may have in mind for the header's length and byte order is not left to chance. */
static int set_header(int fd)
{
	const int size = sizeof(struct virtio_net_hdr);

	return ioctl(fd, TUNSETVNETHDRSZ, &size) < 0 ? -errno : 0;
}

/* An attached TUN descriptor does not take it: any socket does. */
static int set_mtu(const char *name, uint32_t mtu)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = {.ifr_mtu = (int)mtu};

	memcpy(ifr.ifr_name, name, strlen(name));
	return fd < 0 || ioctl(fd, SIOCSIFMTU, &ifr) < 0 ? -errno : 0;
}

int tundev_free(const char *name, char *err, size_t errlen)
{
	const struct timespec interval = {.tv_nsec = TRY_INTERVAL_MS * 1000000L};

	for (int try = 0; try < PATIENT_TRIES; try++) {
		if (if_nametoindex(name) == 0)
			return 0;
		nanosleep(&interval, NULL);
	}
	return explain(-EBUSY, name, err, errlen);
}

static int open_tun(char *err, size_t errlen)
{
	int fd = open(TUN_PATH, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	int r = -errno;

	if (fd >= 0)
		return fd;
	snprintf(err, errlen, "cannot open " TUN_PATH ": %s", strerror(-r));
	return r;
}

int tundev_open(const char *name, uint32_t mtu, bool many, int *fd, uint32_t *ifindex, char *err,
	size_t errlen)
{
	const int flags = FLAGS | IFF_TUN_EXCL | (many ? IFF_MULTI_QUEUE : 0);
	_cleanup_close_ int opened = -1;
	uint32_t index;
	int r;

	/* The kernel would take "tun%d" as a pattern. */
	if (!name[0] || strlen(name) >= IFNAMSIZ || strchr(name, '%'))
		return explain(-EINVAL, name, err, errlen);
	opened = open_tun(err, errlen);
	if (opened < 0)
		return opened;
	r = attach(opened, name, flags);
	if (r == 0)
		r = set_header(opened);
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

int tundev_adopt(int fd)
{
	struct ifreq ifr = {0};

	if (ioctl(fd, TUNGETIFF, &ifr) < 0)
		return errno == EBADFD ? 0 : -errno; /* the device was deleted */
	if ((ifr.ifr_flags & FLAGS) != FLAGS)
		return -EINVAL;
	return set_header(fd);
}

/* --- more queues ---------------------------------------------------------------------------------
 */

/* A device can only be joined by its name: is it still that of ours? */
static bool is_named(int fd, const char *name)
{
	struct ifreq ifr = {0};

	return ioctl(fd, TUNGETIFF, &ifr) == 0 && strcmp(ifr.ifr_name, name) == 0;
}

static int detach(int fd)
{
	struct ifreq ifr = {.ifr_flags = IFF_DETACH_QUEUE};

	return ioctl(fd, TUNSETQUEUE, &ifr) < 0 ? -errno : 0;
}

static int add_queue(int first, const char *name, int *out, char *err, size_t errlen)
{
	_cleanup_close_ int fd = open_tun(err, errlen);
	int r;

	if (fd < 0)
		return fd;
	r = attach(fd, name, FLAGS | IFF_MULTI_QUEUE);
	if (r == 0 && !is_named(first, name))
		r = -ENODEV;
	if (r < 0) {
		snprintf(err, errlen, "cannot add a queue to interface %s: %s", name, strerror(-r));
		return r;
	}
	*out = cleanup_take_fd(&fd);
	return 0;
}

static int add_sink(int first, const char *name, int *out, char *err, size_t errlen)
{
	_cleanup_close_ int fd = -1;
	int r = add_queue(first, name, &fd, err, errlen);

	if (r < 0)
		return r;
	r = detach(fd);
	if (r < 0)
		snprintf(err, errlen, "cannot detach a queue of interface %s: %s", name,
			strerror(-r));
	else
		*out = cleanup_take_fd(&fd);
	return r;
}

/*
 * The sink is the first to be added: it keeps its number, by which the kernel says where packets
 * came in, and that has to be one that the device still has when all are there. Of another one
 * the kernel warns, with a trace, on hosts that steer packets (RPS).
 */
int tundev_widen(int fd, const char *name, size_t n, int fds[], char *err, size_t errlen)
{
	size_t done = 0;
	int r = add_sink(fd, name, &fds[n - 1], err, errlen);

	if (r < 0)
		return r;
	while (r == 0 && done < n - 1) {
		r = add_queue(fd, name, &fds[done], err, errlen);
		done += r == 0;
	}
	if (r == 0)
		return 0;
	cleanup_close(&fds[n - 1]);
	while (done > 0)
		cleanup_close(&fds[--done]);
	return r;
}

/* --- the device ----------------------------------------------------------------------------------
 */

uint32_t tundev_offload(int fd, bool wanted)
{
	enum { TCP = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN };
	static const struct {
		unsigned int flags;
		uint32_t takes;
	} best_first[] = {
		{TCP | TUN_F_USO4 | TUN_F_USO6, PRIVSEP_TAKES_ALL}, /* Linux 6.2 */
		{TCP, PRIVSEP_TAKES_TCP4 | PRIVSEP_TAKES_TCP6},
		{TUN_F_CSUM, 0},
	};

	for (size_t i = 0; wanted && i < sizeof(best_first) / sizeof(best_first[0]); i++)
		if (ioctl(fd, TUNSETOFFLOAD, best_first[i].flags) == 0)
			return best_first[i].takes;
	/* Nothing, whatever was set before. */
	ioctl(fd, TUNSETOFFLOAD, 0);
	return 0;
}

bool tundev_alive(int fd)
{
	struct ifreq ifr = {0};

	return ioctl(fd, TUNGETIFF, &ifr) == 0;
}
