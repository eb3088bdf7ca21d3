/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "vpnd/monitor/handover.h"

#define KEY "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="
#define HEAD "vpnd-handover 2 77 3 5 -1\n"
#define NETWORK "network 12\n"
#define TUNNEL "tunnel city-a 9 0 23 6 7 -1 8 -1\n"
#define QUEUES "queue 9\nqueue 30\nqueue 31\n"
#define PEER "peer " KEY " 1 1400\n"
#define HOOK "hook 4242 9 99000000\n"
#define CHANGE "change tunnel city-a\t{\"state\":\"up\"}\n"
#define EVENT "event 70 3 1700000000123 1 peer x of y\tis down\t\t\n"
#define NEXT "event 70 4 1700000000124 1 peer x of y\tis up\tit answers\t\n"
#define CHOICE "choice 3 2 5000000 0 0 0 0 0 0 0 group v4 0; city-a 1\n"

static int read_text(const char *text, struct handover **out)
{
	int fd = memfd_create("text", MFD_CLOEXEC), r;

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	r = handover_read(fd, out);
	close(fd);
	return r;
}

static void what_is_written_is_read(void **state)
{
	struct handover *h, *again;
	char text[1024] = "";
	int fd;

	(void)state;
	assert_int_equal(read_text(HEAD NETWORK HOOK CHANGE CHANGE EVENT NEXT CHOICE TUNNEL QUEUES
					   PEER PEER PEER "end\n",
				 &h),
		0);
	assert_int_equal(h->started_us, 77);
	assert_int_equal(h->engine_restarts, 3);
	assert_int_equal(h->lock, 5);
	assert_int_equal(h->network, 12);
	assert_int_equal(h->control, -1);
	assert_int_equal(h->tunnels[0].fds[HANDOVER_UAPI], 8);
	assert_int_equal(h->tunnels[0].fds[HANDOVER_STATE], -1);
	assert_int_equal(h->tunnels[0].fwmark, 23);
	assert_int_equal(h->tunnels[0].n_queues, 3);
	assert_int_equal(h->tunnels[0].queues[2], 31);
	assert_int_equal(h->tunnels[0].n_peers, 3);
	assert_true(h->tunnels[0].peers[2].down);
	assert_int_equal(h->hook.pid, 4242);
	assert_int_equal(h->hook.output, 9);
	assert_int_equal(h->hook.until_us, 99 * US_PER_S);
	assert_int_equal(h->n_changes, 2);
	assert_string_equal(h->changes[1].subject, "tunnel city-a");
	assert_string_equal(h->changes[1].text, "{\"state\":\"up\"}");
	assert_int_equal(h->events.newest, 4);
	assert_string_equal(events_after(&h->events, 3)->why, "it answers");
	assert_string_equal(h->choices[0].group, "group v4 0; city-a 1");
	assert_int_equal(h->choices[0].choice.up, 3);
	assert_int_equal(h->choices[0].choice.chosen, 2);
	assert_int_equal(h->choices[0].choice.since[0].us, 5 * US_PER_S);
	assert_true(h->choices[0].choice.known);
	assert_int_equal(handover_write(h, &fd), 0);
	assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
	assert_string_equal(text,
		HEAD NETWORK HOOK CHANGE CHANGE EVENT NEXT CHOICE TUNNEL QUEUES PEER PEER PEER
		"end\n");
	assert_int_equal(write(fd, "", 1), -1); /* it is sealed */
	assert_int_equal(handover_read(fd, &again), 0);
	handover_free(again);
	assert_int_equal(handover_read(fd, &again), 0); /* wherever the first one left off */
	assert_ptr_equal(handover_find(again, "city-a"), &again->tunnels[0]);
	assert_null(handover_find(again, "city"));
	assert_null(handover_find(NULL, "city-a"));
	handover_free(h);
	handover_free(again);
	close(fd);
}

static void what_is_not_understood_is_refused_whole(void **state)
{
	static const char *const texts[] = {
		"",
		"end\n",
		"vpnd-handover 1 77 3 5 -1\nend\n",
		"vpnd-handover 2 77 3 5\nend\n",
		"vpnd-handover 2 77 3 5 -1 6\nend\n",
		HEAD,
		HEAD "end",
		HEAD "end\nend\n",
		HEAD "more 1\nend\n",
		HEAD PEER "end\n",
		HEAD TUNNEL TUNNEL "end\n",
		HEAD "tunnel city-a 9 0 23 6 7 -1 8\nend\n",
		HEAD "tunnel city-a 9 2 23 6 7 -1 8 -1\nend\n",
		HEAD "tunnel city-a 9 0 23 6 7 -2 8 -1\nend\n",
		HEAD "tunnel city-a 9 0 23 2 7 -1 8 -1\nend\n", /* stderr */
		HEAD "tunnel city-a 4294967296 0 23 6 7 -1 8 -1\nend\n",
		HEAD "tunnel a-name-too-long-x 9 0 23 6 7 -1 8 -1\nend\n",
		HEAD NETWORK NETWORK "end\n",
		HEAD "network -1\nend\n",
		HEAD "network 12 13\nend\n",
		HEAD "queue 9\nend\n",
		HEAD TUNNEL "queue -1\nend\n",
		HEAD TUNNEL "queue 9 10\nend\n",
		HEAD TUNNEL QUEUES QUEUES QUEUES "end\n", /* more than there can be lanes */
		HEAD TUNNEL "peer AAAA 1 1400\nend\n",
		HEAD TUNNEL "peer " KEY " 1 1400 \nend\n",
		HEAD HOOK HOOK "end\n",
		HEAD "hook 0 9 99\nend\n",
		HEAD "hook 1 9 99\nend\n", /* not ours, whoever we are */
		HEAD "hook 4294967297 9 99\nend\n",
		HEAD "hook 4242 1 99\nend\n",
		HEAD "hook 4242 9\nend\n",
		HEAD "change tunnel city-a\nend\n",
		HEAD "change \t{}\nend\n",
		HEAD "change tunnel\t\nend\n",
		HEAD "change tunnel\t{}\t{}\nend\n",
		HEAD EVENT EVENT "end\n",
		HEAD NEXT EVENT "end\n",
		HEAD "event 70 3 1700000000123 99 peer\tis down\t\t\nend\n",
		HEAD "event 70 3 1700000000123 1 peer\tis down\t\nend\n",
		HEAD "event 70 3 1700000000123 1 peer\tis down\t\t1\nend\n",
		HEAD "choice 3 2 0 0 0 0 0 0 0 0\nend\n",
		HEAD "choice 256 2 0 0 0 0 0 0 0 0 group\nend\n",
		HEAD "choice 3 2 0 0 0 0 0 0 0 group\nend\n",
	};
	struct handover *h = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (read_text(texts[i], &h) != -EPROTO)
			fail_msg("accepted: %s", texts[i]);
	assert_null(h);
}

static void descriptors_are_kept_and_closed(void **state)
{
	struct handover *h = handover_new();
	struct handover_tunnel *t = handover_add_tunnel(h, "city-a");
	int fd = memfd_create("x", MFD_CLOEXEC), queue = memfd_create("y", MFD_CLOEXEC);
	int network = memfd_create("z", MFD_CLOEXEC);

	(void)state;
	h->network = network;
	t->fds[HANDOVER_TUN] = fd;
	t->queues[t->n_queues++] = queue;
	assert_int_equal(handover_keep(h, true), 0);
	assert_int_equal(fcntl(fd, F_GETFD), 0);
	assert_int_equal(fcntl(queue, F_GETFD), 0);
	assert_int_equal(fcntl(network, F_GETFD), 0);
	assert_int_equal(handover_keep(h, false), 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(queue, F_GETFD), FD_CLOEXEC);
	handover_close(h);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(fcntl(queue, F_GETFD), -1);
	assert_int_equal(fcntl(network, F_GETFD), -1);
	t->fds[HANDOVER_TUN] = fd;
	assert_int_equal(handover_keep(h, true), -EBADF);
	handover_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(what_is_not_understood_is_refused_whole),
		cmocka_unit_test(descriptors_are_kept_and_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
