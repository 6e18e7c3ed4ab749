/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs against a live dlm_lockd. The input is a list of steps of up to four programs: packets
 * of any bytes, records whose frame is right and whose content is anything, reading and not
 * reading, hanging up, connecting again, and dlm_controld that stops and starts the lockspace. A
 * fifth program behaves, and must be served as if the others were not there.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/pure/must.h"
#include "fuzz.h"
#include "lockd_world.h"

#define PROGRAMS  4
#define STEPS_MAX 200
#define NAME      "x"

struct fuzz {
	struct lockd_world world;
	struct input input;
	int programs[PROGRAMS];
	bool stopped;
	uint32_t number;
};

static int *program_of(struct fuzz *fuzz)
{
	return &fuzz->programs[input_byte(&fuzz->input) % PROGRAMS];
}

static void program_send(int fd, const void *data, size_t bytes)
{
	if (fd >= 0)
		(void)send(fd, data, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void step_connect(struct fuzz *fuzz)
{
	int *fd = program_of(fuzz);
	uint8_t how = input_byte(&fuzz->input);

	if (*fd >= 0)
		close(*fd);
	*fd = lockd_world_connect(how & 1 ? NULL : NAME);
	if (*fd >= 0 && !(how & 2))
		lockd_world_hello(*fd);
}

static void step_raw(struct fuzz *fuzz)
{
	int fd = *program_of(fuzz);
	const uint8_t *at;
	size_t bytes = input_bytes(&fuzz->input, input_byte(&fuzz->input) * 4u, &at);

	program_send(fd, at, bytes);
}

/* Records that pass the frame's check, some of them in a packet. */
static uint32_t record_put(struct input *input, uint8_t *ret)
{
	static const uint8_t TYPES[] = {CLIENT_LOCK, CLIENT_LOCK, CLIENT_UNLOCK, CLIENT_ADOPT,
		CLIENT_PURGE, CLIENT_NEED_IDS, CLIENT_TAKEOVER, CLIENT_LOCK};
	struct client_lock *lock = (struct client_lock *)(void *)ret;
	struct client_unlock *unlock = (struct client_unlock *)(void *)ret;
	struct client_purge *purge = (struct client_purge *)(void *)ret;
	uint8_t what = input_byte(input);
	uint32_t bytes = sizeof(struct client_head);

	memset(ret, 0, CLIENT_RECORD_MAX);
	lock->head.type = TYPES[what % sizeof(TYPES)];
	lock->head.serial = what & 8 ? input_byte(input) : 0;
	switch (lock->head.type) {
	case CLIENT_LOCK:
	case CLIENT_ADOPT:
		lock->head.flags = (what >> 4) & 3;
		/* the first blocks are 4096 and up: near hits are likely */
		lock->lkid =
			what & 64 ? input_word(input) : 4096u * (what >> 7) + input_byte(input);
		lock->flags = what & 128 ? input_word(input) : input_byte(input);
		lock->mode = input_byte(input) % 7;
		lock->name_bytes = what & 64 ? input_byte(input) : 1 + (what >> 7);
		bytes = (uint32_t)sizeof(*lock) + ((lock->name_bytes + 7u) & ~7u);
		memset(lock + 1, 'a' + (what & 1), lock->name_bytes);
		if (lock->head.flags & CLIENT_LOCK_HAS_LVB)
			bytes += DLM_USER_LVB_BYTES;
		break;
	case CLIENT_UNLOCK:
		lock->head.flags = (what >> 4) & 6;
		unlock->lkid = what & 128 ? input_word(input) : input_byte(input);
		unlock->flags = input_word(input) & (what & 64 ? 0x20028u : UINT32_MAX);
		bytes = sizeof(*unlock) +
			(lock->head.flags & CLIENT_UNLOCK_HAS_LVB ? DLM_USER_LVB_BYTES : 0);
		break;
	case CLIENT_PURGE:
		purge->nodeid = input_byte(input) % 3;
		purge->pid = what & 64 ? (uint32_t)getpid() : input_byte(input);
		bytes = sizeof(*purge);
		break;
	default:
		break;
	}
	lock->head.bytes = (uint16_t)bytes;
	return bytes;
}

static void step_records(struct fuzz *fuzz)
{
	static _Alignas(8) uint8_t packet[CLIENT_PACKET_MAX];
	int fd = *program_of(fuzz);
	unsigned count = 1 + input_byte(&fuzz->input) % 8;
	uint32_t bytes = 0;

	while (count--)
		bytes += record_put(&fuzz->input, packet + bytes);
	program_send(fd, packet, bytes);
}

/* Locks on three resources; blocks of ids begin at multiples of 4096, so that many ids are right.
 */
static void step_good_lock(struct fuzz *fuzz)
{
	struct {
		struct client_lock lock;
		char name[8];
	} record = {.lock = {.head = {.bytes = sizeof(record), .type = CLIENT_LOCK}}};
	int fd = *program_of(fuzz);

	record.lock.lkid = input_byte(&fuzz->input) % 32 + 4096u * (input_byte(&fuzz->input) % 16);
	record.lock.mode = input_byte(&fuzz->input) % 6;
	record.lock.flags = input_word(&fuzz->input);
	record.lock.name_bytes = 1;
	record.name[0] = (char)('a' + input_byte(&fuzz->input) % 3);
	program_send(fd, &record, sizeof(record));
}

static void step_operation(struct fuzz *fuzz)
{
	static const char *const NAMES[] = {NAME, "y", "", "../z", "y", "n"};
	struct client_create create = {
		.head = {.bytes = sizeof(create), .type = CLIENT_CREATE, .serial = 9}};
	struct client_release release = {
		.head = {.bytes = sizeof(release), .type = CLIENT_RELEASE, .serial = 9}};
	int fd = *program_of(fuzz);
	uint8_t what = input_byte(&fuzz->input);
	const char *name = NAMES[what % (sizeof(NAMES) / sizeof(NAMES[0]))];

	create.flags = input_byte(&fuzz->input);
	create.mode = input_word(&fuzz->input) & 017777;
	memcpy(create.name, name, strlen(name));
	memcpy(release.name, name, strlen(name));
	release.head.flags = (what >> 6) & 1;
	if (what & 128)
		program_send(fd, &create, sizeof(create));
	else
		program_send(fd, &release, sizeof(release));
}

static void step_stop_start(struct fuzz *fuzz)
{
	struct {
		struct control_ls ls;
		struct control_member member;
	} message = {.ls = {.name = NAME, .number = ++fuzz->number},
		.member = {.nodeid = 1, .weight = 1}};
	uint32_t bytes = sizeof(message.ls);

	message.ls.head.type = fuzz->stopped ? CONTROL_LS_START : CONTROL_LS_STOP;
	if (fuzz->stopped) {
		message.ls.count = 1;
		bytes = sizeof(message);
	}
	message.ls.head.bytes = bytes;
	lockd_world_admin(&fuzz->world, &message, bytes);
	fuzz->stopped = !fuzz->stopped;
}

static void step(struct fuzz *fuzz)
{
	int *fd;

	switch (input_byte(&fuzz->input) % 10) {
	case 0:
		step_connect(fuzz);
		break;
	case 1:
		step_raw(fuzz);
		break;
	case 2:
	case 3:
		step_records(fuzz);
		break;
	case 4:
		step_good_lock(fuzz);
		break;
	case 5:
		step_operation(fuzz);
		break;
	case 6:
		step_stop_start(fuzz);
		break;
	case 7:
		fd = program_of(fuzz);
		if (*fd >= 0)
			lockd_world_read(*fd);
		break;
	case 8:
		fd = program_of(fuzz);
		if (*fd >= 0)
			close(*fd);
		*fd = -1;
		break;
	default:
		lockd_world_turns(&fuzz->world, 3);
		break;
	}
}

/* It has asked for something that cannot be refused, and is answered. */
static void witness_check(struct fuzz *fuzz, int witness)
{
	struct client_head ask = {.bytes = sizeof(ask), .type = CLIENT_NEED_IDS, .serial = 1};

	lockd_world_read(witness);
	must(send(witness, &ask, sizeof(ask), MSG_NOSIGNAL) == sizeof(ask));
	lockd_world_turns(&fuzz->world, 20);
	must(lockd_world_read(witness) == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz fuzz = {.input = {data, size}, .number = 10};
	int witness, i;

	lockd_world_begin(&fuzz.world, true);
	lockd_world_create(&fuzz.world, NAME);
	for (i = 0; i < PROGRAMS; i++) {
		fuzz.programs[i] = lockd_world_connect(NAME);
		lockd_world_hello(fuzz.programs[i]);
	}
	witness = lockd_world_connect(NAME);
	lockd_world_hello(witness);
	lockd_world_turns(&fuzz.world, 4);
	must(lockd_world_read(witness) == 1);
	for (i = 0; i < STEPS_MAX && fuzz.input.left; i++) {
		step(&fuzz);
		lockd_world_turns(&fuzz.world, 1);
		if (i % 16 == 15)
			engine_check(fuzz.world.daemon->engine);
	}
	if (fuzz.stopped)
		step_stop_start(&fuzz);
	for (i = 0; i < PROGRAMS; i++)
		if (fuzz.programs[i] >= 0)
			close(fuzz.programs[i]);
	/* Those that were ended while they held locks have let go of their leases now. */
	lockd_world_turns(&fuzz.world, 4);
	fuzz.world.daemon->doomed_at_ms = 0;
	lockd_world_turns(&fuzz.world, 20);
	must(!fuzz.world.daemon->ended);
	witness_check(&fuzz, witness);
	close(witness);
	lockd_world_turns(&fuzz.world, 20);
	must(fuzz.world.daemon->accounts.connection_count == 0);
	lockd_world_end(&fuzz.world);
	return 0;
}
