/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What single keys of natd.conf cannot show: whether they fit each other. Each reports all that it
 * finds.
 */
#ifndef NATD_CONF_CHECK_H
#define NATD_CONF_CHECK_H

struct conf_ctx;

void conf_check_subnet(struct conf_ctx *ctx, void *values);  /* struct natd_subnet */
void conf_check_forward(struct conf_ctx *ctx, void *values); /* struct natd_forward */
void conf_check_whole(struct conf_ctx *ctx, void *values);   /* struct natd_conf */

#endif
