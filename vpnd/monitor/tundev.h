/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TUN devices. A device lives as long as a descriptor of it is open somewhere. */
#ifndef VPND_MONITOR_TUNDEV_H
#define VPND_MONITOR_TUNDEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Whether an interface of this name can be made. One that a killed instance leaves behind goes
 * within moments: a second is waited for that. Returns 0, or -EBUSY with a sentence in err.
 */
int tundev_free(const char *name, char *err, size_t errlen);

/*
 * Make a TUN device for IP packets behind a struct virtio_net_hdr, and only make: a device that
 * exists is never joined. `mtu` is in bytes. `many`: it may have more queues than one. Returns 0
 * with *fd (O_CLOEXEC, non-blocking) and *ifindex, or a negative errno (-EBUSY: exists, -EINVAL:
 * the kernel does not take the name) with a sentence in err.
 */
int tundev_open(const char *name, uint32_t mtu, bool many, int *fd, uint32_t *ifindex, char *err,
	size_t errlen);

/*
 * Add `n` queues, at least one, to a device of ours that may have many, of which `fd` is the first.
 * The kernel keeps what leaves in one flow on one queue as long as nobody tells it otherwise; what
 * comes in by a queue does, for packets of its flow that leave. So the last one in fds is only for
 * writing: it gives no packets, and what is written to it tells the kernel nothing. Returns 0 with
 * fds[n], as the first one is, or a negative errno with a sentence in err.
 */
int tundev_widen(int fd, const char *name, size_t n, int fds[], char *err, size_t errlen);

/*
 * Take over a descriptor that another program opened as tundev_open does, whether or not its device
 * is still there. Returns 0; -EINVAL if it is of another kind; or a negative errno.
 */
int tundev_adopt(int fd);

/*
 * Have the kernel hand over TCP and UDP in as large pieces as it can, or with `wanted` false packet
 * by packet. Returns what it takes in one piece, of enum privsep_takes; 0: nothing, or no device.
 */
uint32_t tundev_offload(int fd, bool wanted);

/* True unless the device was deleted. One that was moved to another network namespace is alive. */
bool tundev_alive(int fd);

#endif
