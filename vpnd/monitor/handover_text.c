/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/monitor/handover_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { FD_MAX = 1 << 20 };

/* --- to text -------------------------------------------------------------------------------------
 */

static void print_tunnel(const struct handover_tunnel *t, FILE *f)
{
	char key[KEY_BASE64_STRLEN];

	fprintf(f, "tunnel %s %u %d %u", t->name, t->ifindex, t->away, t->fwmark);
	for (size_t i = 0; i < HANDOVER_FDS; i++)
		fprintf(f, " %d", t->fds[i]);
	fputc('\n', f);
	for (size_t i = 0; i < t->n_queues; i++)
		fprintf(f, "queue %d\n", t->queues[i]);
	for (size_t i = 0; i < t->n_peers; i++)
		fprintf(f, "peer %s %d %u\n", key_to_base64(t->peers[i].public_key, key),
			t->peers[i].down, t->peers[i].pmtu);
}

/* For people: what would end a field becomes a blank. */
static void print_field(const char *text, FILE *f)
{
	for (; *text; text++)
		fputc(*text == '\t' || *text == '\n' ? ' ' : *text, f);
	fputc('\t', f);
}

static void print_event(const struct privsep_event *event, FILE *f)
{
	fprintf(f, "event %llu %llu %lld %u ", (unsigned long long)event->run,
		(unsigned long long)event->number, (long long)event->time_ms, event->kind);
	print_field(event->subject, f);
	print_field(event->what, f);
	print_field(event->why, f);
	fputc('\n', f);
}

static void print_choice(const struct handover_choice *c, FILE *f)
{
	fprintf(f, "choice %u %u", c->choice.up, c->choice.chosen);
	for (size_t i = 0; i < VPND_CONF_VIA_MAX; i++)
		fprintf(f, " %llu", (unsigned long long)c->choice.since[i].us);
	fprintf(f, " %s\n", c->group);
}

void handover_text_print(const struct handover *h, FILE *f)
{
	const struct privsep_event *event = events_after(&h->events, 0);

	fprintf(f, "vpnd-handover %d %llu %u %d %d\n", HANDOVER_VERSION,
		(unsigned long long)h->started_us, h->engine_restarts, h->lock, h->control);
	if (h->network >= 0)
		fprintf(f, "network %d\n", h->network);
	if (h->hook.pid > 0)
		fprintf(f, "hook %d %d %llu\n", (int)h->hook.pid, h->hook.output,
			(unsigned long long)h->hook.until_us);
	for (size_t i = 0; i < h->n_changes; i++)
		fprintf(f, "change %s\t%s\n", h->changes[i].subject, h->changes[i].text);
	for (; event; event = events_after(&h->events, event->number))
		print_event(event, f);
	for (size_t i = 0; i < h->n_choices; i++)
		print_choice(&h->choices[i], f);
	for (size_t i = 0; i < h->n_tunnels; i++)
		print_tunnel(&h->tunnels[i], f);
	fputs("end\n", f);
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

static int parse_network(struct handover *h, const char *at)
{
	return h->network < 0 && take_fd(&at, &h->network) && h->network >= 0 && *at == '\0'
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

static int parse_queue(const struct handover *h, const char *at)
{
	struct handover_tunnel *t = h->n_tunnels ? &h->tunnels[h->n_tunnels - 1] : NULL;
	int fd;

	if (!t || t->n_queues == PRIVSEP_LANES || !take_fd(&at, &fd) || fd < 0 || *at != '\0')
		return -EPROTO;
	t->queues[t->n_queues++] = fd;
	return 0;
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

static bool take_field(const char **at, char *out, size_t size)
{
	size_t len = strcspn(*at, "\t");

	if (!(*at)[len] || len >= size)
		return false;
	memcpy(out, *at, len);
	out[len] = '\0';
	*at += len + 1;
	return true;
}

static int parse_event(struct handover *h, const char *at)
{
	struct privsep_event event = {.type = PRIVSEP_EVENT};
	uint64_t time_ms;

	if (!take_number(&at, UINT64_MAX, &event.run) ||
		!take_number(&at, UINT64_MAX, &event.number) ||
		!take_number(&at, INT64_MAX, &time_ms) || !take_u32(&at, &event.kind) ||
		!take_field(&at, event.subject, sizeof(event.subject)) ||
		!take_field(&at, event.what, sizeof(event.what)) ||
		!take_field(&at, event.why, sizeof(event.why)) || *at != '\0')
		return -EPROTO;
	event.time_ms = (int64_t)time_ms;
	if (event.number <= h->events.newest ||
		!privsep_check(&event, sizeof(event), false, PRIVSEP_FROM_MONITOR))
		return -EPROTO;
	events_keep(&h->events, &event);
	return 0;
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
	if (strcmp(word, "network") == 0)
		return parse_network(h, at);
	if (strcmp(word, "queue") == 0)
		return parse_queue(h, at);
	if (strcmp(word, "peer") == 0)
		return parse_peer(h, at);
	if (strcmp(word, "hook") == 0)
		return parse_hook(h, at);
	if (strcmp(word, "change") == 0)
		return parse_change(h, at);
	if (strcmp(word, "event") == 0)
		return parse_event(h, at);
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

int handover_text_parse(FILE *f, struct handover *h)
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
