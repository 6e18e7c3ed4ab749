/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lockd/news.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lockd/admin.h"
#include "lockd/connection.h"
#include "lockd/output.h"
#include "lockd/peers.h"
#include "lockd/probes.h"
#include "lockd/space.h"

static struct space *space_of(struct daemon *daemon, const struct engine_lockspace *ls)
{
	struct space *space;

	list_for_each (space, &daemon->spaces, entry)
		if (space->ls == ls)
			return space;
	return NULL;
}

static void recovered(struct daemon *daemon, const struct engine_output *output)
{
	struct space *space = space_of(daemon, output->lockspace);

	/* A stop that came later has made it void. */
	if (!space || output->start_number != space->start_number ||
		!engine_lockspace_running(space->ls))
		return;
	log_info(daemon->log, "lockspace %s: start %" PRIu32 " is completed", space->name,
		output->start_number);
	admin_report(daemon, CONTROL_RECOVERED, space->name, output->start_number, 0, NULL, 0, -1);
	space_recovered(space, output->start_number);
}

static void failed(struct daemon *daemon, const struct engine_output *output)
{
	const struct space *space = space_of(daemon, output->lockspace);
	struct engine_lockspace_info info;
	char who[32] = "";

	if (!space)
		return;
	engine_lockspace_info(space->ls, &info);
	if (info.wait_nodeid)
		snprintf(who, sizeof(who), " (node %" PRIu32 ")", info.wait_nodeid);
	log_error(daemon->log, "lockspace %s: start %" PRIu32 " failed: %s%s", space->name,
		output->start_number, strerror(-output->error), who);
	admin_report(daemon, CONTROL_FAILED, space->name, output->start_number, output->error, NULL,
		0, -1);
}

static void client(const struct engine_output *output)
{
	struct connection *c = output->client_context;

	if (c->state == CONNECTION_CLOSED || c->state == CONNECTION_DOOMED)
		return;
	c->has_callbacks = true;
	output_want(c);
}

static void fatal(struct daemon *daemon, const struct engine_output *output)
{
	char text[200];

	snprintf(text, sizeof(text), "the lock engine cannot go on: %s", strerror(-output->error));
	admin_fatal(daemon, output->error, text);
}

static void handle(struct daemon *daemon, const struct engine_output *output)
{
	switch (output->kind) {
	case ENGINE_OUT_CLIENT:
		client(output);
		break;
	case ENGINE_OUT_CLIENT_CLOSED:
		connection_freed(output->client_context);
		break;
	case ENGINE_OUT_RECOVERED:
		recovered(daemon, output);
		break;
	case ENGINE_OUT_FAILED:
		failed(daemon, output);
		break;
	case ENGINE_OUT_FATAL:
		fatal(daemon, output);
		break;
	case ENGINE_OUT_PROBED:
		probes_output(daemon, output);
		break;
	case ENGINE_OUT_PEER:
	case ENGINE_OUT_CONNECT:
	case ENGINE_OUT_PEER_CLOSED:
	case ENGINE_OUT_PEER_GAP:
		peers_output(daemon, output);
		break;
	}
}

void news_take(struct daemon *daemon)
{
	struct engine_output output;

	while (!daemon->ended && engine_output(daemon->engine, &output))
		handle(daemon, &output);
}
