/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The types of natd.conf that are its own. */
#ifndef NATD_CONF_TYPE_H
#define NATD_CONF_TYPE_H

#include "base/conf.h"

/*
 * struct natd_uplink, a name or a group, and struct natd_prefix: values that remember their line
 * for later checks.
 */
extern const struct conf_custom conf_type_uplink, conf_type_prefix;

/* struct natd_timeouts: the name of a profile, or a group of seconds over those of "behave". */
extern const struct conf_custom conf_type_timeouts;

#endif
