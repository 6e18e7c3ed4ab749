/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <systemd/sd-daemon.h>

#include "control/notify.h"

void notify_ready(void)
{
	(void)sd_notify(0, "READY=1");
}

void notify_status(const char *text)
{
	(void)sd_notifyf(0, "STATUS=%s", text);
}

void notify_alive(void)
{
	(void)sd_notify(0, "EXTEND_TIMEOUT_USEC=30000000");
}

void notify_stopping(void)
{
	(void)sd_notify(0, "STOPPING=1");
}
