/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What dlm_lockd is told, in order; what its socket has no room for is kept, up to a limit. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/pure/must.h"
#include "control/driver/user_room.h"

#define QUEUE_BYTES_MAX (8u * 1024 * 1024) /* messages that dlm_lockd has not taken yet */
#define MEMBERS_MAX     256u

struct message {
	struct list on_driver;
	uint32_t bytes;
	uint8_t data[];
};

void user_post_drop(struct driver *driver)
{
	struct message *message;

	while ((message = list_first(&driver->messages, struct message, on_driver))) {
		list_remove(&message->on_driver);
		free(message);
	}
	driver->queue_bytes = 0;
}

static void want(struct driver *driver)
{
	int events = POLLIN | (list_empty(&driver->messages) ? 0 : POLLOUT);

	(void)qb_loop_poll_mod(
		driver->loop, QB_LOOP_HIGH, driver->fd, events, driver, user_receive_dispatch);
}

static int queue(struct driver *driver, const void *data, uint32_t bytes)
{
	struct message *message;

	if (driver->queue_bytes + bytes > QUEUE_BYTES_MAX)
		return -ENOBUFS;
	message = malloc(sizeof(*message) + bytes);
	if (!message)
		return -ENOMEM;
	message->bytes = bytes;
	memcpy(message->data, data, bytes);
	list_add_tail(&driver->messages, &message->on_driver);
	driver->queue_bytes += bytes;
	want(driver);
	return 0;
}

static int send_now(const struct driver *driver, const void *data, uint32_t bytes)
{
	ssize_t n;

	do
		n = send(driver->fd, data, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int user_post(struct driver *driver, void *data, uint32_t type, uint32_t bytes)
{
	struct control_head *head = data;
	int rv = -EAGAIN;

	if (driver->fd < 0)
		return -ENOTCONN;
	head->type = type;
	head->bytes = bytes;
	must(!control_check(data, bytes));
	if (list_empty(&driver->messages))
		rv = send_now(driver, data, bytes);
	if (rv == -EAGAIN || rv == -ENOBUFS)
		rv = queue(driver, data, bytes);
	if (rv == -ENOBUFS || rv == -ENOMEM)
		user_kill_for(driver, "dlm_lockd does not take what it is told");
	return rv; /* a connection that broke is seen by user_receive_dispatch() */
}

void user_post_flush(struct driver *driver)
{
	struct message *message;

	while ((message = list_first(&driver->messages, struct message, on_driver))) {
		if (send_now(driver, message->data, message->bytes))
			break;
		list_remove(&message->on_driver);
		driver->queue_bytes -= message->bytes;
		free(message);
	}
	want(driver);
}

static void ls_init(struct control_ls *ls, const char *name, uint32_t number, int32_t result)
{
	memset(ls, 0, sizeof(*ls));
	ls->number = number;
	ls->result = result;
	memcpy(ls->name, name, strnlen(name, sizeof(ls->name) - 1));
}

int user_post_ls(
	struct driver *driver, uint32_t type, const char *name, uint32_t number, int32_t result)
{
	struct control_ls ls;

	ls_init(&ls, name, number, result);
	return user_post(driver, &ls, type, sizeof(ls));
}

static void addresses_copy(
	const struct sockaddr_storage *addresses, uint32_t count, uint8_t ret[3][128])
{
	_Static_assert(
		sizeof(struct sockaddr_storage) == 128, "an address of the control connection");
	must(count <= 3);
	for (uint32_t i = 0; i < count; i++)
		memcpy(ret[i], &addresses[i], sizeof(ret[i]));
}

int user_post_settings(struct driver *driver)
{
	const struct driver_settings *from = &driver->settings;
	struct control_settings to;

	memset(&to, 0, sizeof(to));
	to.version = CONTROL_VERSION;
	to.flags = (from->log_debug ? CONTROL_SETTING_LOG_DEBUG : 0) |
		   (from->is_single ? CONTROL_SETTING_SINGLE : 0);
	to.nodeid = from->nodeid;
	to.port = from->is_single ? 0 : from->port;
	to.mark = from->mark;
	to.protocol = from->protocol;
	to.client_count_max = from->client_count_max;
	to.client_locks_max = from->client_locks_max;
	to.peer_queue_mib = from->peer_queue_mib;
	to.address_count = from->address_count;
	addresses_copy(from->addresses, from->address_count, to.addresses);
	memcpy(to.boot_id, from->boot_id, sizeof(to.boot_id));
	memcpy(to.cluster_name, from->cluster_name,
		strnlen(from->cluster_name, sizeof(to.cluster_name) - 1));
	return user_post(driver, &to, CONTROL_SETTINGS, sizeof(to));
}

void user_post_peer(struct driver *driver, uint32_t type, const struct driver_peer *peer)
{
	struct control_peer message;

	memset(&message, 0, sizeof(message));
	message.nodeid = peer->nodeid;
	message.mark = peer->mark;
	message.address_count = peer->address_count;
	addresses_copy(peer->addresses, peer->address_count, message.addresses);
	(void)user_post(driver, &message, type, sizeof(message));
}

void user_post_probe(struct driver *driver, uint32_t type, const struct driver_probe *probe)
{
	struct control_probe message;

	memset(&message, 0, sizeof(message));
	message.number = probe->number;
	message.nodeid = probe->nodeid;
	message.global_id = probe->global_id;
	message.flags = probe->flags;
	message.lvb_bytes = DLM_USER_LVB_BYTES;
	message.keep = probe->keep;
	memcpy(message.name, probe->name, strnlen(probe->name, sizeof(message.name) - 1));
	(void)user_post(driver, &message, type, sizeof(message));
}

/* ---- lockspaces ---- */

void user_post_births_drop(struct driver *driver, const char *name)
{
	struct user_birth *birth, *next;

	list_for_each_safe (birth, next, &driver->births, on_driver) {
		if (name && strcmp(name, birth->name))
			continue;
		list_remove(&birth->on_driver);
		free(birth);
	}
}

static void birth_add(struct driver *driver, const char *name)
{
	struct user_birth *birth = calloc(1, sizeof(*birth));

	if (!birth) {
		user_kill_for(driver, "there is no memory to remember a new lockspace");
		return;
	}
	memcpy(birth->name, name, strnlen(name, sizeof(birth->name) - 1));
	list_add_tail(&driver->births, &birth->on_driver);
}

void user_post_new(struct driver *driver, const struct driver_lockspace *lockspace)
{
	struct control_ls_new message;

	memset(&message, 0, sizeof(message));
	message.global_id = lockspace->global_id;
	message.flags = lockspace->flags;
	message.nodir = lockspace->nodir;
	message.lvb_bytes = DLM_USER_LVB_BYTES;
	memcpy(message.name, lockspace->name, strnlen(lockspace->name, sizeof(message.name) - 1));
	user_post_births_drop(driver, message.name);
	birth_add(driver, message.name);
	(void)user_post(driver, &message, CONTROL_LS_NEW, sizeof(message));
}

void user_post_start(struct driver *driver, const char *name, uint32_t number,
	const struct driver_member *members, uint32_t member_count)
{
	struct {
		struct control_ls ls;
		struct control_member members[MEMBERS_MAX];
	} message;
	struct user_birth *birth;

	must(member_count <= MEMBERS_MAX);
	ls_init(&message.ls, name, number, 0);
	message.ls.count = member_count;
	for (uint32_t i = 0; i < member_count; i++)
		message.members[i] = (struct control_member){.nodeid = members[i].nodeid,
			.weight = members[i].weight,
			.rejoined = members[i].rejoined};
	list_for_each (birth, &driver->births, on_driver) {
		if (!strcmp(birth->name, name))
			birth->start_number = number;
	}
	(void)user_post(driver, &message, CONTROL_LS_START,
		(uint32_t)(sizeof(message.ls) + member_count * sizeof(message.members[0])));
}
