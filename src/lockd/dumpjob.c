/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lockd/dumpjob.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lockd/admin.h"
#include "lockd/space.h"

#define DUMPJOB_PIECE 65536u
#define DUMPJOB_MAX   16u /* at the same time */

struct dumpjob {
	struct list entry; /* daemon->dumps */
	uint32_t number;   /* dlm_controld's */
	enum engine_dump_kind kind;
	int fd;
	struct engine_dump_cursor cursor;
	char name[72]; /* of the lockspace, which may go meanwhile */
};

static void dumpjob_free(struct dumpjob *job)
{
	if (job->fd >= 0)
		close(job->fd);
	list_remove(&job->entry);
	free(job);
}

/* Answer and free it. */
static void dumpjob_end(struct daemon *daemon, struct dumpjob *job, int result)
{
	int fd = job->fd;

	job->fd = -1;
	if (result) {
		close(fd);
		fd = -1;
	}
	admin_report(daemon, CONTROL_DUMP_IS, job->name, job->number, result, NULL, 0, fd);
	dumpjob_free(job);
}

static int dumpjob_new(struct daemon *daemon, const struct control_ls *message)
{
	const struct space *space = space_find(daemon, message->name);
	struct dumpjob *job;
	uint32_t count = 0;

	list_for_each (job, &daemon->dumps, entry)
		count++;
	if (!space || !space->ls)
		return -ENOENT;
	if (message->result < ENGINE_DUMP_ALL || message->result > ENGINE_DUMP_WAITERS)
		return -EINVAL;
	if (count >= DUMPJOB_MAX)
		return -EBUSY;
	job = calloc(1, sizeof(*job));
	if (!job)
		return -ENOMEM;
	job->number = message->number;
	job->kind = (enum engine_dump_kind)message->result;
	snprintf(job->name, sizeof(job->name), "%s", message->name);
	job->fd = memfd_create("dlm_dump", MFD_CLOEXEC);
	if (job->fd < 0) {
		int rv = -errno;

		free(job);
		return rv;
	}
	list_add_tail(&daemon->dumps, &job->entry);
	return 0;
}

static int piece_write(int fd, const char *text, size_t bytes)
{
	while (bytes) {
		ssize_t done = write(fd, text, bytes);

		if (done < 0)
			return -errno;
		text += done;
		bytes -= (size_t)done;
	}
	return 0;
}

/* The log is one piece. */
static int log_dump(struct daemon *daemon, const struct control_ls *message)
{
	size_t bytes = log_ring_used(daemon->log);
	char *text = malloc(bytes + 1);
	int fd = memfd_create("dlm_log", MFD_CLOEXEC);
	int rv = text && fd >= 0 ? 0 : -ENOMEM;

	if (!rv) {
		bytes = log_ring_copy(daemon->log, text, bytes);
		rv = piece_write(fd, text, bytes);
	}
	free(text);
	if (rv && fd >= 0)
		close(fd);
	if (!rv)
		admin_report(
			daemon, CONTROL_DUMP_IS, message->name, message->number, 0, NULL, 0, fd);
	return rv;
}

void dumpjob_begin(struct daemon *daemon, const struct control_ls *message)
{
	int rv = message->result == CONTROL_DUMP_LOG ? log_dump(daemon, message)
						     : dumpjob_new(daemon, message);

	if (rv)
		admin_report(
			daemon, CONTROL_DUMP_IS, message->name, message->number, rv, NULL, 0, -1);
}

bool dumpjob_work(struct daemon *daemon)
{
	struct dumpjob *job = list_first(&daemon->dumps, struct dumpjob, entry);
	const struct space *space = job ? space_find(daemon, job->name) : NULL;
	char text[DUMPJOB_PIECE];
	size_t bytes;
	int rv;

	if (!job)
		return false;
	if (!space || !space->ls) {
		dumpjob_end(daemon, job, -ENOENT);
		return !list_empty(&daemon->dumps);
	}
	bytes = engine_dump(space->ls, job->kind, &job->cursor, text, sizeof(text));
	rv = piece_write(job->fd, text, bytes);
	if (rv || !bytes)
		dumpjob_end(daemon, job, rv);
	return !list_empty(&daemon->dumps);
}

void dumpjob_free_all(struct daemon *daemon)
{
	struct dumpjob *job, *tmp;

	list_for_each_safe (job, tmp, &daemon->dumps, entry)
		dumpjob_free(job);
}
