/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scenario_message.h"

#include <stdio.h>
#include <string.h>

#include "base/pure/must.h"
#include "engine/wire.h"
#include "scenario.h"
#include "scenario_program.h"

const char *scenario_message_mode(int mode)
{
	static const char *const names[] = {"NL", "CR", "CW", "PR", "PW", "EX"};

	return mode >= DLM_MODE_NL && mode <= DLM_MODE_EX ? names[mode] : "none";
}

bool scenario_message_is_ack(const uint8_t *frame, size_t bytes)
{
	struct wire_header header;

	return !wire_header_decode(frame, bytes, &header) && header.cmd == WIRE_CMD_ACK;
}

/* Whose lock it is about: the id that the owner gave it is in one of two fields. */
static const char *scenario_message_label(
	const struct scenario *scenario, uint32_t from, uint32_t to, const struct wire_msg *msg)
{
	switch (msg->type) {
	case WIRE_MSG_REQUEST:
	case WIRE_MSG_CONVERT:
	case WIRE_MSG_UNLOCK:
	case WIRE_MSG_CANCEL:
	case WIRE_MSG_LOOKUP:
		return scenario_program_label(scenario, from, msg->lkid);
	case WIRE_MSG_LOOKUP_REPLY:
		return scenario_program_label(scenario, to, msg->lkid);
	case WIRE_MSG_REQUEST_REPLY:
	case WIRE_MSG_CONVERT_REPLY:
	case WIRE_MSG_UNLOCK_REPLY:
	case WIRE_MSG_CANCEL_REPLY:
	case WIRE_MSG_GRANT:
	case WIRE_MSG_BAST:
		return scenario_program_label(scenario, to, msg->remid);
	case WIRE_MSG_REMOVE:
	case WIRE_MSG_PURGE:
		break;
	}
	return "";
}

/* What follows the label. */
static void scenario_message_detail(const struct wire_msg *msg, char *ret, size_t room)
{
	ret[0] = 0;
	switch (msg->type) {
	case WIRE_MSG_REQUEST:
	case WIRE_MSG_LOOKUP:
		snprintf(ret, room, " %.*s %s", (int)msg->extra_bytes, (const char *)msg->extra,
			scenario_message_mode(msg->rqmode));
		break;
	case WIRE_MSG_REMOVE:
		snprintf(ret, room, "%.*s", (int)msg->extra_bytes, (const char *)msg->extra);
		break;
	case WIRE_MSG_CONVERT:
		snprintf(ret, room, " %s to %s", scenario_message_mode(msg->grmode),
			scenario_message_mode(msg->rqmode));
		break;
	case WIRE_MSG_BAST:
		snprintf(ret, room, " %s", scenario_message_mode(msg->bastmode));
		break;
	case WIRE_MSG_LOOKUP_REPLY:
		if (msg->nodeid == UINT32_MAX)
			snprintf(ret, room, " wrong directory");
		else
			snprintf(ret, room, " master %u", msg->nodeid);
		break;
	case WIRE_MSG_REQUEST_REPLY:
	case WIRE_MSG_CONVERT_REPLY:
	case WIRE_MSG_UNLOCK_REPLY:
	case WIRE_MSG_CANCEL_REPLY:
		snprintf(ret, room, " %s", scenario_error_name(msg->result));
		break;
	case WIRE_MSG_UNLOCK:
		snprintf(ret, room, "%s", msg->exflags & DLM_LKF_FORCEUNLOCK ? " by force" : "");
		break;
	case WIRE_MSG_PURGE:
		snprintf(ret, room, "pid %u", msg->pid);
		break;
	case WIRE_MSG_CANCEL:
	case WIRE_MSG_GRANT:
		break;
	}
}

static void scenario_message_rcom_lock(const struct scenario *scenario, uint32_t owner,
	const struct wire_rcom *rcom, char *ret, size_t room)
{
	static const char *const states[] = {"", "waiting", "granted", "converting"};
	const struct wire_rcom_lock *lock = &rcom->lock;
	const char *label = scenario_program_label(scenario, owner, lock->lkid);

	if (rcom->type == WIRE_RCOM_LOCK_REPLY)
		snprintf(ret, room, "%s %s", label, scenario_error_name(lock->result));
	else
		snprintf(ret, room, "%s %s %s%s%s", label, states[lock->status & 3],
			scenario_message_mode(lock->status == 1 ? lock->rqmode : lock->grmode),
			lock->status == 3 ? " to " : "",
			lock->status == 3 ? scenario_message_mode(lock->rqmode) : "");
}

static void scenario_message_rcom(const struct scenario *scenario, uint32_t from, uint32_t to,
	const struct wire_rcom *rcom, char *ret, size_t room)
{
	ret[0] = 0;
	switch (rcom->type) {
	case WIRE_RCOM_LOOKUP:
		snprintf(ret, room, "%.*s", (int)rcom->payload_bytes, (const char *)rcom->payload);
		break;
	case WIRE_RCOM_LOOKUP_REPLY:
		snprintf(ret, room, "master %d", rcom->result);
		break;
	case WIRE_RCOM_LOCK:
		scenario_message_rcom_lock(scenario, from, rcom, ret, room);
		break;
	case WIRE_RCOM_LOCK_REPLY:
		scenario_message_rcom_lock(scenario, to, rcom, ret, room);
		break;
	case WIRE_RCOM_STATUS_REPLY:
		snprintf(ret, room, "%x", (unsigned int)rcom->result);
		break;
	case WIRE_RCOM_STATUS:
	case WIRE_RCOM_NAMES:
	case WIRE_RCOM_NAMES_REPLY:
		break;
	}
}

static void scenario_message_text(const struct scenario *scenario, uint32_t from, uint32_t to,
	const struct wire_frame *frame, char *ret, size_t room)
{
	char detail[192];

	switch (frame->header.cmd) {
	case WIRE_CMD_MSG:
		scenario_message_detail(&frame->msg, detail, sizeof(detail));
		snprintf(ret, room, "%s %s%s", wire_msg_type_name(frame->msg.type),
			scenario_message_label(scenario, from, to, &frame->msg), detail);
		break;
	case WIRE_CMD_RCOM:
		scenario_message_rcom(scenario, from, to, &frame->rcom, detail, sizeof(detail));
		snprintf(
			ret, room, "recovery %s %s", wire_rcom_type_name(frame->rcom.type), detail);
		break;
	default:
		snprintf(ret, room, "%s", frame->header.cmd == WIRE_CMD_FIN ? "FIN" : "ACK");
		break;
	}
	for (size_t end = strlen(ret); end && ret[end - 1] == ' '; end--)
		ret[end - 1] = 0;
}

/* Asked again and again, at moments that say nothing. */
static bool scenario_message_is_poll(const struct wire_frame *frame)
{
	if (frame->header.cmd == WIRE_CMD_ACK)
		return true;
	return frame->header.cmd == WIRE_CMD_RCOM && frame->rcom.type != WIRE_RCOM_LOOKUP &&
	       frame->rcom.type != WIRE_RCOM_LOOKUP_REPLY && frame->rcom.type != WIRE_RCOM_LOCK &&
	       frame->rcom.type != WIRE_RCOM_LOCK_REPLY;
}

void scenario_message_note(
	struct scenario *scenario, uint32_t from, uint32_t to, const uint8_t *bytes, size_t count)
{
	struct scenario_pipe *pipe = &scenario->pipes[from][to];
	struct wire_frame frame;
	char text[256], line[320];
	bool again = false;
	int used;

	must(!wire_frame_decode(bytes, count, &frame));
	if (frame.header.cmd == WIRE_CMD_OPTS) {
		again = frame.header.lockspace < pipe->seen;
		if (!again)
			pipe->seen = frame.header.lockspace + 1;
		must(!wire_frame_decode(frame.inner_bytes, frame.inner.length, &frame));
	}
	scenario_message_text(scenario, from, to, &frame, text, sizeof(text));
	used = snprintf(
		line, sizeof(line), "%u -> %u %s%s\n", from, to, text, again ? " (again)" : "");
	must(used > 0 && (size_t)used < sizeof(line));
	scenario_text_add(&scenario->polls, line, (size_t)used);
	if (!scenario_message_is_poll(&frame))
		scenario_text_add(&scenario->messages, line, (size_t)used);
}
