/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state of a lockspace as text, in the format of the kernel's debugfs files, so that the same
 * tools read both. A cursor keeps its place by bucket and by count within it, so that a dump of a
 * million locks can be written in pieces.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/pure/must.h"
#include "engine/engine.h"
#include "engine/lock.h"
#include "engine/lockspace.h"
#include "engine/node.h"
#include "engine/resource.h"

/* A line never needs more: a name of 64 bytes in hex, a value block of up to 512. */
#define LINE_MAX_BYTES 2048u

enum {
	AT_STARTED,
	AT_BUCKET,
	AT_RESOURCE,
	AT_LOCK
};

struct out {
	char *text;
	size_t used, room;
};

static __attribute__((format(printf, 2, 3))) void put(struct out *out, const char *format, ...)
{
	va_list args;
	int bytes;

	va_start(args, format);
	bytes = vsnprintf(out->text + out->used, out->room - out->used, format, args);
	va_end(args);
	must(bytes >= 0 && (size_t)bytes < out->room - out->used);
	out->used += (size_t)bytes;
}

static bool has_room(const struct out *out)
{
	return out->room - out->used > LINE_MAX_BYTES;
}

static bool is_printable(const struct resource *resource)
{
	unsigned int i;

	for (i = 0; i < resource->name_bytes; i++)
		if (resource->name[i] < 0x20 || resource->name[i] > 0x7e)
			return false;
	return true;
}

static void put_name(struct out *out, const struct resource *resource)
{
	unsigned int i;

	if (is_printable(resource)) {
		put(out, "str %.*s\n", (int)resource->name_bytes, (const char *)resource->name);
		return;
	}
	put(out, "hex");
	for (i = 0; i < resource->name_bytes; i++)
		put(out, " %02x", resource->name[i]);
	put(out, "\n");
}

static void put_escaped(struct out *out, const struct resource *resource)
{
	unsigned int i;

	for (i = 0; i < resource->name_bytes; i++) {
		uint8_t c = resource->name[i];

		if (c >= 0x20 && c <= 0x7e)
			put(out, "%c", c);
		else
			put(out, "\\x%02x", c);
	}
}

/* As the kernel shows it: 0 we are master, -1 not known. */
static int master_shown(const struct resource *resource)
{
	if (resource_is_master(resource))
		return 0;
	return resource->master_nodeid ? (int)resource->master_nodeid : -1;
}

static int other_shown(const struct lock *lock)
{
	if (lock->nodeid)
		return (int)lock->nodeid;
	return resource_is_master(lock->resource) ? 0 : -1;
}

static uint32_t flags_shown(const struct lock *lock)
{
	return lock->shared | (lock->flags & LOCK_MASTER_COPY ? 0x10000u : 0);
}

static uint64_t xid_shown(const struct lock *lock)
{
	return lock->extra ? lock->extra->xid : 0;
}

static void put_resource(struct out *out, const struct resource *resource)
{
	const struct engine_lockspace *ls = resource->ls;
	uint32_t i;

	put(out, "rsb %016x %d %x %x 0 0 %u %u ", resource->hash, master_shown(resource),
		resource->first_lkid, 0u, resource->recover_count, resource->name_bytes);
	put_name(out, resource);
	if (!resource->lvb)
		return;
	put(out, "lvb %u %u", resource->lvbseq, ls->lvb_bytes);
	for (i = 0; i < ls->lvb_bytes && i < 512; i++)
		put(out, " %02x", resource->lvb[i]);
	put(out, "\n");
}

static void put_lock_all(struct out *out, const struct lock *lock)
{
	put(out, "lkb %x %d %x %u %" PRIu64 " %x %x %d %d %d %d %d %u %u %" PRIu64 " 0\n",
		lock->lkid, other_shown(lock), lock->remid, lock->pid, xid_shown(lock),
		lock->exflags, flags_shown(lock), lock->status, lock->grmode, lock->rqmode,
		lock->highbast < 0 ? 0 : lock->highbast, !!(lock->flags & LOCK_LOOKUP_WAIT),
		lock->wait_type, lock->lvbseq, (uint64_t)lock->since_s * 1000000000u);
}

static void put_lock_line(struct out *out, const struct lock *lock)
{
	const struct resource *resource = lock->resource;
	uint64_t now_s = resource->ls->engine->now_ms / 1000;

	put(out, "%x %d %x %u %" PRIu64 " %x %x %d %d %d %" PRIu64 " %d %u \"", lock->lkid,
		other_shown(lock), lock->remid, lock->pid, xid_shown(lock), lock->exflags,
		flags_shown(lock), lock->status, lock->grmode, lock->rqmode,
		(now_s - lock->since_s) * 1000000u, master_shown(resource), resource->name_bytes);
	put_escaped(out, resource);
	put(out, "\"\n");
}

static void put_toss(struct out *out, const struct resource *resource)
{
	put(out, "rsb %016x %d %u %u %u %u 0 %u ", resource->hash, master_shown(resource),
		resource->master_nodeid, resource->dir_nodeid, resource->ls->engine->nodeid,
		resource->unused_since, resource->name_bytes);
	put_name(out, resource);
}

static void put_waiter(struct out *out, const struct lock *lock)
{
	const struct resource *resource = lock->resource;
	uint32_t asked = lock->wait_type == WIRE_MSG_LOOKUP ? resource->dir_nodeid : lock->nodeid;

	put(out, "%x %u %u ", lock->lkid, lock->wait_type, asked);
	put_escaped(out, resource);
	put(out, "\n");
}

static void put_header(struct out *out, enum engine_dump_kind kind)
{
	switch (kind) {
	case ENGINE_DUMP_ALL:
		put(out, "version rsb 1.1 lvb 1.1 lkb 1.1\n");
		return;
	case ENGINE_DUMP_LOCKS:
		put(out, "id nodeid remid pid xid exflags flags sts grmode rqmode time_ms r_nodeid "
			 "r_len r_name\n");
		return;
	case ENGINE_DUMP_TOSS:
		put(out, "version 4 rsb 2\n");
		return;
	case ENGINE_DUMP_WAITERS:
		return;
	}
}

/*
 * Lock number *@index of a resource, queues one after the other. NULL: no more, and *@index is how
 * many too far it was.
 */
static const struct lock *nth_lock(const struct resource *resource, uint32_t *index)
{
	const struct list *queues[] = {
		&resource->granted, &resource->converting, &resource->waiting, &resource->lookup};
	unsigned int i;

	for (i = 0; i < 4; i++) {
		const struct lock *lock;

		list_for_each (lock, queues[i], queue)
			if (!(*index)--)
				return lock;
	}
	return NULL;
}

static struct resource *resource_at(const struct engine_lockspace *ls, uint32_t bucket, uint32_t n)
{
	struct hash_node *node = hash_bucket(&ls->resources, bucket);

	while (node && n--)
		node = node->next;
	return node ? list_entry(node, struct resource, by_name) : NULL;
}

static void put_lock(struct out *out, enum engine_dump_kind kind, const struct lock *lock)
{
	if (kind == ENGINE_DUMP_ALL)
		put_lock_all(out, lock);
	else
		put_lock_line(out, lock);
}

/*
 * Locks whose request has no answer yet are on no queue; they are shown with the waiters, and at
 * the end of their resource. @skip: so many of them have been shown. Return: true: all are
 */
static bool dump_pending(struct out *out, enum engine_dump_kind kind,
	const struct resource *resource, uint32_t skip, struct engine_dump_cursor *cursor)
{
	const struct lock *lock;

	if (!resource->pending_count)
		return true;
	list_for_each (lock, &resource->ls->waiters, waiter) {
		if (lock->resource != resource || !(lock->flags & LOCK_PENDING))
			continue;
		if (skip) {
			skip--;
			continue;
		}
		if (!has_room(out))
			return false;
		put_lock(out, kind, lock);
		cursor->position[AT_LOCK]++;
	}
	return true;
}

/* The cursor has counted the resource's own line. Return: true: the resource is complete */
static bool dump_locks(struct out *out, enum engine_dump_kind kind, const struct resource *resource,
	struct engine_dump_cursor *cursor)
{
	uint32_t index = cursor->position[AT_LOCK] - 1;
	const struct lock *lock = nth_lock(resource, &index);

	/* The first queue that the lock is on, then on along it: nth_lock() only once a piece. */
	while (lock) {
		if (!has_room(out))
			return false;
		put_lock(out, kind, lock);
		cursor->position[AT_LOCK]++;
		index = cursor->position[AT_LOCK] - 1;
		if (lock->queue.next == &resource->granted ||
			lock->queue.next == &resource->converting ||
			lock->queue.next == &resource->waiting ||
			lock->queue.next == &resource->lookup)
			lock = nth_lock(resource, &index);
		else
			lock = list_entry(lock->queue.next, struct lock, queue);
	}
	return dump_pending(out, kind, resource, index, cursor);
}

static bool dump_resource(struct out *out, enum engine_dump_kind kind,
	const struct resource *resource, struct engine_dump_cursor *cursor)
{
	bool in_use = resource->flags & RESOURCE_IN_USE;

	if (kind == ENGINE_DUMP_TOSS) {
		if (!in_use)
			put_toss(out, resource);
		return true;
	}
	if (!in_use)
		return true;
	if (!cursor->position[AT_LOCK]) {
		if (kind == ENGINE_DUMP_ALL)
			put_resource(out, resource);
		cursor->position[AT_LOCK] = 1; /* a piece may end here */
	}
	return dump_locks(out, kind, resource, cursor);
}

static void dump_resources(const struct engine_lockspace *ls, enum engine_dump_kind kind,
	struct engine_dump_cursor *cursor, struct out *out)
{
	while (cursor->position[AT_BUCKET] < ls->resources.bucket_count) {
		const struct resource *resource =
			resource_at(ls, cursor->position[AT_BUCKET], cursor->position[AT_RESOURCE]);

		if (!resource) {
			cursor->position[AT_BUCKET]++;
			cursor->position[AT_RESOURCE] = 0;
			continue;
		}
		if (!has_room(out) || !dump_resource(out, kind, resource, cursor))
			return;
		cursor->position[AT_RESOURCE]++;
		cursor->position[AT_LOCK] = 0;
	}
}

static void dump_waiters(
	const struct engine_lockspace *ls, struct engine_dump_cursor *cursor, struct out *out)
{
	uint32_t skip = cursor->position[AT_LOCK];
	const struct lock *lock;

	list_for_each (lock, &ls->waiters, waiter) {
		if (skip) {
			skip--;
			continue;
		}
		if (!has_room(out))
			return;
		put_waiter(out, lock);
		cursor->position[AT_LOCK]++;
	}
}

size_t engine_dump(const struct engine_lockspace *ls, enum engine_dump_kind kind,
	struct engine_dump_cursor *cursor, char *ret, size_t room)
{
	struct out out = {.text = ret, .room = room};

	must(room > LINE_MAX_BYTES);
	if (!cursor->position[AT_STARTED]) {
		cursor->position[AT_STARTED] = 1;
		put_header(&out, kind);
	}
	if (kind == ENGINE_DUMP_WAITERS)
		dump_waiters(ls, cursor, &out);
	else
		dump_resources(ls, kind, cursor, &out);
	return out.used;
}
