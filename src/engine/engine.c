/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The door: public calls are handed to the rooms, outputs are handed out. The walk of one request:
 *	engine_lock() checks and routes it (request.c). Where we are master, master_request()
 *decides by the grant rules (queue.c) and callback_completion() keeps the answer until
 *engine_client_take(). Elsewhere message_send_request() queues a frame on the peer's link;
 *engine_peer_take() hands it to the transport; the peer's engine_peer_receive() leads through
 *link_receive() and message_receive() to receive_request(); its reply comes back the same way to
 *owner_request_reply().
 */
#include "engine/engine.h"

#include <errno.h>
#include <string.h>

#include "base/pure/must.h"
#include "engine/client.h"
#include "engine/directory.h"
#include "engine/lock.h"
#include "engine/message.h"
#include "engine/node.h"
#include "engine/probe.h"
#include "engine/requestqueue.h"
#include "engine/resource.h"

/* ---- links ---- */

static struct engine_lockspace *find_by_id(const struct engine *engine, uint32_t global_id)
{
	struct engine_lockspace *ls;

	list_for_each (ls, &engine->lockspaces, entry)
		if (ls->global_id == global_id)
			return ls;
	return NULL;
}

static void on_deliver(void *context, uint32_t nodeid, const struct wire_frame *frame)
{
	struct engine *engine = context;
	struct engine_lockspace *ls = find_by_id(engine, frame->header.lockspace);

	if (engine->fatal)
		return;
	if (frame->header.cmd == WIRE_CMD_RCOM) {
		if (frame->rcom.type == WIRE_RCOM_STATUS_REPLY &&
			probe_receive(engine, nodeid, frame->header.lockspace, &frame->rcom))
			return;
		if (ls)
			recovery_receive(ls, nodeid, &frame->rcom);
		else
			recovery_receive_unknown(
				engine, nodeid, frame->header.lockspace, &frame->rcom);
	} else if (ls) {
		message_receive(ls, nodeid, &frame->msg);
	}
}

static void on_wakeup(void *context, uint32_t nodeid)
{
	struct engine *engine = context;
	struct link *link = node_link(engine, nodeid);

	if (link && !list_linked(&link->dirty))
		list_add_tail(&engine->dirty_links, &link->dirty);
}

static void on_moved(void *context, uint32_t nodeid, enum link_state from, enum link_state to)
{
	struct engine *engine = context;
	const struct engine_trace trace = {
		.kind = ENGINE_TRACE_LINK,
		.nodeid = nodeid,
		.code = to,
		.text = link_state_name(to),
	};

	(void)from;
	node_trace(engine, &trace);
	if (to == LINK_CLOSED)
		node_peer_event(engine, ENGINE_OUT_PEER_CLOSED, nodeid);
}

static void on_refused(void *context, uint32_t nodeid, uint32_t code, const char *why)
{
	const struct engine_trace trace = {
		.kind = ENGINE_TRACE_REFUSED,
		.nodeid = nodeid,
		.code = code,
		.text = why,
	};

	node_trace(context, &trace);
}

static void on_gap(void *context, uint32_t nodeid)
{
	node_peer_event(context, ENGINE_OUT_PEER_GAP, nodeid);
}

/*
 * After whatever may have moved a link: probes go on, and where a lockspace has waited for the end
 * of one, its recovery asks again.
 */
static void links_settle(struct engine *engine)
{
	struct engine_lockspace *ls;
	struct link *link;

	if (engine->fatal)
		return;
	probe_settle(engine);
	list_for_each (link, &engine->links, entry) {
		if (!link->reopened)
			continue;
		link->reopened = false;
		list_for_each (ls, &engine->lockspaces, entry)
			recovery_connected(ls, link->nodeid);
	}
}

/* ---- the engine ---- */

static void set_defaults(struct engine_settings *settings)
{
	if (!settings->alloc)
		settings->alloc = alloc_system();
	if (!settings->recover_timer_ms)
		settings->recover_timer_ms = 5000;
	if (!settings->toss_ms)
		settings->toss_ms = 10000;
	if (!settings->resend_ms)
		settings->resend_ms = 10000;
	if (!settings->peer_queue_bytes)
		settings->peer_queue_bytes = 64u << 20;
	if (!settings->slice_items)
		settings->slice_items = 2048;
	if (!settings->reserve_bytes)
		settings->reserve_bytes = 1u << 20;
}

int engine_new(const struct engine_settings *given, struct engine **ret)
{
	struct engine_settings settings = *given;
	struct engine *engine;

	if (!settings.nodeid)
		return -EINVAL;
	set_defaults(&settings);
	engine = alloc_zeroed(settings.alloc, sizeof(*engine));
	if (!engine)
		return -ENOMEM;
	engine->settings = settings;
	engine->nodeid = settings.nodeid;
	engine->seed = settings.seed;
	engine->send_version = settings.speak_3_1 ? WIRE_VERSION_3_1 : WIRE_VERSION_3_2;
	list_init(&engine->lockspaces);
	list_init(&engine->links);
	list_init(&engine->dirty_links);
	list_init(&engine->dirty_clients);
	list_init(&engine->ready);
	list_init(&engine->probes);
	list_init(&engine->probes_over);
	engine->link_owner = (struct link_owner){
		.deliver = on_deliver,
		.wakeup = on_wakeup,
		.moved = on_moved,
		.refused = on_refused,
		.gap = on_gap,
		.context = engine,
	};
	engine->reserve = link_reserve_new(settings.alloc, settings.reserve_bytes);
	if (!engine->reserve) {
		engine_free(engine);
		return -ENOMEM;
	}
	*ret = engine;
	return 0;
}

static void free_link(struct engine *engine, struct link *link)
{
	list_remove(&link->entry);
	list_remove(&link->dirty);
	link_done(link);
	alloc_put(engine->settings.alloc, link, sizeof(*link));
}

static void free_lockspace(struct engine_lockspace *ls);

void engine_free(struct engine *engine)
{
	struct engine_lockspace *ls, *next_ls;
	struct link *link, *next_link;

	if (!engine)
		return;
	list_for_each_safe (ls, next_ls, &engine->lockspaces, entry)
		free_lockspace(ls);
	probe_free_all(engine);
	list_for_each_safe (link, next_link, &engine->links, entry)
		free_link(engine, link);
	node_events_forget(engine, NULL);
	link_reserve_free(engine->reserve);
	alloc_put(engine->settings.alloc, engine, sizeof(*engine));
}

void engine_tick(struct engine *engine, uint64_t now_ms)
{
	struct engine_lockspace *ls;
	struct link *link;

	must(now_ms >= engine->now_ms);
	engine->now_ms = now_ms;
	if (engine->fatal)
		return;
	list_for_each (link, &engine->links, entry)
		link_tick(link, now_ms);
	links_settle(engine);
	list_for_each (ls, &engine->lockspaces, entry) {
		recovery_tick(ls);
		directory_tick(ls);
	}
}

static uint64_t earlier(uint64_t one, uint64_t other)
{
	return one < other ? one : other;
}

uint64_t engine_deadline(const struct engine *engine)
{
	const struct engine_lockspace *ls;
	const struct link *link;
	uint64_t at_ms = UINT64_MAX;

	if (engine->fatal)
		return at_ms;
	at_ms = probe_deadline(engine);
	list_for_each (link, &engine->links, entry)
		at_ms = earlier(at_ms, link_deadline(link));
	list_for_each (ls, &engine->lockspaces, entry) {
		at_ms = earlier(at_ms, recovery_deadline(ls));
		at_ms = earlier(at_ms, directory_deadline(ls));
	}
	return at_ms;
}

bool engine_work(struct engine *engine)
{
	uint32_t budget = engine->settings.slice_items;
	struct engine_lockspace *ls;
	bool more = false;

	if (engine->fatal)
		return false;
	list_for_each (ls, &engine->lockspaces, entry) {
		more |= recovery_work(ls, budget);
		more |= client_close_work(ls, budget);
	}
	return more && !engine->fatal;
}

static bool link_output(struct engine *engine, struct engine_output *ret)
{
	struct link *link;

	while ((link = list_first(&engine->dirty_links, struct link, dirty))) {
		list_remove(&link->dirty);
		if (!link_has_output(link))
			continue;
		*ret = (struct engine_output){
			.kind = link->connected ? ENGINE_OUT_PEER : ENGINE_OUT_CONNECT,
			.nodeid = link->nodeid,
		};
		return true;
	}
	return false;
}

static bool client_output(struct engine *engine, struct engine_output *ret)
{
	struct engine_client *client =
		list_first(&engine->dirty_clients, struct engine_client, dirty);

	if (!client)
		return false;
	list_remove(&client->dirty);
	*ret = (struct engine_output){
		.kind = ENGINE_OUT_CLIENT,
		.client = client,
		.client_context = client->context,
		.lockspace = client->ls,
	};
	return true;
}

bool engine_output(struct engine *engine, struct engine_output *ret)
{
	if (engine->fatal) {
		if (engine->fatal_told)
			return false;
		engine->fatal_told = true;
		*ret = (struct engine_output){.kind = ENGINE_OUT_FATAL, .error = engine->fatal};
		return true;
	}
	/* Bytes first: behind a PEER_CLOSED the last ACK of the FIN exchange would find no
	 * connection. */
	return link_output(engine, ret) || node_event_take(engine, ret) ||
	       probe_take(engine, ret) || client_output(engine, ret);
}

/* ---- peers ---- */

int engine_peer_add(struct engine *engine, uint32_t nodeid)
{
	struct link *link, *after;

	if (!nodeid || nodeid == engine->nodeid)
		return -EINVAL;
	if (node_link(engine, nodeid)) {
		/* Removed while a lockspace listed it: who asked for a connection was not heard. */
		on_wakeup(engine, nodeid);
		return 0;
	}
	link = alloc_zeroed(engine->settings.alloc, sizeof(*link));
	if (!link)
		return -ENOMEM;
	link_init(link, engine->settings.alloc, &engine->link_owner, engine->reserve,
		engine->nodeid, nodeid, engine->send_version, engine->settings.resend_ms,
		engine->now_ms);
	list_init(&link->dirty);
	list_for_each (after, &engine->links, entry)
		if (after->nodeid > nodeid)
			break;
	list_add_before(&after->entry, &link->entry);
	return 0;
}

void engine_peer_remove(struct engine *engine, uint32_t nodeid)
{
	struct link *link = node_link(engine, nodeid);

	if (!link)
		return;
	probe_peer_gone(engine, nodeid);
	/* Lockspaces may list it until their next start: the link lives on, with nothing in it. */
	link_disconnected(link);
	link_reset(link);
	node_peer_forget(engine, nodeid);
	if (!link->users)
		free_link(engine, link);
}

void engine_peer_connected(struct engine *engine, uint32_t nodeid)
{
	struct link *link = node_link(engine, nodeid);
	struct engine_lockspace *ls;

	if (!link || engine->fatal)
		return;
	/* Asked before it is connected: the question that is queued already gives way. */
	list_for_each (ls, &engine->lockspaces, entry)
		recovery_connected(ls, nodeid);
	link_connected(link);
	probe_connected(engine, nodeid);
	links_settle(engine);
	if (link_has_output(link))
		on_wakeup(engine, nodeid);
}

void engine_peer_disconnected(struct engine *engine, uint32_t nodeid)
{
	struct link *link = node_link(engine, nodeid);
	struct engine_lockspace *ls;

	if (!link)
		return;
	link_disconnected(link);
	if (engine->fatal)
		return;
	/* What is asked was sent, and its answer will not come: so that a connection is wanted. */
	if (!link_has_output(link))
		list_for_each (ls, &engine->lockspaces, entry)
			recovery_connected(ls, nodeid);
	probe_connected(engine, nodeid);
	links_settle(engine);
	on_wakeup(engine, nodeid); /* what is left to be sent asks for a new connection */
}

int engine_peer_receive(struct engine *engine, uint32_t nodeid, const uint8_t *data, size_t size)
{
	struct link *link = node_link(engine, nodeid);
	int used;

	if (!link)
		return -ENOENT;
	if (engine->fatal)
		return (int)size;
	used = link_receive(link, data, size);
	links_settle(engine);
	return used;
}

size_t engine_peer_take(struct engine *engine, uint32_t nodeid, uint8_t *ret, size_t room)
{
	struct link *link = node_link(engine, nodeid);

	return link && !engine->fatal ? link_take(link, ret, room) : 0;
}

void engine_peers_close(struct engine *engine)
{
	struct link *link;

	if (!list_empty(&engine->lockspaces))
		return;
	list_for_each (link, &engine->links, entry)
		link_close(link);
	links_settle(engine);
}

int engine_peer_info(const struct engine *engine, uint32_t nodeid, struct engine_peer_info *ret)
{
	const struct link *link = node_link(engine, nodeid);

	if (!link)
		return -ENOENT;
	*ret = (struct engine_peer_info){
		.nodeid = nodeid,
		.state = link_state_name(link->state),
		.is_closed = link->state == LINK_CLOSED,
		.version = link->version,
		.connected = link->connected,
		.has_output = link_has_output(link),
		.users = link->users,
		.unacked_count = link->seq_send - link->seq_acked,
		.queued_bytes = node_queued_bytes(link),
		.received_count = link->counters.received,
		.refused_count = link->counters.refused,
		.duplicate_count = link->counters.duplicate,
		.gap_count = link->counters.gap,
	};
	return 0;
}

/* ---- lockspaces ---- */

uint32_t lockspace_global_id(const char *name)
{
	const char prefix[] = "dlm:ls:";
	uint32_t crc = UINT32_MAX;
	size_t i;
	int bit;

	for (i = 0; i < sizeof(prefix) - 1 + strlen(name) + 1; i++) {
		size_t at = i - (sizeof(prefix) - 1);

		crc ^= (uint8_t)(i < sizeof(prefix) - 1 ? prefix[i] : name[at]);
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

struct engine_lockspace *engine_lockspace_find(const struct engine *engine, const char *name)
{
	struct engine_lockspace *ls;

	list_for_each (ls, &engine->lockspaces, entry)
		if (!strcmp(ls->name, name))
			return ls;
	return NULL;
}

static uint32_t hash_of_lock(const struct hash_node *node)
{
	return hash_mix(list_entry(node, struct lock, by_id)->lkid);
}

static uint32_t hash_of_resource(const struct hash_node *node)
{
	return list_entry(node, struct resource, by_name)->hash;
}

static int init_tables(struct engine_lockspace *ls)
{
	const struct alloc *alloc = ls->engine->settings.alloc;
	unsigned int i;

	pool_init(&ls->lock_pool, alloc, sizeof(struct lock));
	for (i = 0; i < LOCKSPACE_NAME_POOLS; i++)
		pool_init(&ls->resource_pools[i], alloc,
			offsetof(struct resource, name) + (i + 1) * 8);
	if (hash_init(&ls->resources, alloc, hash_of_resource) ||
		hash_init(&ls->locks, alloc, hash_of_lock) || lockid_init(&ls->ids, alloc))
		return -ENOMEM;
	return recovery_init(ls, node_random(ls->engine));
}

int engine_lockspace_new(struct engine *engine, const char *name, uint32_t global_id,
	uint32_t flags, uint32_t lvb_bytes, bool nodir, struct engine_lockspace **ret)
{
	size_t bytes = strlen(name);
	struct engine_lockspace *ls;

	if (!bytes || bytes > DLM_NAME_BYTES_MAX || !global_id || !lvb_bytes || lvb_bytes % 8 ||
		lvb_bytes > 512)
		return -EINVAL;
	if (engine_lockspace_find(engine, name) || find_by_id(engine, global_id))
		return -EEXIST;
	ls = alloc_zeroed(engine->settings.alloc, sizeof(*ls));
	if (!ls)
		return -ENOMEM;
	ls->engine = engine;
	memcpy(ls->name, name, bytes);
	ls->global_id = global_id;
	ls->flags = flags;
	ls->lvb_bytes = lvb_bytes;
	ls->nodir = nodir;
	ls->stopped = true;
	list_init(&ls->active);
	list_init(&ls->unused);
	list_init(&ls->records);
	list_init(&ls->waiters);
	list_init(&ls->clients);
	list_init(&ls->closing);
	list_init(&ls->orphans);
	list_init(&ls->requests);
	member_init(ls);
	list_add_tail(&engine->lockspaces, &ls->entry);
	if (init_tables(ls)) {
		free_lockspace(ls);
		return -ENOMEM;
	}
	*ret = ls;
	return 0;
}

static void free_lock(struct engine_lockspace *ls, struct lock *lock)
{
	alloc_put(
		ls->engine->settings.alloc, lock->extra, sizeof(struct lock_extra) + ls->lvb_bytes);
}

static void free_tables(struct engine_lockspace *ls)
{
	struct hash_node *node;
	uint32_t i;

	for (i = 0; i < ls->locks.bucket_count; i++)
		for (node = hash_bucket(&ls->locks, i); node; node = node->next)
			free_lock(ls, list_entry(node, struct lock, by_id));
	for (i = 0; i < ls->resources.bucket_count; i++)
		for (node = hash_bucket(&ls->resources, i); node; node = node->next)
			resource_lvb_drop(list_entry(node, struct resource, by_name));
	hash_done(&ls->locks);
	hash_done(&ls->resources);
	pool_done(&ls->lock_pool);
	for (i = 0; i < LOCKSPACE_NAME_POOLS; i++)
		pool_done(&ls->resource_pools[i]);
	lockid_done(&ls->ids);
}

static void free_lockspace(struct engine_lockspace *ls)
{
	struct engine *engine = ls->engine;

	node_events_forget(engine, ls);
	requestqueue_drop_all(ls);
	client_free_all(ls);
	free_tables(ls);
	member_done(ls);
	recovery_done(ls);
	list_remove(&ls->entry);
	alloc_put(engine->settings.alloc, ls, sizeof(*ls));
}

void engine_lockspace_free(struct engine_lockspace *ls)
{
	struct engine *engine = ls->engine;
	struct link *link;
	uint32_t i;

	for (i = 0; i < ls->members.count; i++) {
		link = node_link(engine, ls->members.list[i].nodeid);
		if (link)
			link_member_removed(link);
	}
	ls->members.count = 0;
	free_lockspace(ls);
	engine_peers_close(engine);
}

void engine_lockspace_stop(struct engine_lockspace *ls)
{
	recovery_stop(ls);
}

int engine_lockspace_start(struct engine_lockspace *ls, const struct engine_member *members,
	size_t count, uint32_t start_number)
{
	int error = recovery_start(ls, members, count, start_number);

	links_settle(ls->engine);
	return error;
}

bool engine_lockspace_running(const struct engine_lockspace *ls)
{
	return ls->running;
}

void engine_lockspace_info(const struct engine_lockspace *ls, struct engine_lockspace_info *ret)
{
	const struct recovery *recovery = &ls->recovery;

	*ret = (struct engine_lockspace_info){
		.name = ls->name,
		.global_id = ls->global_id,
		.running = ls->running,
		.status = recovery->status,
		.step = recovery->step == RECOVERY_IDLE ? "" : recovery_step_name(recovery->step),
		.wait_nodeid = recovery->wait_nodeid,
		.wait_answers = recovery_wait_answers(ls),
		.step_since_ms = recovery->step_since_ms,
		.generation = ls->members.generation,
		.slot = ls->members.our_slot,
		.member_count = ls->members.count,
		.lock_count = ls->locks.count,
		.resource_count = ls->resources.count,
		.client_count = ls->client_count,
		.orphan_count = ls->orphan_count,
		.orphan_held_count = ls->orphan_held_count,
		.recovery_count = recovery->count,
	};
}
