/* SPDX-License-Identifier: GPL-2.0-or-later */
/* natd's control socket: status, flows, kill_flows, reload, ping. */
#ifndef NATD_CONTROL_H
#define NATD_CONTROL_H

struct natd;

/* Listen on RUN_DIR/natd.sock. Returns 0 or, with the reason logged, a negative errno. */
int control_start(struct natd *natd);

/* Stop and remove the socket; fine if it was never started. */
void control_stop(struct natd *natd);

#endif
