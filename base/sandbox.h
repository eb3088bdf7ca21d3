/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Giving privilege away for good. Each call verifies by reading back what the kernel now holds. */
#ifndef BASE_SANDBOX_H
#define BASE_SANDBOX_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Look up the user `name`, or `fallback` (may be NULL) where there is none. Returns 0, -ENOENT if
 * neither exists, -EPERM if the user found is root, or a negative errno.
 */
int sandbox_user(const char *name, const char *fallback, uid_t *uid, gid_t *gid);

/*
 * Be a member of this group as well, so that files of ours can be given to it once the privilege
 * for that, CAP_CHOWN or what this needs, CAP_SETGID, is given away. Returns 0 or a negative errno.
 */
int sandbox_join(gid_t gid);

/*
 * Become uid and gid with no way back: no supplementary groups, no capability in any set (bounding
 * and ambient included), no_new_privs, not dumpable and so not traceable. Call it while
 * single-threaded. Returns 0 or a negative errno; after an error the process is in between and must
 * end.
 */
int sandbox_drop(uid_t uid, gid_t gid);

/*
 * Keep only these capabilities (CAP_* numbers) in the permitted, effective and bounding sets, clear
 * inheritable and ambient, set no_new_privs. Stays the user it is. Returns 0 or a negative errno.
 */
int sandbox_restrict_caps(const int *caps, size_t n);

/*
 * From now on this process may make only the system calls of this list, by name; names that this
 * machine does not know are passed over, "socket" makes Unix datagram sockets only, and "ioctl"
 * asks for the index of an interface only. All others fail with EPERM and are told to the audit
 * log. Needs no_new_privs. There is no way back. Returns 0 or a negative errno.
 */
int sandbox_restrict_syscalls(const char *const *names, size_t n);

#endif
