/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/engine/confine.h"

#include <errno.h>
#include <sys/prctl.h>

#include "base/sandbox.h"

#ifdef SANITIZED
/* The run-time library of a sanitizer makes any system call, and traces us to look for leaks. */
int confine_engine(void)
{
	return prctl(PR_SET_DUMPABLE, 1) < 0 ? -errno : 0;
}
#else
/* Anything that opens a file, makes a process, or changes who we are is missing on purpose. */
static const char *const SYSCALLS[] = {
	/* the descriptors that the monitor handed over, and clients of the two sockets */
	"accept4",
	"close",
	"dup",
	"fcntl",
	"fstat",
	"getsockopt",
	"lseek",
	"newfstatat",
	"pread64",
	"read",
	"readv",
	"recvfrom",
	"recvmmsg",
	"recvmsg",
	"sendmmsg",
	"sendmsg",
	"sendto",
	"setsockopt",
	"write",
	"writev",
	/* the event loop */
	"clock_gettime",
	"clock_nanosleep",
	"epoll_create1",
	"epoll_ctl",
	"epoll_pwait",
	"epoll_pwait2",
	"epoll_wait",
	"gettimeofday",
	"ppoll",
	"timerfd_create",
	"timerfd_settime",
	/* memory and randomness */
	"brk",
	"ftruncate",
	"futex",
	"getrandom",
	"madvise",
	"memfd_create",
	"mmap",
	"mprotect",
	"mremap",
	"munmap",
	/* the journal, and which interface a zone such as %eth0 is: Unix sockets, SIOCGIFINDEX */
	"connect",
	"ioctl",
	"socket",
	/* itself */
	"exit",
	"exit_group",
	"getpid",
	"gettid",
	"restart_syscall",
	"rt_sigaction",
	"rt_sigprocmask",
	"rt_sigreturn",
	"sched_yield",
	"tgkill",
};

int confine_engine(void)
{
	return sandbox_restrict_syscalls(SYSCALLS, sizeof(SYSCALLS) / sizeof(SYSCALLS[0]));
}
#endif
