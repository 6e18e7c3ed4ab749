/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What the service manager is told. Without one, or without libsystemd, nothing. */

void notify_ready(void);
/** notify_status() - one line for `systemctl status` */
void notify_status(const char *text);
/** notify_alive() - still starting, and at work: the start timeout begins anew */
void notify_alive(void);
void notify_stopping(void);
