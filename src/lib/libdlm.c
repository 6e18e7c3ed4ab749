/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The public functions: what they have in common is in handle.c, what they mean in user.c and
 * device.c. */
#include <libdlm.h>

#include <errno.h>
#include <string.h>

#include "lib/deviceabi.h"
#include "lib/handle.h"
#include "lib/input.h"
#include "lib/open.h"
#include "lib/waitcall.h"

#define PUBLIC __attribute__((visibility("default")))

static int answer(int result)
{
	if (result >= 0)
		return 0;
	errno = -result;
	return -1;
}

/* libdlm leaves the outcome of a call that waited to lksb; libdlm_lt makes it an errno. */
static int answer_waited(int result, int status)
{
#ifdef LIBDLM_LT
	if (!result && status && status != EUNLOCK)
		result = -status;
#else
	(void)status;
#endif
	return answer(result);
}

/* A lost callback that nobody else will run is run by the calls that wait. */
static int tell_lost(struct handle *handle)
{
	if (handle_enter_lost(handle))
		return -ENOTCONN;
	if (!thread_running(handle) && !dispatch_inside(handle) && dispatch_pending(handle))
		dispatch_run(handle);
	handle_leave(handle);
	return -ENOTCONN;
}

static int run_lock(struct handle *handle, struct lock_call *call, bool waits)
{
	struct waitcall wait = {.lksb = call->lksb};
	int result = call->lksb ? handle_enter(handle) : -EINVAL;

	if (waits && result == -ENOTCONN && handle)
		return answer(tell_lost(handle));
	if (result)
		return answer(result);
	if (waits)
		call->wait = &wait;
	result = handle->ops->lock(handle, call);
	if (waits && result == OPS_COMPLETES)
		result = waitcall_run(handle, call->lksb->sb_lkid, &wait);
	handle_leave(handle);
	return waits ? answer_waited(result, wait.status) : answer(result);
}

static int run_unlock(struct handle *handle, struct unlock_call *call, bool waits)
{
	struct waitcall wait = {.lksb = call->lksb};
	int result = handle_enter(handle);

	if (waits && result == -ENOTCONN && handle)
		return answer(tell_lost(handle));
	if (result)
		return answer(result);
	if (waits)
		call->wait = &wait;
	result = handle->ops->unlock(handle, call);
	if (waits && result == OPS_COMPLETES)
		result = waitcall_run(handle, call->lkid, &wait);
	handle_leave(handle);
	return waits ? answer_waited(result, wait.status) : answer(result);
}

PUBLIC int dlm_ls_lockx(dlm_lshandle_t lockspace, uint32_t mode, struct dlm_lksb *lksb,
	uint32_t flags, const void *name, unsigned int namelen, uint32_t parent,
	void (*astaddr)(void *astarg), void *astarg, void (*bastaddr)(void *astarg), uint64_t *xid,
	uint64_t *timeout)
{
	bool waits = flags & LKF_WAIT;
	struct lock_call call = {
		.mode = mode,
		.flags = flags & ~LKF_WAIT,
		.name = name,
		.name_bytes = namelen,
		.xid = xid ? *xid : 0,
		.lksb = lksb,
		.ast = waits ? NULL : astaddr,
		.ast_arg = astarg,
		.bast = bastaddr,
		.bast_arg = astarg,
	};

	(void)parent;
	(void)timeout;
	return run_lock(lockspace, &call, waits);
}

PUBLIC int dlm_ls_lock(dlm_lshandle_t lockspace, uint32_t mode, struct dlm_lksb *lksb,
	uint32_t flags, const void *name, unsigned int namelen, uint32_t parent,
	void (*astaddr)(void *astarg), void *astarg, void (*bastaddr)(void *astarg), void *range)
{
	if (range)
		return answer(-ENOSYS);
	return dlm_ls_lockx(lockspace, mode, lksb, flags, name, namelen, parent, astaddr, astarg,
		bastaddr, NULL, NULL);
}

PUBLIC int dlm_ls_lock_wait(dlm_lshandle_t lockspace, uint32_t mode, struct dlm_lksb *lksb,
	uint32_t flags, const void *name, unsigned int namelen, uint32_t parent, void *bastarg,
	void (*bastaddr)(void *bastarg), void *range)
{
	return dlm_ls_lock(lockspace, mode, lksb, flags | LKF_WAIT, name, namelen, parent, NULL,
		bastarg, bastaddr, range);
}

PUBLIC int dlm_ls_unlock(dlm_lshandle_t lockspace, uint32_t lkid, uint32_t flags,
	struct dlm_lksb *lksb, void *astarg)
{
	struct unlock_call call = {
		.lkid = lkid,
		.flags = flags & ~LKF_WAIT,
		.lksb = lksb,
		.ast_arg = astarg,
	};

	if (!lockspace)
		return answer(-ENOTCONN);
	if (!lkid || !lksb)
		return answer(-EINVAL);
	return run_unlock(lockspace, &call, flags & LKF_WAIT);
}

PUBLIC int dlm_ls_unlock_wait(
	dlm_lshandle_t lockspace, uint32_t lkid, uint32_t flags, struct dlm_lksb *lksb)
{
	return dlm_ls_unlock(lockspace, lkid, flags | LKF_WAIT, lksb, NULL);
}

PUBLIC int dlm_ls_deadlock_cancel(dlm_lshandle_t ls, uint32_t lkid, uint32_t flags)
{
	struct unlock_call call = {.lkid = lkid, .flags = flags & ~LKF_WAIT, .deadlock = true};

	if (!ls)
		return answer(-ENOTCONN);
	if (!lkid)
		return answer(-EINVAL);
	return run_unlock(ls, &call, false);
}

PUBLIC int dlm_ls_purge(dlm_lshandle_t lockspace, int nodeid, int pid)
{
	struct handle *handle = lockspace;
	int result = handle_enter(handle);

	if (result)
		return answer(result);
	result = handle->ops->purge(handle, nodeid, pid);
	handle_leave(handle);
	return answer(result);
}

/*
 * Everything that is there is taken in before the first callback runs: the more comes together, the
 * more leaves together.
 */
PUBLIC int dlm_dispatch(int fd)
{
	struct handle *handle;
	int result = handle_enter_fd(fd, &handle);

	if (result)
		return answer(result);
	input_take(handle);
	dispatch_run(handle);
	result = handle->lost.happened ? -ENOTCONN : 0;
	handle_leave(handle);
	return answer(result);
}

static dlm_lshandle_t answer_handle(int result, struct handle *handle)
{
	if (!result)
		return handle;
	errno = -result;
	return NULL;
}

PUBLIC dlm_lshandle_t dlm_open_lockspace(const char *name)
{
	struct handle *handle = NULL;
	int result = open_lockspace(name, &handle);

	return answer_handle(result, handle);
}

PUBLIC dlm_lshandle_t dlm_new_lockspace(const char *name, mode_t mode, uint32_t flags)
{
	struct handle *handle = NULL;
	int result = open_new(name, mode, flags, &handle);

	return answer_handle(result, handle);
}

PUBLIC dlm_lshandle_t dlm_create_lockspace(const char *name, mode_t mode)
{
	return dlm_new_lockspace(name, mode, 0);
}

PUBLIC int dlm_close_lockspace(dlm_lshandle_t ls)
{
	if (!ls)
		return answer(-ENOTCONN);
	handle_close(ls);
	return 0;
}

PUBLIC int dlm_release_lockspace(const char *name, dlm_lshandle_t ls, int force)
{
	return answer(open_release(name, ls, force != 0));
}

PUBLIC int dlm_ls_get_fd(dlm_lshandle_t ls)
{
	const struct handle *handle = ls;

	return handle ? handle->fd : answer(-ENOTCONN);
}

PUBLIC int dlm_ls_set_lost_callback(dlm_lshandle_t ls, void (*callback)(void *arg), void *arg)
{
	struct handle *handle = ls;
	int result = handle_enter(handle);

	if (result)
		return answer(result);
	handle->lost.callback = callback;
	handle->lost.arg = arg;
	handle_leave(handle);
	return 0;
}

PUBLIC int dlm_ls_set_inherit(dlm_lshandle_t ls, int inherit)
{
	struct handle *handle = ls;
	int result = handle_enter(handle);

	if (result)
		return answer(result);
	result = handle->ops->set_inherit(handle, inherit != 0);
	handle_leave(handle);
	return answer(result);
}

PUBLIC int dlm_kernel_version(uint32_t *maj, uint32_t *min, uint32_t *patch)
{
	uint32_t version[3];
	int result = open_version(version);

	if (result)
		return answer(result);
	*maj = version[0];
	*min = version[1];
	*patch = version[2];
	return 0;
}

PUBLIC void dlm_library_version(uint32_t *maj, uint32_t *min, uint32_t *patch)
{
	*maj = DEVICE_VERSION_MAJOR;
	*min = DEVICE_VERSION_MINOR;
	*patch = DEVICE_VERSION_PATCH;
}

PUBLIC int dlm_lock(uint32_t mode, struct dlm_lksb *lksb, uint32_t flags, const void *name,
	unsigned int namelen, uint32_t parent, void (*astaddr)(void *astarg), void *astarg,
	void (*bastaddr)(void *astarg), void *range)
{
	struct handle *handle;
	int result = open_default(&handle);

	if (result)
		return answer(result);
	return dlm_ls_lock(
		handle, mode, lksb, flags, name, namelen, parent, astaddr, astarg, bastaddr, range);
}

PUBLIC int dlm_lock_wait(uint32_t mode, struct dlm_lksb *lksb, uint32_t flags, const void *name,
	unsigned int namelen, uint32_t parent, void *bastarg, void (*bastaddr)(void *bastarg),
	void *range)
{
	struct handle *handle;
	int result = open_default(&handle);

	if (result)
		return answer(result);
	return dlm_ls_lock_wait(
		handle, mode, lksb, flags, name, namelen, parent, bastarg, bastaddr, range);
}

PUBLIC int dlm_unlock(uint32_t lkid, uint32_t flags, struct dlm_lksb *lksb, void *astarg)
{
	struct handle *handle;
	int result = open_default(&handle);

	return result ? answer(result) : dlm_ls_unlock(handle, lkid, flags, lksb, astarg);
}

PUBLIC int dlm_unlock_wait(uint32_t lkid, uint32_t flags, struct dlm_lksb *lksb)
{
	struct handle *handle;
	int result = open_default(&handle);

	return result ? answer(result) : dlm_ls_unlock_wait(handle, lkid, flags, lksb);
}

PUBLIC int dlm_get_fd(void)
{
	struct handle *handle;
	int result = open_default(&handle);

	return result ? answer(result) : dlm_ls_get_fd(handle);
}

#ifndef LIBDLM_LT
PUBLIC int dlm_ls_pthread_init(dlm_lshandle_t lockspace)
{
	struct handle *handle = lockspace;
	int result = handle_enter(handle);

	if (result)
		return answer(result);
	result = thread_start(handle);
	handle_leave(handle);
	return answer(result);
}

PUBLIC int dlm_pthread_init(void)
{
	struct handle *handle;
	int result = open_default(&handle);

	return result ? answer(result) : dlm_ls_pthread_init(handle);
}

PUBLIC int dlm_pthread_cleanup(void)
{
	open_default_close();
	return 0;
}

/* The status of a call that waited, as an errno. */
static int answer_status(int result, int status)
{
	if (result || !status || status == EUNLOCK)
		return result;
	return answer(-status);
}

PUBLIC int lock_resource(const char *resource, int mode, int flags, int *lockid)
{
	struct dlm_lksb lksb;
	int result;

	memset(&lksb, 0, sizeof(lksb));
	if (flags & LKF_CONVERT)
		lksb.sb_lkid = (uint32_t)*lockid;
	if (dlm_pthread_init() && errno != EEXIST)
		return -1;
	result = dlm_lock_wait((uint32_t)mode, &lksb, (uint32_t)flags, resource,
		(unsigned int)strlen(resource), 0, NULL, NULL, NULL);
	result = answer_status(result, lksb.sb_status);
	if (!result)
		*lockid = (int)lksb.sb_lkid;
	return result;
}

PUBLIC int unlock_resource(int lockid)
{
	struct dlm_lksb lksb;
	int result;

	memset(&lksb, 0, sizeof(lksb));
	if (dlm_pthread_init() && errno != EEXIST)
		return -1;
	result = dlm_unlock_wait((uint32_t)lockid, 0, &lksb);
	return answer_status(result, lksb.sb_status);
}
#endif
