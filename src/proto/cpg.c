/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "proto/cpg.h"

#include <errno.h>
#include <string.h>

#include "base/pure/bytes.h"
#include "base/pure/must.h"

/* What START says of itself: the bytes before the ids, and of each id. */
#define START_INFO_BYTES 32u
#define START_ID_BYTES   4u

int cpg_header_decode(const void *data, size_t bytes, struct cpg_header *ret)
{
	const uint8_t *p = data;

	if (bytes < CPG_HEADER_BYTES)
		return -EBADMSG;
	for (int i = 0; i < 3; i++)
		ret->version[i] = get_le16(p + 2 * i);
	ret->type = get_le16(p + 6);
	ret->nodeid = get_le32(p + 8);
	ret->to_nodeid = get_le32(p + 12);
	ret->global_id = get_le32(p + 16);
	ret->flags = get_le32(p + 20);
	ret->msgdata = get_le32(p + 24);
	ret->msgdata2 = get_le32(p + 28);
	return 0;
}

/* The header of a message that has @bytes in all; what follows it is 0. */
static uint8_t *header_encode(const struct cpg_header *header, uint8_t *ret, size_t bytes)
{
	memset(ret, 0, bytes);
	for (int i = 0; i < 3; i++)
		put_le16(ret + 2 * i, header->version[i]);
	put_le16(ret + 6, header->type);
	put_le32(ret + 8, header->nodeid);
	put_le32(ret + 12, header->to_nodeid);
	put_le32(ret + 16, header->global_id);
	put_le32(ret + 20, header->flags);
	put_le32(ret + 24, header->msgdata);
	put_le32(ret + 28, header->msgdata2);
	return ret + CPG_HEADER_BYTES;
}

static void version_encode(const struct cpg_version *version, uint8_t *p)
{
	put_le16(p, version->major);
	put_le16(p + 2, version->minor);
	put_le16(p + 4, version->patch);
	put_le16(p + 6, version->flags);
}

static void version_decode(const uint8_t *p, struct cpg_version *ret)
{
	ret->major = get_le16(p);
	ret->minor = get_le16(p + 2);
	ret->patch = get_le16(p + 4);
	ret->flags = get_le16(p + 6);
}

size_t cpg_protocol_encode(
	const struct cpg_header *header, const struct cpg_protocol *protocol, uint8_t *ret)
{
	uint8_t *p = header_encode(header, ret, CPG_PROTOCOL_BYTES);

	version_encode(&protocol->daemon_max, p);
	version_encode(&protocol->kernel_max, p + 8);
	version_encode(&protocol->daemon_run, p + 16);
	version_encode(&protocol->kernel_run, p + 24);
	return CPG_PROTOCOL_BYTES;
}

int cpg_protocol_decode(const void *data, size_t bytes, struct cpg_protocol *ret)
{
	const uint8_t *p = (const uint8_t *)data + CPG_HEADER_BYTES;

	if (bytes < CPG_PROTOCOL_BYTES)
		return -EBADMSG;
	version_decode(p, &ret->daemon_max);
	version_decode(p + 8, &ret->kernel_max);
	version_decode(p + 16, &ret->daemon_run);
	version_decode(p + 24, &ret->kernel_run);
	return 0;
}

size_t cpg_fence_encode(
	const struct cpg_header *header, const struct cpg_fence *fence, uint8_t *ret)
{
	uint8_t *p = header_encode(header, ret, CPG_FENCE_BYTES);

	put_le32(p, fence->version);
	put_le32(p + 4, fence->flags);
	put_le32(p + 8, fence->nodeid);
	put_le32(p + 12, (uint32_t)fence->result);
	put_le64(p + 16, fence->fence_walltime);
	return CPG_FENCE_BYTES;
}

int cpg_fence_decode(const void *data, size_t bytes, struct cpg_fence *ret)
{
	const uint8_t *p = (const uint8_t *)data + CPG_HEADER_BYTES;

	if (bytes < CPG_FENCE_BYTES)
		return -EBADMSG;
	ret->version = get_le32(p);
	ret->flags = get_le32(p + 4);
	ret->nodeid = get_le32(p + 8);
	ret->result = (int32_t)get_le32(p + 12);
	ret->fence_walltime = get_le64(p + 16);
	return 0;
}

size_t cpg_start_encode(
	const struct cpg_header *header, const struct cpg_start *start, uint8_t *ret)
{
	size_t bytes = CPG_START_BYTES + START_ID_BYTES * (size_t)start->member_count;
	uint8_t *p;

	must(start->member_count <= CPG_MEMBERS_MAX);
	p = header_encode(header, ret, bytes);
	put_le32(p, START_INFO_BYTES);
	put_le32(p + 4, START_ID_BYTES);
	put_le32(p + 8, start->member_count);
	put_le32(p + 12, start->started_count);
	put_le32(p + 16, start->member_count);
	put_le32(p + 20, start->joined_count);
	put_le32(p + 24, start->remove_count);
	put_le32(p + 28, start->failed_count);
	for (uint32_t i = 0; i < start->member_count; i++)
		put_le32(p + START_INFO_BYTES + START_ID_BYTES * i, start->members[i]);
	return bytes;
}

int cpg_start_decode(const void *data, size_t bytes, struct cpg_start *ret)
{
	const uint8_t *p = (const uint8_t *)data + CPG_HEADER_BYTES;
	uint32_t count;

	if (bytes < CPG_START_BYTES)
		return -EBADMSG;
	count = get_le32(p + 16);
	if (get_le32(p) != START_INFO_BYTES || get_le32(p + 4) != START_ID_BYTES ||
		get_le32(p + 8) != count || count > (bytes - CPG_START_BYTES) / START_ID_BYTES)
		return -EBADMSG;
	if (count > CPG_MEMBERS_MAX)
		return -EMSGSIZE;
	ret->started_count = get_le32(p + 12);
	ret->member_count = count;
	ret->joined_count = get_le32(p + 20);
	ret->remove_count = get_le32(p + 24);
	ret->failed_count = get_le32(p + 28);
	for (uint32_t i = 0; i < count; i++)
		ret->members[i] = get_le32(p + START_INFO_BYTES + START_ID_BYTES * i);
	return 0;
}

const char *cpg_type_word(uint16_t type)
{
	static const char *const words[] = {
		[CPG_PROTOCOL] = "protocol",
		[CPG_START] = "start",
		[CPG_PLOCK] = "plock",
		[CPG_PLOCK_OWN] = "plock_own",
		[CPG_PLOCK_DROP] = "plock_drop",
		[CPG_PLOCK_SYNC_LOCK] = "plock_sync_lock",
		[CPG_PLOCK_SYNC_WAITER] = "plock_sync_waiter",
		[CPG_PLOCKS_DONE] = "plocks_done",
		[CPG_PLOCKS_DATA] = "plocks_data",
		[CPG_FENCE_RESULT] = "fence_result",
		[CPG_FENCE_CLEAR] = "fence_clear",
		[CPG_RUN_REQUEST] = "run_request",
		[CPG_RUN_REPLY] = "run_reply",
	};

	if (type >= sizeof(words) / sizeof(words[0]) || !words[type])
		return "unknown";
	return words[type];
}
