/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What both daemons said, and what it amounts to. Pure: filled with replies (or with the reason why
 * there is none), read by whoever renders text or JSON.
 */
#ifndef VPNCTL_REPORT_H
#define VPNCTL_REPORT_H

#include "vpnctl/exit.h"
#include "vpnctl/reply.h"

enum report_daemon {
	REPORT_VPND,
	REPORT_NATD,
	REPORT_DAEMONS, /* how many */
};

/* What a command is about; a mask. */
enum report_part {
	REPORT_TUNNELS = 1 << 0, /* said by vpnd */
	REPORT_ROUTES = 1 << 1,  /* said by vpnd */
	REPORT_NAT = 1 << 2,     /* said by natd */
	REPORT_ALL = REPORT_TUNNELS | REPORT_ROUTES | REPORT_NAT,
};

/* One daemon: not asked (neither data nor error), answered, or not reached. */
struct report_answer {
	json_t *data;
	char *error;
	struct reply_identity who;
};

struct report {
	struct report_answer daemons[REPORT_DAEMONS];
	struct reply_vpn vpn;
	struct reply_nat nat;
};

/* "vpnd", "natd". */
extern const char *const report_daemon_names[REPORT_DAEMONS];

/* True if this daemon speaks of one of these parts. */
bool report_concerns(enum report_daemon daemon, unsigned int parts);

/* A report in which all is unknown and nobody was asked. */
void report_init(struct report *report);

/* Take a daemon's reply; the reference of `data` is handed over. Returns 0 or -ENOMEM. */
int report_answered(struct report *report, enum report_daemon daemon, json_t *data);

/* Note why a daemon gave no reply. Returns 0 or -ENOMEM. */
int report_unreached(struct report *report, enum report_daemon daemon, const char *error);

void report_done(struct report *report);

/* Which host this is, as the first daemon that knows says; NULL if none does. */
const char *report_host(const struct report *report);

/* A tunnel by its name, a route by its prefix in any spelling; NULL if there is none. */
const struct reply_tunnel *report_tunnel(const struct report *report, const char *name);
const struct reply_route *report_route(const struct report *report, const char *prefix);

/*
 * What it amounts to, of these parts: EXIT_UNREACHED if a daemon gave no reply; else EXIT_LOST if a
 * configured prefix is unreachable, all tunnels are down, or NAT is; else EXIT_FAILED if anything
 * else is not known to be up, backups included; else EXIT_WELL.
 */
enum exit_code report_verdict(const struct report *report, unsigned int parts);

/* The state in a word: what cannot be asked counts as down. */
enum reply_state report_state(enum exit_code verdict);

/* The promised JSON of these parts, as a new reference; NULL without memory. */
json_t *report_json(const struct report *report, unsigned int parts);

#endif
