/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cleanup attributes: a variable so marked is released when its scope ends, whichever way it ends.
 * Give it a value (-1 or NULL) where it is declared. To keep what it holds, take it.
 */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <stdio.h>

struct json_t;

/* Each releases *p unless it is -1 or NULL. All keep errno. */
void cleanup_close(const int *fd);
void cleanup_free(void *pointer_to_pointer);
void cleanup_fclose(FILE *const *f);
void cleanup_json(struct json_t *const *json);

#define _cleanup_close_ __attribute__((cleanup(cleanup_close)))
#define _cleanup_free_ __attribute__((cleanup(cleanup_free)))
#define _cleanup_fclose_ __attribute__((cleanup(cleanup_fclose)))
#define _cleanup_json_ __attribute__((cleanup(cleanup_json)))

/* Return what the variable holds and leave -1 or NULL behind: the caller owns it now. */
int cleanup_take_fd(int *fd);
#define cleanup_take(pointer)                   \
	({                                      \
		__auto_type taken_ = (pointer); \
		(pointer) = NULL;               \
		taken_;                         \
	})

#endif
