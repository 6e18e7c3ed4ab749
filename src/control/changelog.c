/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/changelog.h"

#include <inttypes.h>

#include "base/text.h"
#include "control/status.h"

static void ids_write(const uint32_t *ids, uint32_t count, struct text *ret)
{
	for (uint32_t i = 0; i < count; i++)
		text_add(ret, " %u", ids[i]);
}

void changelog_quorum(struct log *log, const struct fence_quorum *quorum)
{
	struct text ids = {0};

	ids_write(quorum->members, quorum->member_count, &ids);
	log_notice(log, "cluster: %s, nodes%s (ring %" PRIu64 ")",
		quorum->is_quorate ? "quorate" : "no quorum", ids.data ? ids.data : "",
		quorum->ring_seq);
	text_done(&ids);
}

void changelog_group(struct log *log, const char *what, const struct fence_change *change)
{
	struct text text = {0};

	text_add(&text, "members");
	ids_write(change->members, change->member_count, &text);
	for (uint32_t i = 0; i < change->joined_count; i++)
		text_add(&text, "%s node %u", i ? "," : "; joined:", change->joined[i]);
	for (uint32_t i = 0; i < change->left_count; i++)
		text_add(&text, "%s node %u (%s)", i ? "," : "; left:", change->left[i],
			status_reason_word(change->left_reasons[i]));
	if (text.data)
		log_notice(log, "%s: %s", what, text.data);
	text_done(&text);
}
