/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lockd/waiting.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lockd/admin.h"
#include "lockd/peers.h"
#include "lockd/probes.h"
#include "lockd/space.h"

static void say(struct daemon *daemon, struct waiting *waiting, const char *name)
{
	waiting->is_said = waiting->text[0];
	waiting->said_ms = daemon->now_ms;
	admin_report(daemon, CONTROL_WAITING, name, 0, 0, waiting->text,
		(uint32_t)strlen(waiting->text), -1);
}

static void log_wait(
	struct daemon *daemon, struct waiting *waiting, const char *name, const char *reason)
{
	bool changed = strcmp(reason, waiting->reason) != 0;

	if (waiting->logged_ms && !changed && daemon->now_ms - waiting->logged_ms < WAITING_LOG_MS)
		return;
	if (changed && waiting->logged_ms &&
		daemon->now_ms - waiting->logged_ms < WAITING_PATIENCE_MS)
		return;
	waiting->logged_ms = daemon->now_ms;
	snprintf(waiting->reason, sizeof(waiting->reason), "%s", reason);
	log_warning(daemon->log, "lockspace %s: %s", name, waiting->text);
}

static void changed(struct daemon *daemon, struct waiting *waiting, const char *what,
	uint32_t nodeid, uint64_t since_ms)
{
	bool same_step = !strcmp(waiting->what, what);

	if (same_step && waiting->nodeid == nodeid)
		return;
	/* The next node of the same step has been waited for since now. */
	waiting->since_ms = same_step ? daemon->now_ms : since_ms;
	waiting->nodeid = nodeid;
	waiting->logged_ms = 0;
	snprintf(waiting->what, sizeof(waiting->what), "%s", what);
}

void waiting_for(struct daemon *daemon, struct waiting *waiting, const char *name, const char *what,
	uint32_t nodeid, uint64_t since_ms)
{
	char reason[PEERS_DESCRIBE_ROOM], text[sizeof(waiting->text)];

	changed(daemon, waiting, what, nodeid, since_ms);
	if (daemon->now_ms - waiting->since_ms < WAITING_PATIENCE_MS) {
		if (waiting->is_said) {
			waiting->text[0] = 0;
			say(daemon, waiting, name);
		}
		return;
	}
	if (waiting->is_said && daemon->now_ms - waiting->said_ms < WAITING_AGAIN_MS)
		return;
	peers_describe(daemon, nodeid, waiting->answers, reason, sizeof(reason));
	snprintf(text, sizeof(text), "%s waits for node %" PRIu32 " since %" PRIu64 " s: %s", what,
		nodeid, (daemon->now_ms - waiting->since_ms) / 1000, reason);
	if (!strcmp(text, waiting->text))
		return;
	memcpy(waiting->text, text, sizeof(text));
	log_wait(daemon, waiting, name, reason);
	say(daemon, waiting, name);
}

void waiting_over(struct daemon *daemon, struct waiting *waiting, const char *name)
{
	if (waiting->is_said) {
		log_notice(daemon->log,
			"lockspace %s: waits no longer for node %" PRIu32 " (%s, %" PRIu64 " s)",
			name, waiting->nodeid, waiting->what,
			(daemon->now_ms - waiting->since_ms) / 1000);
		waiting->text[0] = 0;
		say(daemon, waiting, name);
	}
	*waiting = (struct waiting){0};
}

/* A lockspace that is to be joined. Return: it waits for an answer */
static bool look_probes(struct daemon *daemon, struct space *space)
{
	struct probes_wait wait;
	char what[sizeof(space->waiting.what)];

	if (!probes_waiting(daemon, space->name, &wait))
		return false;
	space->waiting.answers = false;
	snprintf(what, sizeof(what), "joining (%s)", wait.step);
	waiting_for(daemon, &space->waiting, space->name, what, wait.nodeid, wait.since_ms);
	return true;
}

/* Return: it waits for somebody */
static bool look(struct daemon *daemon, struct space *space)
{
	struct engine_lockspace_info info = {0};
	char what[sizeof(space->waiting.what)];

	if (space->ls)
		engine_lockspace_info(space->ls, &info);
	if (!info.wait_nodeid && look_probes(daemon, space))
		return true;
	/* One that has failed waits for dlm_controld, which has been told. */
	if (!info.wait_nodeid || !strcmp(info.step, "failed")) {
		waiting_over(daemon, &space->waiting, space->name);
		return space->ls && !info.running;
	}
	space->waiting.answers = info.wait_answers;
	snprintf(what, sizeof(what), "recovery step %s", info.step);
	waiting_for(
		daemon, &space->waiting, space->name, what, info.wait_nodeid, info.step_since_ms);
	return true;
}

void waiting_look(struct daemon *daemon)
{
	struct space *space;

	if (daemon->now_ms < daemon->waiting_ms)
		return;
	daemon->waiting_ms = UINT64_MAX;
	list_for_each (space, &daemon->spaces, entry)
		if (look(daemon, space))
			daemon->waiting_ms = daemon->now_ms + WAITING_AGAIN_MS;
}

void waiting_changed(struct daemon *daemon)
{
	daemon->waiting_ms = 0;
}
