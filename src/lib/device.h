/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * The lock engine in the kernel: how calls become writes to a lockspace's device, and reads from it
 * completions. The kernel judges calls itself; our table is needed to know whom a completion is
 * for.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct handle;

/* What a test puts in place of the kernel. */
struct device_io {
	ssize_t (*write)(int fd, const void *data, size_t bytes);
	ssize_t (*read)(int fd, void *data, size_t bytes);
};

/** device_attach() - a handle for an open device; @fd is taken on success. Return: 0; -ENOMEM ...
 */
int device_attach(
	int fd, const uint32_t version[3], const struct device_io *io, struct handle **ret);

/** device_present() - whether the kernel has dlm */
bool device_present(void);
/** device_version() - Return: 0; -ENOENT, -EACCES ... of the control device */
int device_version(uint32_t ret[3]);
/** device_open() - Return: 0; -ENOENT no such lockspace; -EACCES; -EPROTONOSUPPORT */
int device_open(const char *name, struct handle **ret);
/** device_create() - join and open; waits for the join, and up to 10 s for udev */
int device_create(const char *name, mode_t mode, uint32_t flags, struct handle **ret);
/** device_minor() - Return: whether @handle is of a device, and which */
bool device_minor(const struct handle *handle, uint32_t *ret);
/** device_release() - leave. Return: 0; -EBUSY others have locks there and not @force; -EPERM */
int device_release(const char *name, uint32_t minor, bool force);
/** device_release_name() - the same, of a lockspace that we have not open */
int device_release_name(const char *name, bool force);
