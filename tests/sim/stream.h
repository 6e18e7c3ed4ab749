/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What other senders make of the frames that our link gives out, and what gets lost though no
 * connection breaks. The engine must ride out all of it:
 *
 * - Kernel 6.12 acknowledges at 257 frames, or at 33 when it sends something itself, and at once
 *   only what came twice and FIN: at rest up to 256 frames stay unacknowledged.
 * - On a new connection a kernel first sends what it had queued, then everything unacknowledged:
 *   the stream opens with a gap, and goes on with what is behind it.
 * - A kernel whose second socket fails forgets a frame, until it is asked by a reset or repeats.
 *
 * Source: docs/protocol/wire.md, "Links".
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "knobs.h"
#include "random.h"

/* One direction of a pair of nodes, over all its connections. */
struct stream {
	uint32_t acked; /* number in the last ACK that was sent */
	uint32_t seen;  /* number in the last that the engine gave out */
	bool has_fin;   /* the last sequenced frame is FIN: the other side's ACK may not wait */
};

/* What they all have in common. */
struct stream_world {
	const struct knobs *knobs; /* borrowed */
	struct random *random;     /* borrowed */
	bool loses;                /* frames may get lost now */
	uint64_t held_acks, gaps, lost;
};

/** stream_differs() - whether the knobs want anything of this of @node */
bool stream_differs(const struct knobs *knobs, uint32_t node);
/**
 * stream_shape() - what @node sends instead of whole frames that its engine gave out
 * @mine, @theirs: this direction and the other; @opening: these are the first bytes of a connection
 * @ret: room for 2 * @size. Return: bytes in @ret, perhaps 0
 */
size_t stream_shape(struct stream_world *world, uint32_t node, struct stream *mine,
	const struct stream *theirs, bool opening, const uint8_t *bytes, size_t size, uint8_t *ret);
