/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/callback.h"

#include <errno.h>
#include <string.h>

#include "base/pure/must.h"
#include "engine/client.h"
#include "engine/lock.h"
#include "engine/lockspace.h"
#include "engine/mode.h"
#include "engine/node.h"
#include "engine/resource.h"

/* Statuses that a completion can have; a lock keeps the index. */
static const int STATUS[] = {
	0, -EAGAIN, -EDEADLK, -ETIMEDOUT, -DLM_STATUS_ECANCEL, -DLM_STATUS_EUNLOCK, -ENOMEM};

static uint8_t status_code(int status)
{
	uint8_t code;

	for (code = 0; code < sizeof(STATUS) / sizeof(*STATUS); code++)
		if (STATUS[code] == status)
			return code;
	must(!"a status that no completion has");
	return 0;
}

static bool status_ends(const struct lock *lock, int status)
{
	if (status == -DLM_STATUS_EUNLOCK)
		return true;
	return status && lock->grmode == DLM_MODE_IV;
}

static void list_with_client(struct lock *lock)
{
	struct engine_client *client = lock->client;

	if (lock->flags & LOCK_CALLBACK_LISTED)
		return;
	lock->flags |= LOCK_CALLBACK_LISTED;
	lock->callback_next = NULL;
	if (client->callback_last)
		client->callback_last->callback_next = lock;
	else
		client->callback_first = lock;
	client->callback_last = lock;
	client_dirty(client);
}

static bool is_deaf(const struct lock *lock)
{
	return !lock->client || (lock->flags & LOCK_SILENT);
}

void callback_completion(struct lock *lock, int status)
{
	uint8_t at = lock->cast_count;

	if (lock->flags & (LOCK_MASTER_COPY | LOCK_ENDED))
		return; /* what ended the lock has ended every operation on it */
	if (status == -DLM_STATUS_ECANCEL && (lock->flags & LOCK_DEADLOCK_CANCEL))
		status = -EDEADLK;
	lock->flags &= (uint16_t)~LOCK_DEADLOCK_CANCEL;
	if (status_ends(lock, status)) {
		must(!list_linked(&lock->queue));
		lock->flags |= LOCK_ENDED;
		lock->grmode = DLM_MODE_IV;
	}
	client_account(lock);
	if (is_deaf(lock))
		return;
	must(at < 2);
	lock->cast_code[at] = status_code(status);
	lock->cast_sbflags[at] = lock->sbflags;
	lock->cast_mode[at] = lock->grmode;
	lock->cast_count++;
	list_with_client(lock);
}

/* One mode such that whoever goes with it goes with each of the two. */
static int merge_modes(int one, int other)
{
	if (mode_is_middle_pair(one, other))
		return DLM_MODE_PW;
	return one > other ? one : other;
}

/* The kernel's filter at the time of queueing: the program is about to be told as much already. */
static bool is_told(const struct lock *lock, int mode)
{
	if (lock->bast_mode == DLM_MODE_IV || lock->bast_after != lock->cast_count)
		return false;
	return lock->bast_mode == mode || (lock->bast_mode > mode && lock->bast_mode > DLM_MODE_PR);
}

void callback_blocking(struct lock *lock, int mode)
{
	if ((lock->flags & (LOCK_MASTER_COPY | LOCK_ENDED)) || is_deaf(lock))
		return;
	if (!(lock->flags & LOCK_WANTS_BAST) || is_told(lock, mode))
		return;
	if (lock->bast_mode != DLM_MODE_IV && lock->bast_after == lock->cast_count)
		mode = merge_modes(lock->bast_mode, mode);
	lock->bast_mode = (int8_t)mode;
	lock->bast_after = lock->cast_count;
	list_with_client(lock);
}

static void unlist(struct lock *lock)
{
	struct engine_client *client = lock->client;
	struct lock **at = &client->callback_first;
	struct lock *before = NULL;

	while (*at != lock) {
		must(*at);
		before = *at;
		at = &before->callback_next;
	}
	*at = lock->callback_next;
	if (client->callback_last == lock)
		client->callback_last = before;
	lock->callback_next = NULL;
	lock->flags &= (uint16_t)~LOCK_CALLBACK_LISTED;
}

void callback_drop(struct lock *lock)
{
	lock->cast_count = 0;
	lock->bast_mode = DLM_MODE_IV;
	if (lock->flags & LOCK_CALLBACK_LISTED)
		unlist(lock);
}

bool callback_room(const struct lock *lock, unsigned int count)
{
	return lock->cast_count + count <= 2;
}

static bool takes_bast(const struct lock *lock)
{
	return lock->bast_mode != DLM_MODE_IV && lock->bast_after == 0;
}

static bool take_bast(struct lock *lock, struct engine_callback *ret)
{
	int mode = lock->bast_mode;

	lock->bast_mode = DLM_MODE_IV;
	if (mode_compatible(mode, lock->cast_mode_last) || !(lock->flags & LOCK_WANTS_BAST))
		return false;
	memset(ret, 0, sizeof(*ret));
	ret->lkid = lock->lkid;
	ret->is_bast = true;
	ret->mode = mode;
	return true;
}

static const uint8_t *value_to_give(const struct lock *lock, int status, int mode)
{
	/* demoted on the way, it was granted from NL, though its program knows another mode */
	bool demoted = lock->cast_sbflags[0] & DLM_SBF_DEMOTED_BIT;
	int before = demoted ? DLM_MODE_NL : lock->cast_mode_last;

	if (status || mode == DLM_MODE_IV)
		return NULL;
	if (mode_value(before, mode) == MODE_VALUE_WRITE)
		return NULL;
	return lock_lvb(lock);
}

static void take_completion(struct lock *lock, struct engine_callback *ret)
{
	int status = STATUS[lock->cast_code[0]];
	int mode = lock->cast_mode[0];

	memset(ret, 0, sizeof(*ret));
	ret->lkid = lock->lkid;
	ret->status = status;
	ret->mode = mode;
	ret->sbflags = lock->cast_sbflags[0];
	ret->lvb = value_to_give(lock, status, mode);
	lock->cast_count--;
	lock->cast_code[0] = lock->cast_code[1];
	lock->cast_sbflags[0] = lock->cast_sbflags[1];
	lock->cast_mode[0] = lock->cast_mode[1];
	if (lock->bast_mode != DLM_MODE_IV)
		lock->bast_after--;
	if (mode != DLM_MODE_IV)
		lock->cast_mode_last = (int8_t)mode;
	ret->ended = (lock->flags & LOCK_ENDED) && !lock->cast_count;
}

/* The first lock of the list has nothing more to tell: off the list, and away if it has ended. */
static void pop(struct engine_client *client)
{
	struct lock *lock = client->callback_first;

	client->callback_first = lock->callback_next;
	if (!client->callback_first)
		client->callback_last = NULL;
	lock->callback_next = NULL;
	lock->flags &= (uint16_t)~LOCK_CALLBACK_LISTED;
	client_settle(lock);
}

bool engine_client_take(struct engine_client *client, struct engine_callback *ret)
{
	struct lock *lock;

	while ((lock = client->callback_first)) {
		bool taken = true;

		if (takes_bast(lock))
			taken = take_bast(lock, ret);
		else if (lock->cast_count)
			take_completion(lock, ret);
		else
			taken = false;
		if (!lock->cast_count && lock->bast_mode == DLM_MODE_IV)
			pop(client);
		if (taken)
			return true;
	}
	return false;
}
