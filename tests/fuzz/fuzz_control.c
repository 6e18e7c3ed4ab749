/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dlm_controld against a live dlm_lockd: messages in any order, with any names, numbers, members
 * and results, and packets of any bytes, while programs create, use and release lockspaces. What is
 * malformed ends dlm_lockd in order; nothing else may, and nothing may crash it.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/pure/must.h"
#include "fuzz.h"
#include "lockd_world.h"
#include "proto/control.h"

#define PROGRAMS  3
#define STEPS_MAX 200

static const char *const NAMES[] = {"x", "y", "z", ""};

struct fuzz {
	struct lockd_world world;
	struct input input;
	int programs[PROGRAMS];
	bool malformed; /* dlm_lockd may have ended */
};

static const char *name_of(struct fuzz *fuzz)
{
	return NAMES[input_byte(&fuzz->input) % (sizeof(NAMES) / sizeof(NAMES[0]))];
}

static void step_new(struct fuzz *fuzz)
{
	struct control_ls_new message = {
		.head = {.type = CONTROL_LS_NEW, .bytes = sizeof(message)}};
	const char *name = name_of(fuzz);
	uint8_t what = input_byte(&fuzz->input);

	memcpy(message.name, name, strlen(name));
	message.global_id = what & 1 ? input_byte(&fuzz->input) : lockspace_global_id(name);
	message.flags = what & 2 ? input_word(&fuzz->input) : 0;
	message.nodir = (what >> 2) & 1;
	message.lvb_bytes = what & 8 ? input_word(&fuzz->input) : DLM_USER_LVB_BYTES;
	lockd_world_admin(&fuzz->world, &message, sizeof(message));
}

static void step_start(struct fuzz *fuzz)
{
	struct {
		struct control_ls ls;
		struct control_member members[4];
	} message = {.ls = {.head = {.type = CONTROL_LS_START}}};
	const char *name = name_of(fuzz);
	uint32_t i;

	memcpy(message.ls.name, name, strlen(name));
	message.ls.number = input_byte(&fuzz->input);
	message.ls.count = input_byte(&fuzz->input) % 5;
	for (i = 0; i < message.ls.count; i++) {
		message.members[i].nodeid = i ? input_byte(&fuzz->input) % 4 : 1;
		message.members[i].weight = input_byte(&fuzz->input);
	}
	message.ls.head.bytes =
		(uint32_t)(sizeof(message.ls) + message.ls.count * sizeof(message.members[0]));
	lockd_world_admin(&fuzz->world, &message, message.ls.head.bytes);
}

static void probe(struct fuzz *fuzz, uint8_t what)
{
	struct control_probe message = {.head = {.bytes = sizeof(message)}};

	message.head.type = what & 1 ? CONTROL_PROBE : CONTROL_PROBE_END;
	message.number = what >> 4;
	message.nodeid = what >> 2 & 3;
	message.keep = what >> 3 & 1;
	message.global_id = input_byte(&fuzz->input);
	snprintf(message.name, sizeof(message.name), "%s", name_of(fuzz));
	lockd_world_admin(&fuzz->world, &message, sizeof(message));
}

static void step_peer(struct fuzz *fuzz)
{
	struct control_peer message = {.head = {.bytes = sizeof(message)}};
	uint8_t what = input_byte(&fuzz->input);

	if (what & 2) {
		probe(fuzz, what);
		return;
	}
	message.head.type = what & 1 ? CONTROL_PEER_ADD : CONTROL_PEER_REMOVE;
	message.nodeid = input_byte(&fuzz->input) % 4;
	lockd_world_admin(&fuzz->world, &message, sizeof(message));
}

static void step_message(struct fuzz *fuzz)
{
	static const uint8_t TYPES[] = {CONTROL_LS_STOP, CONTROL_EVENT_DONE, CONTROL_EVENT_DONE,
		CONTROL_PING, CONTROL_STATUS, CONTROL_DUMP};
	struct control_ls message = {.head = {.bytes = sizeof(message)}};
	const char *name = name_of(fuzz);
	uint8_t what = input_byte(&fuzz->input);

	message.head.type = TYPES[what % sizeof(TYPES)];
	memcpy(message.name, name, strlen(name));
	message.number = input_byte(&fuzz->input);
	message.result = what & 128  ? -(int32_t)(input_word(&fuzz->input) & 0xffff)
			 : what & 64 ? input_byte(&fuzz->input) % 5
				     : 0;
	lockd_world_admin(&fuzz->world, &message, sizeof(message));
}

static void step_raw(struct fuzz *fuzz)
{
	const uint8_t *at;
	size_t bytes = input_bytes(&fuzz->input, input_byte(&fuzz->input), &at);

	lockd_world_admin(&fuzz->world, at, bytes);
	fuzz->malformed = true;
}

static int *program_of(struct fuzz *fuzz)
{
	return &fuzz->programs[input_byte(&fuzz->input) % PROGRAMS];
}

static void step_operation(struct fuzz *fuzz)
{
	struct client_create create = {
		.head = {.bytes = sizeof(create), .type = CLIENT_CREATE, .serial = 9}};
	struct client_release release = {
		.head = {.bytes = sizeof(release), .type = CLIENT_RELEASE, .serial = 9}};
	int fd = *program_of(fuzz);
	const char *name = name_of(fuzz);
	uint8_t what = input_byte(&fuzz->input);

	memcpy(create.name, name, strlen(name));
	memcpy(release.name, name, strlen(name));
	release.head.flags = what & 2 ? CLIENT_RELEASE_FORCE : 0;
	if (fd < 0)
		return;
	if (what & 1)
		(void)send(fd, &create, sizeof(create), MSG_DONTWAIT | MSG_NOSIGNAL);
	else
		(void)send(fd, &release, sizeof(release), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void step_connect(struct fuzz *fuzz)
{
	int *fd = program_of(fuzz);
	const char *name = name_of(fuzz);

	if (*fd >= 0)
		close(*fd);
	*fd = lockd_world_connect(*name ? name : NULL);
	if (*fd >= 0)
		lockd_world_hello(*fd);
}

/* A lock of a program that is connected to a lockspace; ids are the first of its blocks, or not. */
static void step_lock(struct fuzz *fuzz)
{
	struct {
		struct client_lock lock;
		char name[8];
	} record = {.lock = {.head = {.bytes = sizeof(record), .type = CLIENT_LOCK}}};
	int fd = *program_of(fuzz);

	record.lock.lkid = input_byte(&fuzz->input) % 16 + 4096u * (input_byte(&fuzz->input) % 8);
	record.lock.mode = input_byte(&fuzz->input) % 6;
	record.lock.flags = input_byte(&fuzz->input) & 1 ? DLM_LKF_PERSISTENT : 0;
	record.lock.name_bytes = 1;
	record.name[0] = 'a';
	if (fd >= 0)
		(void)send(fd, &record, sizeof(record), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void step(struct fuzz *fuzz)
{
	int *fd;

	switch (input_byte(&fuzz->input) % 12) {
	case 0:
	case 1:
		step_new(fuzz);
		break;
	case 2:
	case 3:
		step_start(fuzz);
		break;
	case 4:
	case 5:
		step_message(fuzz);
		break;
	case 6:
		step_peer(fuzz);
		break;
	case 7:
		step_raw(fuzz);
		break;
	case 8:
		step_operation(fuzz);
		break;
	case 9:
		step_connect(fuzz);
		break;
	case 10:
		step_lock(fuzz);
		break;
	default:
		fd = program_of(fuzz);
		if (*fd >= 0)
			lockd_world_read(*fd);
		lockd_world_turns(&fuzz->world, 3);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz fuzz = {.input = {data, size}};
	int i;

	lockd_world_begin(&fuzz.world, false);
	fuzz.world.serves = input_byte(&fuzz.input) & 1;
	for (i = 0; i < PROGRAMS; i++) {
		fuzz.programs[i] = lockd_world_connect(NULL);
		lockd_world_hello(fuzz.programs[i]);
	}
	for (i = 0; i < STEPS_MAX && fuzz.input.left && !fuzz.world.daemon->ended; i++) {
		step(&fuzz);
		lockd_world_turns(&fuzz.world, 2);
		engine_check(fuzz.world.daemon->engine);
	}
	must(!fuzz.world.daemon->ended || fuzz.malformed);
	for (i = 0; i < PROGRAMS; i++)
		if (fuzz.programs[i] >= 0)
			close(fuzz.programs[i]);
	lockd_world_turns(&fuzz.world, 5);
	lockd_world_end(&fuzz.world);
	return 0;
}
