/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A live engine with a lockspace, programs and two peers. The input is a list of steps: what the
 * peers say (right in form, anything in content; or plain bytes), what programs do, stops and
 * starts, time, connections that break, memory that ends. The peers answer what recovery asks, so
 * that inputs get to the lock path too, honestly or not as the input says.
 *
 * Nothing that a peer says may end the process, and the engine's whole state stays what it must be.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/bytes.h"
#include "base/pure/must.h"
#include "engine/engine.h"
#include "engine/wire.h"
#include "fuzz.h"

#define NODES      3u
#define CLIENTS    3u
#define IDS        32u
#define STREAM_MAX 16384u
#define STEPS_MAX  400u
#define FRAMES_MAX 4000u /* per step: two sides that answer each other for ever are not our bug */
#define LVB_BYTES  32u
#define GLOBAL_ID  0x77222027u
#define OTHER_ID   99u /* of a lockspace that nobody has */
#define RECOVER_MS 100u
#define TOSS_MS    200u

struct input {
	const uint8_t *at;
	size_t left;
};

struct peer {
	uint32_t nodeid;
	uint32_t seq_send; /* of its next numbered frame */
	uint32_t seq_next; /* that it expects */
	bool heard;        /* it has sent STATUS since the last reset */
	bool connected;
	uint8_t stream[STREAM_MAX];
	size_t stream_bytes;
};

struct client {
	struct engine_client *client;
	uint32_t first_id, next_id;
};

struct world {
	struct engine *engine;
	struct engine_lockspace *ls;
	struct alloc alloc;
	struct input input;
	struct peer peers[NODES + 1]; /* by node id; ours is unused */
	struct client clients[CLIENTS];
	uint32_t nodeid;   /* ours */
	uint32_t ids[IDS]; /* lock ids that the engine has told the peers */
	uint32_t id_count;
	uint64_t rcom_id, rcom_seq; /* of the last request of recovery that it sent */
	uint32_t asked_id;          /* the lockspace that it is about */
	uint32_t probes;            /* bit i: probe i is open */
	uint64_t now_ms;
	uint32_t start_number;
	uint32_t frames;
	uint32_t generation;
	size_t held;
	bool memory_ends;
	bool lies;    /* recovery is answered with what the input says */
	bool claimed; /* a peer has claimed locks, so that the engine cannot vouch for them */
	bool fatal;
};

static const char *const NAMES[] = {"a", "resource", "another one", "x"};

static uint8_t take_byte(struct input *input)
{
	if (!input->left)
		return 0;
	input->left--;
	return *input->at++;
}

static uint32_t take_word(struct input *input)
{
	uint32_t word = take_byte(input);

	word |= (uint32_t)take_byte(input) << 8;
	word |= (uint32_t)take_byte(input) << 16;
	return word | (uint32_t)take_byte(input) << 24;
}

static void *world_get(void *context, size_t bytes)
{
	struct world *world = context;
	void *memory = world->memory_ends ? NULL : malloc(bytes);

	world->held += !!memory;
	return memory;
}

static void world_put(void *context, void *memory, size_t bytes)
{
	struct world *world = context;

	world->held--;
	free(memory);
}

/* ---- the peers ---- */

static struct peer *peer_of(struct world *world, uint8_t which)
{
	uint32_t nodeid = which % NODES + 1;

	if (nodeid == world->nodeid)
		nodeid = nodeid % NODES + 1;
	return &world->peers[nodeid];
}

static void peer_reset(struct peer *peer)
{
	peer->seq_send = 0;
	peer->seq_next = 0;
	peer->heard = false;
	peer->stream_bytes = 0;
}

static void give(struct world *world, struct peer *peer, const uint8_t *bytes, size_t size)
{
	int rc;

	if (size > STREAM_MAX - peer->stream_bytes)
		peer->stream_bytes = 0;
	memcpy(peer->stream + peer->stream_bytes, bytes, size);
	peer->stream_bytes += size;
	rc = engine_peer_receive(world->engine, peer->nodeid, peer->stream, peer->stream_bytes);
	if (rc < 0) {
		must(rc == -ENOENT || rc == -EMSGSIZE || rc == -EPROTO);
		peer->stream_bytes = 0;
		return;
	}
	must((size_t)rc <= peer->stream_bytes);
	peer->stream_bytes -= (size_t)rc;
	memmove(peer->stream, peer->stream + rc, peer->stream_bytes);
}

/* @frame: room for the wrapper, then a frame of @size */
static void give_numbered(struct world *world, struct peer *peer, uint8_t *frame, int size)
{
	if (size < 0)
		return;
	wire_opts_encode(WIRE_VERSION_3_2, peer->seq_send++, peer->nodeid,
		frame[WIRE_OPTS_BYTES + 14], (uint32_t)size, frame);
	give(world, peer, frame, (size_t)size + WIRE_OPTS_BYTES);
}

static void give_rcom(
	struct world *world, struct peer *peer, const struct wire_rcom *rcom, bool numbered)
{
	static const struct wire_rcom_slot SLOTS[NODES] = {{1, 1}, {2, 2}, {3, 3}};
	uint8_t frame[WIRE_FRAME_MAX];
	int size = wire_rcom_encode(WIRE_VERSION_3_2,
		rcom->type > WIRE_RCOM_LOCK && world->asked_id == OTHER_ID ? OTHER_ID : GLOBAL_ID,
		peer->nodeid, rcom, SLOTS, frame + WIRE_OPTS_BYTES, WIRE_INNER_MAX);

	if (size < 0)
		return;
	if (numbered)
		give_numbered(world, peer, frame, size);
	else
		give(world, peer, frame + WIRE_OPTS_BYTES, (size_t)size);
}

static void say_status(struct world *world, struct peer *peer)
{
	const struct wire_rcom rcom = {.type = WIRE_RCOM_STATUS, .status_flags = 1, .id = 1};

	give_rcom(world, peer, &rcom, false);
	peer->heard = true;
}

/* ---- peers answer what recovery asks ---- */

static uint32_t names_payload(struct world *world, struct peer *peer, uint8_t *payload)
{
	uint8_t which = world->lies ? take_byte(&world->input) : 0;
	uint32_t at = 0, i;

	for (i = 0; i < 4; i++)
		if (which & 1u << i)
			wire_name_put(
				payload, &at, (const uint8_t *)NAMES[i], (uint8_t)strlen(NAMES[i]));
	if (!(which & 128))
		wire_name_end(payload, at);
	return WIRE_NAMES_BYTES;
}

static int answer_result(struct world *world, const struct wire_rcom *ask, uint32_t nodeid)
{
	uint8_t which = world->lies ? take_byte(&world->input) : 0;

	if (ask->type == WIRE_RCOM_STATUS && world->asked_id == OTHER_ID)
		return WIRE_NOT_READY;
	if (ask->type == WIRE_RCOM_STATUS)
		return which ? which : 0xff;
	if (ask->type == WIRE_RCOM_LOOKUP)
		return which ? which % 5 + 1 : (int)world->nodeid;
	return 0;
}

static void answer_rcom(struct world *world, struct peer *peer, const struct wire_rcom *ask)
{
	uint8_t payload[WIRE_NAMES_BYTES] = {0};
	struct wire_rcom reply = {
		.type = (enum wire_rcom_type)(ask->type + 4),
		.id = ask->id,
		.seq_reply = ask->seq,
		.result = answer_result(world, ask, peer->nodeid),
		.config = {.lvb_bytes = LVB_BYTES,
			.slot = (uint16_t)peer->nodeid,
			.slot_count = ask->status_flags & 1 ? NODES : 0,
			.generation = world->generation},
		.payload = payload,
		.lock = ask->lock,
	};

	if (ask->type > WIRE_RCOM_LOCK)
		return;
	if (world->lies && (take_byte(&world->input) & 7) == 7)
		return; /* or not at all */
	if (reply.type == WIRE_RCOM_NAMES_REPLY)
		reply.payload_bytes = names_payload(world, peer, payload);
	reply.lock.remid = 1000 + ask->lock.lkid;
	reply.lock.result = world->lies ? -(take_byte(&world->input) % 54) : 0;
	give_rcom(world, peer, &reply,
		reply.type == WIRE_RCOM_LOOKUP_REPLY || reply.type == WIRE_RCOM_LOCK_REPLY ||
			reply.result == WIRE_NOT_READY);
}

static void note_id(struct world *world, uint32_t lkid)
{
	if (lkid)
		world->ids[world->id_count++ % IDS] = lkid;
}

static void peer_hears(struct world *world, struct peer *peer, const struct wire_frame *frame)
{
	if (frame->header.cmd == WIRE_CMD_MSG) {
		note_id(world, frame->msg.lkid);
		return;
	}
	if (frame->header.cmd != WIRE_CMD_RCOM)
		return;
	if (frame->rcom.type <= WIRE_RCOM_LOCK) {
		world->rcom_id = frame->rcom.id;
		world->rcom_seq = frame->rcom.seq;
	}
	if (frame->rcom.type == WIRE_RCOM_LOCK)
		note_id(world, frame->rcom.lock.lkid);
	if (frame->rcom.type == WIRE_RCOM_LOCK_REPLY)
		note_id(world, frame->rcom.lock.remid);
	world->asked_id = frame->header.lockspace;
	answer_rcom(world, peer, &frame->rcom);
	world->asked_id = GLOBAL_ID;
}

static void peer_acks(struct world *world, struct peer *peer)
{
	uint8_t ack[WIRE_HEADER_BYTES];

	wire_bare_encode(WIRE_VERSION_3_2, peer->seq_next, peer->nodeid, WIRE_CMD_ACK, ack);
	give(world, peer, ack, sizeof(ack));
}

static void peer_fin(struct world *world, struct peer *peer);

/* Return: whether there was anything */
static bool pump_peer(struct world *world, struct peer *peer)
{
	uint8_t *bytes = malloc(8192);
	size_t size = engine_peer_take(world->engine, peer->nodeid, bytes, 8192), at = 0;
	bool numbered = false, fin = false;

	while (at < size && world->frames++ < FRAMES_MAX) {
		struct wire_frame frame, inner;
		uint32_t length = get_le16(bytes + at + 12);

		must(!wire_frame_decode(bytes + at, length, &frame));
		must(frame.header.nodeid == world->nodeid);
		at += length;
		if (frame.header.cmd != WIRE_CMD_OPTS) {
			peer_hears(world, peer, &frame);
			continue;
		}
		numbered = true;
		peer->seq_next = frame.header.lockspace + 1;
		fin |= frame.inner.cmd == WIRE_CMD_FIN;
		must(!wire_frame_decode(frame.inner_bytes, frame.inner.length, &inner));
		peer_hears(world, peer, &inner);
	}
	free(bytes);
	if (numbered)
		peer_acks(world, peer);
	if (fin && !world->lies) { /* the end of a conversation, as it should be */
		peer_fin(world, peer);
		peer_reset(peer);
	}
	return size;
}

static void pump_outputs(struct world *world)
{
	struct engine_output out;

	while (engine_output(world->engine, &out)) {
		world->fatal |= out.kind == ENGINE_OUT_FATAL;
		if (out.kind != ENGINE_OUT_PROBED)
			continue;
		must(world->probes & 1u << out.probed.number);
		world->probes &= ~(1u << out.probed.number);
	}
}

/* Let everything happen that can without time. */
static void pump(struct world *world)
{
	bool more = true;

	while (more && world->frames < FRAMES_MAX) {
		uint32_t nodeid;

		more = engine_work(world->engine);
		for (nodeid = 1; nodeid <= NODES; nodeid++)
			if (nodeid != world->nodeid)
				more |= pump_peer(world, &world->peers[nodeid]);
		world->frames++;
	}
	pump_outputs(world);
}

/* ---- what peers say of themselves ---- */

static uint32_t pick_id(struct world *world)
{
	uint8_t which = take_byte(&world->input);

	if (which & 128)
		return which & 127;
	return world->ids[which % IDS];
}

static void peer_msg(struct world *world, struct peer *peer)
{
	static const int RESULTS[] = {0, -EINPROGRESS, -EAGAIN, -EBADR, -ENOTBLK, -EDEADLK,
		-DLM_STATUS_EUNLOCK, -DLM_STATUS_ECANCEL, -ENOENT, -ENOMEM, -EBUSY};
	static const uint8_t VALUE[64] = "value";
	struct input *input = &world->input;
	uint8_t frame[WIRE_FRAME_MAX], name;
	struct wire_msg msg = {.type = (enum wire_msg_type)(take_byte(input) % 14 + 1)};

	msg.lkid = pick_id(world);
	msg.remid = pick_id(world);
	msg.exflags = take_word(input);
	msg.rqmode = take_byte(input) % 7 - 1;
	msg.grmode = take_byte(input) % 7 - 1;
	msg.bastmode = msg.rqmode;
	msg.result = RESULTS[take_byte(input) % (sizeof(RESULTS) / sizeof(*RESULTS))];
	name = take_byte(input);
	msg.flags = name >> 6;
	msg.sbflags = take_byte(input);
	msg.asts = 3;
	msg.pid = name & 16;
	msg.nodeid = 1 + name % 4;
	msg.extra = VALUE;
	if (msg.type == WIRE_MSG_REQUEST || msg.type == WIRE_MSG_LOOKUP ||
		msg.type == WIRE_MSG_REMOVE) {
		msg.extra = (const uint8_t *)NAMES[name % 4];
		msg.extra_bytes = (uint32_t)strlen(NAMES[name % 4]);
	} else if (msg.type != WIRE_MSG_CANCEL && msg.type != WIRE_MSG_BAST &&
		   msg.type != WIRE_MSG_PURGE && msg.type < WIRE_MSG_LOOKUP &&
		   msg.type != WIRE_MSG_UNLOCK_REPLY && msg.type != WIRE_MSG_CANCEL_REPLY) {
		msg.extra_bytes = name & 32 ? LVB_BYTES : name & 63;
	}
	if (msg.type == WIRE_MSG_REQUEST_REPLY || msg.type == WIRE_MSG_CONVERT_REPLY ||
		msg.type == WIRE_MSG_GRANT)
		world->claimed = true;
	give_numbered(world, peer, frame,
		wire_msg_encode(WIRE_VERSION_3_2, GLOBAL_ID, peer->nodeid, &msg,
			frame + WIRE_OPTS_BYTES, WIRE_INNER_MAX));
}

static void peer_rcom(struct world *world, struct peer *peer)
{
	static const uint8_t VALUE[64] = "value";
	struct input *input = &world->input;
	uint8_t payload[WIRE_NAMES_BYTES] = {0};
	uint8_t type = take_byte(input), name = take_byte(input), how = take_byte(input);
	struct wire_rcom rcom = {.type = (enum wire_rcom_type)(type % 8 + 1),
		.id = how & 1 ? world->rcom_id : how,
		.seq_reply = how & 2 ? world->rcom_seq : how,
		.seq = how & 4 ? world->rcom_seq : how,
		.status_flags = how & 1,
		.config = {.lvb_bytes = how & 8 ? LVB_BYTES : how,
			.slot = how & 3,
			.slot_count = how & 3,
			.generation = how},
		.payload = payload};

	rcom.lock = (struct wire_rcom_lock){.lkid = pick_id(world),
		.remid = pick_id(world),
		.parent_lkid = (how & 0xf0) == 0xf0,
		.exflags = take_word(input),
		.rqmode = take_byte(input) % 7 - 1,
		.grmode = take_byte(input) % 7 - 1,
		.status = take_byte(input) % 3 + 1,
		.wait_type = take_byte(input) % 15,
		.result = -(take_byte(input) % 60),
		.asts = 3,
		.flags = 1,
		.lvb = how & 32 ? VALUE : NULL,
		.lvb_bytes = how & 63,
		.name_bytes = (uint8_t)strlen(NAMES[name % 4])};
	memcpy(rcom.lock.name, NAMES[name % 4], rcom.lock.name_bytes);
	rcom.result = rcom.type == WIRE_RCOM_LOOKUP_REPLY ? 1 + name % 5 : name;
	if (rcom.type == WIRE_RCOM_NAMES_REPLY) {
		world->lies = true;
		rcom.payload_bytes = names_payload(world, peer, payload);
	} else if (rcom.type == WIRE_RCOM_NAMES || rcom.type == WIRE_RCOM_LOOKUP) {
		rcom.payload = rcom.lock.name;
		rcom.payload_bytes = how & 64 ? 0 : rcom.lock.name_bytes;
	}
	if (rcom.type == WIRE_RCOM_LOCK)
		world->claimed = true;
	give_rcom(world, peer, &rcom,
		(how & 128) || type % 8 == 2 || type % 8 == 3 || type % 8 == 6 || type % 8 == 7);
}

static void peer_bytes(struct world *world, struct peer *peer)
{
	size_t size = take_byte(&world->input);
	const uint8_t *bytes = world->input.at;

	if (size > world->input.left)
		size = world->input.left;
	world->input.at += size;
	world->input.left -= size;
	give(world, peer, bytes, size);
	world->claimed = true;
}

static void peer_fin(struct world *world, struct peer *peer)
{
	uint8_t frame[WIRE_OPTS_BYTES + WIRE_HEADER_BYTES];

	wire_bare_encode(WIRE_VERSION_3_2, 0, peer->nodeid, WIRE_CMD_FIN, frame + WIRE_OPTS_BYTES);
	give_numbered(world, peer, frame, WIRE_HEADER_BYTES);
}

/* ---- programs ---- */

static void client_open(struct world *world, struct client *client)
{
	if (client->client || engine_client_new(world->ls, client, &client->client))
		return;
	if (engine_client_ids(client->client, &client->first_id))
		client->first_id = 0;
	client->next_id = client->first_id;
}

static void client_lock(struct world *world, struct client *client, bool adopt)
{
	struct input *input = &world->input;
	uint8_t which = take_byte(input);
	static const uint8_t VALUE[LVB_BYTES] = "ours";
	struct engine_lock_args args = {.flags = take_word(input) & 0x3ffff,
		.mode = take_byte(input) % 7,
		.name = NAMES[which % 4],
		.name_bytes = (uint32_t)strlen(NAMES[which % 4]),
		.lvb = VALUE,
		.pid = which & 3,
		.wants_bast = true};
	uint32_t lkid;

	args.flags &= ~DLM_LKF_CANCEL;
	if (adopt) {
		if (!engine_adopt(client->client, &args, &lkid))
			note_id(world, lkid);
		return;
	}
	args.lkid = client->next_id;
	if (args.flags & DLM_LKF_CONVERT)
		args.lkid = client->first_id + which % 8;
	if (!engine_lock(client->client, &args) && !(args.flags & DLM_LKF_CONVERT) &&
		client->next_id < client->first_id + 1000)
		client->next_id++;
}

static void client_step(struct world *world)
{
	static const uint32_t FLAGS[] = {0, DLM_LKF_CANCEL, DLM_LKF_FORCEUNLOCK, DLM_LKF_VALBLK,
		DLM_LKF_IVVALBLK, DLM_LKF_FORCEUNLOCK | DLM_LKF_CANCEL};
	static const uint8_t VALUE[LVB_BYTES] = "unlock";
	uint8_t what = take_byte(&world->input), which = take_byte(&world->input);
	struct client *client = &world->clients[what / 8 % CLIENTS];
	struct engine_callback callback;

	client_open(world, client);
	if (!client->client)
		return;
	switch (what % 8) {
	case 0:
	case 1:
	case 2:
		client_lock(world, client, false);
		return;
	case 3:
		(void)engine_unlock(
			client->client, client->first_id + which / 8 % 32, FLAGS[which % 6], VALUE);
		return;
	case 4:
		(void)engine_deadlock_cancel(client->client, client->first_id + which % 8);
		return;
	case 5:
		while (engine_client_take(client->client, &callback))
			;
		return;
	case 6:
		if (which & 1)
			client_lock(world, client, true);
		else
			(void)engine_purge(client->client, which / 2 % 4, which / 8 % 4, 1);
		return;
	case 7:
		if (which & 1)
			return;
		engine_client_close(client->client);
		client->client = NULL;
		return;
	}
}

/* ---- the daemon ---- */

static void start(struct world *world, uint8_t which)
{
	struct engine_member members[NODES];
	size_t count = 0;
	uint32_t nodeid;

	for (nodeid = 1; nodeid <= NODES; nodeid++) {
		struct peer *peer = &world->peers[nodeid];

		if (nodeid != world->nodeid && !(which & 1u << nodeid))
			continue;
		members[count++] = (struct engine_member){.nodeid = nodeid,
			.weight = which >> 6,
			.rejoined = nodeid != world->nodeid && (which & 16u << nodeid % 2)};
		if (nodeid != world->nodeid && !peer->heard)
			say_status(world, peer);
	}
	world->generation++;
	(void)engine_lockspace_start(world->ls, members, count, ++world->start_number);
}

static void peer_forget(struct world *world, struct peer *peer)
{
	engine_peer_remove(world->engine, peer->nodeid);
	peer_reset(peer);
	if (!engine_peer_add(world->engine, peer->nodeid))
		engine_peer_connected(world->engine, peer->nodeid);
}

static void pass_time(struct world *world, uint8_t which)
{
	uint64_t deadline = engine_deadline(world->engine);

	if (which & 1 && deadline != UINT64_MAX && deadline > world->now_ms)
		world->now_ms = deadline;
	else
		world->now_ms += which * 2u;
	engine_tick(world->engine, world->now_ms);
}

/* ---- looking inside ---- */

static void see_lock(void *context, const struct engine_lock_view *view)
{
	must(view->lkid && view->name_bytes >= 1);
	must(view->granted_mode >= -1 && view->granted_mode <= 5);
	must(view->requested_mode >= -1 && view->requested_mode <= 5);
	++*(size_t *)context;
}

static void look(struct world *world, uint8_t which)
{
	struct engine_dump_cursor cursor = {{0}};
	struct engine_lockspace_info info;
	struct engine_client_info client_info;
	struct engine_resource_view view;
	struct engine_peer_info peer_info;
	char text[4096];
	size_t count = 0;

	while (engine_dump(
		world->ls, (enum engine_dump_kind)(which % 4), &cursor, text, sizeof(text)))
		;
	engine_lockspace_info(world->ls, &info);
	engine_lockspace_each_lock(world->ls, see_lock, &count);
	must(count <= info.lock_count); /* some have ended and were not taken */
	engine_resource_each_lock(
		world->ls, NAMES[which % 4], strlen(NAMES[which % 4]), see_lock, &count);
	(void)engine_resource_view(world->ls, NAMES[which % 4], strlen(NAMES[which % 4]), &view);
	(void)engine_peer_info(world->engine, 1 + which % NODES, &peer_info);
	if (world->clients[which % CLIENTS].client)
		engine_client_info(world->clients[which % CLIENTS].client, &client_info);
}

/* The last lockspace goes, and FIN to all; then there may be another. */
static void leave(struct world *world, uint8_t which)
{
	engine_lockspace_free(world->ls);
	world->ls = NULL;
	memset(world->clients, 0, sizeof(world->clients));
	if (which & 1)
		pump(world);
	say_status(world, peer_of(world, which));
	while (engine_lockspace_new(
		world->engine, "fuzz", GLOBAL_ID, 0, LVB_BYTES, which & 2, &world->ls))
		world->memory_ends = false;
	if (which & 4)
		start(world, which);
}

/* A question before a join, or one that is not needed any more. */
static void probe(struct world *world, uint8_t which)
{
	const struct engine_probe_args args = {.number = which >> 6,
		.nodeid = 1 + (which >> 1 & 3) % NODES,
		.global_id = which & 8 ? GLOBAL_ID : OTHER_ID,
		.lvb_bytes = which & 32 ? LVB_BYTES : 64,
		.keep = which & 1};

	if (!(which & 16))
		engine_probe_end(world->engine, args.number);
	else if (!engine_probe_start(world->engine, &args))
		world->probes |= 1u << args.number;
}

static void step(struct world *world)
{
	uint8_t kind = take_byte(&world->input), which = take_byte(&world->input);
	struct peer *peer = peer_of(world, which);

	if (getenv("FUZZ_TRACE"))
		fprintf(stderr, "step %u, argument %u\n", kind % 22u, which);
	switch (kind % 22) {
	case 0:
		peer_bytes(world, peer);
		return;
	case 1:
	case 2:
	case 3:
	case 4:
		peer_msg(world, peer);
		return;
	case 5:
	case 6:
		peer_rcom(world, peer);
		return;
	case 7:
		peer_fin(world, peer);
		return;
	case 8:
		say_status(world, peer);
		return;
	case 9:
	case 10:
	case 11:
	case 12:
		client_step(world);
		return;
	case 13:
		pass_time(world, which);
		return;
	case 14:
		engine_lockspace_stop(world->ls);
		if (which & 1)
			start(world, take_byte(&world->input));
		return;
	case 15:
		start(world, which);
		return;
	case 16:
		engine_peer_disconnected(world->engine, peer->nodeid);
		if (which & 8)
			engine_peer_connected(world->engine, peer->nodeid);
		return;
	case 17:
		peer_forget(world, peer);
		return;
	case 18:
		world->memory_ends = (which & 7) == 7;
		return;
	case 19:
		if (which < 8)
			world->lies = which & 1;
		else
			probe(world, which);
		return;
	case 20:
		look(world, which);
		return;
	case 21:
		leave(world, which);
		return;
	}
}

/* FUZZ_TRACE=1 and one input: what happened. */
static void print_trace(void *context, const struct engine_trace *trace)
{
	static const char *const KINDS[] = {"?", "grant", "queue", "ungrant", "master", "send",
		"receive", "refused", "recovery", "link", "note"};

	fprintf(stderr, "  %s node %u lkid %u code %#x mode %d result %d %.*s %s\n",
		KINDS[trace->kind], trace->nodeid, trace->lkid, trace->code, trace->mode,
		trace->result, trace->name ? trace->name_bytes : 0,
		trace->name ? (const char *)trace->name : "", trace->text ? trace->text : "");
}

/* Two of three nodes are peers, and all are members. */
static void world_open(struct world *world)
{
	uint8_t how = take_byte(&world->input);
	struct engine_settings settings = {.recover_timer_ms = RECOVER_MS,
		.toss_ms = TOSS_MS,
		.resend_ms = 1000,
		.slice_items = 1 + (how >> 4),
		.client_locks_max = 64,
		.seed = how,
		.reserve_bytes = 65536,
		.alloc = &world->alloc};
	uint32_t nodeid;

	if (getenv("FUZZ_TRACE"))
		settings.trace = print_trace;
	world->alloc = (struct alloc){world_get, world_put, world};
	world->nodeid = settings.nodeid = 1 + how % NODES;
	must(!engine_new(&settings, &world->engine));
	for (nodeid = 1; nodeid <= NODES; nodeid++) {
		world->peers[nodeid].nodeid = nodeid;
		if (nodeid == world->nodeid)
			continue;
		must(!engine_peer_add(world->engine, nodeid));
		engine_peer_connected(world->engine, nodeid);
	}
	must(!engine_lockspace_new(
		world->engine, "fuzz", GLOBAL_ID, 0, LVB_BYTES, how & 8, &world->ls));
	start(world, 0x4e);
	pump(world);
}

static void check(struct world *world)
{
	if (world->fatal)
		return;
	if (world->claimed)
		engine_check_structure(world->engine);
	else
		engine_check(world->engine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world world;
	uint32_t steps = 0;

	memset(&world, 0, sizeof(world));
	world.input = (struct input){data, size};
	world_open(&world);
	while (world.input.left && steps++ < STEPS_MAX && !world.fatal) {
		world.frames = 0;
		step(&world);
		pump(&world);
		check(&world);
	}
	world.memory_ends = false;
	engine_free(world.engine);
	must(!world.held);
	return 0;
}
