/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What the engine has to say after a turn's input, brought to whom it concerns. */
#include "lockd/daemon.h"

/** news_take() - all of it */
void news_take(struct daemon *daemon);
