/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files of wg-quick(8), read for `vpnctl import`, and vpnd.conf(5) made of them. Pure: text in,
 * text out. What is said about a file goes to `notes`, a line each: "FILE:LINE: REASON", or
 * "FILE:LINE: warning: REASON" for what vpnd.conf cannot say. No note holds a byte of a value or of
 * an unknown key, for either may be a misplaced secret; addresses that were understood are no such.
 */
#ifndef VPNCTL_WGQUICK_H
#define VPNCTL_WGQUICK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/addr.h"
#include "base/conf.h"
#include "base/key.h"

struct wgquick_prefix {
	struct prefix prefix;
	int line;
	bool again; /* stands in this peer before */
};

struct wgquick_prefixes {
	struct wgquick_prefix *items;
	size_t n, room;
};

struct wgquick_peer {
	struct wgquick_peer *next;
	int line; /* of its [Peer] */
	bool has_public_key, has_preshared_key;
	uint8_t public_key[KEY_LEN], preshared_key[KEY_LEN];
	struct conf_hostport endpoint; /* host NULL: none */
	int endpoint_line;
	struct wgquick_prefixes allowed_ips;
	uint16_t persistent_keepalive; /* seconds, 0: off */
};

struct wgquick {
	int line; /* of [Interface], 0: there is none */
	bool has_private_key;
	uint8_t private_key[KEY_LEN];
	uint16_t listen_port; /* 0: any */
	uint32_t fwmark;      /* 0: none */
	uint32_t mtu;         /* bytes, 0: not said */
	int mtu_line;
	bool no_routes;                    /* Table = off */
	struct wgquick_prefixes addresses; /* with the bits past their length */
	struct wgquick_peer *peers;        /* in the order of the file */
};

/*
 * Read a file. Its text, after which stands a NUL, is cut up in place and the caller's to wipe.
 * Returns 0 with *out to be ended by wgquick_done: all that vpnd.conf demands of it is so. Else
 * -EINVAL or -ENOMEM, after at least one note that is no warning; *out is untouched.
 */
int wgquick_parse(const char *file, char *text, size_t len, FILE *notes, struct wgquick *out);

/* Wipe and free all of it. */
void wgquick_done(struct wgquick *quick);

/*
 * Look at the file as a whole: everything there that must be, peers that differ and share no
 * address, an MTU that carries IPv6; warn of routes that will not be. wgquick_parse does it.
 * Returns 0 or -EINVAL or -ENOMEM.
 */
int wgquick_check(const char *file, FILE *notes, struct wgquick *quick);

/* True if this allowed prefix becomes a route: no address covers it, and it is not the default. */
bool wgquick_routed(const struct wgquick *quick, const struct wgquick_prefix *allowed);

/*
 * Write the path of the file that is to hold a secret of this tunnel: its private key, or the
 * preshared key of its PEERth peer, from 1. The caller frees it; NULL without memory.
 */
char *wgquick_key_path(const char *dir, const char *name, unsigned int peer);

/*
 * Print it as a vpnd.conf with one tunnel of this name, its keys in files of `dir`, an absolute
 * path. Returns 0 or -ENOMEM.
 */
int wgquick_print(FILE *f, const struct wgquick *quick, const char *name, const char *dir);

#endif
