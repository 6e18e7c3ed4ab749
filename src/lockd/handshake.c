/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lockd/handshake.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lockd/output.h"
#include "lockd/space.h"

static void refuse_limit(struct connection *c)
{
	char text[112];

	if (c->refusal == -EMFILE)
		snprintf(text, sizeof(text),
			"user %u has too many connections to the lock daemon (client_count_max %u, "
			"half a user)",
			c->uid, c->daemon->accounts.connection_max);
	else
		snprintf(text, sizeof(text),
			"the lock daemon has too many connections (client_count_max %u)",
			c->daemon->accounts.connection_max);
	connection_bye(c, c->refusal, text);
}

/* Return: 0; else the reason has been told */
static int hello_check(struct connection *c, const struct client_head *head, pid_t pid)
{
	const struct client_hello *hello = (const struct client_hello *)(const void *)head;
	char text[112];
	int error = -EPROTO;

	if (head->type != CLIENT_HELLO || hello->magic != CLIENT_MAGIC) {
		snprintf(text, sizeof(text), "the first record is no HELLO of libdlm");
	} else if (hello->version_major != CLIENT_VERSION_MAJOR) {
		error = -EPROTONOSUPPORT;
		snprintf(text, sizeof(text),
			"libdlm speaks version %u, this dlm_lockd %u: install the same release of "
			"both",
			hello->version_major, CLIENT_VERSION_MAJOR);
	} else if (pid <= 0) {
		error = -EPERM;
		snprintf(text, sizeof(text),
			"your process id is not visible to dlm_lockd: it must run in a pid "
			"namespace below it");
	} else if (c->refusal) {
		error = c->refusal;
		refuse_limit(c);
		return error;
	} else {
		return 0;
	}
	connection_bye(c, error, text);
	return error;
}

static void welcome_append(const struct connection *c, struct packet *packet)
{
	static const uint32_t device_version[3] = {6, 0, 2};
	struct client_welcome *welcome =
		packet_append(packet, CLIENT_WELCOME, sizeof(*welcome), 0, 0);

	welcome->magic = CLIENT_MAGIC;
	welcome->version_major = CLIENT_VERSION_MAJOR;
	welcome->version_minor = CLIENT_VERSION_MINOR;
	welcome->features = 0;
	welcome->nodeid = c->daemon->settings.nodeid;
	welcome->global_id = c->space ? c->space->global_id : 0;
	welcome->lvb_bytes = DLM_USER_LVB_BYTES;
	memcpy(welcome->device_version, device_version, sizeof(device_version));
	welcome->id_block_count = ENGINE_ID_BLOCK;
}

static int ids_append(const struct connection *c, struct packet *packet)
{
	int i;

	for (i = 0; i < 2; i++) {
		struct client_ids *ids;
		uint32_t first;
		int rv = engine_client_ids(c->client, &first);

		if (rv)
			return rv;
		ids = packet_append(packet, CLIENT_IDS, sizeof(*ids), 0, 0);
		ids->first = first;
		ids->count = ENGINE_ID_BLOCK;
	}
	return 0;
}

/* Everything that a connection to a lockspace has. Return: 0 and the descriptor of its lease;
 * -errno */
static int locker_make(struct connection *c, struct packet *packet, int *ret_lease_fd)
{
	int rv = engine_client_new(c->space->ls, c, &c->client);

	if (!rv)
		rv = ids_append(c, packet);
	if (!rv)
		rv = lease_open(c->daemon->rundir.leases_fd, c->id, c->owner_pid,
			c->daemon->settings.boot_id, c->space->name, &c->lease, ret_lease_fd);
	return rv;
}

static int welcome_send(struct connection *c)
{
	struct packet *packet = packet_get(&c->daemon->packets);
	int lease_fd = -1;
	int rv = 0;

	if (!packet)
		return -ENOMEM;
	welcome_append(c, packet);
	if (c->space)
		rv = locker_make(c, packet, &lease_fd);
	if (!rv)
		rv = output_send(c, packet, lease_fd);
	if (lease_fd >= 0)
		close(lease_fd);
	packet_put(&c->daemon->packets, packet);
	return rv;
}

void handshake_hello(struct connection *c, const struct client_head *head, pid_t pid)
{
	char text[112], name[CONNECTION_NAME_MAX];
	int rv;

	if (hello_check(c, head, pid))
		return;
	c->owner_pid = (uint32_t)pid;
	if (c->space && !space_open_now(c->space)) {
		connection_bye(c, -ENOENT, "this lockspace is being released");
		return;
	}
	rv = welcome_send(c);
	if (!rv) {
		c->state = CONNECTION_SERVED;
		connection_interest(c);
		log_debug(c->daemon->log, "%s connected", connection_name(c, name, sizeof(name)));
		return;
	}
	log_write_limited(c->daemon->log, &c->daemon->limits.lease, LOG_LEVEL_ERROR,
		"%s could not be served: %s", connection_name(c, name, sizeof(name)),
		strerror(-rv));
	snprintf(text, sizeof(text), "the lock daemon could not serve you: %s", strerror(-rv));
	connection_bye(c, rv, text);
}
