/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Prints dumps of a lockspace. A queue's heading is printed before its first lock, once a resource;
 * "no locks" is known only when the next resource begins.
 */
#include "tool/lockdebug.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tool/dumpline.h"

enum lock_status {
	STATUS_WAITING = 1,
	STATUS_GRANTED = 2,
	STATUS_CONVERT = 3,
};

#define LVB_BYTES_A_LINE 16
#define MODE_IV          -1

/* What the printer remembers of the resource whose lines it reads. */
struct printer {
	FILE *out;
	const struct lockdebug_options *options;
	struct lockdebug_counts *counts;
	bool in_resource;
	int nodeid; /* of the resource */
	uint32_t lock_count;
	bool granted_shown, waiting_shown, convert_shown, lookup_shown;
};

/* Return: a line without its newline, NULL at the end. @line is the caller's to free. */
static char *line_read(FILE *in, char **line, size_t *room)
{
	ssize_t bytes = getline(line, room, in);

	if (bytes < 0)
		return NULL;
	if (bytes > 0 && (*line)[bytes - 1] == '\n')
		(*line)[bytes - 1] = 0;
	return *line;
}

static void name_print(FILE *out, int name_bytes, bool is_hex, const char *name)
{
	if (is_hex)
		fprintf(out, "Resource len %2d hex %s\n", name_bytes, name);
	else
		fprintf(out, "Resource len %2d  \"%s\"\n", name_bytes, name);
}

static void resource_end(struct printer *printer)
{
	if (!printer->in_resource || printer->lock_count)
		return;
	fprintf(printer->out, "no locks\n");
	printer->counts->empty_count++;
}

static void resource_count(struct lockdebug_counts *counts, int nodeid)
{
	counts->resource_count++;
	if (nodeid == 0)
		counts->master_count++;
	else if (nodeid > 0)
		counts->remote_count++;
	else if (nodeid == -1)
		counts->lookup_count++;
	else
		counts->error_count++;
}

static void resource_print(struct printer *printer, const struct dumpline_resource *res)
{
	char master[32] = "";

	resource_end(printer);
	resource_count(printer->counts, res->nodeid);
	*printer = (struct printer){.out = printer->out,
		.options = printer->options,
		.counts = printer->counts,
		.in_resource = true,
		.nodeid = res->nodeid};

	if (res->nodeid > 0)
		snprintf(master, sizeof(master), "Master:%d", res->nodeid);
	else if (res->nodeid == 0)
		snprintf(master, sizeof(master), "Master");
	else if (res->nodeid == -1)
		snprintf(master, sizeof(master), "Lookup");

	fprintf(printer->out, "\n");
	name_print(printer->out, res->name_bytes, res->name_is_hex, res->name);
	fprintf(printer->out, "%-16s ", master);
	if (res->flags || strcmp(res->first_lkid, "0") != 0 || res->root || res->recover ||
		res->recover_count)
		fprintf(printer->out,
			"flags %08" PRIx32 " first_lkid %s root %d recover %d locks %" PRIu32,
			res->flags, res->first_lkid, res->root, res->recover, res->recover_count);
	fprintf(printer->out, "\n");
}

/* The next byte of a value block's text. Return: where it begins, NULL: no more */
static const char *lvb_byte_next(const char **text)
{
	const char *byte = *text;

	while (*byte == ' ')
		byte++;
	if (!isxdigit((unsigned char)byte[0]) || !isxdigit((unsigned char)byte[1]))
		return NULL;
	*text = byte + 2;
	return byte;
}

static int lvb_print(struct printer *printer, const char *line)
{
	FILE *out = printer->out;
	const char *text, *byte;
	uint32_t seq;
	int length, end = -1, i;

	(void)sscanf(line, "lvb %" SCNu32 " %d%n", &seq, &length, &end);
	if (end < 0)
		return -1;
	printer->counts->lvb_count++;
	fprintf(out, "LVB len %d seq %" PRIu32 "\n", length, seq);
	text = line + end;
	for (i = 0; i < length && (byte = lvb_byte_next(&text)); i++) {
		if (i)
			fputs(i % LVB_BYTES_A_LINE || printer->options->wide ? " " : " \n", out);
		fprintf(out, "%.2s", byte);
	}
	fprintf(out, "\n");
	return 0;
}

static void heading_print(FILE *out, bool *shown, const char *heading)
{
	if (!*shown)
		fprintf(out, "%s\n", heading);
	*shown = true;
}

static void headings_print(struct printer *printer, const struct dumpline_lock *lock)
{
	if (lock->status == STATUS_GRANTED)
		heading_print(printer->out, &printer->granted_shown, "Granted");
	else if (lock->status == STATUS_WAITING)
		heading_print(printer->out, &printer->waiting_shown, "Waiting");
	else if (lock->status == STATUS_CONVERT)
		heading_print(printer->out, &printer->convert_shown, "Convert");
	if (lock->lookup)
		heading_print(printer->out, &printer->lookup_shown, "Lookup");
}

static void lock_count(struct printer *printer, const struct dumpline_lock *lock)
{
	struct lockdebug_counts *counts = printer->counts;

	printer->lock_count++;
	counts->lock_count++;
	if (lock->status == STATUS_GRANTED)
		counts->granted_count++;
	else if (lock->status == STATUS_WAITING)
		counts->waiting_count++;
	else if (lock->status == STATUS_CONVERT)
		counts->convert_count++;
	if (printer->nodeid != 0)
		counts->process_copy_count++;
	else if (lock->nodeid == 0)
		counts->local_count++;
	else
		counts->master_copy_count++;
	if (lock->lookup)
		counts->lookup_lock_count++;
	if (lock->wait_type)
		counts->wait_count++;
}

static void modes_print(FILE *out, const struct dumpline_lock *lock)
{
	const char *granted = dumpline_mode_name(lock->granted_mode);
	const char *requested = dumpline_mode_name(lock->requested_mode);

	if (lock->status == STATUS_GRANTED)
		fprintf(out, "%s     ", granted);
	else if (lock->status == STATUS_CONVERT)
		fprintf(out, "%s (%s)", granted, requested);
	else if (lock->status == STATUS_WAITING || lock->lookup)
		fprintf(out, "-- (%s)", requested);
	else
		fprintf(out, "XX (XX)");
}

static void lock_print(struct printer *printer, const struct dumpline_lock *lock)
{
	FILE *out = printer->out;

	lock_count(printer, lock);
	headings_print(printer, lock);
	fprintf(out, "%08" PRIx32 " ", lock->lkid);
	modes_print(out, lock);
	if (lock->nodeid == 0)
		fprintf(out, " %20s", "");
	else
		fprintf(out, " %s %3d %08" PRIx32,
			lock->nodeid == printer->nodeid ? "Master:" : "Remote:", lock->nodeid,
			lock->remote_lkid);
	if (lock->wait_type)
		fprintf(out, "  wait %02d", lock->wait_type);
	else
		fprintf(out, "  %7s", "");
	fputs(printer->options->verbose && !printer->options->wide ? " \n" : " ", out);
	if (printer->options->verbose)
		fprintf(out,
			"time %016" PRIu64 " flags %08" PRIx32 " %08" PRIx32 " bast %d %" PRIu64
			" pid %" PRIu32,
			lock->timestamp_ns, lock->exflags, lock->flags, lock->bast_mode,
			lock->bast_ns, lock->pid);
	fprintf(out, "\n");
}

static int all_line_print(struct printer *printer, const char *line)
{
	struct dumpline_resource res;
	struct dumpline_lock lock;

	if (strncmp(line, "rsb ", 4) == 0) {
		if (dumpline_resource_parse(line, &res))
			return -1;
		resource_print(printer, &res);
		return 0;
	}
	if (strncmp(line, "lkb ", 4) == 0) {
		if (dumpline_lock_parse(line, &lock))
			return -1;
		lock_print(printer, &lock);
		return 0;
	}
	if (strncmp(line, "lvb ", 4) == 0)
		return lvb_print(printer, line);
	fprintf(printer->out, "%s\n", line);
	return 0;
}

static void line_refuse(const char *what, const char *line)
{
	fprintf(stderr, "dlm_tool: this line of the lockspace's %s is not understood: %s\n", what,
		line);
}

void lockdebug_print_all(FILE *in, FILE *out, const struct lockdebug_options *options,
	struct lockdebug_counts *counts)
{
	struct printer printer = {.out = out, .options = options, .counts = counts};
	char *line = NULL;
	size_t room = 0;
	bool first = true;

	while (line_read(in, &line, &room)) {
		if (!(first && dumpline_is_heading(line)) && all_line_print(&printer, line))
			line_refuse("dump", line);
		first = false;
	}
	resource_end(&printer);
	fprintf(out, "\n");
	free(line);
}

static void toss_print(FILE *out, const struct dumpline_toss *toss)
{
	bool is_ours = toss->master_nodeid == toss->our_nodeid;

	name_print(out, toss->name_bytes, toss->name_is_hex, toss->name);
	fprintf(out, "Master");
	if (!is_ours)
		fprintf(out, ":%d", toss->master_nodeid);
	fprintf(out, " Dir");
	if (toss->dir_nodeid != toss->our_nodeid)
		fprintf(out, ":%d", toss->dir_nodeid);
	if (is_ours && toss->nodeid != 0)
		fprintf(out, " res_nodeid %d", toss->nodeid);
	fprintf(out, "\n\n");
}

void lockdebug_print_toss(FILE *in, FILE *out, struct lockdebug_counts *counts)
{
	struct dumpline_toss toss;
	char *line = NULL;
	size_t room = 0;

	for (bool first = true; line_read(in, &line, &room); first = false) {
		if (first && dumpline_is_heading(line))
			continue;
		if (dumpline_toss_parse(line, &toss)) {
			line_refuse("unused resources", line);
			continue;
		}
		toss_print(out, &toss);
		counts->toss_count++;
	}
	free(line);
}

/* The messages of the lock protocol whose answer a lock can wait for. */
static const char *wait_type_name(int wait_type)
{
	static const char *const names[] = {"unknown", "request", "convert", "unlock", "cancel",
		"r_reply", "c_reply", "u_reply", "c_reply", "grant", "bast", "lookup", "remove",
		"l_reply", "purge"};

	if (wait_type < 0 || wait_type >= (int)(sizeof(names) / sizeof(names[0])))
		return names[0];
	return names[wait_type];
}

void lockdebug_print_waiters(FILE *in, FILE *out, struct lockdebug_counts *counts)
{
	struct dumpline_waiter waiter;
	char *line = NULL;
	size_t room = 0;
	bool first = true;

	while (line_read(in, &line, &room)) {
		if (dumpline_waiter_parse(line, &waiter)) {
			line_refuse("waiters", line);
			continue;
		}
		if (first)
			fprintf(out, "\nExpecting reply\n");
		first = false;
		fprintf(out, "nodeid %2d msg %-7s lkid %08" PRIx32 " resource \"%s\"\n",
			waiter.nodeid, wait_type_name(waiter.wait_type), waiter.lkid, waiter.name);
		counts->expect_count++;
	}
	free(line);
}

void lockdebug_print_summary(FILE *out, const struct lockdebug_counts *counts)
{
	fprintf(out, "\nrsb\n");
	fprintf(out, "  active        %" PRIu32 "\n", counts->resource_count);
	fprintf(out, "  master        %" PRIu32 "\n", counts->master_count);
	fprintf(out, "  remote master %" PRIu32 "\n", counts->remote_count);
	fprintf(out, "  lookup master %" PRIu32 "\n", counts->lookup_count);
	fprintf(out, "  with lvb      %" PRIu32 "\n", counts->lvb_count);
	fprintf(out, "  with no locks %" PRIu32 "\n", counts->empty_count);
	fprintf(out, "  nodeid error  %" PRIu32 "\n", counts->error_count);
	fprintf(out, "  inactive      %" PRIu32 "\n", counts->toss_count);
	fprintf(out, "\nlkb\n");
	fprintf(out, "  total         %" PRIu32 "\n", counts->lock_count);
	fprintf(out, "  granted       %" PRIu32 "\n", counts->granted_count);
	fprintf(out, "  convert       %" PRIu32 "\n", counts->convert_count);
	fprintf(out, "  waiting       %" PRIu32 "\n", counts->waiting_count);
	fprintf(out, "  local copy    %" PRIu32 "\n", counts->local_count);
	fprintf(out, "  master copy   %" PRIu32 "\n", counts->master_copy_count);
	fprintf(out, "  process copy  %" PRIu32 "\n", counts->process_copy_count);
	fprintf(out, "  rsb lookup    %" PRIu32 "\n", counts->lookup_lock_count);
	fprintf(out, "  wait message  %" PRIu32 "\n", counts->wait_count);
	fprintf(out, "  expect reply  %" PRIu32 "\n", counts->expect_count);
}

static void plain_print(FILE *out, const struct dumpline_plain *lock, bool is_copy)
{
	/* The mode that a granted lock once asked for is of no interest any more. */
	int requested = lock->status == STATUS_GRANTED ? MODE_IV : lock->requested_mode;

	fprintf(out, "id %08" PRIx32 " gr %s rq %s pid %" PRIu32 " %s %d \"%.*s\"\n", lock->lkid,
		dumpline_mode_name(lock->granted_mode), dumpline_mode_name(requested), lock->pid,
		is_copy ? "MSTCPY" : "master", is_copy ? lock->nodeid : lock->resource_nodeid,
		lock->name_shown_bytes, lock->name);
}

void lockdebug_print_locks(FILE *in, FILE *out, bool master_copies)
{
	struct dumpline_plain lock;
	char *line = NULL;
	size_t room = 0;

	for (bool first = true; line_read(in, &line, &room); first = false) {
		bool is_copy;

		if (first && dumpline_is_heading(line))
			continue;
		if (dumpline_plain_parse(line, &lock)) {
			line_refuse("locks", line);
			continue;
		}
		is_copy = lock.resource_nodeid == 0 && lock.nodeid != 0;
		if (!is_copy || master_copies)
			plain_print(out, &lock, is_copy);
	}
	free(line);
}
