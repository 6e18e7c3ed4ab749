/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sim/control/fenceworld.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAULTY_SECONDS 120u
#define CALM_SECONDS   330u
/* of the calm: administrators look after what is left */
#define ACK_AFTER     90u
#define RESTART_AFTER 160u

void fenceworld_say(struct fenceworld *world, const char *format, ...)
{
	va_list args;

	if (!world->is_told)
		return;
	printf("%5u %4u  ", (uint32_t)world->step, (uint32_t)world->now.mono);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

void fenceworld_fault(struct fenceworld *world, const char *format, ...)
{
	va_list args;

	if (world->fault[0])
		return;
	va_start(args, format);
	vsnprintf(world->fault, sizeof(world->fault), format, args);
	va_end(args);
	fenceworld_say(world, "FAULT %s", world->fault);
}

static void go_quiet(struct fenceworld *world)
{
	while (!world->fault[0] && fencedaemon_go(world))
		;
	if (!world->fault[0])
		fencecheck_quiet(world);
}

/* ---- what befalls them ---- */

static void partition(struct fenceworld *world, uint32_t sides)
{
	uint8_t side[FENCEWORLD_NODES_MAX];
	char text[64] = "";

	for (uint32_t i = 0; i < world->node_count; i++) {
		side[i] = (uint8_t)random_below(&world->random, sides);
		snprintf(text + strlen(text), 8, " %u", side[i]);
	}
	fenceworld_say(world, "sides:%s", text);
	cpgmodel_partition(world->model, side);
}

static void leave(struct fenceworld *world, uint32_t id)
{
	struct fencenode *node = &world->nodes[id];
	struct fence_view view;

	if (!node->fence || node->is_leaving)
		return;
	fence_view(node->fence, &view);
	/* With lockspaces that others do not start with it, it would not end. */
	if (!view.is_agreed || (node->is_stateful && fence_is_outstanding(node->fence)))
		return;
	node->is_leaving = true;
	cpgmodel_leave(world->model, id, CPG_GROUP_CONTROLD);
	fenceworld_say(world, "node %u: leaves", id);
}

static void bounce(struct fenceworld *world, uint32_t id)
{
	if (!cpgmodel_is_up(world->model, id))
		return;
	fenceworld_say(world, "node %u: bounces", id);
	cpgmodel_bounce(world->model, id);
	fencedaemon_end(world, id);
}

/* An administrator looks: it is off, or is switched off now. Then all are told. */
static void acknowledge(struct fenceworld *world, uint32_t id)
{
	struct fencenode *node = &world->nodes[id];
	struct fence_node_view view;

	for (uint32_t i = 0; node->fence && fence_node_view(node->fence, i, &view); i++) {
		if (!view.need_fencing || view.nodeid == id)
			continue;
		fenceworld_say(world, "node %u: fence_ack %u", id, view.nodeid);
		fencedaemon_off(world, view.nodeid);
		fence_ack(node->fence, world->now, view.nodeid);
		world->acked++;
		fencedaemon_obey(world, id);
		return;
	}
}

/* One that waits for a word that nobody is left to give is started anew: nothing was locked there.
 */
static void restart_waiting(struct fenceworld *world, uint32_t id)
{
	struct fencenode *node = &world->nodes[id];
	struct fence_view view;

	if (!node->fence)
		return;
	fence_view(node->fence, &view);
	if (!view.is_fipu || node->is_stateful)
		return;
	fenceworld_say(world, "node %u: daemon is started anew", id);
	cpgmodel_die(world->model, id);
	fencedaemon_end(world, id);
	world->restarted++;
}

static void befall(struct fenceworld *world)
{
	static const uint32_t weights[] = {10, 10, 8, 12, 12, 4, 6};
	uint32_t id = random_between(&world->random, 1, world->node_count);

	switch (random_weighted(&world->random, weights, 7)) {
	case 0:
		if (cpgmodel_is_up(world->model, id))
			fencedaemon_off(world, id);
		break;
	case 1:
		if (world->nodes[id].fence && cpgmodel_is_up(world->model, id)) {
			fenceworld_say(world, "node %u: daemon dies", id);
			cpgmodel_die(world->model, id);
			fencedaemon_end(world, id);
		}
		break;
	case 2:
		leave(world, id);
		break;
	case 3:
		partition(world, random_between(&world->random, 2, 3));
		break;
	case 4:
		partition(world, 1);
		break;
	case 5:
		bounce(world, id);
		break;
	default:
		acknowledge(world, id);
		break;
	}
}

/* ---- time ---- */

static void end_agents(struct fenceworld *world, uint32_t id)
{
	struct fencenode *node = &world->nodes[id];

	for (uint32_t victim = 1; victim <= world->node_count; victim++) {
		struct fenceagent *agent = &node->agents[victim];
		bool has_failed = random_chance(&world->random, world->agent_fail);

		if (!node->fence || !agent->is_running || agent->end_time > world->now.mono)
			continue;
		agent->is_running = false;
		world->fenced += !has_failed;
		if (!has_failed) {
			fencecheck_agent_ended(world, id, victim);
			fencedaemon_off(world, victim);
		}
		if (!node->fence)
			return;
		fenceworld_say(world, "node %u: agent for %u ends with %d", id, victim, has_failed);
		fence_agent_ended(node->fence, world->now, victim, has_failed);
		fencedaemon_obey(world, id);
	}
}

static void boot(struct fenceworld *world, uint32_t id)
{
	if (world->nodes[id].fence || world->nodes[id].boot_time > world->now.mono)
		return;
	cpgmodel_up(world->model, id);
	fencedaemon_start(world, id);
}

static void second(struct fenceworld *world)
{
	world->now.mono++;
	world->now.wall++;
	for (uint32_t i = 1; i <= world->node_count; i++) {
		uint32_t id = 1 + (uint32_t)((i + world->now.mono) % world->node_count);

		boot(world, id);
		end_agents(world, id);
		if (world->nodes[id].fence && fence_is_waiting(world->nodes[id].fence))
			fence_tick(world->nodes[id].fence, world->now);
		fencedaemon_obey(world, id);
		while (random_chance(&world->random, 500) && fencedaemon_go(world))
			;
	}
}

bool fenceworld_run(struct fenceworld *world)
{
	for (uint32_t t = 0; t < FAULTY_SECONDS && !world->fault[0]; t++) {
		while (random_chance(&world->random, 150)) {
			for (uint32_t n = random_below(&world->random, 20);
				n && fencedaemon_go(world); n--)
				;
			befall(world);
		}
		go_quiet(world);
		second(world);
	}
	fenceworld_say(world, "calm");
	world->agent_fail = 0;
	world->agent_start_fail = 0;
	partition(world, 1);
	for (uint32_t t = 0; t < CALM_SECONDS && !world->fault[0]; t++) {
		go_quiet(world);
		if (t == ACK_AFTER)
			fencecheck_patience(world);
		if (t >= ACK_AFTER && t % 10 == 0)
			acknowledge(world, 1 + t / 10 % world->node_count);
		if (t >= RESTART_AFTER && t % 10 == 5)
			restart_waiting(world, 1 + t / 10 % world->node_count);
		second(world);
	}
	go_quiet(world);
	if (!world->fault[0])
		fencecheck_end(world);
	return !world->fault[0];
}

static void choose_options(struct fenceworld *world)
{
	struct random *random = &world->random;

	world->is_two_node = world->node_count == 2 && random_chance(random, 700);
	world->options = (struct fence_options){.enable_fencing = true,
		.enable_concurrent = random_chance(random, 300),
		.enable_startup = random_chance(random, 700),
		.repeat_failed = true,
		.enable_quorum = !world->is_two_node || random_chance(random, 500),
		.post_join_delay = random_below(random, 4)};
	world->agent_fail = random_chance(random, 400) ? 400 : 0;
	world->agent_start_fail = random_chance(random, 300) ? 500 : 0;
}

void fenceworld_init(struct fenceworld *world, uint64_t seed, bool is_told)
{
	memset(world, 0, sizeof(*world));
	world->seed = seed;
	world->is_told = is_told;
	world->step = 1;
	random_init(&world->random, seed);
	world->node_count = random_between(&world->random, 2, FENCEWORLD_NODES_MAX);
	choose_options(world);
	world->model =
		cpgmodel_new(world->node_count, world->is_two_node, random_next(&world->random));
	world->now = (struct fence_now){1000, 5000};
	for (uint32_t id = 1; id <= world->node_count; id++)
		world->nodes[id].boot_time = 1000 + random_below(&world->random, 6);
}

void fenceworld_done(struct fenceworld *world)
{
	for (uint32_t id = 1; id <= world->node_count; id++)
		fence_free(world->nodes[id].fence);
	cpgmodel_free(world->model);
}
