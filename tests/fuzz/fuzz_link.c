/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A live link between an input that plays the peer, the transport, the engine, the clock and the
 * memory. The input is a list of steps: one byte that says which, one or two of arguments, and,
 * where the step is bytes from the peer, those bytes, cut wherever the input says. After each step
 * the link's invariants hold, and everything it says passes the codec.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/pure/bytes.h"
#include "base/pure/must.h"
#include "engine/link.h"
#include "fuzz.h"

#define PEER       2u
#define OURS       1u
#define STREAM_MAX 65536u
#define UNSENT_MAX 4000u /* stop saying more to a peer that takes nothing */

struct input {
	const uint8_t *at;
	size_t left;
};

struct world {
	struct link link;
	struct link_owner owner;
	struct alloc alloc;
	struct link_reserve *reserve;
	struct input input;
	bool memory_ends;
	bool answers;               /* deliver() answers from inside */
	size_t held;                /* allocations */
	uint8_t stream[STREAM_MAX]; /* bytes from the peer that were not consumed */
	size_t stream_bytes;
	uint64_t now_ms;
};

static uint8_t take_byte(struct input *input)
{
	if (!input->left)
		return 0;
	input->left--;
	return *input->at++;
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

/* ---- the engine's side ---- */

static void say_msg(struct world *world, uint32_t extra_bytes)
{
	static const uint8_t EXTRA[WIRE_INNER_MAX];
	struct wire_msg msg = {.type = WIRE_MSG_GRANT,
		.lkid = 1,
		.remid = 2,
		.extra = EXTRA,
		.extra_bytes = extra_bytes};
	uint8_t bytes[WIRE_INNER_MAX];
	int size = wire_msg_encode(world->link.our_version, 7, OURS, &msg, bytes, sizeof(bytes));

	must(size > 0);
	if (world->link.live_count < UNSENT_MAX)
		(void)link_send(&world->link, bytes, (size_t)size, take_byte(&world->input) & 1);
}

static void say_rcom(struct world *world, uint8_t which)
{
	static const uint8_t NAMES[2] = {0xff, 0xff};
	struct wire_rcom rcom = {.type = (enum wire_rcom_type)(1 + which % 8),
		.payload = NAMES,
		.payload_bytes = 2,
		.lock = {.lkid = 1, .status = 2, .name = "x", .name_bytes = 1}};
	uint8_t bytes[WIRE_INNER_MAX];
	int size;

	if (rcom.type == WIRE_RCOM_STATUS_REPLY)
		rcom.result = which & 8 ? WIRE_NOT_READY : 1;
	if (rcom.type == WIRE_RCOM_LOOKUP_REPLY)
		rcom.result = 1;
	size = wire_rcom_encode(
		world->link.our_version, which >> 4, OURS, &rcom, NULL, bytes, sizeof(bytes));
	must(size > 0);
	if (world->link.live_count < UNSENT_MAX)
		(void)link_send(&world->link, bytes, (size_t)size, which & 1);
}

static void on_deliver(void *context, uint32_t nodeid, const struct wire_frame *frame)
{
	struct world *world = context;

	must(nodeid == PEER && frame->header.nodeid == PEER);
	must(frame->header.cmd == WIRE_CMD_MSG || frame->header.cmd == WIRE_CMD_RCOM);
	if (!world->answers)
		return;
	if (frame->header.cmd == WIRE_CMD_MSG)
		say_msg(world, 0);
	else
		say_rcom(world, (uint8_t)(frame->rcom.type + 3));
}

static void on_wakeup(void *context, uint32_t nodeid)
{
	must(link_has_output(&((struct world *)context)->link));
}

static void on_moved(void *context, uint32_t nodeid, enum link_state from, enum link_state to)
{
	must(from != to && link_state_name(from) != link_state_name(to));
}

static void on_refused(void *context, uint32_t nodeid, uint32_t code, const char *why)
{
	must(why && *why);
}

static void on_gap(void *context, uint32_t nodeid)
{
}

/* ---- the peer's side ---- */

static void receive(struct world *world)
{
	int rc = link_receive(&world->link, world->stream, world->stream_bytes);

	must(rc == -EMSGSIZE || (rc >= 0 && (size_t)rc <= world->stream_bytes));
	if (rc < 0) {
		world->stream_bytes = 0; /* the connection was reset */
		return;
	}
	world->stream_bytes -= (size_t)rc;
	memmove(world->stream, world->stream + rc, world->stream_bytes);
}

static void append(struct world *world, const uint8_t *bytes, size_t size)
{
	if (size > STREAM_MAX - world->stream_bytes)
		size = STREAM_MAX - world->stream_bytes;
	memcpy(world->stream + world->stream_bytes, bytes, size);
	world->stream_bytes += size;
}

static void peer_bytes(struct world *world)
{
	size_t size = take_byte(&world->input);

	if (size > world->input.left)
		size = world->input.left;
	append(world, world->input.at, size);
	world->input.at += size;
	world->input.left -= size;
	receive(world);
}

static void peer_rcom(struct world *world, uint8_t which)
{
	static const uint8_t NAMES[2] = {0xff, 0xff};
	struct wire_rcom rcom = {.type = (enum wire_rcom_type)(1 + which % 8),
		.result = 1,
		.payload = NAMES,
		.payload_bytes = 2,
		.lock = {.lkid = 1, .status = 2, .name = "x", .name_bytes = 1}};
	uint8_t bytes[WIRE_FRAME_MAX];
	int size;

	if (rcom.type == WIRE_RCOM_LOCK || rcom.type == WIRE_RCOM_LOCK_REPLY)
		rcom.result = 0;
	size = wire_rcom_encode(which & 16 ? WIRE_VERSION_3_1 : WIRE_VERSION_3_2, 7, PEER, &rcom,
		NULL, bytes + WIRE_OPTS_BYTES, WIRE_INNER_MAX);
	must(size > 0);
	if (which & 8) {
		wire_opts_encode(WIRE_VERSION_3_2,
			world->link.seq_next + take_byte(&world->input) % 4 - 1, PEER,
			WIRE_CMD_RCOM, (uint32_t)size, bytes);
		append(world, bytes, (size_t)size + WIRE_OPTS_BYTES);
	} else {
		append(world, bytes + WIRE_OPTS_BYTES, (size_t)size);
	}
	receive(world);
}

static void peer_msg(struct world *world, uint8_t which)
{
	struct wire_msg msg = {.type = WIRE_MSG_BAST, .lkid = 1, .remid = 2};
	uint8_t bytes[WIRE_FRAME_MAX];
	int size = wire_msg_encode(
		WIRE_VERSION_3_2, 7, PEER, &msg, bytes + WIRE_OPTS_BYTES, WIRE_INNER_MAX);

	wire_opts_encode(WIRE_VERSION_3_2, world->link.seq_next + which % 4 - 1, PEER, WIRE_CMD_MSG,
		(uint32_t)size, bytes);
	append(world, bytes, (size_t)size + WIRE_OPTS_BYTES);
	receive(world);
}

static void peer_fin(struct world *world, uint8_t which)
{
	uint8_t bytes[WIRE_OPTS_BYTES + WIRE_HEADER_BYTES];

	wire_opts_encode(WIRE_VERSION_3_2, world->link.seq_next + which % 4 - 1, PEER, WIRE_CMD_FIN,
		WIRE_HEADER_BYTES, bytes);
	wire_bare_encode(WIRE_VERSION_3_2, 0, PEER, WIRE_CMD_FIN, bytes + WIRE_OPTS_BYTES);
	append(world, bytes, sizeof(bytes));
	receive(world);
}

static void peer_ack(struct world *world, uint8_t which)
{
	uint32_t base = which & 128 ? world->link.seq_taken : world->link.seq_acked;
	uint8_t bytes[WIRE_HEADER_BYTES];

	wire_bare_encode(WIRE_VERSION_3_2, base + (which & 63) - 4, PEER, WIRE_CMD_ACK, bytes);
	append(world, bytes, sizeof(bytes));
	receive(world);
}

/* ---- the transport ---- */

static void take(struct world *world, uint8_t which)
{
	static uint8_t bytes[65536];
	size_t room = (size_t)which * 251, at = 0;
	size_t size = link_take(&world->link, bytes, room);

	must(size <= room);
	must(world->link.connected || !size);
	while (at < size) {
		struct wire_frame frame, inner;
		struct wire_header header;

		must(!wire_header_decode(bytes + at, size - at, &header));
		must(header.length <= size - at && header.nodeid == OURS);
		must(!wire_frame_decode(bytes + at, header.length, &frame));
		if (header.cmd == WIRE_CMD_OPTS)
			must(!wire_frame_decode(frame.inner_bytes, frame.inner.length, &inner));
		at += header.length;
	}
	must(room < WIRE_FRAME_MAX + WIRE_HEADER_BYTES || size || !world->link.connected ||
		!link_has_output(&world->link));
}

static void pass_time(struct world *world, uint8_t which)
{
	uint64_t deadline = link_deadline(&world->link);

	if (which == 255 && deadline != UINT64_MAX && deadline > world->now_ms)
		world->now_ms = deadline;
	else
		world->now_ms += (uint64_t)which * which;
	link_tick(&world->link, world->now_ms);
}

static void step(struct world *world)
{
	uint8_t kind = take_byte(&world->input), which = take_byte(&world->input);
	struct link *link = &world->link;

	switch (kind % 18) {
	case 0:
		peer_bytes(world);
		return;
	case 1:
		peer_rcom(world, which);
		return;
	case 2:
		peer_msg(world, which);
		return;
	case 3:
		peer_fin(world, which);
		return;
	case 4:
		peer_ack(world, which);
		return;
	case 5:
		say_msg(world, which * 15u);
		return;
	case 6:
		say_rcom(world, which);
		return;
	case 7:
		take(world, which);
		return;
	case 8:
		link_connected(link);
		return;
	case 9:
		link_disconnected(link);
		world->stream_bytes = 0;
		return;
	case 10:
		pass_time(world, which);
		return;
	case 11:
		if (link->users < 1000)
			link_member_added(link);
		return;
	case 12:
		link_member_removed(link);
		return;
	case 13:
		link_close(link);
		return;
	case 14:
		link_reset(link);
		return;
	case 15:
		world->memory_ends = which & 1;
		return;
	case 16:
		world->answers = which & 1;
		if (which & 2)
			link_probe_begin(link, which & 4);
		return;
	case 17:
		while (which--)
			say_msg(world, 0);
		return;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world world;
	uint32_t version;

	memset(&world, 0, sizeof(world));
	world.input = (struct input){data, size};
	world.alloc = (struct alloc){world_get, world_put, &world};
	world.owner =
		(struct link_owner){on_deliver, on_wakeup, on_moved, on_refused, on_gap, &world};
	world.now_ms = 1;
	version = take_byte(&world.input) & 1 ? WIRE_VERSION_3_1 : WIRE_VERSION_3_2;
	world.reserve = link_reserve_new(&world.alloc, 8192);
	must(world.reserve);
	link_init(&world.link, &world.alloc, &world.owner, world.reserve, OURS, PEER, version, 1000,
		world.now_ms);
	while (world.input.left) {
		step(&world);
		link_check(&world.link);
	}
	link_done(&world.link);
	link_reserve_free(world.reserve);
	must(!world.held);
	return 0;
}
