/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TUN devices. A device lives as long as a descriptor of it is open somewhere. */
#ifndef VPND_MONITOR_TUNDEV_H
#define VPND_MONITOR_TUNDEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Make a TUN device for IP packets behind a struct virtio_net_hdr, and only make: a device that
 * exists is never joined. One that a killed instance leaves behind goes within moments: if
 * `patient`, wait for that a second. `mtu` is in bytes. Returns 0 with *fd (O_CLOEXEC,
 * non-blocking) and *ifindex, or a negative errno (-EBUSY: exists, -EINVAL: the kernel does not
 * take the name) with a sentence in err.
 */
int tundev_open(const char *name, uint32_t mtu, bool patient, int *fd, uint32_t *ifindex, char *err,
	size_t errlen);

/*
 * Have the kernel hand over TCP and UDP in as large pieces as it can, or with `wanted` false packet
 * by packet. Returns what it takes in one piece, of enum privsep_takes; 0: nothing, or no device.
 */
uint32_t tundev_offload(int fd, bool wanted);

/* True unless the device was deleted. One that was moved to another network namespace is alive. */
bool tundev_alive(int fd);

#endif
