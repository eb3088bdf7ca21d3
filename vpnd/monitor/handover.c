/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/monitor/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memfd.h"
#include "vpnd/monitor/handover_text.h"

struct handover *handover_new(void)
{
	struct handover *h = calloc(1, sizeof(*h));

	if (h)
		h->lock = h->network = h->control = h->hook.output = -1;
	return h;
}

void handover_free(struct handover *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < h->n_tunnels; i++)
		free(h->tunnels[i].peers);
	for (size_t i = 0; i < h->n_changes; i++) {
		free(h->changes[i].subject);
		free(h->changes[i].text);
	}
	for (size_t i = 0; i < h->n_choices; i++)
		free(h->choices[i].group);
	free(h->changes);
	free(h->choices);
	free(h->tunnels);
	free(h);
}

void handover_freep(struct handover **h)
{
	handover_free(*h);
}

struct handover_tunnel *handover_add_tunnel(struct handover *h, const char *name)
{
	void *all = reallocarray(h->tunnels, h->n_tunnels + 1, sizeof(*h->tunnels));
	struct handover_tunnel *t;

	if (!all)
		return NULL;
	h->tunnels = all;
	t = &h->tunnels[h->n_tunnels++];
	*t = (struct handover_tunnel){.fds = {-1, -1, -1, -1, -1}};
	snprintf(t->name, sizeof(t->name), "%s", name);
	return t;
}

/* Room doubles: it is full whenever their number is a power of two. */
int handover_add_peer(struct handover_tunnel *t, const struct handover_peer *peer)
{
	if ((t->n_peers & (t->n_peers - 1)) == 0) {
		size_t room = t->n_peers ? 2 * t->n_peers : 1;
		void *all = reallocarray(t->peers, room, sizeof(*t->peers));

		if (!all)
			return -ENOMEM;
		t->peers = all;
	}
	t->peers[t->n_peers++] = *peer;
	return 0;
}

int handover_add_change(struct handover *h, const char *subject, const char *text)
{
	void *all = reallocarray(h->changes, h->n_changes + 1, sizeof(*h->changes));
	_cleanup_free_ char *first = strdup(subject), *second = strdup(text);

	if (all)
		h->changes = all;
	if (!all || !first || !second)
		return -ENOMEM;
	h->changes[h->n_changes++] = (struct handover_change){
		.subject = cleanup_take(first), .text = cleanup_take(second)};
	return 0;
}

int handover_add_choice(struct handover *h, const char *group, const struct choice *choice)
{
	void *all = reallocarray(h->choices, h->n_choices + 1, sizeof(*h->choices));
	_cleanup_free_ char *key = strdup(group);

	if (all)
		h->choices = all;
	if (!all || !key)
		return -ENOMEM;
	h->choices[h->n_choices++] =
		(struct handover_choice){.group = cleanup_take(key), .choice = *choice};
	return 0;
}

struct handover_tunnel *handover_find(const struct handover *h, const char *name)
{
	for (size_t i = 0; h && i < h->n_tunnels; i++)
		if (strcmp(h->tunnels[i].name, name) == 0)
			return &h->tunnels[i];
	return NULL;
}

/* --- its text in a descriptor --------------------------------------------------------------------
 */

int handover_write(const struct handover *h, int *fd)
{
	_cleanup_close_ int made = memfd_new("vpnd-handover");
	_cleanup_free_ char *text = NULL;
	size_t len;
	FILE *f;
	int r;

	if (made < 0)
		return made;
	f = open_memstream(&text, &len);
	if (!f)
		return -errno;
	handover_text_print(h, f);
	if (fclose(f) != 0)
		return -ENOMEM;
	for (size_t at = 0; at < len;) {
		ssize_t n = write(made, text + at, len - at);

		if (n < 0)
			return -errno;
		at += (size_t)n;
	}
	r = memfd_seal(made);
	if (r == 0)
		*fd = cleanup_take_fd(&made);
	return r;
}

int handover_read(int fd, struct handover **out)
{
	__attribute__((cleanup(handover_freep))) struct handover *h = handover_new();
	_cleanup_close_ int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	_cleanup_fclose_ FILE *f = NULL;
	int r;

	if (!h)
		return -ENOMEM;
	if (copy < 0 || lseek(copy, 0, SEEK_SET) < 0)
		return -errno;
	f = fdopen(copy, "r");
	if (!f)
		return -errno;
	copy = -1;
	r = handover_text_parse(f, h);
	if (r == 0)
		*out = cleanup_take(h);
	return r;
}

/* --- descriptors ---------------------------------------------------------------------------------
 */

static int keep_one(int fd, bool keep)
{
	return fd >= 0 && fcntl(fd, F_SETFD, keep ? 0 : FD_CLOEXEC) < 0 ? -errno : 0;
}

static int keep_all(const int *fds, size_t n, bool keep)
{
	int r = 0;

	for (size_t i = 0; i < n; i++) {
		int e = keep_one(fds[i], keep);

		r = r < 0 ? r : e;
	}
	return r;
}

int handover_keep(const struct handover *h, bool keep)
{
	int r = keep_one(h->lock, keep), e = keep_one(h->control, keep);

	r = r < 0 ? r : e;
	e = keep_one(h->network, keep);
	r = r < 0 ? r : e;
	e = keep_one(h->hook.output, keep);
	r = r < 0 ? r : e;
	for (size_t i = 0; i < h->n_tunnels; i++) {
		const struct handover_tunnel *t = &h->tunnels[i];

		e = keep_all(t->fds, HANDOVER_FDS, keep);
		r = r < 0 ? r : e;
		e = keep_all(t->queues, t->n_queues, keep);
		r = r < 0 ? r : e;
	}
	return r;
}

static void close_one(int *fd)
{
	cleanup_close(fd);
	*fd = -1;
}

void handover_close(struct handover *h)
{
	close_one(&h->lock);
	close_one(&h->network);
	close_one(&h->control);
	close_one(&h->hook.output);
	for (size_t i = 0; i < h->n_tunnels; i++) {
		struct handover_tunnel *t = &h->tunnels[i];

		for (size_t j = 0; j < HANDOVER_FDS; j++)
			close_one(&t->fds[j]);
		for (size_t j = 0; j < t->n_queues; j++)
			close_one(&t->queues[j]);
	}
}
