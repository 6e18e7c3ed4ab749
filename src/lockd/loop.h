/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Who has input: one epoll set. It does not call anybody by itself: the daemon waits, then takes
 * the sources one by one, so that it can look at the control connection first and stop where a turn
 * has been long enough. What was not taken comes in the next turn, before anything new.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

#define LOOP_EVENTS_MAX 64

struct loop_source {
	int fd;          /* -1: not in the loop; never closed by the loop */
	uint32_t events; /* EPOLLIN, EPOLLOUT: wanted now */
	/* It may remove itself or any other source. */
	void (*ready)(struct loop_source *source, uint32_t events);
};

struct loop {
	int epoll_fd;
	int count, next; /* events[next .. count - 1] have not been taken */
	bool was_full;   /* the last wait may have left others out */
	struct epoll_event events[LOOP_EVENTS_MAX];
};

/** loop_init() - Return: 0; -errno of epoll_create1() */
int loop_init(struct loop *loop);
void loop_done(struct loop *loop);
/**
 * loop_add() - wait for @events on @fd
 * @source: borrowed until loop_remove()
 * Return: 0; -ENOMEM, -ENOSPC of epoll_ctl()
 */
int loop_add(struct loop *loop, struct loop_source *source, int fd, uint32_t events);
/** loop_want() - wait for @events from now on; 0 leaves hang-up and errors, which always come */
void loop_want(struct loop *loop, struct loop_source *source, uint32_t events);
/** loop_remove() - nothing comes any more, not even what has been waited for. Takes one not added.
 */
void loop_remove(struct loop *loop, struct loop_source *source);
/** loop_pending() - sources are there that loop_wait() found and nobody has taken */
bool loop_pending(const struct loop *loop);
/**
 * loop_wait() - only where !loop_pending()
 * @timeout_ms: -1: without end
 */
void loop_wait(struct loop *loop, int timeout_ms);
/** loop_has() - what loop_wait() found for this source and nobody has taken; 0: nothing */
uint32_t loop_has(const struct loop *loop, const struct loop_source *source);
/** loop_take() - the next source and its events, NULL: none */
struct loop_source *loop_take(struct loop *loop, uint32_t *ret_events);
