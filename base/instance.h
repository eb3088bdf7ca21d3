/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * That a program runs but once: for a directory, which has its sockets, and for a network
 * namespace, which has the rules or routes that it keeps. Both are locks of files: root's alone to
 * take, and gone with the process. (A name in the namespace itself, an abstract socket's, would be
 * anybody's to take, and so to keep a gateway from starting.)
 */
#ifndef BASE_INSTANCE_H
#define BASE_INSTANCE_H

#include <stddef.h>

struct instance {
	int directory, network; /* descriptors of locked files; -1: not held */
};
#define INSTANCE_NONE                          \
	{                                      \
		.directory = -1, .network = -1 \
	}

/*
 * Hold what *instance does not hold yet: PROGRAM.lock in `run_dir`, which is made if need be, and
 * PROGRAM.net-NUMBER.lock in ARGS_RUN_DIR, the number being that of this network namespace. Whoever
 * has another mount namespace may have another ARGS_RUN_DIR, and is not seen.
 *
 * Returns 0; 1 if no file for the network namespace could be locked, by whomever; -EWOULDBLOCK if
 * another instance runs; or a negative errno. With all but 0 `err` says why; with those below 0
 * *instance is as it was.
 */
int instance_begin(const char *program, const char *run_dir, struct instance *instance, char *err,
	size_t errlen);

/* Let go of all. The locks stay for as long as a process to which they were handed has them. */
void instance_end(struct instance *instance);

#endif
