/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/cleanup.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

void cleanup_close(const int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

void cleanup_free(void *pointer_to_pointer)
{
	free(*(void **)pointer_to_pointer);
}

void cleanup_fclose(FILE *const *f)
{
	int saved = errno;

	if (*f)
		fclose(*f);
	errno = saved;
}

void cleanup_json(struct json_t *const *json)
{
	json_decref(*json);
}

int cleanup_take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}
