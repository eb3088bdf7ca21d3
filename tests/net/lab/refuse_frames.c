/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Preloaded into vpnd: a kernel whose TUN takes TCP in large frames, but no UDP. */
#include <errno.h>
#include <linux/virtio_net.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { GSO_UDP_L4 = 5 }; /* newer than the headers of Debian 12 */

ssize_t writev(int fd, const struct iovec *iov, int count)
{
	const struct virtio_net_hdr *hdr = count > 2 ? iov[0].iov_base : NULL;

	if (hdr && iov[0].iov_len == sizeof(*hdr) && hdr->gso_type == GSO_UDP_L4) {
		errno = EINVAL;
		return -1;
	}
	return syscall(SYS_writev, fd, iov, count);
}
