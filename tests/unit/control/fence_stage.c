/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fence_stage.h"

#include "cmocka_all.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDS_MAX 16u

static const struct cpg_version DAEMON = {3, 1, 1, 0}, KERNEL = {1, 1, 1, 0};

static void append(char *to, size_t room, const char *text)
{
	size_t used = strlen(to);

	assert_true(used + strlen(text) < room);
	memcpy(to + used, text, strlen(text) + 1);
}

static void note(void *context, enum fence_level level, const char *text)
{
	struct stage *stage = context;

	stage->warning_count += level == FENCE_WARNING;
	if (strlen(stage->noted) + strlen(text) + 2 > sizeof(stage->noted))
		stage->noted[0] = 0;
	append(stage->noted, sizeof(stage->noted), text);
	append(stage->noted, sizeof(stage->noted), "\n");
}

struct fence_options stage_options(void)
{
	return (struct fence_options){.enable_fencing = true,
		.enable_startup = true,
		.repeat_failed = true,
		.enable_quorum = true};
}

uint32_t stage_ids(const char *words, uint32_t *ret, uint32_t room)
{
	uint32_t count = 0;

	while (*words) {
		char *end;

		assert_true(count < room);
		ret[count++] = (uint32_t)strtoul(words, &end, 10);
		words = end + strspn(end, " ");
	}
	return count;
}

void stage_open(struct stage *stage, uint32_t nodeid, const char *configured,
	struct fence_options options, bool is_two_node)
{
	uint32_t ids[IDS_MAX];
	struct fence_settings settings = {.nodeid = nodeid,
		.is_two_node = is_two_node,
		.configured = ids,
		.options = options,
		.note = note,
		.context = stage};

	memset(stage, 0, sizeof(*stage));
	faulty_alloc_init(&stage->memory);
	settings.alloc = &stage->memory.alloc;
	settings.configured_count = stage_ids(configured, ids, IDS_MAX);
	stage->nodeid = nodeid;
	stage->now = (struct fence_now){1000, 50000};
	assert_int_equal(fence_new(&settings, &stage->fence), 0);
}

/* What all that the daemon group says has in common. */
static void check_header(const struct stage *stage, const struct cpg_header *header)
{
	struct cpg_header wanted = {.type = header->type, .nodeid = stage->nodeid};

	assert_memory_equal(header, &wanted, sizeof(wanted));
}

static void render_protocol(const struct fence_order *order, char *word, size_t room)
{
	struct cpg_protocol protocol;
	const struct cpg_version *run = &protocol.daemon_run;

	assert_int_equal(order->bytes, CPG_PROTOCOL_BYTES);
	assert_int_equal(cpg_protocol_decode(order->data, order->bytes, &protocol), 0);
	assert_memory_equal(&protocol.daemon_max, &DAEMON, sizeof(DAEMON));
	assert_memory_equal(&protocol.kernel_max, &KERNEL, sizeof(KERNEL));
	assert_int_equal(!run->major, !protocol.kernel_run.major);
	snprintf(word, room, "protocol %u.%u.%u.%u; ", run->major, run->minor, run->patch,
		run->flags);
}

static void render_fence(
	const struct stage *stage, const struct fence_order *order, char *word, size_t room)
{
	struct cpg_fence fence;

	assert_int_equal(order->bytes, CPG_FENCE_BYTES);
	assert_int_equal(cpg_fence_decode(order->data, order->bytes, &fence), 0);
	assert_int_equal(fence.version, 0);
	if (fence.flags == CPG_FENCE_FIPU) {
		assert_int_equal(fence.nodeid, stage->nodeid);
		assert_int_equal(fence.result, -ENODATA);
		snprintf(word, room, "fipu; ");
	} else if (fence.flags) {
		assert_int_equal(fence.result, 0);
		assert_int_equal(fence.fence_walltime, 0);
		snprintf(word, room, "clear %u %u; ", fence.nodeid, fence.flags);
	} else {
		snprintf(word, room, "result %u %d @%u; ", fence.nodeid, fence.result,
			(uint32_t)fence.fence_walltime);
	}
}

static void render_send(
	const struct stage *stage, const struct fence_order *order, char *word, size_t room)
{
	struct cpg_header header;

	assert_int_equal(cpg_header_decode(order->data, order->bytes, &header), 0);
	check_header(stage, &header);
	if (header.type == CPG_PROTOCOL)
		render_protocol(order, word, room);
	else
		render_fence(stage, order, word, room);
}

static void render(struct stage *stage, const struct fence_order *order)
{
	char word[80] = "";

	switch (order->type) {
	case FENCE_ORDER_SEND:
		render_send(stage, order, word, sizeof(word));
		break;
	case FENCE_ORDER_KILL:
		snprintf(word, sizeof(word), "kill %u; ", order->nodeid);
		break;
	case FENCE_ORDER_AGENT:
		snprintf(word, sizeof(word), "agent %u @%u; ", order->nodeid,
			(uint32_t)order->fail_time);
		break;
	case FENCE_ORDER_AGENT_KILL:
		snprintf(word, sizeof(word), "agent_kill %u; ", order->nodeid);
		break;
	case FENCE_ORDER_AGREED:
		snprintf(word, sizeof(word), "agreed; ");
		break;
	case FENCE_ORDER_REFUSED:
		snprintf(word, sizeof(word), "refused; ");
		snprintf(stage->refused, sizeof(stage->refused), "%s", order->text);
		break;
	}
	append(stage->orders, sizeof(stage->orders), word);
}

static void take(struct stage *stage)
{
	struct fence_order order;

	while (fence_order_take(stage->fence, &order))
		render(stage, &order);
}

const char *stage_said(struct stage *stage)
{
	take(stage);
	memcpy(stage->said, stage->orders, sizeof(stage->said));
	if (stage->said[0])
		stage->said[strlen(stage->said) - 1] = 0; /* the last blank */
	stage->orders[0] = 0;
	return stage->said;
}

void stage_close(struct stage *stage)
{
	stage_expect(stage, "");
	fence_free(stage->fence);
	assert_int_equal(stage->memory.used_count, 0);
}

static enum fence_reason reason(char letter)
{
	switch (letter) {
	case 'n':
		return FENCE_REASON_NODEDOWN;
	case 'p':
		return FENCE_REASON_PROCDOWN;
	default:
		assert_int_equal(letter, 'l');
		return FENCE_REASON_LEAVE;
	}
}

void stage_conf(struct stage *stage, const char *members, const char *joined, const char *left)
{
	uint32_t ids[3][IDS_MAX];
	enum fence_reason reasons[IDS_MAX];
	struct fence_change change = {
		.members = ids[0], .joined = ids[1], .left = ids[2], .left_reasons = reasons};

	change.member_count = stage_ids(members, ids[0], IDS_MAX);
	change.joined_count = stage_ids(joined, ids[1], IDS_MAX);
	while (*left) {
		char *end;

		ids[2][change.left_count] = (uint32_t)strtoul(left, &end, 10);
		reasons[change.left_count++] = reason(*end++);
		left = end + strspn(end, " ");
	}
	assert_int_equal(fence_confchg(stage->fence, stage->now, &change), 0);
}

void stage_quorum(struct stage *stage, bool is_quorate, const char *members)
{
	uint32_t ids[IDS_MAX];
	struct fence_quorum quorum = {
		.is_quorate = is_quorate, .ring_seq = stage->ring_seq, .members = ids};

	quorum.member_count = stage_ids(members, ids, IDS_MAX);
	assert_int_equal(fence_quorum(stage->fence, stage->now, &quorum), 0);
}

void stage_ring(struct stage *stage, uint64_t seq)
{
	stage->ring_seq = seq;
	fence_ring(stage->fence, stage->now, 1, seq);
}

int stage_protocol_is(struct stage *stage, uint32_t sender, const struct cpg_protocol *protocol)
{
	struct cpg_header header = {.type = CPG_PROTOCOL, .nodeid = sender};
	uint8_t data[CPG_MESSAGE_MAX];
	size_t bytes = cpg_protocol_encode(&header, protocol, data);

	return fence_deliver(stage->fence, stage->now, sender, data, bytes);
}

void stage_protocol(struct stage *stage, uint32_t sender, uint16_t run_major, uint16_t flags)
{
	struct cpg_protocol protocol = {DAEMON, KERNEL, {0}, {0}};

	if (run_major) {
		protocol.daemon_run = (struct cpg_version){run_major, 1, 1, flags};
		protocol.kernel_run = KERNEL;
	}
	assert_int_equal(stage_protocol_is(stage, sender, &protocol), 0);
}

static void deliver_fence(
	struct stage *stage, uint32_t sender, enum cpg_type type, const struct cpg_fence *body)
{
	struct cpg_header header = {.type = (uint16_t)type, .nodeid = sender};
	uint8_t data[CPG_MESSAGE_MAX];

	size_t bytes = cpg_fence_encode(&header, body, data);

	assert_int_equal(fence_deliver(stage->fence, stage->now, sender, data, bytes), 0);
}

void stage_result(struct stage *stage, uint32_t sender, uint32_t nodeid, int32_t result)
{
	struct cpg_fence body = {
		.nodeid = nodeid, .result = result, .fence_walltime = stage->now.wall};

	deliver_fence(stage, sender, CPG_FENCE_RESULT, &body);
}

void stage_clear(
	struct stage *stage, uint32_t sender, uint32_t nodeid, int32_t result, uint32_t flags)
{
	struct cpg_fence body = {.nodeid = nodeid, .result = result, .flags = flags};

	deliver_fence(stage, sender, CPG_FENCE_CLEAR, &body);
}

void stage_pass(struct stage *stage, uint32_t seconds)
{
	while (seconds--) {
		stage->now.mono++;
		stage->now.wall++;
		if (fence_is_waiting(stage->fence))
			fence_tick(stage->fence, stage->now);
		take(stage);
	}
}

void stage_settle(struct stage *stage, const char *members, bool is_knowing)
{
	uint32_t ids[IDS_MAX], count = stage_ids(members, ids, IDS_MAX), low = ids[0];
	char own[16];

	snprintf(own, sizeof(own), "%u", stage->nodeid);
	stage_conf(stage, members, own, "");
	stage_ring(stage, 10);
	for (uint32_t i = 0; i < count; i++) {
		low = ids[i] != stage->nodeid ? ids[i] : low;
		stage_protocol(stage, ids[i], count > 1 || i ? 3 : 0, 0);
	}
	if (count == 1)
		stage_protocol(stage, stage->nodeid, 3, 0);
	stage_quorum(stage, true, members);
	fence_begin(stage->fence, stage->now);
	if (is_knowing)
		stage_clear(stage, low, stage->nodeid, 0,
			CPG_FENCE_CLEAR_STARTUP | CPG_FENCE_CLEAR_FIPU);
	fence_tick(stage->fence, stage->now);
	stage_said(stage);
}

struct fence_node_view stage_node(struct stage *stage, uint32_t nodeid)
{
	struct fence_node_view view;

	assert_true(fence_node_find(stage->fence, nodeid, &view));
	return view;
}

struct fence_view stage_view(struct stage *stage)
{
	struct fence_view view;

	fence_view(stage->fence, &view);
	return view;
}
