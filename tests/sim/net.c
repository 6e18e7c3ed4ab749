/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net.h"

#include <stdlib.h>
#include <string.h>

#include "cluster.h"
#include "stream.h"

#define NET_CONNS_MAX 2048
#define NET_NODES     (CLUSTER_NODES_MAX + 1)
#define NET_RETRY_US  50000

/* One direction of a connection. Offsets count from the first byte ever sent in it. */
struct net_pipe {
	uint8_t *data; /* bytes from `start` on */
	size_t room;
	uint64_t start;   /* taken by the receiver's engine up to here */
	uint64_t arrived; /* at the receiver, perhaps a part of a frame */
	uint64_t sent;
	uint64_t cut;     /* nothing from here on arrives; UINT64_MAX: whole */
	uint64_t last_us; /* when the last byte sent arrives */
	bool blocked;     /* the window was full: flush when bytes arrive */
};

struct net_conn {
	uint32_t generation; /* of this entry of the table */
	bool used;
	uint32_t nodes[2]; /* [0] connected, [1] accepted */
	bool open[2];      /* this end does not know of a break */
	bool noticing[2];
	bool broken;
	struct net_pipe pipes[2]; /* [i] is sent by nodes[i] */
};

/* What a node knows of its connections to one peer. */
struct net_pair {
	uint32_t primary; /* index + 1 of the connection that it sends on, 0: none */
	bool connecting;
	uint64_t clog_us; /* nothing sent arrives before */
	bool held;        /* clogged until net_hold() ends it */
	struct stream stream;
};

struct net {
	struct cluster *cluster;
	struct net_conn conns[NET_CONNS_MAX];
	uint32_t conn_count; /* entries ever used */
	struct net_pair pairs[NET_NODES][NET_NODES];
	uint64_t break_count;
	struct stream_world streams;
};

static void net_deliver(struct net *net, uint32_t index, int end);

struct net *net_new(struct cluster *cluster)
{
	struct net *net = calloc(1, sizeof(*net));

	if (!net)
		abort();
	net->cluster = cluster;
	net->streams.knobs = cluster->knobs;
	net->streams.random = &cluster->random;
	return net;
}

void net_free(struct net *net)
{
	for (uint32_t i = 0; i < net->conn_count; i++)
		for (int end = 0; end < 2; end++)
			free(net->conns[i].pipes[end].data);
	free(net);
}

static int net_end_of(const struct net_conn *conn, uint32_t node)
{
	return conn->nodes[0] == node ? 0 : 1;
}

static bool net_joins(const struct net_conn *conn, uint32_t node, uint32_t peer)
{
	return conn->used && ((conn->nodes[0] == node && conn->nodes[1] == peer) ||
				     (conn->nodes[1] == node && conn->nodes[0] == peer));
}

static bool net_silent(const struct net *net, uint32_t node)
{
	return net->cluster->nodes[node].isolated;
}

/* ---- the table ---- */

static uint32_t net_conn_new(struct net *net, uint32_t from, uint32_t to)
{
	uint32_t index = 0, generation;
	struct net_conn *conn;

	while (index < net->conn_count && net->conns[index].used)
		index++;
	if (index == NET_CONNS_MAX)
		abort();
	if (index == net->conn_count)
		net->conn_count++;
	conn = &net->conns[index];
	generation = conn->generation + 1;
	memset(conn, 0, sizeof(*conn));
	conn->generation = generation;
	conn->used = true;
	conn->nodes[0] = from;
	conn->nodes[1] = to;
	conn->pipes[0].cut = conn->pipes[1].cut = UINT64_MAX;
	return index;
}

static void net_conn_free(struct net_conn *conn)
{
	for (int end = 0; end < 2; end++) {
		free(conn->pipes[end].data);
		conn->pipes[end].data = NULL;
	}
	conn->used = false;
}

/* ---- connecting ---- */

static void net_up(struct net *net, uint32_t index, uint32_t node, uint32_t peer)
{
	net->pairs[node][peer].primary = index + 1;
	net->cluster->activity++;
	cluster_note(net->cluster, TRACE_NET, node, peer, index, "connected");
	engine_peer_connected(cluster_enter(net->cluster, node), peer);
	net_flush(net, node, peer);
	cluster_leave(net->cluster, node);
}

static bool net_knows(const struct net *net, uint32_t node, uint32_t peer)
{
	const struct cluster_node *at = &net->cluster->nodes[node];

	return at->engine && !at->dying && (at->peers & 1u << peer);
}

static void net_retry(void *context, uint64_t node, uint64_t peer)
{
	struct net *net = context;

	net->pairs[node][peer].connecting = false;
	if (net_knows(net, (uint32_t)node, (uint32_t)peer))
		net_connect(net, (uint32_t)node, (uint32_t)peer);
}

/* The acceptor's answer is back at the connecting node. */
static void net_established(void *context, uint64_t index, uint64_t generation)
{
	struct net *net = context;
	struct net_conn *conn = &net->conns[index];
	uint32_t node, peer;

	if (!conn->used || conn->generation != generation || !conn->open[0])
		return;
	node = conn->nodes[0];
	peer = conn->nodes[1];
	net->pairs[node][peer].connecting = false;
	if (!net->pairs[node][peer].primary)
		net_up(net, (uint32_t)index, node, peer);
}

static void net_accept(struct net *net, uint32_t node, uint32_t peer)
{
	uint32_t index = net_conn_new(net, node, peer);
	struct net_conn *conn = &net->conns[index];
	struct net_pair *back = &net->pairs[peer][node];

	conn->open[0] = conn->open[1] = true;
	clock_at(&net->cluster->clock, net->cluster->clock.now_us + net->cluster->knobs->connect_us,
		net_established, net, index, conn->generation);
	if (!back->primary && !back->connecting)
		net_up(net, index, peer, node);
}

/* The request to connect is at the peer. */
static void net_arrive(void *context, uint64_t node64, uint64_t peer64)
{
	struct net *net = context;
	uint32_t node = (uint32_t)node64, peer = (uint32_t)peer64;

	if (!net->pairs[node][peer].connecting)
		return;
	if (!net_knows(net, node, peer)) {
		net->pairs[node][peer].connecting = false;
		return;
	}
	if (net_knows(net, peer, node) && !net_silent(net, node) && !net_silent(net, peer)) {
		net_accept(net, node, peer);
		return;
	}
	clock_at(&net->cluster->clock, net->cluster->clock.now_us + NET_RETRY_US, net_retry, net,
		node, peer);
}

/* An accepted connection is as good for sending as one of our own, if we have none. */
static bool net_adopt(struct net *net, uint32_t node, uint32_t peer)
{
	for (uint32_t i = 0; i < net->conn_count; i++) {
		struct net_conn *conn = &net->conns[i];

		if (!net_joins(conn, node, peer) || !conn->open[net_end_of(conn, node)])
			continue;
		if (conn->nodes[0] == node || random_chance(&net->cluster->random, 500))
			continue;
		net_up(net, i, node, peer);
		return true;
	}
	return false;
}

void net_connect(struct net *net, uint32_t node, uint32_t peer)
{
	struct net_pair *pair = &net->pairs[node][peer];
	struct cluster *cluster = net->cluster;
	uint32_t delay = cluster->knobs->connect_us;

	if (pair->connecting || pair->primary || net_adopt(net, node, peer))
		return;
	pair->connecting = true;
	clock_at(&cluster->clock,
		cluster->clock.now_us + delay / 2 + random_below(&cluster->random, delay + 1),
		net_arrive, net, node, peer);
}

/* ---- bytes ---- */

static void net_arrived(void *context, uint64_t key, uint64_t offset)
{
	struct net *net = context;
	uint32_t index = (uint32_t)(key >> 1) & 0xffff;
	struct net_conn *conn = &net->conns[index];
	struct net_pipe *pipe = &conn->pipes[key & 1];

	if (!conn->used || conn->generation != (uint32_t)(key >> 32))
		return;
	if (offset > pipe->cut)
		offset = pipe->cut;
	if (offset <= pipe->arrived)
		return;
	pipe->arrived = offset;
	net->cluster->activity++;
	net_deliver(net, index, (int)(key & 1));
}

static void net_schedule(
	struct net *net, struct net_conn *conn, int end, uint64_t offset, uint64_t at_us)
{
	uint64_t key = (uint64_t)conn->generation << 32 | (uint64_t)(conn - net->conns) << 1 |
		       (uint64_t)end;

	clock_at(&net->cluster->clock, at_us, net_arrived, net, key, offset);
}

static uint64_t net_arrival_us(struct net *net, struct net_conn *conn, int end)
{
	struct cluster *cluster = net->cluster;
	struct net_pair *pair = &net->pairs[conn->nodes[end]][conn->nodes[!end]];
	uint64_t at_us = cluster->clock.now_us + cluster->knobs->delay_us;

	if (cluster->knobs->jitter_us)
		at_us += random_below(&cluster->random, cluster->knobs->jitter_us);
	if (at_us < conn->pipes[end].last_us)
		at_us = conn->pipes[end].last_us;
	if (at_us < pair->clog_us)
		at_us = pair->clog_us;
	return at_us;
}

static void net_send(struct net *net, struct net_conn *conn, int end, uint64_t bytes)
{
	struct net_pipe *pipe = &conn->pipes[end];
	uint64_t at_us = net_arrival_us(net, conn, end);
	uint64_t piece;

	net->cluster->activity++;
	if (random_chance(&net->cluster->random, net->cluster->knobs->split_permille)) {
		piece = pipe->sent + random_below(&net->cluster->random, (uint32_t)bytes);
		net_schedule(net, conn, end, piece, at_us);
		at_us += random_below(&net->cluster->random, 500);
	}
	pipe->sent += bytes;
	pipe->last_us = at_us;
	if (!net->pairs[conn->nodes[end]][conn->nodes[!end]].held)
		net_schedule(net, conn, end, pipe->sent, at_us);
}

static uint8_t *net_pipe_room(struct net_pipe *pipe, size_t bytes)
{
	size_t used = pipe->sent - pipe->start;

	if (used + bytes > pipe->room) {
		pipe->room = 2 * (used + bytes);
		pipe->data = realloc(pipe->data, pipe->room);
		if (!pipe->data)
			abort();
	}
	return pipe->data + used;
}

/* @total new bytes of the engine are in the pipe. Return: how many are to be sent of what is there
 * now */
static uint64_t net_shape(struct net *net, struct net_conn *conn, int end, uint64_t total)
{
	uint32_t node = conn->nodes[end], peer = conn->nodes[!end];
	struct net_pipe *pipe = &conn->pipes[end];
	uint8_t *bytes;

	if (!total || !stream_differs(net->cluster->knobs, node))
		return total;
	bytes = malloc(total);
	if (!bytes)
		abort();
	memcpy(bytes, pipe->data + (pipe->sent - pipe->start), total);
	total = stream_shape(&net->streams, node, &net->pairs[node][peer].stream,
		&net->pairs[peer][node].stream, pipe->sent == 0, bytes, total,
		net_pipe_room(pipe, 2 * total));
	free(bytes);
	return total;
}

void net_flush(struct net *net, uint32_t node, uint32_t peer)
{
	uint32_t primary = net->pairs[node][peer].primary;
	struct engine *engine = net->cluster->nodes[node].engine;
	uint64_t window = net->cluster->knobs->window_bytes, total = 0;
	struct net_conn *conn;
	struct net_pipe *pipe;
	int end;

	if (!primary || !engine)
		return;
	conn = &net->conns[primary - 1];
	end = net_end_of(conn, node);
	pipe = &conn->pipes[end];
	for (;;) {
		uint64_t used = pipe->sent + total - pipe->start;
		size_t room = window > used ? window - used : 0, bytes;

		pipe->blocked = room < 4096 && used;
		if (pipe->blocked)
			break;
		room = room < 4096 ? 4096 : room > 65536 ? 65536 : room;
		pipe->sent += total;
		bytes = engine_peer_take(engine, peer, net_pipe_room(pipe, room), room);
		pipe->sent -= total;
		if (!bytes)
			break;
		total += bytes;
	}
	total = net_shape(net, conn, end, total);
	if (total)
		net_send(net, conn, end, total);
}

static void net_consume(struct net_pipe *pipe, uint64_t bytes)
{
	pipe->start += bytes;
	memmove(pipe->data, pipe->data + bytes, pipe->sent - pipe->start);
}

/* Bytes that @end sent are at the other end: give whole frames to its engine. */
static void net_deliver(struct net *net, uint32_t index, int end)
{
	struct net_conn *conn = &net->conns[index];
	struct net_pipe *pipe = &conn->pipes[end];
	uint32_t node = conn->nodes[!end], peer = conn->nodes[end];
	uint32_t generation = conn->generation;
	bool blocked = pipe->blocked;
	int r;

	if (!conn->open[!end] || !net_knows(net, node, peer) || net_silent(net, node) ||
		net_silent(net, peer))
		return;
	r = engine_peer_receive(
		cluster_enter(net->cluster, node), peer, pipe->data, pipe->arrived - pipe->start);
	if (r < 0) {
		cluster_fail(net->cluster, "stream", "node %u refused the stream of %u: %d", node,
			peer, r);
		return;
	}
	net_consume(pipe, (uint64_t)r);
	cluster_leave(net->cluster, node);
	if (blocked && conn->used && conn->generation == generation && conn->open[end] &&
		net->pairs[peer][node].primary == index + 1 && net_knows(net, peer, node)) {
		net_flush(net, peer, node);
		cluster_leave(net->cluster, peer);
	}
}

/* ---- breaking ---- */

/* This end learns that the connection is no more. */
static void net_notice(void *context, uint64_t key, uint64_t generation)
{
	struct net *net = context;
	uint32_t index = (uint32_t)(key >> 1);
	int end = (int)(key & 1);
	struct net_conn *conn = &net->conns[index];
	uint32_t node = conn->nodes[end], peer = conn->nodes[!end];
	bool was_primary;

	if (!conn->used || conn->generation != generation || !conn->open[end])
		return;
	conn->open[end] = false;
	was_primary = net->pairs[node][peer].primary == index + 1;
	if (was_primary)
		net->pairs[node][peer].primary = 0;
	else if (end == 0 && net->pairs[node][peer].connecting)
		clock_at(&net->cluster->clock, net->cluster->clock.now_us + NET_RETRY_US, net_retry,
			net, node, peer);
	net->cluster->activity++;
	cluster_note(net->cluster, TRACE_NET, node, peer, index, "disconnected");
	if (!conn->open[!end])
		net_conn_free(conn);
	if (was_primary && net_knows(net, node, peer)) {
		engine_peer_disconnected(cluster_enter(net->cluster, node), peer);
		cluster_leave(net->cluster, node);
	}
}

static void net_notice_at(struct net *net, struct net_conn *conn, int end, uint64_t at_us)
{
	uint64_t key = (uint64_t)(conn - net->conns) << 1 | (uint64_t)end;

	if (!conn->open[end] || conn->noticing[end])
		return;
	conn->noticing[end] = true;
	clock_at(&net->cluster->clock, at_us, net_notice, net, key, conn->generation);
}

/* Each direction loses what is on the way from some byte on. */
static void net_cut_pipes(struct net *net, struct net_conn *conn)
{
	for (int end = 0; end < 2; end++) {
		struct net_pipe *pipe = &conn->pipes[end];
		uint64_t flying = pipe->sent - pipe->arrived;
		uint64_t cut =
			pipe->arrived + random_below(&net->cluster->random, (uint32_t)flying + 1);

		if (cut < pipe->cut)
			pipe->cut = cut;
	}
}

static void net_break(struct net *net, struct net_conn *conn)
{
	struct random *random = &net->cluster->random;
	uint32_t late = net->cluster->knobs->delay_us + net->cluster->knobs->jitter_us + 1;

	if (random_chance(random, 200))
		late = late * 20;
	net_cut_pipes(net, conn);
	conn->broken = true;
	for (int end = 0; end < 2; end++)
		net_notice_at(
			net, conn, end, net->cluster->clock.now_us + random_below(random, late));
}

/* This end closes now; what it sent before still arrives, then the other end sees the end. */
static void net_close_end(struct net *net, struct net_conn *conn, int end, bool in_order)
{
	uint32_t node = conn->nodes[end], peer = conn->nodes[!end];
	uint64_t at_us = net->cluster->clock.now_us + net->cluster->knobs->delay_us;

	if (!conn->open[end])
		return;
	if (!in_order)
		net_cut_pipes(net, conn);
	if (conn->pipes[end].last_us > at_us)
		at_us = conn->pipes[end].last_us;
	conn->open[end] = false;
	conn->broken = true;
	if (net->pairs[node][peer].primary == (uint32_t)(conn - net->conns) + 1)
		net->pairs[node][peer].primary = 0;
	if (!conn->open[!end])
		net_conn_free(conn);
	else if (!net_silent(net, node) && !net_silent(net, peer))
		net_notice_at(net, conn, !end, at_us);
}

static void net_close_pair(struct net *net, uint32_t node, uint32_t peer, bool in_order)
{
	for (uint32_t i = 0; i < net->conn_count; i++) {
		struct net_conn *conn = &net->conns[i];

		if (net_joins(conn, node, peer))
			net_close_end(net, conn, net_end_of(conn, node), in_order);
	}
	net->pairs[node][peer].connecting = false;
}

void net_peer_finished(struct net *net, uint32_t node, uint32_t peer)
{
	bool was_primary = net->pairs[node][peer].primary;
	struct engine_peer_info info;

	/* meanwhile a new conversation may have begun, which wants the connections, or one */
	if (!engine_peer_info(net->cluster->nodes[node].engine, peer, &info) && !info.is_closed)
		return;
	net_flush(net, node, peer);
	net_close_pair(net, node, peer, true);
	cluster_note(net->cluster, TRACE_NET, node, peer, 0, "finished");
	if (was_primary)
		engine_peer_disconnected(cluster_enter(net->cluster, node), peer);
}

void net_peer_removed(struct net *net, uint32_t node, uint32_t peer)
{
	net_close_pair(net, node, peer, false);
}

void net_node_end(struct net *net, uint32_t node)
{
	for (uint32_t peer = 1; peer < NET_NODES; peer++)
		if (peer != node)
			net_close_pair(net, node, peer, false);
}

void net_reset(struct net *net, uint32_t node, uint32_t peer)
{
	bool was_primary = net->pairs[node][peer].primary;

	net_close_pair(net, node, peer, false);
	cluster_note(net->cluster, TRACE_NET, node, peer, 0, "reset");
	if (was_primary)
		engine_peer_disconnected(cluster_enter(net->cluster, node), peer);
}

bool net_break_random(struct net *net)
{
	uint32_t from = random_below(&net->cluster->random, net->conn_count);

	for (uint32_t i = 0; i < net->conn_count; i++) {
		struct net_conn *conn = &net->conns[(from + i) % net->conn_count];

		if (!conn->used || conn->broken)
			continue;
		net->break_count++;
		cluster_note(net->cluster, TRACE_NET, conn->nodes[0], conn->nodes[1],
			(from + i) % net->conn_count, "break");
		net_break(net, conn);
		return true;
	}
	return false;
}

void net_cut(struct net *net, uint32_t node, uint32_t peer)
{
	for (uint32_t i = 0; i < net->conn_count; i++) {
		struct net_conn *conn = &net->conns[i];

		if (!net_joins(conn, node, peer) || conn->broken)
			continue;
		for (int end = 0; end < 2; end++)
			conn->pipes[end].cut = conn->pipes[end].arrived;
		conn->broken = true;
		net->break_count++;
		for (int end = 0; end < 2; end++)
			net_notice_at(net, conn, end, net->cluster->clock.now_us);
	}
}

void net_clog(struct net *net, uint32_t node, uint32_t peer, uint64_t until_us)
{
	net->pairs[node][peer].clog_us = until_us;
	cluster_note(net->cluster, TRACE_NET, node, peer, 0, "clog");
}

void net_hold(struct net *net, uint32_t node, uint32_t peer, bool hold)
{
	net->pairs[node][peer].held = hold;
	for (uint32_t i = 0; i < net->conn_count && !hold; i++) {
		struct net_conn *conn = &net->conns[i];

		if (net_joins(conn, node, peer)) {
			int end = net_end_of(conn, node);

			net_schedule(net, conn, end, conn->pipes[end].sent,
				net_arrival_us(net, conn, end));
		}
	}
}

uint64_t net_in_flight(const struct net *net)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < net->conn_count; i++) {
		const struct net_conn *conn = &net->conns[i];

		if (!conn->used || conn->broken)
			continue;
		bytes += conn->pipes[0].sent - conn->pipes[0].arrived;
		bytes += conn->pipes[1].sent - conn->pipes[1].arrived;
	}
	return bytes;
}

uint64_t net_break_count(const struct net *net)
{
	return net->break_count;
}

struct stream_world *net_streams(struct net *net)
{
	return &net->streams;
}
