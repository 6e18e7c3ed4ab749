/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What a link has to send: whole frames, in the order in which they were said, packed in pages. It
 * knows a frame's length, whether it has a sequence number, and whether it is still wanted, and
 * nothing of states and peers. For link.c only.
 *
 * Two places move through the pages: frames in front of the first one that is still wanted are gone
 * (acknowledged, or bare and taken), and the place of taking, which goes back to the first wanted
 * one when everything has to be sent again. A frame that is not wanted any more has 0 for its
 * command in the page and is skipped.
 */
#include "engine/link.h"

#define LINK_PAGE_BYTES         4096u
#define LINK_BARE_MAX           64u  /* STATUS and NAMES kept while there is no connection */
#define LINK_BARE_CONNECTED_MAX 512u /* and with one whose peer does not read */

struct link_page {
	struct list entry;   /* link->pages or link_reserve.pages */
	uint32_t head;       /* frames in front of it are not wanted */
	uint32_t end;        /* first unused byte */
	uint32_t live_count; /* frames that are still wanted */
	uint8_t bytes[LINK_PAGE_BYTES];
};

/**
 * link_queue_room() - where a frame of @bytes may be written, for link_queue_put()
 * @must_go: take a page from the reserve where there is no memory
 * Return: NULL: no memory, nothing changed
 */
uint8_t *link_queue_room(struct link *link, uint32_t bytes, bool must_go);
/** link_queue_put() - the frame that was written into the room just given is the newest */
void link_queue_put(struct link *link, uint32_t bytes);
/** link_queue_take() - copy frames not yet taken, whole ones only. Return: bytes */
size_t link_queue_take(struct link *link, uint8_t *ret, size_t room);
/** link_queue_rewind() - everything that is still wanted is to be taken again */
void link_queue_rewind(struct link *link);
/** link_queue_trim() - frames with numbers before link->seq_acked are not wanted any more */
void link_queue_trim(struct link *link);
/** link_queue_bound() - drop the oldest droppable bare frames until at most @count_max are left */
void link_queue_bound(struct link *link, uint32_t count_max);
/** link_queue_drop_status() - drop a STATUS request for @lockspace that has not been taken */
void link_queue_drop_status(struct link *link, uint32_t lockspace);
/** link_queue_flush() - drop everything */
void link_queue_flush(struct link *link);
/** link_queue_check() - counters and numbers are what the pages say; see link_check() */
void link_queue_check(const struct link *link);
