/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stream.h"

#include <string.h>

#include "base/pure/must.h"
#include "engine/wire.h"

/* Acknowledgements of kernel 6.12: of so many frames at the latest, with frames of its own, alone.
 */
#define ACK_WITH  33
#define ACK_ALONE 257

static bool is_sparse(const struct knobs *knobs, uint32_t node)
{
	return knobs->sparse_nodes & 1u << node;
}

bool stream_differs(const struct knobs *knobs, uint32_t node)
{
	return is_sparse(knobs, node) || knobs->gap_permille || knobs->lost_millionths;
}

/** frame_next() - Return: bytes of the frame at @at */
static size_t frame_next(const uint8_t *bytes, size_t size, size_t at, struct wire_frame *ret)
{
	struct wire_header header;
	int r = wire_header_decode(bytes + at, size - at, &header);

	must(r == 0 && header.length <= size - at);
	r = wire_frame_decode(bytes + at, header.length, ret);
	must(r == 0);
	return header.length;
}

static bool has_sequenced(const uint8_t *bytes, size_t size)
{
	struct wire_frame frame;

	for (size_t at = 0; at < size;) {
		at += frame_next(bytes, size, at, &frame);
		if (frame.header.cmd == WIRE_CMD_OPTS)
			return true;
	}
	return false;
}

/* The same number twice: something came twice. A lower one: a new conversation. */
static bool ack_waits(struct stream *mine, const struct stream *theirs, uint32_t word, bool has_own)
{
	bool is_repeated = word == mine->seen;
	int32_t ahead = (int32_t)(word - mine->acked);

	mine->seen = word;
	if (!is_repeated && !theirs->has_fin && ahead > 0 &&
		ahead < (has_own ? ACK_WITH : ACK_ALONE))
		return true;
	mine->acked = word;
	return false;
}

/* What is behind some place goes first; sequenced frames come again where they belong. */
static size_t shape_gap(const uint8_t *bytes, size_t size, size_t from, uint8_t *ret)
{
	size_t out = 0;
	struct wire_frame frame;

	for (size_t at = 0, length; at < size; at += length) {
		length = frame_next(bytes, size, at, &frame);
		if (at < from || frame.header.cmd == WIRE_CMD_ACK)
			continue;
		memcpy(ret + out, bytes + at, length);
		out += length;
	}
	return out;
}

/* One behind it tells the receiver at once that it is missing: a kernel repeats it itself soon. */
static bool is_lost(struct stream_world *world, const uint8_t *behind, size_t size)
{
	return world->loses && world->knobs->lost_millionths &&
	       random_below(world->random, 1000000) < world->knobs->lost_millionths &&
	       has_sequenced(behind, size);
}

size_t stream_shape(struct stream_world *world, uint32_t node, struct stream *mine,
	const struct stream *theirs, bool opening, const uint8_t *bytes, size_t size, uint8_t *ret)
{
	bool has_own = has_sequenced(bytes, size);
	struct wire_frame frame;
	size_t out = 0, from = size;

	if (opening && has_own && random_chance(world->random, world->knobs->gap_permille)) {
		from = random_below(world->random, (uint32_t)size);
		out = shape_gap(bytes, size, from, ret);
		world->gaps += out > 0;
	}
	for (size_t at = 0, length; at < size; at += length) {
		bool is_sequenced;

		length = frame_next(bytes, size, at, &frame);
		is_sequenced = frame.header.cmd == WIRE_CMD_OPTS;
		if (is_sequenced)
			mine->has_fin = frame.inner.cmd == WIRE_CMD_FIN;
		if (frame.header.cmd == WIRE_CMD_ACK && is_sparse(world->knobs, node) &&
			ack_waits(mine, theirs, frame.header.lockspace, has_own)) {
			world->held_acks++;
			continue;
		}
		if (at >= from && !is_sequenced && frame.header.cmd != WIRE_CMD_ACK)
			continue; /* it has gone first */
		if (is_sequenced && is_lost(world, bytes + at + length, size - at - length)) {
			world->lost++;
			continue;
		}
		memcpy(ret + out, bytes + at, length);
		out += length;
	}
	return out;
}
