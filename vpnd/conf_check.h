/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the values of vpnd.conf must agree on; hooks of the table in conf.c, see conf_table.check.
 */
#ifndef VPND_CONF_CHECK_H
#define VPND_CONF_CHECK_H

struct conf_ctx;

/* Limits that the privilege line sets; the probe lies in allowed_ips. `peer`: vpnd_peer_conf. */
void conf_check_peer(struct conf_ctx *ctx, void *peer);

/* Peers are different and share no address; the MTU carries IPv6. `tunnel`: vpnd_tunnel_conf. */
void conf_check_tunnel(struct conf_ctx *ctx, void *tunnel);

/* Not the default route; no tunnel twice; weights fit. `route`: vpnd_route_conf. */
void conf_check_route(struct conf_ctx *ctx, void *route);

/* One family; selects something. `rule`: vpnd_rule_conf. */
void conf_check_rule(struct conf_ctx *ctx, void *rule);

/* Tunnels differ, routes differ and name tunnels; derives via_tunnel and table. `conf`: vpnd_conf.
 */
void conf_check_whole(struct conf_ctx *ctx, void *conf);

#endif
