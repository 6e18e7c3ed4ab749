/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lockd/ending.h"

#include <inttypes.h>
#include <string.h>

#include "base/pure/must.h"
#include "lockd/admin.h"
#include "lockd/peers.h"

#define ENDING_NODES_MAX ((CONTROL_PACKET_MAX - sizeof(struct control_ls)) / sizeof(uint32_t))

void ending_begin(struct daemon *daemon, uint32_t within_ms)
{
	if (daemon->ending_ms != UINT64_MAX)
		return;
	log_notice(daemon->log,
		"dlm_controld ends in order: FIN to every node, within %" PRIu32 " ms", within_ms);
	daemon->ending_ms = daemon->now_ms + within_ms;
}

void ending_close(struct daemon *daemon)
{
	if (daemon->ending_ms != UINT64_MAX)
		engine_peers_close(daemon->engine);
}

static void finish(struct daemon *daemon, const uint32_t *nodeids, uint32_t count)
{
	_Alignas(8) uint8_t message[CONTROL_PACKET_MAX];
	struct control_ls ending = {.count = count};
	uint32_t bytes = (uint32_t)(sizeof(ending) + count * sizeof(*nodeids));

	ending.head = (struct control_head){.type = CONTROL_ENDING, .bytes = bytes};
	memcpy(message, &ending, sizeof(ending));
	memcpy(message + sizeof(ending), nodeids, count * sizeof(*nodeids));
	admin_send(daemon, message, bytes);
	daemon_end(daemon, 0);
}

void ending_check(struct daemon *daemon)
{
	static uint32_t nodeids[ENDING_NODES_MAX];
	struct peer *peer;
	uint32_t count = 0;

	if (daemon->ending_ms == UINT64_MAX)
		return;
	if (daemon->peers)
		list_for_each (peer, &daemon->peers->list, entry)
			if (!peers_over(daemon, peer) && count < ENDING_NODES_MAX)
				nodeids[count++] = peer->nodeid;
	if (count && daemon->now_ms < daemon->ending_ms)
		return;
	for (uint32_t i = 0; i < count; i++)
		log_warning(daemon->log, "node %" PRIu32 " did not finish the FIN exchange",
			nodeids[i]);
	finish(daemon, nodeids, count);
}
