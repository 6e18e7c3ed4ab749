/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checks of the program's path that both ends need. */
#include "proto/client.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define ROUND8(x) (((x) + 7u) & ~7u)

static uint32_t lock_bytes(const struct client_lock *lock)
{
	uint32_t bytes = (uint32_t)sizeof(*lock) + ROUND8((uint32_t)lock->name_bytes);

	if (lock->head.flags & CLIENT_LOCK_HAS_LVB)
		bytes += DLM_USER_LVB_BYTES;
	return bytes;
}

/* The length that a record of this type must have; 0: no such type. */
static uint32_t expected_bytes(const struct client_head *head)
{
	uint32_t lvb = head->flags & CLIENT_UNLOCK_HAS_LVB ? DLM_USER_LVB_BYTES : 0;

	switch ((enum client_record_type)head->type) {
	case CLIENT_HELLO:
		return sizeof(struct client_hello);
	case CLIENT_LOCK:
	case CLIENT_ADOPT:
		if (head->bytes < sizeof(struct client_lock))
			return 0;
		return lock_bytes((const struct client_lock *)(const void *)head);
	case CLIENT_UNLOCK:
		return (uint32_t)sizeof(struct client_unlock) + lvb;
	case CLIENT_PURGE:
		return sizeof(struct client_purge);
	case CLIENT_NEED_IDS:
	case CLIENT_TAKEOVER:
	case CLIENT_POKE:
		return sizeof(struct client_head);
	case CLIENT_CREATE:
		return sizeof(struct client_create);
	case CLIENT_RELEASE:
		return sizeof(struct client_release);
	case CLIENT_WELCOME:
		return sizeof(struct client_welcome);
	case CLIENT_BYE:
		return sizeof(struct client_bye);
	case CLIENT_ANSWER:
		return sizeof(struct client_answer);
	case CLIENT_COMPLETION:
		return (uint32_t)sizeof(struct client_completion) + lvb;
	case CLIENT_BAST:
		return sizeof(struct client_bast);
	case CLIENT_REFUSED:
		return sizeof(struct client_refused);
	case CLIENT_IDS:
		return sizeof(struct client_ids);
	}
	return 0;
}

int client_record_check(const void *record, uint32_t bytes_there)
{
	const struct client_head *head = record;

	if (bytes_there < sizeof(*head))
		return -EAGAIN;
	if (head->bytes < sizeof(*head) || head->bytes > CLIENT_RECORD_MAX || head->bytes % 8)
		return -EBADMSG;
	if (head->bytes > bytes_there)
		return -EAGAIN;
	return expected_bytes(head) == head->bytes ? 0 : -EBADMSG;
}

const uint8_t *client_lock_name(const struct client_lock *lock)
{
	return (const uint8_t *)lock + sizeof(*lock);
}

const uint8_t *client_lock_lvb(const struct client_lock *lock)
{
	if (!(lock->head.flags & CLIENT_LOCK_HAS_LVB))
		return NULL;
	return client_lock_name(lock) + ROUND8((uint32_t)lock->name_bytes);
}

int client_lockspace_name_check(const char *name)
{
	size_t bytes = strlen(name);
	size_t i;

	if (bytes > DLM_NAME_BYTES_MAX)
		return -ENAMETOOLONG;
	if (!bytes || name[0] == '.')
		return -EINVAL;
	for (i = 0; i < bytes; i++)
		if (name[i] == '/' || (unsigned char)name[i] < 0x20 || name[i] == 0x7f)
			return -EINVAL;
	return 0;
}
