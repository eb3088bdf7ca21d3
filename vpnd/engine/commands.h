/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What vpnd answers on its control socket: `status`, `ping`, `reload` and `events`. */
#ifndef VPND_ENGINE_COMMANDS_H
#define VPND_ENGINE_COMMANDS_H

struct engine;

/*
 * Serve control clients of `engine` on a listening socket. Sets engine->control and owns
 * `listen_fd` if it succeeds. Returns 0 or a negative errno.
 */
int commands_serve(struct engine *engine, int listen_fd);

#endif
