/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In the place of notify_systemd.c where there is no libsystemd. */
#include "control/notify.h"

void notify_ready(void)
{
}

void notify_status(const char *text)
{
}

void notify_alive(void)
{
}

void notify_stopping(void)
{
}
