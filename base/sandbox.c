/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/cleanup.h"

#define PASSWD_BUFFER (16 * 1024) /* bytes; one entry of the user database */

static int find_user(const char *name, uid_t *uid, gid_t *gid)
{
	_cleanup_free_ char *buffer = malloc(PASSWD_BUFFER);
	struct passwd entry, *found;
	int r;

	if (!buffer)
		return -ENOMEM;
	r = getpwnam_r(name, &entry, buffer, PASSWD_BUFFER, &found);
	if (r)
		return -r;
	if (!found)
		return -ENOENT;
	if (found->pw_uid == 0 || found->pw_gid == 0)
		return -EPERM;
	*uid = found->pw_uid;
	*gid = found->pw_gid;
	return 0;
}

int sandbox_user(const char *name, const char *fallback, uid_t *uid, gid_t *gid)
{
	int r = find_user(name, uid, gid);

	return r == -ENOENT && fallback ? find_user(fallback, uid, gid) : r;
}

int sandbox_join(gid_t gid)
{
	gid_t groups[NGROUPS_MAX];
	int n = getgroups(NGROUPS_MAX - 1, groups);

	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++)
		if (groups[i] == gid)
			return 0;
	groups[n] = gid;
	return setgroups((size_t)n + 1, groups) < 0 ? -errno : 0;
}

/* libcap-ng tells what failed by its return value, and why by errno, if at all. */
static int apply_caps(capng_select_t set)
{
	errno = 0;
	if (capng_apply(set) == 0)
		return 0;
	return errno ? -errno : -EPERM;
}

static int set_identity(uid_t uid, gid_t gid)
{
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return -errno;
	return 0;
}

static bool identity_is(uid_t uid, gid_t gid)
{
	uid_t r_uid, e_uid, s_uid;
	gid_t r_gid, e_gid, s_gid;

	if (getresuid(&r_uid, &e_uid, &s_uid) < 0 || getresgid(&r_gid, &e_gid, &s_gid) < 0)
		return false;
	return r_uid == uid && e_uid == uid && s_uid == uid && r_gid == gid && e_gid == gid &&
	       s_gid == gid && getgroups(0, NULL) == 0;
}

static bool caps_are_gone(void)
{
	return capng_get_caps_process() == 0 &&
	       capng_have_capabilities(CAPNG_SELECT_ALL) == CAPNG_NONE;
}

int sandbox_drop(uid_t uid, gid_t gid)
{
	int r;

	if (uid == 0 || gid == 0)
		return -EINVAL;

	/* The bounding set first: shrinking it needs a capability, as does changing who we are. */
	capng_clear(CAPNG_SELECT_BOUNDS);
	r = apply_caps(CAPNG_SELECT_BOUNDS);
	if (r == 0)
		r = set_identity(uid, gid);
	if (r < 0)
		return r;
	capng_clear(CAPNG_SELECT_ALL);
	r = apply_caps(CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT);
	if (r < 0)
		return r;

	/* After the identity, whose change resets it. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
		return -errno;

	if (!identity_is(uid, gid) || !caps_are_gone() ||
		prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || prctl(PR_GET_DUMPABLE) != 0)
		return -EPERM;
	return 0;
}

static bool holds_exactly(const int *caps, size_t n)
{
	if (capng_get_caps_process() < 0)
		return false;
	for (unsigned int cap = 0; cap <= CAP_LAST_CAP; cap++) {
		int wanted = 0;

		for (size_t i = 0; i < n; i++)
			wanted |= caps[i] == (int)cap;
		if (capng_have_capability(CAPNG_EFFECTIVE, cap) != wanted ||
			capng_have_capability(CAPNG_PERMITTED, cap) != wanted ||
			capng_have_capability(CAPNG_BOUNDING_SET, cap) != wanted ||
			capng_have_capability(CAPNG_INHERITABLE, cap))
			return false;
	}
	return true;
}

int sandbox_restrict_caps(const int *caps, size_t n)
{
	const unsigned int sets = CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET;
	int r;

	capng_clear(CAPNG_SELECT_ALL);
	for (size_t i = 0; i < n; i++)
		if (capng_update(CAPNG_ADD, sets, (unsigned int)caps[i]) < 0)
			return -EINVAL;
	r = apply_caps(CAPNG_SELECT_ALL);
	if (r < 0)
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return holds_exactly(caps, n) ? 0 : -EPERM;
}
