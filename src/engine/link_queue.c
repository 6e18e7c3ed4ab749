/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pages of a link's send queue, and the pages that all links of a node keep back for frames
 * that must be sent.
 */
#include "engine/link_queue.h"

#include <string.h>

#include "base/pure/bytes.h"
#include "base/pure/must.h"

struct link_reserve {
	const struct alloc *alloc; /* borrowed */
	struct list pages;
	uint32_t count;
	uint32_t count_full; /* pages that go free come here first, until there are so many */
};

struct link_reserve *link_reserve_new(const struct alloc *alloc, size_t bytes)
{
	struct link_reserve *reserve = alloc_zeroed(alloc, sizeof(*reserve));

	if (!reserve)
		return NULL;
	reserve->alloc = alloc;
	reserve->count_full = (uint32_t)((bytes + LINK_PAGE_BYTES - 1) / LINK_PAGE_BYTES);
	list_init(&reserve->pages);
	while (reserve->count < reserve->count_full) {
		struct link_page *page = alloc_get(alloc, sizeof(*page));

		if (!page) {
			link_reserve_free(reserve);
			return NULL;
		}
		list_add_tail(&reserve->pages, &page->entry);
		reserve->count++;
	}
	return reserve;
}

void link_reserve_free(struct link_reserve *reserve)
{
	struct link_page *page;

	if (!reserve)
		return;
	while ((page = list_first(&reserve->pages, struct link_page, entry))) {
		list_remove(&page->entry);
		alloc_put(reserve->alloc, page, sizeof(*page));
	}
	alloc_put(reserve->alloc, reserve, sizeof(*reserve));
}

static struct link_page *reserve_take(struct link_reserve *reserve)
{
	struct link_page *page =
		reserve ? list_first(&reserve->pages, struct link_page, entry) : NULL;

	if (!page)
		return NULL;
	list_remove(&page->entry);
	reserve->count--;
	return page;
}

static struct link_page *page_new(struct link *link, bool must_go)
{
	struct link_page *page = alloc_get(link->alloc, sizeof(*page));

	if (!page && must_go)
		page = reserve_take(link->reserve);
	if (!page)
		return NULL;
	page->head = 0;
	page->end = 0;
	page->live_count = 0;
	list_add_tail(&link->pages, &page->entry);
	link->page_count++;
	if (!link->take_page) {
		link->take_page = page;
		link->take_offset = 0;
	}
	return page;
}

static void page_free(struct link *link, struct link_page *page)
{
	struct link_reserve *reserve = link->reserve;

	list_remove(&page->entry);
	link->page_count--;
	if (reserve && reserve->count < reserve->count_full) {
		list_add_tail(&reserve->pages, &page->entry);
		reserve->count++;
		return;
	}
	alloc_put(link->alloc, page, sizeof(*page));
}

static bool page_is_last(const struct link *link, const struct link_page *page)
{
	return page->entry.next == &link->pages;
}

static struct link_page *page_next(const struct link_page *page)
{
	return list_entry(page->entry.next, struct link_page, entry);
}

/* A page without wanted frames goes; the last one stays, empty, for the next frames. */
static void page_settle(struct link *link, struct link_page *page)
{
	if (page->live_count)
		return;
	if (page_is_last(link, page)) {
		page->head = 0;
		page->end = 0;
		if (link->take_page == page)
			link->take_offset = 0;
		return;
	}
	if (link->take_page == page) {
		link->take_page = page_next(page);
		link->take_offset = 0;
	}
	page_free(link, page);
}

static uint32_t frame_bytes(const uint8_t *frame)
{
	return get_le16(frame + 12);
}

static uint8_t frame_cmd(const uint8_t *frame)
{
	return frame[14];
}

static bool frame_is_dead(const uint8_t *frame)
{
	return frame[14] == 0;
}

/* STATUS, NAMES and their replies: who needs them asks again. */
static bool frame_is_droppable(const uint8_t *frame)
{
	uint32_t type;

	if (frame_cmd(frame) != WIRE_CMD_RCOM)
		return false;
	type = get_le32(frame + WIRE_HEADER_BYTES);
	return type != WIRE_RCOM_LOOKUP && type != WIRE_RCOM_LOCK &&
	       type != WIRE_RCOM_LOOKUP_REPLY && type != WIRE_RCOM_LOCK_REPLY;
}

/* @page may be gone afterwards. */
static void frame_kill(struct link *link, struct link_page *page, uint8_t *frame)
{
	if (frame_is_droppable(frame))
		link->bare_count--;
	frame[14] = 0;
	must(page->live_count > 0);
	page->live_count--;
	link->live_count--;
}

uint8_t *link_queue_room(struct link *link, uint32_t bytes, bool must_go)
{
	struct link_page *page = list_last(&link->pages, struct link_page, entry);

	must(bytes <= LINK_PAGE_BYTES);
	if (!page || page->end + bytes > LINK_PAGE_BYTES)
		page = page_new(link, must_go);
	return page ? page->bytes + page->end : NULL;
}

void link_queue_put(struct link *link, uint32_t bytes)
{
	struct link_page *page = list_last(&link->pages, struct link_page, entry);

	must(page);
	must(page->end + bytes <= LINK_PAGE_BYTES);
	must(frame_bytes(page->bytes + page->end) == bytes);
	if (frame_is_droppable(page->bytes + page->end))
		link->bare_count++;
	page->end += bytes;
	page->live_count++;
	link->live_count++;
	link->untaken_count++;
}

static void frame_taken(struct link *link, struct link_page *page, uint8_t *frame)
{
	uint32_t seq = get_le32(frame + 4);

	link->untaken_count--;
	if (frame_cmd(frame) != WIRE_CMD_OPTS) {
		frame_kill(link, page, frame);
		page_settle(link, page);
		return;
	}
	if ((int32_t)(seq - link->seq_taken) < 0)
		link->counters.resent++;
	else
		link->seq_taken = seq + 1;
}

/* The next frame that has not been taken, at the place of taking; NULL: there is none. */
static uint8_t *frame_untaken(struct link *link)
{
	if (!link->untaken_count)
		return NULL;
	for (;;) {
		uint8_t *frame = link->take_page->bytes + link->take_offset;

		if (link->take_offset == link->take_page->end) {
			must(!page_is_last(link, link->take_page));
			link->take_page = page_next(link->take_page);
			link->take_offset = link->take_page->head;
		} else if (frame_is_dead(frame)) {
			link->take_offset += frame_bytes(frame);
		} else {
			return frame;
		}
	}
}

size_t link_queue_take(struct link *link, uint8_t *ret, size_t room)
{
	size_t size = 0;
	uint8_t *frame;

	while ((frame = frame_untaken(link))) {
		uint32_t bytes = frame_bytes(frame);

		if (bytes > room - size)
			break;
		memcpy(ret + size, frame, bytes);
		size += bytes;
		link->take_offset += bytes;
		frame_taken(link, link->take_page, frame);
	}
	return size;
}

void link_queue_rewind(struct link *link)
{
	link->take_page = list_first(&link->pages, struct link_page, entry);
	link->take_offset = link->take_page ? link->take_page->head : 0;
	link->untaken_count = link->live_count;
}

/* Return: true: every frame of @page is gone, look at the next one */
static bool page_trim(struct link *link, struct link_page *page)
{
	while (page->head < page->end) {
		uint8_t *frame = page->bytes + page->head;

		if (!frame_is_dead(frame)) {
			if (frame_cmd(frame) != WIRE_CMD_OPTS ||
				(int32_t)(get_le32(frame + 4) - link->seq_acked) >= 0)
				return false;
			/* Acknowledged while it was about to go out once more. */
			if (page == link->take_page && page->head >= link->take_offset)
				link->untaken_count--;
			frame_kill(link, page, frame);
		}
		page->head += frame_bytes(frame);
		if (page == link->take_page && page->head > link->take_offset)
			link->take_offset = page->head;
	}
	return true;
}

void link_queue_trim(struct link *link)
{
	struct link_page *page, *tmp;

	list_for_each_safe (page, tmp, &link->pages, entry) {
		bool last = page_is_last(link, page);

		if (!page_trim(link, page))
			return;
		page_settle(link, page);
		if (last)
			return;
	}
}

static void frame_drop(struct link *link, struct link_page *page, uint8_t *frame)
{
	link->untaken_count--;
	link->counters.dropped++;
	frame_kill(link, page, frame);
}

static bool is_status_for(const uint8_t *frame, uint32_t lockspace)
{
	return frame_cmd(frame) == WIRE_CMD_RCOM && get_le32(frame + 4) == lockspace &&
	       get_le32(frame + WIRE_HEADER_BYTES) == WIRE_RCOM_STATUS;
}

/*
 * Droppable frames are never in front of the place of taking, since taking ends them.
 * Return: true: one frame was dropped
 */
static bool drop_first(struct link *link, bool any, uint32_t lockspace)
{
	struct link_page *page = link->take_page;
	uint32_t at = link->take_offset;

	if (!link->bare_count)
		return false;
	for (;;) {
		uint8_t *frame = page->bytes + at;

		if (at == page->end) {
			if (page_is_last(link, page))
				return false;
			page = page_next(page);
			at = page->head;
			continue;
		}
		if (any ? frame_is_droppable(frame) : is_status_for(frame, lockspace)) {
			frame_drop(link, page, frame);
			page_settle(link, page);
			return true;
		}
		at += frame_bytes(frame);
	}
}

void link_queue_bound(struct link *link, uint32_t count_max)
{
	while (link->bare_count > count_max)
		if (!drop_first(link, true, 0))
			return;
}

void link_queue_drop_status(struct link *link, uint32_t lockspace)
{
	(void)drop_first(link, false, lockspace);
}

void link_queue_flush(struct link *link)
{
	struct link_page *page;

	while ((page = list_first(&link->pages, struct link_page, entry)))
		page_free(link, page);
	link->take_page = NULL;
	link->take_offset = 0;
	link->live_count = 0;
	link->untaken_count = 0;
	link->bare_count = 0;
}

struct tally {
	uint32_t live_count, untaken_count, bare_count;
	uint32_t seq; /* of the next sequenced frame */
	bool reached; /* the place of taking */
};

static void page_check(const struct link *link, const struct link_page *page, struct tally *tally)
{
	uint32_t at, live_count = 0;

	must(page->head <= page->end);
	must(page->end <= LINK_PAGE_BYTES);
	for (at = page->head; at < page->end; at += frame_bytes(page->bytes + at)) {
		const uint8_t *frame = page->bytes + at;

		if (page == link->take_page && at == link->take_offset)
			tally->reached = true;
		if (frame_is_dead(frame))
			continue;
		live_count++;
		tally->untaken_count += tally->reached;
		tally->bare_count += frame_is_droppable(frame);
		if (frame_cmd(frame) != WIRE_CMD_OPTS) {
			must(tally->reached); /* taking a bare frame ends it */
			continue;
		}
		must(get_le32(frame + 4) == tally->seq);
		tally->seq++;
	}
	must(at == page->end);
	if (page == link->take_page && at == link->take_offset)
		tally->reached = true;
	must(page->live_count == live_count);
	must(live_count || (page_is_last(link, page) && !page->end));
	tally->live_count += live_count;
}

void link_queue_check(const struct link *link)
{
	struct tally tally = {.seq = link->seq_acked};
	const struct link_page *page;
	uint32_t page_count = 0;

	list_for_each (page, &link->pages, entry) {
		page_check(link, page, &tally);
		page_count++;
	}
	must(page_count == link->page_count);
	must((page_count == 0) == !link->take_page);
	must(tally.reached == !!link->take_page);
	must(tally.live_count == link->live_count);
	must(tally.untaken_count == link->untaken_count);
	must(tally.bare_count == link->bare_count);
	must(tally.seq == link->seq_send);
}
