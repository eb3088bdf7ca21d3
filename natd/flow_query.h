/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flows for those who ask over the control socket. They are those that the kernel has at that
 * moment: it lists them part by part, each part becomes a line of the answer, and the next is made
 * when the client has taken that one. So nothing is held here, however many there are.
 */
#ifndef NATD_FLOW_QUERY_H
#define NATD_FLOW_QUERY_H

#include <stddef.h>

struct control_server;
struct flow_watch;
typedef struct json_t json_t;

/*
 * From within the control handler: answer the request "flows" (a filter, "limit") by lines of
 * {"flows":[...]}. Returns 0, or a negative errno with err filled.
 */
int flow_query_list(struct flow_watch *watch, struct control_server *server, json_t *request,
	char *err, size_t errlen);

/* The same for "kill_flows": end those that pass a filter, which must not be empty. */
int flow_query_kill(struct flow_watch *watch, struct control_server *server, json_t *request,
	char *err, size_t errlen);

#endif
