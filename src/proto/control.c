/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "proto/control.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static bool terminated(const char *text, size_t room)
{
	return strnlen(text, room) < room;
}

static int check_ls(const struct control_ls *ls, uint32_t bytes, uint32_t item_bytes)
{
	uint64_t wanted = sizeof(*ls) + (uint64_t)ls->count * item_bytes;

	if (!terminated(ls->name, sizeof(ls->name)) || wanted != bytes)
		return -EBADMSG;
	return 0;
}

static int check_fixed(
	const void *message, uint32_t bytes, uint32_t wanted, size_t text_at, size_t text_room)
{
	if (bytes != wanted)
		return -EBADMSG;
	if (text_room && !terminated((const char *)message + text_at, text_room))
		return -EBADMSG;
	return 0;
}

#define CHECK_TEXT(type, field)                                                                    \
	check_fixed(message, bytes, sizeof(type), offsetof(type, field), sizeof(((type *)0)->field))

int control_check(const void *message, uint32_t bytes)
{
	const struct control_head *head = message;

	if (bytes < sizeof(*head) || head->bytes != bytes || bytes > CONTROL_PACKET_MAX)
		return -EBADMSG;
	switch ((enum control_type)head->type) {
	case CONTROL_SETTINGS:
		return CHECK_TEXT(struct control_settings, cluster_name);
	case CONTROL_PEER_ADD:
	case CONTROL_PEER_REMOVE:
		return check_fixed(message, bytes, sizeof(struct control_peer), 0, 0);
	case CONTROL_LS_NEW:
		return CHECK_TEXT(struct control_ls_new, name);
	case CONTROL_READY:
		return CHECK_TEXT(struct control_ready, text);
	case CONTROL_ONLINE:
	case CONTROL_OFFLINE:
		return CHECK_TEXT(struct control_event, name);
	case CONTROL_FATAL:
		return CHECK_TEXT(struct control_fatal, text);
	case CONTROL_PROBE:
	case CONTROL_PROBE_END:
		return CHECK_TEXT(struct control_probe, name);
	case CONTROL_PROBED:
		return CHECK_TEXT(struct control_probed, name);
	case CONTROL_ENDING:
		if (bytes < sizeof(struct control_ls))
			return -EBADMSG;
		return check_ls(message, bytes, sizeof(uint32_t));
	case CONTROL_LS_START:
		if (bytes < sizeof(struct control_ls))
			return -EBADMSG;
		return check_ls(message, bytes, sizeof(struct control_member));
	case CONTROL_LS_STOP:
	case CONTROL_EVENT_DONE:
	case CONTROL_PING:
	case CONTROL_STATUS:
	case CONTROL_DUMP:
	case CONTROL_STOPPED:
	case CONTROL_RECOVERED:
	case CONTROL_FAILED:
	case CONTROL_PONG:
	case CONTROL_STATUS_IS:
	case CONTROL_DUMP_IS:
	case CONTROL_STOP:
	case CONTROL_WAITING:
		if (bytes < sizeof(struct control_ls))
			return -EBADMSG;
		return check_ls(message, bytes, 1);
	}
	return -EBADMSG;
}
