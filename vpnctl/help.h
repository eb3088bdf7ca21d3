/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Help, written from the token table. */
#ifndef VPNCTL_HELP_H
#define VPNCTL_HELP_H

#include <stdio.h>

struct command;

/* Say what a command does and takes; with NULL, what commands there are. */
void help_print(FILE *f, const struct command *command);

#endif
