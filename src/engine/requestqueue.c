/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/requestqueue.h"

#include <errno.h>
#include <string.h>

#include "base/pure/must.h"
#include "engine/lockspace.h"
#include "engine/message.h"
#include "engine/node.h"

struct request_entry {
	struct list entry;   /* ls->requests */
	uint32_t nodeid;     /* who sent it */
	struct wire_msg msg; /* msg.extra points into extra */
	uint8_t extra[];
};

static size_t entry_bytes(const struct wire_msg *msg)
{
	return sizeof(struct request_entry) + msg->extra_bytes;
}

static void entry_free(struct engine_lockspace *ls, struct request_entry *entry)
{
	list_remove(&entry->entry);
	alloc_put(ls->engine->settings.alloc, entry, entry_bytes(&entry->msg));
}

void requestqueue_add(struct engine_lockspace *ls, uint32_t nodeid, const struct wire_msg *msg)
{
	struct request_entry *entry = alloc_get(ls->engine->settings.alloc, entry_bytes(msg));

	if (!entry) {
		/* It was acknowledged: its sender waits for what it asked, for ever. */
		node_fatal(ls->engine, -ENOMEM);
		return;
	}
	entry->nodeid = nodeid;
	entry->msg = *msg;
	if (msg->extra_bytes)
		memcpy(entry->extra, msg->extra, msg->extra_bytes);
	entry->msg.extra = entry->extra;
	list_add_tail(&ls->requests, &entry->entry);
}

static bool is_void(const struct engine_lockspace *ls, const struct request_entry *entry)
{
	if (ls->nodir || member_is_gone(ls, entry->nodeid) || !member_find(ls, entry->nodeid))
		return true;
	return entry->msg.type == WIRE_MSG_LOOKUP || entry->msg.type == WIRE_MSG_LOOKUP_REPLY ||
	       entry->msg.type == WIRE_MSG_REMOVE;
}

void requestqueue_purge(struct engine_lockspace *ls)
{
	struct request_entry *entry, *next;

	list_for_each_safe (entry, next, &ls->requests, entry)
		if (is_void(ls, entry))
			entry_free(ls, entry);
}

bool requestqueue_process(struct engine_lockspace *ls, uint32_t budget)
{
	struct request_entry *entry;

	while ((entry = list_first(&ls->requests, struct request_entry, entry))) {
		if (!budget--)
			return true;
		message_process(ls, entry->nodeid, &entry->msg);
		entry_free(ls, entry);
	}
	return false;
}

void requestqueue_drop_all(struct engine_lockspace *ls)
{
	struct request_entry *entry, *next;

	list_for_each_safe (entry, next, &ls->requests, entry)
		entry_free(ls, entry);
}
