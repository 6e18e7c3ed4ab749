/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/thread.h"

#include <errno.h>

#include "lib/handle.h"

int thread_start(struct handle *handle)
{
	(void)handle;
	return -ENOSYS;
}

void thread_stop(struct handle *handle)
{
	(void)handle;
}

bool thread_running(const struct handle *handle)
{
	(void)handle;
	return false;
}
