/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Operations of this node's programs: checked, routed to the master (ourselves, another node, or
 * first to the directory), and started. The public engine_lock() and engine_unlock() are here.
 * Source: docs/protocol/wire.md, "Argument validation", "Overlaps", "Directory".
 */
#include <stdbool.h>
#include <stdint.h>

struct engine_client;
struct engine_lock_args;
struct engine_lockspace;
struct lock;
struct resource;

/** request_check_new() - arguments of a new lock or an adoption. Return: 0; -EINVAL; -EDQUOT;
 * -EAGAIN */
int request_check_new(const struct engine_client *client, const struct engine_lock_args *args);
/**
 * request_start() - send a new lock to where it is decided; also again, after a wrong answer or
 * recovery
 * @must_go: the operation was accepted already: it may not fail
 * Return: 0; -ENOMEM if not @must_go, nothing was sent. The lock may have ended.
 */
int request_start(struct lock *lock, bool must_go);
/** request_restart_convert() - recovery: convert again, at the master that it has now */
void request_restart_convert(struct lock *lock);
/**
 * request_confirm_master() - the answer to a request has shown whether the master is right: let
 * those go on that waited for it
 * @lkid:   of the request; only the one that asked on behalf of all counts
 * @result: of the request: 0, -EINPROGRESS; -EAGAIN, -EBADR, -ENOTBLK
 */
void request_confirm_master(struct resource *resource, uint32_t lkid, int result);
/** request_run_lookups() - start every request that waited for the lookup */
void request_run_lookups(struct resource *resource);
/** request_end_overlapped() - end a request that was never granted, with what overlapped it */
void request_end_overlapped(struct lock *lock);
void request_send_unlock(struct lock *lock);
void request_send_cancel(struct lock *lock);
/** request_abandon() - force-unlock without a callback; PW and EX invalidate the value block */
void request_abandon(struct lock *lock);
/** request_orphan() - the lock has just become an orphan: give up its conversion, tell the master
 */
void request_orphan(struct lock *lock);
/** request_adopt() - an orphan becomes @client's, with the new arguments */
void request_adopt(
	struct engine_client *client, struct lock *lock, const struct engine_lock_args *args);
/** request_send_purge() - Return: 0; -ENOBUFS no such member; -ENOMEM */
int request_send_purge(struct engine_lockspace *ls, uint32_t nodeid, uint32_t pid);
