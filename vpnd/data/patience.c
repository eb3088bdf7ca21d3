/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/data/patience.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

bool patience_wait(struct patience *patience, int fd, int error)
{
	static const struct timespec STEP = {.tv_nsec = 1000000};
	struct pollfd full = {.fd = fd, .events = POLLOUT};

	if (error == EINTR)
		return true;
	if ((error != EAGAIN && error != ENOBUFS) || patience->left_ms == 0)
		return false;
	patience->left_ms--;
	/* It may count as writable too late, once half of it is free: look every now and then. */
	ppoll(&full, 1, &STEP, NULL);
	return true;
}
