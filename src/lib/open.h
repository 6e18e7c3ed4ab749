/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Which lock engine a lockspace belongs to: dlm_lockd where one answers on its control socket, else
 * the kernel where it has the devices of dlm. One node has one engine for all its lockspaces.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct handle;

/**
 * open_lockspace() - a lockspace that this node has joined
 * @ret: filled on success; one reference, which handle_close() gives back
 *
 * Return: 0; -EINVAL the name; -ENOENT no such lockspace; -EACCES; -ECONNREFUSED neither a daemon
 * nor a kernel with dlm is there; other errno as they say.
 */
int open_lockspace(const char *name, struct handle **ret);
/** open_new() - join the lockspace first if this node has not; see dlm_new_lockspace() */
int open_new(const char *name, mode_t mode, uint32_t flags, struct handle **ret);
/** open_release() - leave the lockspace. @handle is closed whatever the result; may be NULL */
int open_release(const char *name, struct handle *handle, bool force);
/** open_version() - of the device interface that the engine speaks, or imitates */
int open_version(uint32_t ret[3]);

/** open_default() - the default lockspace, opened or made now if need be */
int open_default(struct handle **ret);
/** open_default_close() - nothing happens where it is not open */
void open_default_close(void);
