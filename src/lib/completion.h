/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * What a lock engine tells about a lock, turned into the table's new state, deliveries, and the end
 * of calls that wait. Arguments of callbacks are taken as they are now, not when they are
 * delivered.
 */
#include <stdbool.h>
#include <stdint.h>

struct handle;
struct lock;
struct lock_call;
struct unlock_call;
struct delivery;

struct completion {
	uint32_t lkid;
	int status; /* 0, or negative errno or -DLM_STATUS_* */
	uint8_t sbflags;
	int8_t mode;        /* granted from now on, or DLM_MODE_IV */
	bool ended;         /* the lock is no more */
	const uint8_t *lvb; /* DLM_LVB_LEN bytes, NULL: none */
};

/** completion_take() - an id that we do not know is ignored */
void completion_take(struct handle *handle, const struct completion *completion);
/** completion_blocked() - a request for @mode waits for this lock */
void completion_blocked(struct handle *handle, uint32_t lkid, uint8_t mode);
/** completion_fail_all() - everything in progress ends with this status (negative) */
void completion_fail_all(struct handle *handle, int status);
/** completion_purge_all() - forget all locks; only waiting calls are told, with EUNLOCK */
void completion_purge_all(struct handle *handle);

/**
 * completion_reserve() - room for the completion of a request, before it is posted
 * @waits: the request is a call that waits, which needs none
 * @ret:   to be given to completion_expect_x(), or to dispatch_drop()
 *
 * Return: 0; -ENOMEM
 */
int completion_reserve(struct handle *handle, bool waits, struct delivery **ret);
/** completion_expect_lock() - a request or conversion of an idle lock is in progress from now on */
void completion_expect_lock(
	struct lock *lock, const struct lock_call *call, struct delivery *reserved);
/**
 * completion_expect_unlock() - the same for an unlock or cancel
 *
 * Of a lock with something in progress, too: the one completion is then told to both callers, if
 * one of them waits; else to the last, as the field has it.
 */
void completion_expect_unlock(struct handle *handle, struct lock *lock,
	const struct unlock_call *call, struct delivery *reserved);
/** completion_unexpect() - it could not be posted after all; the lock is idle */
void completion_unexpect(struct handle *handle, struct lock *lock);
