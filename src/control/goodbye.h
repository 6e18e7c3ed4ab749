/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Peers that had not finished their goodbye when the lock engine of this node ended: they count its
 * frames still, and would drop those of a new engine unseen. So until each of them has been out of
 * the cluster once, or this node has, no new engine is started. The record is a file in the run
 * directory.
 */
#include <stdbool.h>
#include <stdint.h>

#define GOODBYE_FILE      "goodbye"
#define GOODBYE_NODES_MAX 128u

struct goodbye {
	uint64_t instance; /* of the cluster, see cluster.h; 0: not known */
	char boot_id[40];
	uint32_t count;
	uint32_t nodes[GOODBYE_NODES_MAX];
};

/**
 * goodbye_read() - what a former daemon has left
 * Return: 0, @ret->count 0 where there is nothing; -EBADMSG the file is not of this form; -errno
 */
int goodbye_read(const char *run_dir, struct goodbye *ret);
/** goodbye_write() - instead of what is there; no nodes: the file goes. Return: 0; -errno */
int goodbye_write(const char *run_dir, const struct goodbye *goodbye);
/** goodbye_add() - Return: 0; -ENOSPC. One that is there stays there once. */
int goodbye_add(struct goodbye *goodbye, uint32_t nodeid);
/** goodbye_applies() - whether it is of this boot and of this life of the cluster, as far as is
 * known
 */
bool goodbye_applies(const struct goodbye *goodbye, uint64_t instance, const char *boot_id);
/**
 * goodbye_keep() - drop those who are, or have been, out of the cluster
 * @members: who is in it
 * @rejoined: who has left and joined again
 * Return: how many were dropped
 */
uint32_t goodbye_keep(struct goodbye *goodbye, const uint32_t *members, uint32_t member_count,
	const uint32_t *rejoined, uint32_t rejoined_count);
