/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lockd/probes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lockd/admin.h"
#include "lockd/waiting.h"

struct probe {
	struct list entry; /* daemon->probes, oldest first */
	uint32_t number;
	char name[72]; /* of the lockspace */
};

static struct probe *probe_find(const struct daemon *daemon, uint32_t number)
{
	struct probe *probe;

	list_for_each (probe, &daemon->probes, entry)
		if (probe->number == number)
			return probe;
	return NULL;
}

static void probe_free(struct probe *probe)
{
	list_remove(&probe->entry);
	free(probe);
}

static void log_probed(struct daemon *daemon, const char *name, const struct engine_probed *found)
{
	if (found->result == -EPROTO)
		log_warning(daemon->log,
			"lockspace %s: node %" PRIu32 " has version %#" PRIx32
			", value blocks of %" PRIu32 " bytes and flags %#" PRIx32
			", this node version %#" PRIx32 ", %" PRIu32 " bytes and flags %#" PRIx32,
			name, found->nodeid, found->their_version, found->their_lvb_bytes,
			found->their_flags, found->our_version, found->our_lvb_bytes,
			found->our_flags);
	else
		log_info(daemon->log, "lockspace %s: node %" PRIu32 " was asked: %s", name,
			found->nodeid,
			found->result ? strerror(-found->result) : "it has the same values");
}

static void report(struct daemon *daemon, const char *name, const struct engine_probed *found)
{
	struct control_probed probed = {
		.head = {.type = CONTROL_PROBED, .bytes = sizeof(probed)},
		.number = found->number,
		.nodeid = found->nodeid,
		.result = found->result,
		.their_version = found->their_version,
		.our_version = found->our_version,
		.their_lvb_bytes = found->their_lvb_bytes,
		.our_lvb_bytes = found->our_lvb_bytes,
		.their_flags = found->their_flags,
		.our_flags = found->our_flags,
	};

	snprintf(probed.name, sizeof(probed.name), "%s", name);
	log_probed(daemon, name, found);
	admin_send(daemon, &probed, sizeof(probed));
}

void probes_begin(struct daemon *daemon, const struct control_probe *message)
{
	const struct engine_probe_args args = {
		.number = message->number,
		.nodeid = message->nodeid,
		.global_id = message->global_id,
		.flags = message->flags,
		.lvb_bytes = message->lvb_bytes,
		.keep = message->keep,
	};
	const struct engine_probed none = {.number = message->number, .nodeid = message->nodeid};
	struct engine_probed failed = none;
	struct probe *probe = calloc(1, sizeof(*probe));

	failed.result = probe ? engine_probe_start(daemon->engine, &args) : -ENOMEM;
	if (failed.result) {
		free(probe);
		report(daemon, message->name, &failed);
		return;
	}
	probe->number = message->number;
	memcpy(probe->name, message->name, sizeof(probe->name));
	list_add_tail(&daemon->probes, &probe->entry);
	waiting_changed(daemon);
}

void probes_end(struct daemon *daemon, const struct control_probe *message)
{
	engine_probe_end(daemon->engine, message->number);
}

void probes_end_all(struct daemon *daemon)
{
	const struct probe *probe;

	list_for_each (probe, &daemon->probes, entry)
		engine_probe_end(daemon->engine, probe->number);
}

void probes_output(struct daemon *daemon, const struct engine_output *output)
{
	struct probe *probe = probe_find(daemon, output->probed.number);

	if (!probe)
		return;
	report(daemon, probe->name, &output->probed);
	probe_free(probe);
	waiting_changed(daemon);
}

bool probes_waiting(const struct daemon *daemon, const char *name, struct probes_wait *ret)
{
	const struct probe *probe;
	struct engine_probe_info info;
	bool found = false;

	list_for_each (probe, &daemon->probes, entry) {
		if (strcmp(probe->name, name) ||
			engine_probe_info(daemon->engine, probe->number, &info))
			continue;
		if (found && info.since_ms >= ret->since_ms)
			continue;
		*ret = (struct probes_wait){info.nodeid, info.step, info.since_ms};
		found = true;
	}
	return found;
}

void probes_free(struct daemon *daemon)
{
	struct probe *probe, *tmp;

	list_for_each_safe (probe, tmp, &daemon->probes, entry)
		probe_free(probe);
}
