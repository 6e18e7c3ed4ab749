/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The functions of libdlmcontrol.h: each is one request on one of the daemon's sockets. The odd
 * results (0 although the reply says otherwise) are those that programs know from the reference.
 */
#include "libdlmcontrol.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/dlmcontrol_socket.h"

static_assert(sizeof(struct dlmc_lockspace) == sizeof(struct dlmc_wire_lockspace), "same layout");
static_assert(offsetof(struct dlmc_lockspace, name) == offsetof(struct dlmc_wire_lockspace, name),
	"same layout");
static_assert(sizeof(struct dlmc_node) == sizeof(struct dlmc_wire_node), "same layout");
static_assert(
	offsetof(struct dlmc_node, fail_monotime) == offsetof(struct dlmc_wire_node, fail_monotime),
	"same layout");

/* More than any daemon has of them; a reply that wants more memory than this is not believed. */
#define LOCKSPACES_BYTES_MAX (64u * 1024 * 1024)

/* Return: a descriptor from which the reply can be read; -1 with errno */
static int query_open(const struct dlmc_header *request)
{
	int fd = dlmcontrol_socket_open(DLMC_QUERY_SOCKET);

	if (fd < 0)
		return -1;
	if (dlmcontrol_socket_write(fd, request, sizeof(*request))) {
		dlmcontrol_socket_close(fd);
		return -1;
	}
	return fd;
}

/* Return: a descriptor from which the payload can be read; -1 with errno */
static int query(const struct dlmc_header *request, struct dlmc_header *ret_reply)
{
	int fd = query_open(request);

	if (fd < 0)
		return -1;
	if (dlmcontrol_socket_read_header(fd, ret_reply)) {
		dlmcontrol_socket_close(fd);
		return -1;
	}
	return fd;
}

static int dump(uint32_t command, const char *name, char *buf, int *ret_data)
{
	struct dlmc_header request, reply;
	size_t bytes;
	int fd, rv;

	dlmc_header_init(&request, command, name);
	fd = query(&request, &reply);
	if (fd < 0)
		return -1;
	bytes = reply.len - sizeof(reply);
	if (bytes > DLMC_DUMP_SIZE)
		bytes = DLMC_DUMP_SIZE;
	rv = dlmcontrol_socket_read(fd, buf, bytes);
	dlmcontrol_socket_close(fd);
	if (!rv)
		*ret_data = reply.data;
	return rv;
}

#if LIBDLMCONTROL_GENERATION >= 403
#define DUMP_TAIL , int *data
#define DUMP_DATA (*data = 0, data)
#else
#define DUMP_TAIL
#define DUMP_DATA (&(int){0})
#endif

int dlmc_dump_debug(char *buf DUMP_TAIL)
{
	return dump(DLMC_CMD_DUMP_DEBUG, NULL, buf, DUMP_DATA);
}

int dlmc_dump_config(char *buf DUMP_TAIL)
{
	return dump(DLMC_CMD_DUMP_CONFIG, NULL, buf, DUMP_DATA);
}

int dlmc_dump_run(char *buf DUMP_TAIL)
{
	return dump(DLMC_CMD_DUMP_RUN, NULL, buf, DUMP_DATA);
}

int dlmc_dump_log_plock(char *buf DUMP_TAIL)
{
	return dump(DLMC_CMD_DUMP_LOG_PLOCK, NULL, buf, DUMP_DATA);
}

int dlmc_dump_plocks(char *name, char *buf DUMP_TAIL)
{
	return dump(DLMC_CMD_DUMP_PLOCKS, name, buf, DUMP_DATA);
}

/* A query whose reply has a body of a fixed size. */
static int query_fixed(const struct dlmc_header *request, void *ret, size_t bytes)
{
	struct dlmc_header reply;
	char body[sizeof(struct dlmc_lockspace)];
	int fd, rv;

	fd = query(request, &reply);
	if (fd < 0)
		return -1;
	rv = reply.data;
	if (!rv)
		rv = dlmcontrol_socket_read(fd, body, bytes);
	dlmcontrol_socket_close(fd);
	if (!rv)
		memcpy(ret, body, bytes);
	return rv;
}

int dlmc_lockspace_info(char *lsname, struct dlmc_lockspace *ls)
{
	struct dlmc_header request;

	dlmc_header_init(&request, DLMC_CMD_LOCKSPACE_INFO, lsname);
	return query_fixed(&request, ls, sizeof(*ls));
}

int dlmc_node_info(char *lsname, int nodeid, struct dlmc_node *node)
{
	struct dlmc_header request;

	dlmc_header_init(&request, DLMC_CMD_NODE_INFO, lsname);
	request.data = nodeid;
	return query_fixed(&request, node, sizeof(*node));
}

/* Return: 0 with *ret NULL where there is nothing to read; -1 with errno */
static int read_lockspaces(int fd, size_t bytes, struct dlmc_lockspace **ret)
{
	struct dlmc_lockspace *list;

	if (!bytes) {
		*ret = NULL;
		return 0;
	}
	list = malloc(bytes);
	if (!list)
		return -1;
	if (dlmcontrol_socket_read(fd, list, bytes)) {
		free(list);
		return -1;
	}
	*ret = list;
	return 0;
}

static int lockspaces_check(const struct dlmc_header *reply)
{
	size_t bytes = reply->len - sizeof(*reply);

	if (bytes <= LOCKSPACES_BYTES_MAX &&
		bytes == (size_t)reply->data * sizeof(struct dlmc_lockspace))
		return 0;
	errno = EPROTO;
	return -1;
}

int dlmc_lockspaces(int *count, struct dlmc_lockspace **lss)
{
	struct dlmc_header request, reply;
	int fd, rv;

	dlmc_header_init(&request, DLMC_CMD_LOCKSPACES, NULL);
	fd = query(&request, &reply);
	if (fd < 0)
		return -1;
	rv = reply.data < 0 ? reply.data : lockspaces_check(&reply);
	if (!rv)
		rv = read_lockspaces(fd, reply.len - sizeof(reply), lss);
	dlmcontrol_socket_close(fd);
	if (!rv)
		*count = reply.data;
	return rv;
}

int dlmc_lockspace_nodes(char *lsname, int type, int max, int *count, struct dlmc_node *nodes)
{
	struct dlmc_header request, reply;
	int fd, there, rv;

	dlmc_header_init(&request, DLMC_CMD_LOCKSPACE_NODES, lsname);
	request.option = (uint32_t)type;
	request.data = max;
	fd = query(&request, &reply);
	if (fd < 0)
		return -1;
	there = reply.data == -E2BIG ? max : reply.data;
	rv = there < 0 ? there : 0;
	if (there > max) {
		errno = EPROTO;
		rv = -1;
	}
	if (!rv)
		rv = dlmcontrol_socket_read(fd, nodes, (size_t)there * sizeof(*nodes));
	dlmcontrol_socket_close(fd);
	if (!rv)
		*count = reply.data;
	return rv;
}

/* ---- the change socket ---- */

/* Return: a descriptor from which a reply may be read; -1 with errno */
static int change_open(const struct dlmc_header *request, const void *payload)
{
	int fd = dlmcontrol_socket_open(DLMC_SOCKET);

	if (fd < 0)
		return -1;
	if (dlmcontrol_socket_write(fd, request, sizeof(*request)) ||
		dlmcontrol_socket_write(fd, payload, request->len - sizeof(*request))) {
		dlmcontrol_socket_close(fd);
		return -1;
	}
	return fd;
}

static int change_send(const struct dlmc_header *request, const void *payload)
{
	int fd = change_open(request, payload);

	if (fd < 0)
		return -1;
	dlmcontrol_socket_close(fd);
	return 0;
}

/* The text of RUN_START and SET_CONFIG has a fixed room and a final NUL. */
static void command_init(struct dlmc_header *request, uint32_t command, const char *text,
	char ret_payload[DLMC_COMMAND_BYTES])
{
	dlmc_header_init(request, command, NULL);
	request->len = sizeof(*request) + DLMC_COMMAND_BYTES;
	memset(ret_payload, 0, DLMC_COMMAND_BYTES);
	memcpy(ret_payload, text, strnlen(text, DLMC_COMMAND_BYTES - 1));
}

int dlmc_reload_config(void)
{
	struct dlmc_header request;

	dlmc_header_init(&request, DLMC_CMD_RELOAD_CONFIG, NULL);
	return change_send(&request, NULL);
}

int dlmc_set_config(char *command)
{
	char payload[DLMC_COMMAND_BYTES];
	struct dlmc_header request;

	command_init(&request, DLMC_CMD_SET_CONFIG, command, payload);
	return change_send(&request, payload);
}

int dlmc_deadlock_check(char *name)
{
	struct dlmc_header request;

	dlmc_header_init(&request, DLMC_CMD_DEADLOCK_CHECK, name);
	return change_send(&request, NULL);
}

int dlmc_fence_ack(char *name)
{
	struct dlmc_header request;

	dlmc_header_init(&request, DLMC_CMD_FENCE_ACK, name);
	return change_send(&request, NULL);
}

int dlmc_fs_connect(void)
{
	return dlmcontrol_socket_open(DLMC_SOCKET);
}

void dlmc_fs_disconnect(int fd)
{
	close(fd);
}

static int fs_send(int fd, uint32_t command, const char *name, int data)
{
	struct dlmc_header request;

	dlmc_header_init(&request, command, name);
	request.data = data;
	return dlmcontrol_socket_write(fd, &request, sizeof(request));
}

int dlmc_fs_register(int fd, char *name)
{
	return fs_send(fd, DLMC_CMD_FS_REGISTER, name, 0);
}

int dlmc_fs_unregister(int fd, char *name)
{
	return fs_send(fd, DLMC_CMD_FS_UNREGISTER, name, 0);
}

int dlmc_fs_notified(int fd, char *name, int nodeid)
{
	return fs_send(fd, DLMC_CMD_FS_NOTIFIED, name, nodeid);
}

int dlmc_fs_result(int fd, char *name, int *type, int *nodeid, int *result)
{
	struct dlmc_header reply;
	size_t bytes;

	if (dlmcontrol_socket_read_header(fd, &reply))
		return -1;
	/* The caller's room may be DLM_LOCKSPACE_LEN, without a byte for the final NUL. */
	bytes = strnlen(reply.name, DLM_LOCKSPACE_LEN);
	memcpy(name, reply.name, bytes);
	if (bytes < DLM_LOCKSPACE_LEN)
		name[bytes] = '\0';
	*nodeid = (int)reply.option;
	*result = reply.data;
	*type = 0;
	if (reply.command == DLMC_CMD_FS_REGISTER)
		*type = DLMC_RESULT_REGISTER;
	if (reply.command == DLMC_CMD_FS_NOTIFIED)
		*type = DLMC_RESULT_NOTIFIED;
	return 0;
}

int dlmc_run_start(char *run_command, int len, int nodeid, uint32_t flags, char *run_uuid)
{
	char payload[DLMC_COMMAND_BYTES];
	struct dlmc_header request, reply;
	int fd, rv;

	(void)len; /* the reference ignores it too: the text ends at its NUL */
	command_init(&request, DLMC_CMD_RUN_START, run_command, payload);
	request.data = nodeid;
	request.flags = flags;
	fd = change_open(&request, payload);
	if (fd < 0)
		return -1;
	rv = dlmcontrol_socket_read_header(fd, &reply);
	dlmcontrol_socket_close(fd);
	if (rv)
		return -1;
	memcpy(run_uuid, reply.name, DLMC_RUN_UUID_LEN);
	return reply.data;
}

/* One question on a connection that may be asked more of them. */
static int run_ask(int fd, const struct dlmc_header *request, uint32_t *ret_status)
{
	struct dlmc_header reply;

	if (dlmcontrol_socket_write(fd, request, sizeof(*request)) ||
		dlmcontrol_socket_read_header(fd, &reply))
		return -1;
	if (reply.len != sizeof(reply) + sizeof(*ret_status)) {
		errno = EPROTO;
		return -1;
	}
	return dlmcontrol_socket_read(fd, ret_status, sizeof(*ret_status));
}

int dlmc_run_check(char *run_uuid, int len, int wait_sec, uint32_t flags, uint32_t *check_status)
{
	struct dlmc_header request;
	uint32_t status = 0;
	int fd, rv;

	(void)len;
	dlmc_header_init(&request, DLMC_CMD_RUN_CHECK, run_uuid);
	request.flags = flags;
	fd = dlmcontrol_socket_open(DLMC_SOCKET);
	if (fd < 0)
		return -1;
	rv = run_ask(fd, &request, &status);
	while (!rv && (status & DLMC_RUN_STATUS_WAITING) && wait_sec-- > 0) {
		sleep(1);
		rv = run_ask(fd, &request, &status);
	}
	dlmcontrol_socket_close(fd);
	if (!rv)
		*check_status = status;
	return rv;
}
