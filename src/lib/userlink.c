/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records on their way to dlm_lockd and from it, and the waiting for answers. */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include "base/pure/dlmconst.h"
#include "lib/completion.h"
#include "lib/fork.h"
#include "lib/handle.h"
#include "lib/input.h"
#include "lib/user.h"

#define POKE_SERIAL      UINT32_MAX
#define TAKEOVER_WAIT_MS 1000

static uint64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void take_completion(struct handle *handle, const struct client_completion *record)
{
	struct completion completion = {
		.lkid = record->lkid,
		.status = record->status,
		.sbflags = record->sbflags,
		.mode = record->mode,
		.ended = record->head.flags & CLIENT_COMPLETION_ENDED,
	};

	if (record->head.flags & CLIENT_COMPLETION_HAS_LVB)
		completion.lvb = (const uint8_t *)record + sizeof(*record);
	completion_take(handle, &completion);
}

static void ids_refused(struct handle *handle, int error)
{
	struct user *user = handle->engine;

	user->ids.asked = false;
	user->ids.error = error;
	handle->news = true;
}

/* A request that was posted is in the table; refused, it never came to be, or the lock is idle
 * again. */
static void take_refused(struct handle *handle, const struct client_refused *record)
{
	const struct lock *lock = table_find(&handle->table, record->lkid);
	struct completion completion = {.lkid = record->lkid, .status = record->error};

	if (record->head.flags == CLIENT_NEED_IDS) {
		ids_refused(handle, record->error);
		return;
	}
	if (!lock)
		return;
	completion.mode = lock->mode;
	completion.ended = lock->mode == DLM_MODE_IV || record->error == -ENOENT;
	completion_take(handle, &completion);
}

static void take_answer(struct handle *handle, const struct client_answer *record)
{
	struct user *user = handle->engine;
	struct answer **at;
	struct answer *answer;

	if (record->head.serial == POKE_SERIAL) {
		user->poked = false;
		return;
	}
	for (at = &user->answers; (answer = *at); at = &answer->next)
		if (answer->serial == record->head.serial)
			break;
	if (!answer)
		return;
	*at = answer->next;
	answer->done = true;
	answer->result = record->result;
	if (answer->apply)
		answer->apply(handle, answer, record->value);
	handle->news = true;
}

static void take_ids(struct handle *handle, const struct client_ids *record)
{
	struct user *user = handle->engine;

	ids_add(&user->ids, record->first, record->count);
	handle->news = true;
}

/* Return: 0; -ENOTCONN the connection is of no use any more */
static int take_record(struct handle *handle, const void *record)
{
	const struct client_head *head = record;
	const struct client_bast *bast = record;

	switch (head->type) {
	case CLIENT_COMPLETION:
		take_completion(handle, record);
		return 0;
	case CLIENT_BAST:
		completion_blocked(handle, bast->lkid, bast->mode);
		return 0;
	case CLIENT_ANSWER:
		take_answer(handle, record);
		return 0;
	case CLIENT_REFUSED:
		take_refused(handle, record);
		return 0;
	case CLIENT_IDS:
		take_ids(handle, record);
		return 0;
	default:
		return -ENOTCONN;
	}
}

int userlink_take_records(struct handle *handle)
{
	struct user *user = handle->engine;
	const struct client_head *head;
	int result = 0;

	while (!result) {
		result = connection_next(user->connection, &head);
		if (!result)
			result = take_record(handle, head);
	}
	return result == -ENODATA ? 0 : -ENOTCONN;
}

int userlink_check(struct handle *handle)
{
	struct user *user = handle->engine;

	/* Where all is lost the lease may be closed already, and nothing can be taken over. */
	if (handle->lost.happened || user->taking_over)
		return 0;
	if (!user->disowned && connection_owned(user->connection))
		return 0;
	user->disowned = true;
	return -EPERM;
}

int userlink_receive(struct handle *handle)
{
	struct user *user = handle->engine;
	int result = userlink_check(handle);

	if (result)
		return result;
	if (handle->lost.happened)
		return -ENOTCONN;
	result = connection_receive(user->connection, MSG_DONTWAIT);
	if (result == -EAGAIN)
		return 0;
	if (!result)
		result = userlink_take_records(handle);
	if (result)
		lost_enter(handle);
	return result ? result : 1;
}

/*
 * The daemon may have stopped reading us because we do not read: take in what is there, to be
 * delivered later. The mutex stays held, since the packet must not change.
 */
static int wait_room(struct handle *handle)
{
	struct pollfd fd = {.fd = handle->fd, .events = POLLIN | POLLOUT};

	if (poll(&fd, 1, -1) > 0 && fd.revents & POLLIN && userlink_receive(handle) < 0)
		return -ENOTCONN;
	return 0;
}

int userlink_flush(struct handle *handle)
{
	struct user *user = handle->engine;
	int result;

	if (handle->lost.happened)
		return -ENOTCONN;
	do {
		result = connection_send(user->connection);
		if (result == -EAGAIN)
			result = wait_room(handle) ? -ENOTCONN : -EAGAIN;
	} while (result == -EAGAIN);
	return result;
}

void userlink_flush_old(struct handle *handle)
{
	struct user *user = handle->engine;

	if (user->connection->out_bytes && user->connection->out_since_ms != clock_ms())
		(void)userlink_flush(handle); /* a loss is found by the next that receives */
}

int userlink_append(struct handle *handle, enum client_record_type type, uint32_t bytes, void **ret)
{
	struct user *user = handle->engine;
	int result;

	if (bytes > CLIENT_PACKET_MAX - user->connection->out_bytes) {
		result = userlink_flush(handle);
		if (result)
			return result;
	}
	if (handle->lost.happened)
		return -ENOTCONN;
	if (!user->connection->out_bytes)
		user->connection->out_since_ms = clock_ms();
	*ret = connection_append(user->connection, type, bytes);
	return 0;
}

int userlink_post(struct handle *handle)
{
	if (dispatch_inside(handle) && !handle->dispatch.hasty)
		return 0;
	return userlink_flush(handle);
}

uint32_t userlink_serial(struct user *user)
{
	user->serial_last++;
	if (!user->serial_last || user->serial_last == POKE_SERIAL)
		user->serial_last = 1;
	return user->serial_last;
}

static void answer_forget(struct user *user, const struct answer *answer)
{
	struct answer **at;

	for (at = &user->answers; *at; at = &(*at)->next) {
		if (*at == answer) {
			*at = answer->next;
			return;
		}
	}
}

int userlink_ask(struct handle *handle, struct answer *answer)
{
	struct user *user = handle->engine;
	int result = 0;

	answer->next = user->answers;
	user->answers = answer;
	while (!answer->done && !result)
		result = input_wait(handle);
	if (answer->done)
		return answer->result;
	if (!handle->closed)
		answer_forget(user, answer);
	return result;
}

/* Ask before the last are used, so that a program seldom waits for them. */
static int ask_for_ids(struct handle *handle)
{
	struct user *user = handle->engine;
	void *record;
	int result = userlink_append(handle, CLIENT_NEED_IDS, sizeof(struct client_head), &record);

	if (!result) {
		user->ids.asked = true;
		user->ids.error = 0;
	}
	return result;
}

int userlink_wait_ids(struct handle *handle)
{
	struct user *user = handle->engine;
	int result = 0;

	if (user->ids.left <= user->ids.low && !user->ids.asked)
		result = ask_for_ids(handle);
	while (!result && !user->ids.left)
		result = user->ids.error ? user->ids.error : input_wait(handle);
	return result;
}

/* What was taken in without being delivered is not seen in the descriptor. An answer is. */
void userlink_poke(struct handle *handle)
{
	struct user *user = handle->engine;
	struct client_head *head;
	void *record;

	if (user->poked || userlink_append(handle, CLIENT_POKE, sizeof(*head), &record))
		return;
	head = record;
	head->serial = POKE_SERIAL;
	user->poked = true;
	(void)userlink_flush(
		handle); /* lost: then the descriptor hangs up, which is seen as well */
}

static void takeover_apply(struct handle *handle, struct answer *answer, uint32_t value)
{
	struct user *user = handle->engine;

	if (!answer->result)
		answer->result = connection_adopt(user->connection);
}

/* Calls of the parent's other threads wait in the parent; here their stacks are no more. */
static void forget_waiters(void *context, struct lock *lock)
{
	lock->waiters = NULL;
}

static void takeover_begin(struct handle *handle)
{
	struct user *user = handle->engine;

	table_each(&handle->table, forget_waiters, NULL);
	user->answers = NULL;
	user->poked = false;
	user->connection->out_bytes = 0; /* the parent sends its own */
	user->connection->lease = NULL;
	user->serial_last = (uint32_t)fork_pid() << 12;
	user->taking_over = true;
	ids_forget(&user->ids);
}

static int takeover_send(struct handle *handle, uint32_t serial)
{
	struct client_head *head;
	void *record;
	int result = userlink_append(handle, CLIENT_TAKEOVER, sizeof(*head), &record);

	if (result)
		return result;
	head = record;
	head->serial = serial;
	return userlink_flush(handle);
}

/* Return: 0 it has come; -ETIMEDOUT; -ENOTCONN */
static int takeover_wait(struct handle *handle, const struct answer *answer)
{
	struct pollfd fd = {.fd = handle->fd, .events = POLLIN};
	int ready;

	while (!answer->done) {
		ready = poll(&fd, 1, TAKEOVER_WAIT_MS);
		if (!ready)
			return -ETIMEDOUT;
		if (ready > 0 && userlink_receive(handle) < 0)
			return -ENOTCONN;
	}
	return 0;
}

/*
 * The parent may have been about to read, and have swallowed the answer that was meant for us: ask
 * again. It reads nothing after that, since by then the lease names us.
 */
int userlink_takeover(struct handle *handle)
{
	struct user *user = handle->engine;
	struct answer answer = {.apply = takeover_apply};
	int result;

	takeover_begin(handle);
	answer.serial = userlink_serial(user);
	user->answers = &answer;
	do {
		result = takeover_send(handle, answer.serial);
		if (!result)
			result = takeover_wait(handle, &answer);
	} while (result == -ETIMEDOUT);
	answer_forget(user, &answer);
	if (result == -ENOTCONN)
		input_take(handle); /* what came before the end, and the end */
	user->taking_over = false;
	if (result)
		return result;
	user->disowned = answer.result == -EPERM;
	return answer.result;
}
