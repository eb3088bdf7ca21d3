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

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

enum { FD_MAX = 1 << 20 };

struct handover *handover_new(void)
{
	struct handover *h = calloc(1, sizeof(*h));

	if (h)
		h->lock = h->control = h->hook.output = -1;
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

/* --- to text -------------------------------------------------------------------------------------
 */

static void print_tunnel(const struct handover_tunnel *t, FILE *f)
{
	char key[KEY_BASE64_STRLEN];

	fprintf(f, "tunnel %s %u %d %u", t->name, t->ifindex, t->away, t->fwmark);
	for (size_t i = 0; i < HANDOVER_FDS; i++)
		fprintf(f, " %d", t->fds[i]);
	fputc('\n', f);
	for (size_t i = 0; i < t->n_peers; i++)
		fprintf(f, "peer %s %d %u\n", key_to_base64(t->peers[i].public_key, key),
			t->peers[i].down, t->peers[i].pmtu);
}

static void print_choice(const struct handover_choice *c, FILE *f)
{
	fprintf(f, "choice %u %u", c->choice.up, c->choice.chosen);
	for (size_t i = 0; i < VPND_CONF_VIA_MAX; i++)
		fprintf(f, " %llu", (unsigned long long)c->choice.since[i].us);
	fprintf(f, " %s\n", c->group);
}

static void print(const struct handover *h, FILE *f)
{
	fprintf(f, "vpnd-handover %d %llu %u %d %d\n", HANDOVER_VERSION,
		(unsigned long long)h->started_us, h->engine_restarts, h->lock, h->control);
	if (h->hook.pid > 0)
		fprintf(f, "hook %d %d %llu\n", (int)h->hook.pid, h->hook.output,
			(unsigned long long)h->hook.until_us);
	for (size_t i = 0; i < h->n_changes; i++)
		fprintf(f, "change %s\t%s\n", h->changes[i].subject, h->changes[i].text);
	for (size_t i = 0; i < h->n_choices; i++)
		print_choice(&h->choices[i], f);
	for (size_t i = 0; i < h->n_tunnels; i++)
		print_tunnel(&h->tunnels[i], f);
	fputs("end\n", f);
}

int handover_write(const struct handover *h, int *fd)
{
	_cleanup_close_ int made = memfd_create("vpnd-handover", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	_cleanup_free_ char *text = NULL;
	size_t len;
	FILE *f = made < 0 ? NULL : open_memstream(&text, &len);

	if (!f)
		return -errno;
	print(h, f);
	if (fclose(f) != 0)
		return -ENOMEM;
	for (size_t at = 0; at < len;) {
		ssize_t n = write(made, text + at, len - at);

		if (n < 0)
			return -errno;
		at += (size_t)n;
	}
	if (fcntl(made, F_ADD_SEALS, SEALS) < 0)
		return -errno;
	*fd = cleanup_take_fd(&made);
	return 0;
}

/* --- from text -----------------------------------------------------------------------------------
 */

/* Take an unsigned number up to `max`, and one blank or the end after it, off the front of *at. */
static bool take_number(const char **at, uint64_t max, uint64_t *out)
{
	char *end;

	if (**at < '0' || **at > '9')
		return false;
	errno = 0;
	*out = strtoull(*at, &end, 10);
	if (errno != 0 || *out > max || (*end != ' ' && *end != '\0'))
		return false;
	*at = *end ? end + 1 : end;
	return true;
}

static bool take_u32(const char **at, uint32_t *out)
{
	uint64_t n;

	if (!take_number(at, UINT32_MAX, &n))
		return false;
	*out = (uint32_t)n;
	return true;
}

static bool take_bool(const char **at, bool *out)
{
	uint64_t n;

	if (!take_number(at, 1, &n))
		return false;
	*out = n != 0;
	return true;
}

/* Those of stdio are never handed over. */
static bool take_fd(const char **at, int *out)
{
	uint64_t n;

	if (strcmp(*at, "-1") == 0 || strncmp(*at, "-1 ", strlen("-1 ")) == 0) {
		*at += (*at)[2] ? 3 : 2;
		*out = -1;
		return true;
	}
	if (!take_number(at, FD_MAX, &n) || n <= STDERR_FILENO)
		return false;
	*out = (int)n;
	return true;
}

static bool take_word(const char **at, char *out, size_t size)
{
	size_t len = strcspn(*at, " ");

	if (len == 0 || len >= size)
		return false;
	memcpy(out, *at, len);
	out[len] = '\0';
	*at += (*at)[len] ? len + 1 : len;
	return true;
}

static int parse_head(struct handover *h, const char *at)
{
	char magic[sizeof("vpnd-handover")];
	uint64_t version;

	return take_word(&at, magic, sizeof(magic)) && strcmp(magic, "vpnd-handover") == 0 &&
			       take_number(&at, UINT32_MAX, &version) &&
			       version == HANDOVER_VERSION &&
			       take_number(&at, UINT64_MAX, &h->started_us) &&
			       take_u32(&at, &h->engine_restarts) && take_fd(&at, &h->lock) &&
			       take_fd(&at, &h->control) && *at == '\0'
		       ? 0
		       : -EPROTO;
}

static int parse_tunnel(struct handover *h, const char *at)
{
	struct handover_tunnel *t;
	char name[IFNAMSIZ];

	if (!take_word(&at, name, sizeof(name)) || handover_find(h, name))
		return -EPROTO;
	t = handover_add_tunnel(h, name);
	if (!t)
		return -ENOMEM;
	if (!take_u32(&at, &t->ifindex) || !take_bool(&at, &t->away) || !take_u32(&at, &t->fwmark))
		return -EPROTO;
	for (size_t i = 0; i < HANDOVER_FDS; i++)
		if (!take_fd(&at, &t->fds[i]))
			return -EPROTO;
	return *at == '\0' ? 0 : -EPROTO;
}

static int parse_peer(const struct handover *h, const char *at)
{
	char key[KEY_BASE64_STRLEN];
	struct handover_peer peer;

	if (h->n_tunnels == 0 || !take_word(&at, key, sizeof(key)) ||
		key_from_base64(key, peer.public_key) < 0 || !take_bool(&at, &peer.down) ||
		!take_u32(&at, &peer.pmtu) || *at != '\0')
		return -EPROTO;
	return handover_add_peer(&h->tunnels[h->n_tunnels - 1], &peer);
}

static int parse_hook(struct handover *h, const char *at)
{
	uint64_t pid;

	if (h->hook.pid > 0 || !take_number(&at, INT32_MAX, &pid) || pid < 2 ||
		!take_fd(&at, &h->hook.output) ||
		!take_number(&at, UINT64_MAX, &h->hook.until_us) || *at != '\0')
		return -EPROTO;
	h->hook.pid = (pid_t)pid;
	return 0;
}

static int parse_change(struct handover *h, const char *at)
{
	size_t len = strcspn(at, "\t");
	_cleanup_free_ char *subject = strndup(at, len);

	if (!subject)
		return -ENOMEM;
	if (len == 0 || !at[len] || !at[len + 1] || strchr(at + len + 1, '\t'))
		return -EPROTO;
	return handover_add_change(h, subject, at + len + 1);
}

static int parse_choice(struct handover *h, const char *at)
{
	struct choice choice = {.known = true};
	uint64_t up, chosen;

	if (!take_number(&at, UINT8_MAX, &up) || !take_number(&at, UINT8_MAX, &chosen))
		return -EPROTO;
	for (size_t i = 0; i < VPND_CONF_VIA_MAX; i++)
		if (!take_number(&at, UINT64_MAX, &choice.since[i].us))
			return -EPROTO;
	choice.up = (uint8_t)up;
	choice.chosen = (uint8_t)chosen;
	return *at ? handover_add_choice(h, at, &choice) : -EPROTO;
}

/* Returns 1 at the end. */
static int parse_line(struct handover *h, const char *line)
{
	char word[16];
	const char *at = line;

	if (!take_word(&at, word, sizeof(word)))
		return -EPROTO;
	if (strcmp(word, "tunnel") == 0)
		return parse_tunnel(h, at);
	if (strcmp(word, "peer") == 0)
		return parse_peer(h, at);
	if (strcmp(word, "hook") == 0)
		return parse_hook(h, at);
	if (strcmp(word, "change") == 0)
		return parse_change(h, at);
	if (strcmp(word, "choice") == 0)
		return parse_choice(h, at);
	return strcmp(line, "end") == 0 ? 1 : -EPROTO;
}

/* The next line of `f` without its end. False if there is none that has one, or a blank there. */
static bool next_line(FILE *f, char **line, size_t *room)
{
	ssize_t len = getline(line, room, f);

	if (len <= 0 || (*line)[len - 1] != '\n' || memchr(*line, '\0', (size_t)len))
		return false;
	(*line)[len - 1] = '\0';
	return len == 1 || (*line)[len - 2] != ' ';
}

static int parse(struct handover *h, FILE *f)
{
	_cleanup_free_ char *line = NULL;
	size_t room = 0;
	int r;

	if (!next_line(f, &line, &room))
		return -EPROTO;
	r = parse_head(h, line);
	while (r == 0)
		r = next_line(f, &line, &room) ? parse_line(h, line) : -EPROTO;
	return r > 0 && fgetc(f) == EOF ? 0 : r > 0 ? -EPROTO : r;
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
	r = parse(h, f);
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

int handover_keep(const struct handover *h, bool keep)
{
	int r = keep_one(h->lock, keep), e = keep_one(h->control, keep);

	r = r < 0 ? r : e;
	e = keep_one(h->hook.output, keep);
	r = r < 0 ? r : e;
	for (size_t i = 0; i < h->n_tunnels; i++)
		for (size_t j = 0; j < HANDOVER_FDS; j++) {
			e = keep_one(h->tunnels[i].fds[j], keep);
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
	close_one(&h->control);
	close_one(&h->hook.output);
	for (size_t i = 0; i < h->n_tunnels; i++)
		for (size_t j = 0; j < HANDOVER_FDS; j++)
			close_one(&h->tunnels[i].fds[j]);
}
