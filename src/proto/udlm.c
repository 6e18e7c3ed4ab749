/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "proto/udlm.h"

#include <errno.h>
#include <string.h>

#include "base/pure/bytes.h"
#include "base/pure/must.h"

size_t udlm_encode(const struct udlm_header *header, const void *text, size_t bytes, uint8_t *ret)
{
	must(bytes <= UDLM_TEXT_BYTES);
	memset(ret, 0, UDLM_HEADER_BYTES);
	put_le32(ret, (uint32_t)(UDLM_HEADER_BYTES + bytes));
	put_le16(ret + 4, header->version);
	put_le16(ret + 6, UDLM_HEADER_BYTES);
	put_le16(ret + 8, header->type);
	put_le16(ret + 10, header->question);
	put_le32(ret + 12, header->capabilities);
	put_le32(ret + 16, header->nodeid);
	put_le32(ret + 20, header->to_nodeid);
	put_le32(ret + 24, header->id);
	put_le32(ret + 28, header->part);
	put_le32(ret + 32, header->part_count);
	if (bytes)
		memcpy(ret + UDLM_HEADER_BYTES, text, bytes);
	return UDLM_HEADER_BYTES + bytes;
}

int udlm_decode(const void *data, size_t bytes, struct udlm_header *ret, const char **ret_text,
	size_t *ret_bytes)
{
	const uint8_t *p = data;
	uint16_t header_bytes;
	uint32_t whole;

	if (bytes < UDLM_HEADER_BYTES)
		return -EBADMSG;
	whole = get_le32(p);
	header_bytes = get_le16(p + 6);
	if (whole > bytes || header_bytes < UDLM_HEADER_BYTES || header_bytes > whole)
		return -EBADMSG;
	if (get_le16(p + 4) != UDLM_VERSION_NOW)
		return -EPROTONOSUPPORT;
	*ret = (struct udlm_header){.version = get_le16(p + 4),
		.type = get_le16(p + 8),
		.question = get_le16(p + 10),
		.capabilities = get_le32(p + 12),
		.nodeid = get_le32(p + 16),
		.to_nodeid = get_le32(p + 20),
		.id = get_le32(p + 24),
		.part = get_le32(p + 28),
		.part_count = get_le32(p + 32)};
	*ret_text = (const char *)p + header_bytes;
	*ret_bytes = whole - header_bytes;
	return 0;
}
