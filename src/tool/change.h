/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Requests that change something and that the field's daemon never answers: what became of them.
 * udlm's daemon answers when it is asked to.
 */
#include "proto/dlmc.h"

enum change_end {
	CHANGE_DONE,
	CHANGE_REFUSED,   /* and why has been said */
	CHANGE_NO_DAEMON, /* and said */
	CHANGE_UNKNOWN,   /* the daemon is not udlm's: send it in the old way */
};

/**
 * change_ask() - send it to udlm's daemon and wait
 * @what:    the command, for what is said of a refusal
 * @name:    in the header, or NULL
 * @payload: text, or NULL
 */
enum change_end change_ask(
	enum dlmc_command command, const char *what, const char *name, const char *payload);
