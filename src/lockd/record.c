/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lockd/record.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "lockd/operation.h"
#include "lockd/output.h"

static int bad(const char **reterr_reason, const char *reason)
{
	*reterr_reason = reason;
	return -EBADMSG;
}

static bool all_zero(const uint8_t *bytes, size_t count)
{
	while (count)
		if (bytes[--count])
			return false;
	return true;
}

static struct engine_lock_args lock_args(const struct connection *c, const struct client_lock *lock)
{
	return (struct engine_lock_args){
		.lkid = lock->lkid,
		.flags = lock->flags,
		.mode = lock->mode,
		.name = client_lock_name(lock),
		.name_bytes = lock->name_bytes,
		.lvb = client_lock_lvb(lock),
		.pid = c->owner_pid,
		.xid = lock->xid,
		.wants_bast = lock->head.flags & CLIENT_LOCK_WANTS_BAST,
	};
}

static int lock_check(const struct client_lock *lock, const char **reterr_reason)
{
	if (lock->head.flags & ~(CLIENT_LOCK_WANTS_BAST | CLIENT_LOCK_HAS_LVB))
		return bad(reterr_reason, "unknown flags in its head");
	if (!all_zero(lock->reserved, sizeof(lock->reserved)))
		return bad(reterr_reason, "reserved bytes that are not 0");
	return 0;
}

static int handle_lock(
	struct connection *c, const struct client_lock *lock, const char **reterr_reason)
{
	struct engine_lock_args args;
	int rv = lock_check(lock, reterr_reason);

	if (rv)
		return rv;
	args = lock_args(c, lock);
	rv = engine_lock(c->client, &args);
	if (rv)
		output_refused(c, &lock->head, lock->lkid, rv);
	else
		output_answer(c, lock->head.serial, 0, 0);
	return 0;
}

static int handle_adopt(
	struct connection *c, const struct client_lock *lock, const char **reterr_reason)
{
	struct engine_lock_args args;
	uint32_t lkid = 0;
	int rv = lock_check(lock, reterr_reason);

	if (rv)
		return rv;
	if (!lock->head.serial)
		return bad(reterr_reason, "an adoption without a serial");
	args = lock_args(c, lock);
	rv = engine_adopt(c->client, &args, &lkid);
	c->daemon->orphans_dirty = true;
	output_answer(c, lock->head.serial, rv, lkid);
	return 0;
}

static int handle_unlock(
	struct connection *c, const struct client_unlock *unlock, const char **reterr_reason)
{
	const uint8_t *lvb =
		unlock->head.flags & CLIENT_UNLOCK_HAS_LVB ? (const uint8_t *)(unlock + 1) : NULL;
	int rv;

	if (unlock->head.flags & ~(CLIENT_UNLOCK_HAS_LVB | CLIENT_UNLOCK_DEADLOCK))
		return bad(reterr_reason, "unknown flags in its head");
	if (unlock->head.flags & CLIENT_UNLOCK_DEADLOCK)
		rv = engine_deadlock_cancel(c->client, unlock->lkid);
	else
		rv = engine_unlock(c->client, unlock->lkid, unlock->flags, lvb);
	if (rv < 0)
		output_refused(c, &unlock->head, unlock->lkid, rv);
	else
		output_answer(c, unlock->head.serial, rv, 0);
	return 0;
}

static int handle_purge(struct connection *c, const struct client_purge *purge)
{
	int rv = engine_purge(c->client, purge->nodeid, purge->pid, c->owner_pid);

	c->daemon->orphans_dirty = true;
	output_want(c); /* the lease may say less now */
	output_answer(c, purge->head.serial, rv, 0);
	return 0;
}

static void handle_need_ids(struct connection *c, const struct client_head *head)
{
	uint32_t first;
	int rv = engine_client_ids(c->client, &first);

	if (rv) {
		output_refused(c, head, 0, rv);
		return;
	}
	output_ids(c, first);
	output_answer(c, head->serial, 0, 0);
}

/* A child that calls first after fork(): from now on the connection is its own. */
static void handle_takeover(struct connection *c, const struct client_head *head, pid_t pid)
{
	char name[CONNECTION_NAME_MAX];
	uint32_t first;
	int rv;

	if (pid <= 0) {
		output_refused(c, head, 0, -EPERM);
		return;
	}
	rv = engine_client_ids(c->client, &first);
	if (rv) {
		output_refused(c, head, 0, rv);
		return;
	}
	log_debug(c->daemon->log, "%s: process %ld takes the connection over",
		connection_name(c, name, sizeof(name)), (long)pid);
	c->owner_pid = (uint32_t)pid;
	lease_owner(&c->lease, c->owner_pid);
	output_ids(c, first);
	output_answer(c, head->serial, 0, 0);
}

static uint32_t record_lkid(const struct client_head *head)
{
	if (head->type == CLIENT_LOCK)
		return ((const struct client_lock *)(const void *)head)->lkid;
	if (head->type == CLIENT_UNLOCK)
		return ((const struct client_unlock *)(const void *)head)->lkid;
	return 0;
}

static bool locker_takes(uint8_t type)
{
	return (type >= CLIENT_LOCK && type <= CLIENT_TAKEOVER) || type == CLIENT_POKE;
}

/* Locks, of a program on a lockspace's socket. */
static int locker_handle(
	struct connection *c, const struct client_head *head, pid_t pid, const char **reterr_reason)
{
	if (!locker_takes(head->type))
		return bad(reterr_reason, "a type that a lockspace's socket does not take");
	if ((uint32_t)pid != c->owner_pid && head->type != CLIENT_TAKEOVER) {
		output_refused(c, head, record_lkid(head), -EPERM);
		return 0;
	}
	switch (head->type) {
	case CLIENT_LOCK:
		return handle_lock(
			c, (const struct client_lock *)(const void *)head, reterr_reason);
	case CLIENT_UNLOCK:
		return handle_unlock(
			c, (const struct client_unlock *)(const void *)head, reterr_reason);
	case CLIENT_ADOPT:
		return handle_adopt(
			c, (const struct client_lock *)(const void *)head, reterr_reason);
	case CLIENT_PURGE:
		return handle_purge(c, (const struct client_purge *)(const void *)head);
	case CLIENT_TAKEOVER:
		handle_takeover(c, head, pid);
		return 0;
	case CLIENT_POKE:
		output_answer(c, head->serial, 0, 0);
		return 0;
	default:
		handle_need_ids(c, head);
		return 0;
	}
}

/* Lockspaces, of a program on RUN/control. */
static int creator_handle(
	struct connection *c, const struct client_head *head, const char **reterr_reason)
{
	switch (head->type) {
	case CLIENT_CREATE:
		return operation_create(
			c, (const struct client_create *)(const void *)head, reterr_reason);
	case CLIENT_RELEASE:
		return operation_release(
			c, (const struct client_release *)(const void *)head, reterr_reason);
	default:
		return bad(reterr_reason, "a type that the control socket does not take");
	}
}

int record_handle(
	struct connection *c, const struct client_head *head, pid_t pid, const char **reterr_reason)
{
	return c->space ? locker_handle(c, head, pid, reterr_reason)
			: creator_handle(c, head, reterr_reason);
}
