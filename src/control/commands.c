/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/daemon.h"
#include "control/status.h"
#include "proto/dlmc.h"

struct command {
	uint32_t number;
	const char *word; /* for the log */
	bool is_query;    /* on which socket it is known */
	bool for_trusted; /* root and our own user alone */
	void (*call)(struct daemon *daemon, const struct admin_request *request);
};

/* ---- answers ---- */

static void head_init(const struct admin_request *request, int32_t data, struct dlmc_header *ret)
{
	dlmc_header_init(ret, request->header.command, NULL);
	memcpy(ret->name, request->header.name, sizeof(ret->name));
	ret->option = request->header.option;
	ret->data = data;
}

/* @fd is taken; -1: none. Its bytes are counted in the header. */
static void answer_head(struct daemon *daemon, const struct admin_request *request,
	struct dlmc_header *head, const void *body, size_t bytes, int fd)
{
	struct text text = {0};
	struct stat st;
	uint64_t whole = sizeof(*head) + bytes;

	if (fd >= 0)
		whole += fstat(fd, &st) ? 0 : (uint64_t)st.st_size;
	if (whole > UINT32_MAX) {
		head->data = -EFBIG;
		whole = sizeof(*head);
		bytes = 0;
		(void)close(fd);
		fd = -1;
	}
	head->len = (uint32_t)whole;
	text_add_bytes(&text, head, sizeof(*head));
	text_add_bytes(&text, body, bytes);
	admin_answer(daemon->admin, request->id, &text, fd);
}

static void answer(struct daemon *daemon, const struct admin_request *request, int32_t data,
	const void *body, size_t bytes)
{
	struct dlmc_header head;

	head_init(request, data, &head);
	answer_head(daemon, request, &head, body, bytes, -1);
}

/* A sentence for people is the body of an error. */
static void answer_error(
	struct daemon *daemon, const struct admin_request *request, int error, const char *sentence)
{
	answer(daemon, request, error, sentence, strlen(sentence));
}

/* @text is taken */
static void answer_text(
	struct daemon *daemon, const struct admin_request *request, int32_t data, struct text *text)
{
	answer(daemon, request, data, text->data, text->bytes);
	text_done(text);
}

/* Commands that the reference does not answer: answered where that is asked for. @text is taken. */
static void answer_if_wanted(
	struct daemon *daemon, const struct admin_request *request, int32_t data, struct text *text)
{
	if (request->header.flags & DLMC_FLAG_ANSWER) {
		if (data < 0 && !text->bytes)
			text_add(text, "%s", strerror(-data));
		answer_text(daemon, request, data, text);
		return;
	}
	text_done(text);
	admin_accept(daemon->admin, request->id);
}

static bool lockspace_find(
	const struct daemon *daemon, const struct admin_request *request, struct group_view *ret)
{
	char name[DLMC_NAME_BYTES + 1];

	dlmc_header_name(&request->header, name);
	return daemon->group && group_find(daemon->group, name, ret);
}

/* ---- queries of the reference ---- */

static void dump_debug(struct daemon *daemon, const struct admin_request *request)
{
	size_t bytes = log_ring_used(daemon->log);
	char *ring = malloc(bytes + 1);

	if (!ring) {
		answer(daemon, request, -ENOMEM, NULL, 0);
		return;
	}
	bytes = log_ring_copy(daemon->log, ring, bytes);
	/* Readers put a newline of their own behind it. */
	if (bytes && ring[bytes - 1] == '\n')
		bytes--;
	answer(daemon, request, 0, ring, bytes);
	free(ring);
}

static void dump_plocks(struct daemon *daemon, const struct admin_request *request)
{
	struct group_view view;

	answer(daemon, request, lockspace_find(daemon, request, &view) ? 0 : -ENOENT, NULL, 0);
}

/* The reference puts the number of another command into this header. */
static void dump_log_plock(struct daemon *daemon, const struct admin_request *request)
{
	struct dlmc_header head;

	head_init(request, 0, &head);
	head.command = DLMC_CMD_DUMP_DEBUG;
	answer_head(daemon, request, &head, NULL, 0, -1);
}

static void dump_config(struct daemon *daemon, const struct admin_request *request)
{
	char *text;
	size_t bytes = options_dump(daemon->options, NULL, 0);

	text = malloc(bytes + 1);
	if (!text) {
		answer(daemon, request, -ENOMEM, NULL, 0);
		return;
	}
	(void)options_dump(daemon->options, text, bytes + 1);
	answer(daemon, request, 0, text, bytes);
	free(text);
}

static void dump_nothing(struct daemon *daemon, const struct admin_request *request)
{
	answer(daemon, request, 0, NULL, 0);
}

static void dump_status(struct daemon *daemon, const struct admin_request *request)
{
	struct text text = {0};

	status_daemon_records(daemon, &text);
	admin_answer(daemon->admin, request->id, &text, -1);
}

static void lockspace_info(struct daemon *daemon, const struct admin_request *request)
{
	struct dlmc_wire_lockspace body = {0};
	struct group_view view;
	bool is_there = lockspace_find(daemon, request, &view);

	if (is_there)
		status_lockspace(&view, &body);
	answer(daemon, request, is_there ? 0 : -ENOENT, &body, sizeof(body));
}

static void node_info(struct daemon *daemon, const struct admin_request *request)
{
	struct dlmc_wire_node body = {0};
	struct group_node_view node;
	struct group_view view;
	bool is_there = lockspace_find(daemon, request, &view);

	if (is_there &&
		group_node_find(daemon->group, view.name, (uint32_t)request->header.data, &node))
		status_node(&node, &body);
	answer(daemon, request, is_there ? 0 : -ENOENT, &body, sizeof(body));
}

static void lockspaces(struct daemon *daemon, const struct admin_request *request)
{
	uint32_t count = daemon_lockspace_count(daemon), max = (uint32_t)request->header.data;
	struct dlmc_wire_lockspace each;
	struct text body = {0};
	struct group_view view;
	int32_t data = (int32_t)count;

	if (request->header.data > 0 && count > max) {
		count = max;
		data = -E2BIG;
	}
	for (uint32_t i = 0; i < count && group_view(daemon->group, i, &view); i++) {
		status_lockspace(&view, &each);
		text_add_bytes(&body, &each, sizeof(each));
	}
	answer_text(daemon, request, body.failed ? -ENOMEM : data, &body);
}

static void lockspace_nodes(struct daemon *daemon, const struct admin_request *request)
{
	uint32_t type = request->header.option, count = 0;
	int32_t max = request->header.data;
	struct group_node_view node;
	struct dlmc_wire_node each;
	struct text body = {0};
	struct group_view view;

	if (!lockspace_find(daemon, request, &view)) {
		answer(daemon, request, -ENOENT, NULL, 0);
		return;
	}
	if (type < DLMC_WIRE_NODES_ALL || type > DLMC_WIRE_NODES_NEXT) {
		answer(daemon, request, -EINVAL, NULL, 0);
		return;
	}
	while (group_node_view(daemon->group, view.name, (enum group_nodes)type, count, &node)) {
		count++;
		if (max < 0 || count > (uint32_t)max)
			continue;
		status_node(&node, &each);
		text_add_bytes(&body, &each, sizeof(each));
	}
	answer_text(
		daemon, request, max < 0 || count > (uint32_t)max ? -E2BIG : (int32_t)count, &body);
}

/* ---- our own queries ---- */

static void daemon_info(struct daemon *daemon, const struct admin_request *request)
{
	struct text text = {0};

	status_daemon_info(daemon, &text);
	answer_text(daemon, request, 0, &text);
}

static void lockspace_waiting(struct daemon *daemon, const struct admin_request *request)
{
	char name[DLMC_NAME_BYTES + 1];
	struct text text = {0};
	struct group_view view;

	dlmc_header_name(&request->header, name);
	if (name[0] && !lockspace_find(daemon, request, &view)) {
		answer_error(daemon, request, -ENOENT, "no such lockspace here: see dlm_tool ls");
		return;
	}
	status_waiting(daemon, name, &text);
	answer_text(daemon, request, 0, &text);
}

static void all_nodes(struct daemon *daemon, const struct admin_request *request)
{
	int rv = daemon_ask_all(daemon, request->header.option, request->id);

	if (rv == -EINVAL)
		answer_error(daemon, request, rv, "this daemon knows no such question");
	else if (rv == -EBUSY)
		answer_error(daemon, request, rv, "too many ask all nodes already: try again");
	else if (rv == -ENOTCONN)
		answer_error(daemon, request, rv,
			"this daemon has not joined the others: see dlm_tool status");
	else if (rv)
		answer_error(daemon, request, rv, strerror(-rv));
}

void commands_all_nodes(void *context, uint64_t id, struct text *text)
{
	struct admin_request request = {.id = id, .header = {.command = DLMC_CMD_ALL_NODES}};

	answer_text(context, &request, 0, text);
}

/* What is kept of a request while the engine thinks about it. */
struct pending {
	struct daemon *daemon;
	struct admin_request request; /* its payload is not used any more */
};

static void engine_error(struct daemon *daemon, const struct admin_request *request, int error)
{
	char name[DLMC_NAME_BYTES + 1], text[160];

	dlmc_header_name(&request->header, name);
	if (error == -ENOTCONN)
		snprintf(text, sizeof(text), "the lock engine does not run: see dlm_tool status");
	else if (error == -ENOENT)
		snprintf(text, sizeof(text), "no lockspace %s here: see dlm_tool ls", name);
	else if (error == -EBUSY)
		snprintf(text, sizeof(text), "the lock engine has too many questions to answer");
	else
		snprintf(text, sizeof(text), "the lock engine: %s", strerror(-error));
	answer_error(daemon, request, error, text);
}

static void engine_answer(
	void *context, uint64_t id, int error, int fd, const char *text, uint32_t bytes)
{
	struct pending *pending = context;
	struct dlmc_header head;
	int copy = -1;

	if (!error && fd >= 0) {
		copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		error = copy < 0 ? -errno : 0;
	}
	if (error) {
		engine_error(pending->daemon, &pending->request, error);
	} else {
		head_init(&pending->request, 0, &head);
		answer_head(pending->daemon, &pending->request, &head, text, bytes, copy);
	}
	free(pending);
}

/* Return: NULL, and the request has been answered */
static struct pending *pending_new(struct daemon *daemon, const struct admin_request *request)
{
	struct pending *pending = daemon->driver ? malloc(sizeof(*pending)) : NULL;

	if (!pending) {
		engine_error(daemon, request, daemon->driver ? -ENOMEM : -ENOTCONN);
		return NULL;
	}
	*pending = (struct pending){.daemon = daemon, .request = *request};
	pending->request.payload = NULL;
	pending->request.payload_bytes = 0;
	return pending;
}

static void pending_end(struct pending *pending, int rv)
{
	if (!rv)
		return;
	engine_error(pending->daemon, &pending->request, rv);
	free(pending);
}

static void engine_info(struct daemon *daemon, const struct admin_request *request)
{
	struct pending *pending = pending_new(daemon, request);

	if (pending)
		pending_end(pending, daemon->driver_ops->status(
					     daemon->driver, engine_answer, pending, request->id));
}

static void engine_dump(struct daemon *daemon, const struct admin_request *request)
{
	char name[DLMC_NAME_BYTES + 1];
	struct pending *pending;

	dlmc_header_name(&request->header, name);
	if (request->header.option > DLMC_DUMP_WAITERS || client_lockspace_name_check(name)) {
		answer_error(daemon, request, -EINVAL, "no such dump, or no name of a lockspace");
		return;
	}
	pending = pending_new(daemon, request);
	if (pending)
		pending_end(pending,
			daemon->driver_ops->dump(daemon->driver, name, request->header.option,
				engine_answer, pending, request->id));
}

/* ---- changes ---- */

static void fs_register(struct daemon *daemon, const struct admin_request *request)
{
	answer(daemon, request, -EOPNOTSUPP, NULL, 0);
}

static void fs_notified(struct daemon *daemon, const struct admin_request *request)
{
	struct dlmc_header head;
	struct group_view view;

	head_init(request, lockspace_find(daemon, request, &view) ? -ESRCH : -ENOENT, &head);
	head.option = (uint32_t)request->header.data;
	answer_head(daemon, request, &head, NULL, 0, -1);
}

static void nothing_to_do(struct daemon *daemon, const struct admin_request *request)
{
	admin_accept(daemon->admin, request->id);
}

/* Return: the id; 0: that is none */
static uint32_t nodeid_parse(const char *word)
{
	char *end;
	unsigned long id;

	errno = 0;
	id = strtoul(word, &end, 10);
	return end == word || *end || errno || word[0] == '-' || id > INT32_MAX ? 0 : (uint32_t)id;
}

/* What an acknowledgement of that node's fencing comes to, as a sentence. */
static int fence_ack_do(struct daemon *daemon, const char *word, struct text *ret)
{
	uint32_t nodeid = nodeid_parse(word);
	int rv = -EAGAIN;

	if (!nodeid) {
		text_add(ret, "\"%s\" is no node id: dlm_tool status lists them", word);
		return -EINVAL;
	}
	if (daemon->fence)
		rv = fence_ack(daemon->fence, daemon_now(), nodeid);
	if (rv == -EAGAIN)
		text_add(ret,
			"this daemon has not joined the others yet, so that nobody was told: see "
			"dlm_tool status");
	else if (rv == -ENOENT)
		text_add(ret, "node %u does not wait for fencing", nodeid);
	else if (!rv)
		text_add(ret, "node %u is acknowledged as fenced", nodeid);
	daemon->fence_changed = true;
	return rv;
}

static void fence_ack_command(struct daemon *daemon, const struct admin_request *request)
{
	char name[DLMC_NAME_BYTES + 1];
	struct text text = {0};
	int rv;

	dlmc_header_name(&request->header, name);
	rv = fence_ack_do(daemon, name, &text);
	log_notice(daemon->log, "fence_ack of node %s by process %ld of user %u: %s", name,
		(long)request->pid, request->uid, text.data ? text.data : "done");
	answer_if_wanted(daemon, request, rv, &text);
	daemon_turn(daemon);
}

static void run_start(struct daemon *daemon, const struct admin_request *request)
{
	answer(daemon, request, -1, NULL, 0);
}

static void run_check(struct daemon *daemon, const struct admin_request *request)
{
	uint32_t status = 0;

	answer(daemon, request, -1, &status, sizeof(status));
}

static void reload_config(struct daemon *daemon, const struct admin_request *request)
{
	struct text text = {0};
	int rv = daemon_reload(daemon, &text);

	answer_if_wanted(daemon, request, rv, &text);
}

static void set_config(struct daemon *daemon, const struct admin_request *request)
{
	struct text text = {0};
	int rv = daemon_set_config(daemon, request->payload, request->payload_bytes, &text);

	answer_if_wanted(daemon, request, rv, &text);
}

static void lost_ack_command(struct daemon *daemon, const struct admin_request *request)
{
	struct text text = {0};
	char by[64];
	int rv = -ENOENT;

	snprintf(by, sizeof(by), "process %ld of user %u", (long)request->pid, request->uid);
	if (daemon->lost)
		rv = lost_ack(daemon->lost, by, &text);
	if (rv)
		answer_error(daemon, request, rv,
			"no lost rights wait for an acknowledgement: see dlm_tool status");
	else
		answer(daemon, request, 0, text.data, text.bytes);
	text_done(&text);
}

static const struct command table[] = {
	{DLMC_CMD_DUMP_DEBUG, "dump_debug", true, false, dump_debug},
	{DLMC_CMD_DUMP_PLOCKS, "dump_plocks", true, false, dump_plocks},
	{DLMC_CMD_LOCKSPACE_INFO, "lockspace_info", true, false, lockspace_info},
	{DLMC_CMD_NODE_INFO, "node_info", true, false, node_info},
	{DLMC_CMD_LOCKSPACES, "lockspaces", true, false, lockspaces},
	{DLMC_CMD_LOCKSPACE_NODES, "lockspace_nodes", true, false, lockspace_nodes},
	{DLMC_CMD_DUMP_LOG_PLOCK, "dump_log_plock", true, false, dump_log_plock},
	{DLMC_CMD_DUMP_STATUS, "dump_status", true, false, dump_status},
	{DLMC_CMD_DUMP_CONFIG, "dump_config", true, false, dump_config},
	{DLMC_CMD_DUMP_RUN, "dump_run", true, false, dump_nothing},
	{DLMC_CMD_DAEMON_INFO, "daemon_info", true, false, daemon_info},
	{DLMC_CMD_ENGINE_INFO, "engine_info", true, false, engine_info},
	{DLMC_CMD_ENGINE_DUMP, "engine_dump", true, true, engine_dump},
	{DLMC_CMD_LOCKSPACE_WAITING, "lockspace_waiting", true, false, lockspace_waiting},
	{DLMC_CMD_ALL_NODES, "all_nodes", true, true, all_nodes},
	{DLMC_CMD_FS_REGISTER, "fs_register", false, true, fs_register},
	{DLMC_CMD_FS_UNREGISTER, "fs_unregister", false, true, nothing_to_do},
	{DLMC_CMD_FS_NOTIFIED, "fs_notified", false, true, fs_notified},
	{DLMC_CMD_DEADLOCK_CHECK, "deadlock_check", false, true, nothing_to_do},
	{DLMC_CMD_FENCE_ACK, "fence_ack", false, true, fence_ack_command},
	{DLMC_CMD_RUN_START, "run_start", false, true, run_start},
	{DLMC_CMD_RUN_CHECK, "run_check", false, true, run_check},
	{DLMC_CMD_RELOAD_CONFIG, "reload_config", false, true, reload_config},
	{DLMC_CMD_SET_CONFIG, "set_config", false, true, set_config},
	{DLMC_CMD_LOST_ACK, "lost_ack", false, true, lost_ack_command},
};

static const struct command *command_find(const struct admin_request *request)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].number == request->header.command &&
			table[i].is_query == request->is_query)
			return &table[i];
	}
	return NULL;
}

/* One who may not is told so where the command has an answer that can say it. */
static void deny(
	struct daemon *daemon, const struct command *command, const struct admin_request *request)
{
	daemon->denied_count++;
	log_write_limited(daemon->log, &daemon->deny_limit, LOG_LEVEL_WARNING,
		"%s (command %u) by process %ld of user %u: not permitted", command->word,
		command->number, (long)request->pid, request->uid);
	if (request->header.command >= DLMC_CMD_DAEMON_INFO ||
		request->header.flags & DLMC_FLAG_ANSWER)
		answer_error(daemon, request, -EACCES,
			"only root, and the user that dlm_controld runs as, may do this");
	else
		admin_refuse(daemon->admin, request->id, false);
}

void commands_request(void *context, const struct admin_request *request)
{
	const struct command *command = command_find(request);
	struct daemon *daemon = context;

	if (!command)
		admin_refuse(daemon->admin, request->id, true);
	else if (command->for_trusted && !request->is_trusted)
		deny(daemon, command, request);
	else
		command->call(daemon, request);
}
