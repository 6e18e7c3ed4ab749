/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the connection to a peer is, as text. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lockd/peers.h"

static void describe_apart(const struct transport_peer_info *transport, char *ret, size_t room)
{
	const char *text = strerror(-transport->error);

	switch (-transport->error) {
	case 0:
		snprintf(ret, room, "%s %s", transport->address,
			transport->state == TRANSPORT_CONNECTING ? "has not answered yet"
								 : "is not connected");
		break;
	case ECONNREFUSED:
		snprintf(ret, room, "%s refused (%s); firewall?", transport->address, text);
		break;
	case ETIMEDOUT:
		snprintf(ret, room, "%s does not answer (%s); firewall?", transport->address, text);
		break;
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
	case ENETDOWN:
		snprintf(ret, room, "%s cannot be reached (%s)", transport->address, text);
		break;
	default:
		snprintf(ret, room, "%s failed (%s)", transport->address, text);
		break;
	}
}

void peers_describe(
	const struct daemon *daemon, uint32_t nodeid, bool answers, char *ret, size_t room)
{
	const struct peers *peers = daemon->peers;
	struct transport_peer_info transport;

	if (!peers || peers->ops->info(peers->transport, nodeid, &transport))
		snprintf(ret, room, "it is no node of this cluster");
	else if (transport.state != TRANSPORT_CONNECTED)
		describe_apart(&transport, ret, room);
	else
		snprintf(ret, room, "%s is connected and %s", transport.address,
			transport.is_blocked ? "takes no data"
			: answers            ? "answers, but is not as far itself"
					     : "does not answer");
}
