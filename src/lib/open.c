/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/open.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "lib/daemon.h"
#include "lib/device.h"
#include "lib/handle.h"
#include "lib/user.h"
#include "proto/client.h"

#define DEFAULT_NAME "default"
#define DEFAULT_MODE 0600

static pthread_mutex_t default_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct handle *default_handle;

static int name_check(const char *name)
{
	return name && !client_lockspace_name_check(name) ? 0 : -EINVAL;
}

/* A socket that is not there, or that nobody listens to: of a daemon, or of none? */
static int open_without_socket(const char *name, struct handle **ret)
{
	int result = daemon_probe();

	if (!result)
		return -ENOENT;
	if (result != -ECONNREFUSED || !device_present())
		return result;
	return device_open(name, ret);
}

int open_lockspace(const char *name, struct handle **ret)
{
	int result = name_check(name);

	if (!result)
		result = user_open(name, ret);
	if (result == -ENOENT || result == -ECONNREFUSED)
		result = open_without_socket(name, ret);
	return result;
}

int open_new(const char *name, mode_t mode, uint32_t flags, struct handle **ret)
{
	int result = name_check(name);

	if (result)
		return result;
	result = daemon_create(name, mode, flags);
	if (!result)
		return user_open(name, ret);
	if (result == -ECONNREFUSED && device_present())
		return device_create(name, mode, flags, ret);
	return result;
}

int open_release(const char *name, struct handle *handle, bool force)
{
	int result = name_check(name);
	uint32_t minor = 0;
	bool device = handle && device_minor(handle, &minor);

	if (handle)
		handle_close(handle);
	if (result)
		return result;
	if (device)
		return device_release(name, minor, force);
	result = daemon_release(name, force);
	if (result == -ECONNREFUSED && device_present())
		return device_release_name(name, force);
	return result;
}

int open_version(uint32_t ret[3])
{
	int result = daemon_version(ret);

	if (result == -ECONNREFUSED && device_present())
		return device_version(ret);
	return result;
}

int open_default(struct handle **ret)
{
	int result = 0;

	pthread_mutex_lock(&default_mutex);
	if (!default_handle) {
		result = open_lockspace(DEFAULT_NAME, &default_handle);
		if (result == -ENOENT)
			result = open_new(DEFAULT_NAME, DEFAULT_MODE, 0, &default_handle);
	}
	if (!result)
		*ret = default_handle;
	pthread_mutex_unlock(&default_mutex);
	return result;
}

void open_default_close(void)
{
	struct handle *handle;

	pthread_mutex_lock(&default_mutex);
	handle = default_handle;
	default_handle = NULL;
	pthread_mutex_unlock(&default_mutex);
	if (handle)
		handle_close(handle);
}
