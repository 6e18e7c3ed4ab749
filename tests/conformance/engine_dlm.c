/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * As much of libdlm as the exam uses, with the engine in the same process and no daemon: so that
 * the engine alone can sit the exam too, under sanitizers and in a moment.
 */
#include <errno.h>
#include <fcntl.h>
#include <libdlm.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/pure/must.h"
#include "engine/engine.h"

#define HANDLES_MAX 64
#define LOCKS_MAX   64

/* What libdlm remembers of a lock. */
struct known {
	uint32_t lkid; /* 0: unused */
	struct dlm_lksb *status;
	void (*completed)(void *context);
	void (*blocks)(void *context);
	void *context;
};

struct handle {
	struct engine_client *client; /* NULL: unused */
	int fd;                       /* always readable: whoever polls comes and looks */
	uint32_t next_id, last_id;
	struct known locks[LOCKS_MAX];
};

static struct world {
	struct engine *engine;
	struct engine_lockspace *lockspace;
	uint64_t now_ms;
	struct handle handles[HANDLES_MAX];
} world;

static int failed(int error)
{
	errno = error;
	return -1;
}

static void world_work(void)
{
	struct engine_output output;

	world.now_ms++;
	engine_tick(world.engine, world.now_ms);
	while (engine_work(world.engine))
		;
	while (engine_output(world.engine, &output))
		must(output.kind != ENGINE_OUT_FATAL && output.kind != ENGINE_OUT_FAILED);
	engine_check(world.engine);
}

static void world_begin(void)
{
	const struct engine_settings settings = {.nodeid = 1, .seed = 1};
	const struct engine_member self = {.nodeid = 1, .weight = 1};
	int result;

	if (world.engine)
		return;
	result = engine_new(&settings, &world.engine);
	must(result == 0);
	result = engine_lockspace_new(world.engine, "exam", lockspace_global_id("exam"), 0,
		DLM_USER_LVB_BYTES, false, &world.lockspace);
	must(result == 0);
	result = engine_lockspace_start(world.lockspace, &self, 1, 1);
	must(result == 0);
	world_work();
	must(engine_lockspace_running(world.lockspace));
}

dlm_lshandle_t dlm_open_lockspace(const char *name)
{
	struct handle *handle = world.handles;

	world_begin();
	while (handle->client)
		must(++handle < world.handles + HANDLES_MAX);
	memset(handle, 0, sizeof(*handle));
	handle->fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	must(engine_client_new(world.lockspace, handle, &handle->client) == 0);
	return handle;
}

dlm_lshandle_t dlm_create_lockspace(const char *name, mode_t mode)
{
	return dlm_open_lockspace(name);
}

int dlm_close_lockspace(dlm_lshandle_t lockspace)
{
	struct handle *handle = lockspace;

	close(handle->fd);
	engine_client_close(handle->client);
	handle->client = NULL;
	world_work();
	return 0;
}

int dlm_release_lockspace(const char *name, dlm_lshandle_t lockspace, int force)
{
	dlm_close_lockspace(lockspace);
	engine_free(world.engine);
	memset(&world, 0, sizeof(world));
	return 0;
}

int dlm_ls_get_fd(dlm_lshandle_t lockspace)
{
	return ((struct handle *)lockspace)->fd;
}

static struct known *known_find(struct handle *handle, uint32_t lkid)
{
	struct known *known = handle->locks;

	for (; known < handle->locks + LOCKS_MAX; known++)
		if (known->lkid == lkid)
			return known;
	return NULL;
}

static void callback_deliver(struct handle *handle, const struct engine_callback *callback)
{
	struct known *found = known_find(handle, callback->lkid), known;

	must(found);
	known = *found;
	if (callback->ended)
		found->lkid = 0;
	if (callback->is_bast) {
		if (known.blocks)
			known.blocks(known.context);
		return;
	}
	known.status->sb_status = -callback->status;
	known.status->sb_flags = (char)callback->sbflags;
	if (callback->lvb && known.status->sb_lvbptr)
		memcpy(known.status->sb_lvbptr, callback->lvb, DLM_LVB_LEN);
	known.completed(known.context);
}

int dlm_dispatch(int fd)
{
	struct engine_callback callback;
	struct handle *handle = world.handles;

	while (!handle->client || handle->fd != fd)
		must(++handle < world.handles + HANDLES_MAX);
	while (engine_client_take(handle->client, &callback))
		callback_deliver(handle, &callback);
	return 0;
}

static uint32_t handle_next_id(struct handle *handle)
{
	if (handle->next_id == handle->last_id) {
		must(engine_client_ids(handle->client, &handle->next_id) == 0);
		handle->last_id = handle->next_id + ENGINE_ID_BLOCK;
	}
	return handle->next_id++;
}

int dlm_ls_lock(dlm_lshandle_t lockspace, uint32_t mode, struct dlm_lksb *status, uint32_t flags,
	const void *name, unsigned int namelen, uint32_t parent, void (*completed)(void *context),
	void *context, void (*blocks)(void *context), void *range)
{
	struct handle *handle = lockspace;
	bool convert = flags & LKF_CONVERT, adopt = (flags & LKF_ORPHAN) && !convert;
	struct engine_lock_args args = {
		.lkid = convert ? status->sb_lkid
			: adopt ? 0
				: handle_next_id(handle),
		.flags = flags,
		.mode = (int)mode,
		.name = name,
		.name_bytes = namelen,
		.lvb = (flags & LKF_VALBLK) ? (const uint8_t *)status->sb_lvbptr : NULL,
		.pid = (uint32_t)getpid(),
		.wants_bast = true,
	};
	int result;

	if ((flags & LKF_VALBLK) && !args.lvb)
		return failed(EINVAL);
	result = adopt ? engine_adopt(handle->client, &args, &args.lkid)
		       : engine_lock(handle->client, &args);
	if (result)
		return failed(-result);
	if (!convert)
		*known_find(handle, 0) = (struct known){.lkid = args.lkid};
	*known_find(handle, args.lkid) =
		(struct known){args.lkid, status, completed, blocks, context};
	status->sb_lkid = args.lkid;
	world_work();
	return 0;
}

int dlm_ls_unlock(dlm_lshandle_t lockspace, uint32_t lkid, uint32_t flags, struct dlm_lksb *status,
	void *context)
{
	struct handle *handle = lockspace;
	int result = engine_unlock(handle->client, lkid, flags,
		(flags & LKF_VALBLK) ? (const uint8_t *)status->sb_lvbptr : NULL);

	if (result < 0)
		return failed(-result);
	known_find(handle, lkid)->status = status;
	known_find(handle, lkid)->context = context;
	world_work();
	return 0;
}

int dlm_ls_deadlock_cancel(dlm_lshandle_t lockspace, uint32_t lkid, uint32_t flags)
{
	struct handle *handle = lockspace;
	int result = engine_deadlock_cancel(handle->client, lkid);

	world_work();
	return result < 0 ? failed(-result) : 0;
}

int dlm_ls_purge(dlm_lshandle_t lockspace, int nodeid, int pid)
{
	struct handle *handle = lockspace;
	int result =
		engine_purge(handle->client, (uint32_t)nodeid, (uint32_t)pid, (uint32_t)getpid());

	world_work();
	return result < 0 ? failed(-result) : 0;
}
