/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Whom a lockspace has waited for, said to people: the node, how long, and how the connection to it
 * is. After WAITING_PATIENCE_MS of the same wait it goes into the log and to dlm_controld
 * (CONTROL_WAITING), again when the text changes, and an empty text when it is over.
 */
#include <stdbool.h>
#include <stdint.h>

#include "lockd/daemon.h"

#define WAITING_PATIENCE_MS 5000u
#define WAITING_AGAIN_MS    1000u  /* between two words to dlm_controld */
#define WAITING_LOG_MS      60000u /* between two lines of the same wait in the log */

/* One wait. Zeroed to begin; owned by whoever waits. */
struct waiting {
	uint32_t nodeid; /* 0: for nobody */
	char what[48];   /* "recovery step names" */
	uint64_t since_ms;
	uint64_t said_ms, logged_ms;
	bool is_said;
	bool answers;     /* that node, and says that it is not as far: set before waiting_for() */
	char text[320];   /* that was said last */
	char reason[200]; /* that was logged last */
};

/**
 * waiting_for() - @name waits; to be called again every WAITING_AGAIN_MS while it does
 * @what: of it that waits, e.g. "recovery step names"; copied
 * @since_ms: since when, if this is a new wait
 */
void waiting_for(struct daemon *daemon, struct waiting *waiting, const char *name, const char *what,
	uint32_t nodeid, uint64_t since_ms);
/** waiting_over() - it waits for nobody any more */
void waiting_over(struct daemon *daemon, struct waiting *waiting, const char *name);
/** waiting_look() - ask all lockspaces, if it is time */
void waiting_look(struct daemon *daemon);
/** waiting_changed() - a lockspace began or ended a recovery: look at the next opportunity */
void waiting_changed(struct daemon *daemon);
