/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/device.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/pure/dlmconst.h"
#include "lib/check.h"
#include "lib/completion.h"
#include "lib/deviceabi.h"
#include "lib/fork.h"
#include "lib/handle.h"
#include "lib/input.h"
#include "lib/lksb.h"

struct device {
	const struct device_io *io;
	uint32_t version[3];
};

/* The kernel wants addresses that are not NULL. What they mean is in our table. */
#define COOKIE ((void *)1)

static int request_write(struct handle *handle, struct device_request *request, size_t bytes)
{
	const struct device *device = handle->engine;
	ssize_t result;

	memcpy(request->version, device->version, sizeof(request->version));
	request->is64bit = sizeof(void *) == 8;
	do {
		result = device->io->write(handle->fd, request, bytes);
	} while (result < 0 && errno == EINTR);
	return result < 0 ? -errno : (int)result;
}

/* Return: as write() has it, or -errno */
static int write_lock(struct handle *handle, const struct lock_call *call, uint32_t lkid)
{
	struct {
		struct device_request request;
		char name[DLM_NAME_BYTES_MAX];
	} data;
	struct device_lock *lock = &data.request.u.lock;
	uint32_t name_bytes = call->flags & LKF_CONVERT ? 0 : call->name_bytes;

	memset(&data, 0, sizeof(data));
	data.request.command = DEVICE_LOCK;
	lock->mode = (uint8_t)call->mode;
	lock->name_bytes = (uint8_t)name_bytes;
	lock->flags = call->flags;
	lock->lkid = lkid;
	lock->xid = call->xid;
	lock->castparam = lock->castaddr = lock->lksb = COOKIE;
	if (call->bast)
		lock->bastparam = lock->bastaddr = COOKIE;
	if (call->flags & LKF_VALBLK)
		memcpy(lock->lvb, call->lksb->sb_lvbptr, sizeof(lock->lvb));
	if (name_bytes)
		memcpy(data.name, call->name, name_bytes);
	return request_write(handle, &data.request, sizeof(data.request) + name_bytes);
}

static int write_unlock(struct handle *handle, const struct unlock_call *call)
{
	struct device_request request;

	memset(&request, 0, sizeof(request));
	request.command = call->deadlock ? DEVICE_DEADLOCK : DEVICE_UNLOCK;
	request.u.lock.flags = call->flags;
	request.u.lock.lkid = call->lkid;
	request.u.lock.castparam = request.u.lock.lksb = COOKIE;
	if (call->flags & LKF_VALBLK && call->lksb && call->lksb->sb_lvbptr)
		memcpy(request.u.lock.lvb, call->lksb->sb_lvbptr, sizeof(request.u.lock.lvb));
	return request_write(handle, &request, sizeof(request));
}

/*
 * What is read ahead here is delivered later, in order. Without a thread poll(2) does not announce
 * it: it is delivered with what comes next. Only programs that go on with a lock before they have
 * taken in its completion see that.
 */
static struct lock *find_settled(struct handle *handle, uint32_t lkid)
{
	struct lock *lock = table_find(&handle->table, lkid);

	if (lock && lock->op == LOCK_IDLE)
		return lock;
	input_take(handle);
	return table_find(&handle->table, lkid);
}

/* The kernel took the next call: the completion of the one before is there, and no further one yet.
 */
static struct lock *settle(struct handle *handle, uint32_t lkid)
{
	struct lock *lock = table_find(&handle->table, lkid);

	while (lock && lock->op != LOCK_IDLE && handle->ops->receive(handle) > 0)
		lock = table_find(&handle->table, lkid);
	return lock;
}

/* The kernel may give an id anew whose last completion has not been read yet. */
static void make_room(struct handle *handle, uint32_t lkid)
{
	struct completion completion = {
		.lkid = lkid, .status = -DLM_STATUS_EUNLOCK, .mode = DLM_MODE_IV, .ended = true};
	struct lock *lock = table_find(&handle->table, lkid);

	if (!lock)
		return;
	input_take(handle);
	lock = table_find(&handle->table, lkid);
	if (!lock)
		return;
	completion_take(handle, &completion);
	lock = table_find(&handle->table, lkid);
	if (lock)
		table_remove(&handle->table, lock);
}

static void adopted(struct lock *lock, const struct lock_call *call)
{
	lock->mode = (int8_t)call->mode;
	lock->value_block = call->flags & LKF_VALBLK;
	lock->ast = call->ast;
	lock->ast_arg = call->ast_arg;
	lock->bast = call->bast;
	lock->bast_arg = call->bast_arg;
	lksb_status(call->lksb, 0);
}

static int request(struct handle *handle, const struct lock_call *call)
{
	bool adopts = call->flags & LKF_ORPHAN;
	struct delivery *reserved;
	struct lock *lock;
	int result = completion_reserve(handle, call->wait || adopts, &reserved);

	if (result)
		return result;
	lock = table_spare(&handle->table);
	result = lock ? write_lock(handle, call, 0) : -ENOMEM;
	if (result <= 0) {
		if (lock)
			table_spare_drop(&handle->table, lock);
		dispatch_drop(&handle->dispatch, reserved);
		return result ? result : -EPROTO;
	}
	make_room(handle, (uint32_t)result);
	table_add_spare(&handle->table, lock, (uint32_t)result);
	call->lksb->sb_lkid = (uint32_t)result;
	if (adopts) {
		adopted(lock, call);
		return OPS_DONE;
	}
	lksb_status(call->lksb, EINPROG);
	completion_expect_lock(lock, call, reserved);
	return OPS_COMPLETES;
}

static int convert(struct handle *handle, const struct lock_call *call)
{
	struct lock *lock = find_settled(handle, call->lksb->sb_lkid);
	struct delivery *reserved;
	int result;

	if (!lock)
		return -ENOENT;
	result = completion_reserve(handle, call->wait, &reserved);
	if (result)
		return result;
	result = write_lock(handle, call, lock->lkid);
	if (!result)
		lock = settle(handle, call->lksb->sb_lkid);
	if (result < 0 || !lock) {
		dispatch_drop(&handle->dispatch, reserved);
		return result < 0 ? result : -ENOENT;
	}
	lksb_status(call->lksb, EINPROG);
	completion_expect_lock(lock, call, reserved);
	return OPS_COMPLETES;
}

static int device_lock(struct handle *handle, const struct lock_call *call)
{
	if (call->flags & LKF_CONVERT)
		return convert(handle, call);
	return request(handle, call);
}

static int device_unlock(struct handle *handle, const struct unlock_call *call)
{
	struct lock *lock = find_settled(handle, call->lkid);
	bool cancel = call->deadlock || call->flags & LKF_CANCEL;
	struct delivery *reserved;
	int result;

	if (!lock)
		return -ENOENT;
	result = completion_reserve(handle, call->wait || call->deadlock, &reserved);
	if (result)
		return result;
	result = write_unlock(handle, call);
	if (result >= 0 && !cancel && !(call->flags & LKF_FORCEUNLOCK))
		lock = settle(handle, call->lkid);
	if (result < 0 || !lock || (cancel && lock->op == LOCK_IDLE)) {
		dispatch_drop(&handle->dispatch, reserved);
		return result < 0 ? result : OPS_DONE;
	}
	if (call->lksb)
		lksb_status(call->lksb, EINPROG);
	completion_expect_unlock(handle, lock, call, reserved);
	return OPS_COMPLETES;
}

static int device_purge(struct handle *handle, int nodeid, int pid)
{
	struct device_request request;
	int result;

	memset(&request, 0, sizeof(request));
	request.command = DEVICE_PURGE;
	request.u.purge.nodeid = (uint32_t)nodeid;
	request.u.purge.pid = (uint32_t)pid;
	result = request_write(handle, &request, sizeof(request));
	/* With another node's id its orphans went; our own id is not known here, but pid 0 is not
	 * ours. */
	if (result >= 0 && !nodeid && pid == fork_pid())
		completion_purge_all(handle);
	return result < 0 ? result : 0;
}

static bool has_ended(const struct lock *lock, int status)
{
	if (status == -DLM_STATUS_EUNLOCK)
		return true;
	return lock->mode == DLM_MODE_IV && status != 0;
}

static void take_cast(struct handle *handle, const struct device_result *result, const uint8_t *lvb)
{
	const struct lock *lock = table_find(&handle->table, result->lksb.sb_lkid);
	struct completion completion = {
		.lkid = result->lksb.sb_lkid,
		.status = result->lksb.sb_status,
		.sbflags = (uint8_t)result->lksb.sb_flags,
		.lvb = lvb,
	};

	if (!lock)
		return;
	completion.ended = has_ended(lock, completion.status);
	completion.mode = completion.status ? lock->mode : (int8_t)lock->mode_wanted;
	if (completion.sbflags & DLM_SBF_ALTMODE_BIT)
		completion.mode =
			DLM_MODE_IV + 1; /* PR or CW, it is not said: nothing is filtered by it */
	completion_take(handle, &completion);
}

static int device_receive(struct handle *handle)
{
	const struct device *device = handle->engine;
	union {
		struct device_result result;
		uint8_t bytes[sizeof(struct device_result) + DLM_LVB_LEN];
	} in;
	ssize_t bytes = device->io->read(handle->fd, &in, sizeof(in));
	uint32_t offset;

	if (bytes < (ssize_t)sizeof(in.result))
		return 0; /* EAGAIN, or a signal: poll says when to try again */
	offset = in.result.lvb_offset;
	if (offset && offset + DLM_LVB_LEN > (size_t)bytes)
		offset = 0;
	if (in.result.bast_mode)
		completion_blocked(handle, in.result.lksb.sb_lkid, in.result.bast_mode);
	else
		take_cast(handle, &in.result, offset ? in.bytes + offset : NULL);
	return 1;
}

static int nothing(struct handle *handle)
{
	return 0;
}

static void no_need(struct handle *handle)
{
}

static int set_inherit(struct handle *handle, bool inherit)
{
	return fcntl(handle->fd, F_SETFD, inherit ? 0 : FD_CLOEXEC) ? -errno : 0;
}

static void device_close(struct handle *handle)
{
	close(handle->fd);
	free(handle->engine);
	handle->engine = NULL;
}

static const struct engine_ops device_ops = {
	.lock = device_lock,
	.unlock = device_unlock,
	.purge = device_purge,
	.receive = device_receive,
	.flush = nothing,
	.flush_old = no_need,
	.check = nothing,
	.takeover = nothing,
	.forked = no_need,
	.poke = no_need,
	.lost_done = no_need,
	.set_inherit = set_inherit,
	.close = device_close,
};

int device_attach(
	int fd, const uint32_t version[3], const struct device_io *io, struct handle **ret)
{
	struct device *device = calloc(1, sizeof(*device));
	struct handle *handle;
	int result;

	if (!device)
		return -ENOMEM;
	result = handle_new(&handle);
	if (result) {
		free(device);
		return result;
	}
	device->io = io;
	memcpy(device->version, version, sizeof(device->version));
	handle->engine = device;
	handle->ops = &device_ops;
	handle->fd = fd;
	handle_register(handle);
	*ret = handle;
	return 0;
}

bool device_minor(const struct handle *handle, uint32_t *ret)
{
	struct stat status;

	if (handle->ops != &device_ops || fstat(handle->fd, &status))
		return false;
	*ret = minor(status.st_rdev);
	return true;
}
