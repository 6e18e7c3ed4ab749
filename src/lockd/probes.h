/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * dlm_controld's questions whether a member of a lockspace would take this node. The engine asks;
 * here is kept which lockspace an answer is for, and who is waited for.
 */
#include <stdbool.h>
#include <stdint.h>

#include "lockd/daemon.h"

struct probes_wait {
	uint32_t nodeid;
	const char *step;  /* what of it is waited for; constant */
	uint64_t since_ms; /* when that began */
};

/** probes_begin() - PROBE. PROBED follows, at once where it cannot be asked */
void probes_begin(struct daemon *daemon, const struct control_probe *message);
/** probes_end() - PROBE_END; one that is over is no error */
void probes_end(struct daemon *daemon, const struct control_probe *message);
/** probes_end_all() - no answer is needed any more: the daemon ends in order */
void probes_end_all(struct daemon *daemon);
/** probes_output() - ENGINE_OUT_PROBED */
void probes_output(struct daemon *daemon, const struct engine_output *output);
/**
 * probes_waiting() - whom the questions about lockspace @name have waited for longest
 * Return: false: there are none
 */
bool probes_waiting(const struct daemon *daemon, const char *name, struct probes_wait *ret);
/** probes_free() - at the end of a test */
void probes_free(struct daemon *daemon);
