/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/lost.h"

#include <errno.h>

#include "lib/completion.h"
#include "lib/handle.h"
#include "lib/input.h"

void lost_enter(struct handle *handle)
{
	if (handle->lost.happened)
		return;
	handle->lost.happened = true;
	completion_fail_all(handle, -ENOTCONN);
	input_wake(handle);
}

bool lost_pending(const struct lost *lost)
{
	return lost->happened && !lost->told;
}

void lost_tell(struct handle *handle)
{
	void (*callback)(void *arg) = handle->lost.callback;
	void *arg = handle->lost.arg;

	handle->lost.told = true;
	if (!callback)
		return;
	pthread_mutex_unlock(&handle->mutex);
	callback(arg);
	pthread_mutex_lock(&handle->mutex);
	if (!handle->closed)
		handle->ops->lost_done(handle);
}
