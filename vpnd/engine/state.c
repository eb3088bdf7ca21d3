/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vpnd/engine/state.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memfd.h"
#include "vpnd/engine/text.h"
#include "vpnd/engine/tunnel.h"
#include "vpnd/engine/uapi_apply.h"
#include "vpnd/engine/uapi_parse.h"
#include "vpnd/engine/uapi_print.h"
#include "vpnd/privsep.h"

enum { INPUT_LEN = 16 * 1024 }; /* bytes read at once */

static int write_all(int fd, struct text *text)
{
	const char *bytes;
	size_t len;
	ssize_t n;

	while ((len = text_front(text, &bytes))) {
		n = write(fd, bytes, len);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			text_consume(text, (size_t)n);
	}
	return 0;
}

int state_save(const struct tunnel *tunnel, mono_t now, int *fd)
{
	_cleanup_close_ int file = memfd_new("tunnel-state");
	struct text text = {0};
	int error = file < 0 ? file : 0;

	if (error == 0) {
		uapi_print_state(tunnel, now, &text);
		error = text.error;
	}
	if (error == 0 && text.len > PRIVSEP_STATE_MAX)
		error = -EFBIG;
	if (error == 0)
		error = write_all(file, &text);
	text_done(&text);
	if (error == 0)
		error = memfd_seal(file);
	if (error == 0)
		*fd = cleanup_take_fd(&file);
	return error;
}

/* Read one `set` request that is all there is in `fd`. */
static int read_all(int fd, struct uapi_parser *parser)
{
	enum uapi_parsed parsed = UAPI_PARSED_PART;
	char bytes[INPUT_LEN];
	size_t taken = 0;
	off_t at = 0;
	ssize_t n;

	while ((n = pread(fd, bytes, sizeof(bytes), at)) > 0 && parsed == UAPI_PARSED_PART) {
		parsed = uapi_parse(parser, bytes, (size_t)n, &taken);
		at += (off_t)taken;
	}
	explicit_bzero(bytes, sizeof(bytes));
	if (n < 0)
		return -errno;
	if (n > 0 || parsed != UAPI_PARSED_SET)
		return -EINVAL;
	return parser->error;
}

int state_restore(struct tunnel *tunnel, mono_t now, int fd)
{
	struct uapi_parser parser;
	int error = privsep_check_state(fd);

	if (error)
		return error;
	uapi_parse_init(&parser, true);
	error = read_all(fd, &parser);
	if (error == 0)
		error = uapi_apply(tunnel, &parser.changes, now);
	uapi_parse_done(&parser);
	return error;
}
