/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon: one loop that keeps a ruleset in force, and answers for it. */
#ifndef NATD_NATD_H
#define NATD_NATD_H

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "base/instance.h"
#include "base/log.h"
#include "base/mono.h"
#include "base/sockfile.h"
#include "natd/health.h"
#include "natd/tune.h"

struct active;
struct control_server;
struct dirwatch;
struct flow_watch;
struct nat_guard;
struct nft;
struct nft_watch;
struct observe;

#define NATD_CONFIG "/etc/gatehouse/natd.conf"
#define NATD_WHY_SIZE 512
#define NATD_ERRORS_SIZE 4096 /* bytes for the errors of a config, a line each */
#define NATD_PATH_SIZE 128

struct natd_options {
	const char *config;
	const char *run_dir;
	int ready_fd; /* of daemon_detach; -1 in the foreground */
};

struct natd {
	const struct natd_options *options;
	sd_event *event;
	struct nft *nft;
	struct nat_guard *guard;
	struct nft_watch *watch;
	struct observe *observe;
	struct flow_watch *flows;
	struct control_server *control;
	struct instance instance;
	char socket_path[NATD_PATH_SIZE];
	struct sockfile socket; /* there */
	struct dirwatch *socket_watch;
	mono_t started;

	struct active *active; /* never NULL while the loop runs */

	/* What the kernel was last found to have of it. */
	enum load_state ruleset;
	char ruleset_why[NATD_WHY_SIZE];

	enum health_state health; /* as last logged */
	char reason[HEALTH_REASON_SIZE];
	bool table_full; /* as last judged */

	struct tune_setting settings[TUNE_SETTINGS]; /* that are not as they should be */
	size_t n_settings;

	sd_event_source *tick;  /* looks at what no event tells */
	sd_event_source *retry; /* enabled while a repair has failed */
	struct log_limit repair_limit;
};

/* Serve until a signal asks to end. Returns main's exit status. */
int natd_main(const struct natd_options *options);

/*
 * Read the config again and put it into force, or leave all as it is. Returns 0, or a negative
 * errno with the reason, the config's errors line by line, in err and in the log.
 */
int natd_reload(struct natd *natd, char *err, size_t errlen);

/*
 * Let flows go on but none begin by the uplinks, or end that. It is part of the ruleset, and so
 * outlives this process. Returns 0, or a negative errno with the reason in err and nothing changed.
 */
int natd_drain(struct natd *natd, bool draining, char *err, size_t errlen);

/* Judge now and log if the judgement is another than before. */
void natd_judge(struct natd *natd);

#endif
