/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What the files of the model share. Nodes are indices here, from 0. */
#include "sim/cpg/cpgmodel.h"
#include "sim/random.h"

/* A message that has its place. */
struct cpgmodel_packet {
	uint32_t references;
	uint32_t sender;   /* index */
	uint64_t ring_seq; /* where it got it */
	uint64_t serial;
	uint32_t taken; /* a bit for each node that has taken it */
};

struct cpgmodel_entry {
	struct cpgmodel_entry *next;
	struct cpgmodel_event event;
	struct cpgmodel_packet *packet; /* NULL: no message */
};

struct cpgmodel_queue {
	struct cpgmodel_entry *first, **last;
};

enum cpgmodel_wish_type {
	WISH_SEND,
	WISH_JOIN,
	WISH_LEAVE,
	WISH_DEATH,
	WISH_KILL
};

/* Something that waits for its place. */
struct cpgmodel_wish {
	struct cpgmodel_wish *next;
	enum cpgmodel_wish_type type;
	uint32_t incarnation; /* of the process */
	uint32_t group;
	uint32_t target;
	uint32_t bytes;
	uint8_t data[CPG_MESSAGE_MAX];
};

struct cpgmodel_handle {
	bool is_open;
	struct cpgmodel_queue inbox;
};

struct cpgmodel_node {
	bool is_up, has_process, has_seen_all;
	uint8_t side;
	uint32_t incarnation; /* of the process, counts from 1 */
	uint32_t ring;        /* a bit for each node of its ring, itself included; 0: down */
	uint64_t ring_seq;
	struct cpgmodel_queue quorum;
	struct cpgmodel_handle handles[CPGMODEL_GROUPS_MAX];
	uint32_t joined[CPGMODEL_GROUPS_MAX]; /* incarnation that is in it by the order; 0: none */
	struct cpgmodel_wish *wishes, **wishes_last;
};

struct cpgmodel {
	uint32_t node_count, group_count;
	bool two_node;
	struct random random;
	uint64_t ring_seq, serial;
	uint64_t change_serial;
	char groups[CPGMODEL_GROUPS_MAX][CPGMODEL_NAME_BYTES];
	struct cpgmodel_node nodes[CPGMODEL_NODES_MAX];
};

void *cpgmodel_room(size_t bytes);
/** cpgmodel_push() - @packet: NULL or one reference more */
void cpgmodel_push(struct cpgmodel_queue *queue, const struct cpgmodel_event *event,
	struct cpgmodel_packet *packet);
void cpgmodel_drop_first(struct cpgmodel_queue *queue);
void cpgmodel_empty(struct cpgmodel_queue *queue);
/** cpgmodel_members_of() - a bit for each node of @ring that is in the group by the order */
uint32_t cpgmodel_members_of(const struct cpgmodel *model, uint32_t ring, uint32_t group);
/** cpgmodel_give_change() - to the process of @node, if its membership is still that of the order
 */
void cpgmodel_give_change(struct cpgmodel *model, uint32_t node, uint32_t group, uint32_t members,
	uint32_t joined, uint32_t left, enum fence_reason reason);
void cpgmodel_give_ring(struct cpgmodel *model, uint32_t node, uint32_t group);
void cpgmodel_give_quorum(struct cpgmodel *model, uint32_t node, uint32_t rejoined);
/** cpgmodel_close() - the process of @node is gone: nothing is given to it any more */
void cpgmodel_close(struct cpgmodel *model, uint32_t node);
/** cpgmodel_reform() - rings as they are now. @bounced: a bit for each node that was away meanwhile
 */
void cpgmodel_reform(struct cpgmodel *model, uint32_t bounced);
/** cpgmodel_order_of() - the first wish of @node gets its place */
void cpgmodel_order_of(struct cpgmodel *model, uint32_t node);
/** cpgmodel_unwish() - what waits at @node is forgotten */
void cpgmodel_unwish(struct cpgmodel *model, uint32_t node);
