/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/cluster/corosync_quorum.h"

#include <string.h>

#include "control/cluster/corosync_connect.h"

static bool contains(const uint32_t *nodes, uint32_t count, uint32_t nodeid)
{
	for (uint32_t i = 0; i < count; i++)
		if (nodes[i] == nodeid)
			return true;
	return false;
}

/* It comes before the word on quorum. A node in both lists went and came while nobody looked. */
static void nodes_changed(quorum_handle_t quorum, struct quorum_ring_id ring, uint32_t member_count,
	const uint32_t *members, uint32_t joined_count, const uint32_t *joined, uint32_t left_count,
	const uint32_t *left)
{
	struct worker *worker = worker_current();

	for (uint32_t i = 0; i < joined_count; i++) {
		if (worker->rejoined_count < CLUSTER_NODES_MAX &&
			contains(left, left_count, joined[i]) &&
			!contains(worker->rejoined, worker->rejoined_count, joined[i]))
			worker->rejoined[worker->rejoined_count++] = joined[i];
	}
}

static void add_member(struct worker *worker, struct letter_quorum *word, uint32_t nodeid)
{
	uint32_t at = word->member_count++;

	word->members[at] = nodeid;
	word->address_counts[at] = corosync_connect_addresses(worker, nodeid, word->addresses[at]);
	if (!word->address_counts[at])
		worker_log(worker, LOG_LEVEL_WARNING,
			"corosync knows no address of node %u: look at its ring0_addr in "
			"corosync.conf",
			nodeid);
}

static void quorum_changed(quorum_handle_t quorum, uint32_t quorate, struct quorum_ring_id ring,
	uint32_t member_count, const uint32_t *members)
{
	struct worker *worker = worker_current();
	struct letter *letter =
		post_letter_new(LETTER_QUORUM, NULL, NULL, sizeof(struct letter_quorum));
	struct letter_quorum *word;

	if (letter) {
		word = (struct letter_quorum *)letter->data;
		word->is_quorate = quorate != 0;
		word->ring_seq = ring.seq;
		for (uint32_t i = 0; i < member_count && i < CLUSTER_NODES_MAX; i++)
			add_member(worker, word, members[i]);
		memcpy(word->rejoined, worker->rejoined, sizeof(word->rejoined));
		word->rejoined_count = worker->rejoined_count;
		worker->rejoined_count = 0;
	}
	worker_tell(worker, letter);
}

cs_error_t corosync_quorum_connect(struct worker *worker)
{
	quorum_model_v1_data_t model = {.model = QUORUM_MODEL_V1,
		.quorum_notify_fn = quorum_changed,
		.nodelist_notify_fn = nodes_changed};
	uint32_t type = QUORUM_FREE;
	cs_error_t error = quorum_model_initialize(
		&worker->quorum, QUORUM_MODEL_V1, (quorum_model_data_t *)&model, &type, NULL);

	if (error != CS_OK)
		return error;
	worker->has_quorum = true;
	worker->rejoined_count = 0;
	if (type != QUORUM_SET)
		return CS_ERR_NOT_SUPPORTED;
	error = quorum_fd_get(worker->quorum, &worker->quorum_fd);
	return error == CS_OK ? quorum_trackstart(worker->quorum, CS_TRACK_CHANGES) : error;
}

void corosync_quorum_dispatch(struct worker *worker)
{
	cs_error_t error = CS_OK;

	for (uint32_t i = 0; i < WORKER_EVENTS_MAX && error == CS_OK && !worker->is_lost &&
			     !post_is_full(worker->post);
		i++)
		error = quorum_dispatch(worker->quorum, CS_DISPATCH_ONE_NONBLOCKING);
	if (error != CS_OK && error != CS_ERR_TRY_AGAIN)
		worker_lost(worker, "corosync is gone (quorum: %s)", cs_strerror(error));
}
