/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/lost/lost.h"

#include <errno.h>
#include <qb/qbutil.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/pure/list.h"
#include "control/lost/holder.h"
#include "control/lost/lease.h"

#define TICK_MS     50u
#define AGAIN_MS    1000u /* between looks for holders that SIGKILL has not ended yet */
#define SHOWN_MAX   20u   /* things that are named one by one */
#define HOLDERS_MAX 4u    /* of one lease that are named */

enum stage {
	STAGE_ACK,  /* programs may acknowledge */
	STAGE_TERM, /* they have been asked to end */
	STAGE_KILL, /* they are being killed */
	STAGE_SYNC, /* what they wrote goes to disk */
	STAGE_WORD, /* root's word is waited for */
	STAGE_DONE,
};

struct held {
	struct list on_lost;
	struct lease_found found; /* fd: ours, tried for the lock; -1 when the right has ended */
	bool has_ended;
	uint32_t holder_count;
	struct {
		pid_t pid;
		char command[32];
	} holders[HOLDERS_MAX]; /* the first holder_count of them that were found last */
};

struct lost {
	qb_loop_t *loop;
	struct log *log;
	struct lost_settings settings;
	enum stage stage;
	struct list leases; /* that still say something */
	uint32_t lease_count;
	uint32_t waited_ms, next_look_ms;
	qb_loop_timer_handle timer;
	bool is_again;          /* SIGKILL has been sent before */
	struct log_limit limit; /* of what is said each second from then on */
	pid_t sync_pid;
	bool had_rights; /* something was held: what was written under it must reach the disk */
};

static void held_free(struct held *held)
{
	if (held->found.fd >= 0)
		close(held->found.fd);
	list_remove(&held->on_lost);
	free(held);
}

static void held_remove(struct lost *lost, struct held *held)
{
	int rv = lease_remove_file(lost->settings.run_dir, held->found.name);

	if (rv && rv != -ENOENT)
		log_warning(lost->log, "cannot remove the lease %s: %s", held->found.name,
			strerror(-rv));
	lost->lease_count--;
	held_free(held);
}

/* ---- beginning ---- */

static void lease_take(void *context, const struct lease_found *found)
{
	struct lost *lost = context;
	struct held *held;

	if (found->meaning == LEASE_NOTHING) {
		close(found->fd);
		(void)lease_remove_file(lost->settings.run_dir, found->name);
		return;
	}
	held = calloc(1, sizeof(*held));
	if (!held) {
		close(found->fd);
		lost->stage = STAGE_DONE; /* lost_new() fails */
		return;
	}
	held->found = *found;
	if (found->meaning == LEASE_ORPHANS) {
		held->has_ended = true; /* there is no process to wait for */
		close(found->fd);
		held->found.fd = -1;
	}
	list_add_tail(&lost->leases, &held->on_lost);
	lost->lease_count++;
}

static bool is_beyond(const struct held *held)
{
	return held->found.meaning == LEASE_HELD_BEYOND || held->found.meaning == LEASE_ORPHANS;
}

/* ---- the right of a process ends with its last descriptor of the lease ---- */

static void check_ended(struct lost *lost, struct held *held)
{
	if (flock(held->found.fd, LOCK_EX | LOCK_NB))
		return;
	held->has_ended = true;
	close(held->found.fd);
	held->found.fd = -1;
	log_info(lost->log, "lockspace %s: %s (pid %u) has no right any more",
		held->found.lease.lockspace, held->found.lease.command,
		held->found.lease.owner_pid);
	if (!is_beyond(held))
		held_remove(lost, held);
}

/* Return: leases of processes that still have their right */
static uint32_t check_all(struct lost *lost)
{
	struct held *held, *next;
	uint32_t count = 0;

	list_for_each_safe (held, next, &lost->leases, on_lost) {
		if (held->has_ended)
			continue;
		count++;
		check_ended(lost, held);
	}
	count = 0;
	list_for_each (held, &lost->leases, on_lost)
		count += !held->has_ended;
	return count;
}

/* ---- who still has one ---- */

struct look {
	struct lost *lost;
	struct held **list; /* by the index of their keys */
	struct holder_key *keys;
	size_t count;
	int signal; /* 0: none */
};

/* Each is named when it is asked to end and when it is killed; after that, some of them now and
 * then. */
static void signal_say(
	struct look *look, const struct held *held, pid_t pid, const char *command, int error)
{
	char text[256];

	snprintf(text, sizeof(text), "lockspace %s: %s (pid %ld) held locks and goes on: %s%s%s",
		held->found.lease.lockspace, command, (long)pid, strsignal(look->signal),
		error ? " could not be sent: " : "", error ? strerror(-error) : "");
	if (look->lost->is_again)
		log_write_limited(
			look->lost->log, &look->lost->limit, LOG_LEVEL_WARNING, "%s", text);
	else
		log_warning(look->lost->log, "%s", text);
}

static void look_found(void *context, size_t index, pid_t pid, const char *command)
{
	struct look *look = context;
	struct held *held = look->list[index];

	for (uint32_t i = 0; i < held->holder_count; i++) {
		if (held->holders[i].pid == pid)
			return;
	}
	if (held->holder_count < HOLDERS_MAX) {
		held->holders[held->holder_count].pid = pid;
		memcpy(held->holders[held->holder_count].command, command, 32);
		held->holder_count++;
	}
	if (look->signal) {
		struct holder_key key = {
			.name = held->found.name, .dev = held->found.dev, .ino = held->found.ino};
		int rv = holder_signal(pid, &key, look->signal);

		signal_say(look, held, pid, command, rv);
	}
}

static int look_new(struct lost *lost, int signal, struct look *ret)
{
	struct held *held;

	*ret = (struct look){.lost = lost, .signal = signal};
	ret->list = calloc(lost->lease_count + 1, sizeof(*ret->list));
	ret->keys = calloc(lost->lease_count + 1, sizeof(*ret->keys));
	if (!ret->list || !ret->keys)
		return -ENOMEM;
	list_for_each (held, &lost->leases, on_lost) {
		if (held->has_ended)
			continue;
		held->holder_count = 0;
		ret->keys[ret->count] = (struct holder_key){.name = held->found.name,
			.dev = held->found.dev,
			.ino = held->found.ino,
			.index = ret->count};
		ret->list[ret->count++] = held;
	}
	return 0;
}

/* Mappings are looked at only where no descriptor was found: that is rare, and slow. */
static bool someone_is_missing(const struct look *look)
{
	for (size_t i = 0; i < look->count; i++) {
		if (!look->list[i]->holder_count)
			return true;
	}
	return false;
}

static void look_for_holders(struct lost *lost, int signal)
{
	struct look look;
	int rv;

	rv = look_new(lost, signal, &look);
	if (!rv)
		rv = holder_find(look.keys, look.count, false, look_found, &look);
	if (!rv && signal && someone_is_missing(&look))
		rv = holder_find(look.keys, look.count, true, look_found, &look);
	if (rv)
		log_error(lost->log, "cannot look for holders of lost locks: %s", strerror(-rv));
	free(look.list);
	free(look.keys);
	lost->settings.changed(lost->settings.context);
}

/* ---- stages ---- */

static void stage_set(struct lost *lost, enum stage stage)
{
	lost->stage = stage;
	lost->settings.changed(lost->settings.context);
}

static bool waits_for_word(const struct lost *lost)
{
	const struct held *held;

	list_for_each (held, &lost->leases, on_lost) {
		if (is_beyond(held))
			return true;
	}
	return false;
}

/* Everything that processes could do has been done. */
static void after_sync(struct lost *lost)
{
	if (waits_for_word(lost) && !lost->settings.without_ack) {
		struct text text = {0};

		stage_set(lost, STAGE_WORD);
		lost_describe(lost, "", &text);
		log_error(lost->log, "%s", text.data ? text.data : "waiting for lost_ack");
		text_done(&text);
		return;
	}
	stage_set(lost, STAGE_DONE);
}

/* sync() may wait for a disk that does not answer, so it has a process of its own. */
static void sync_begin(struct lost *lost)
{
	pid_t pid;

	if (!lost->had_rights) {
		after_sync(lost);
		return;
	}
	pid = fork();
	if (!pid) {
		(void)close_range(3, ~0u, 0);
		sync();
		_exit(0);
	}
	if (pid < 0) {
		log_warning(
			lost->log, "cannot fork for sync: %s; it is done here", strerror(errno));
		sync();
		after_sync(lost);
		return;
	}
	lost->sync_pid = pid;
	stage_set(lost, STAGE_SYNC);
}

static void sync_check(struct lost *lost)
{
	if (!waitpid(lost->sync_pid, NULL, WNOHANG))
		return;
	lost->sync_pid = 0;
	after_sync(lost);
}

static void holders_check(struct lost *lost)
{
	if (!check_all(lost)) {
		sync_begin(lost);
		return;
	}
	if (lost->waited_ms < lost->next_look_ms)
		return;
	if (!lost->next_look_ms) {
		look_for_holders(lost, 0); /* only to name them */
		lost->next_look_ms = LOST_ACK_MS;
	} else if (lost->stage == STAGE_ACK) {
		stage_set(lost, STAGE_TERM);
		look_for_holders(lost, SIGTERM);
		lost->next_look_ms = lost->waited_ms + LOST_TERM_MS;
	} else {
		lost->is_again = lost->stage == STAGE_KILL;
		stage_set(lost, STAGE_KILL);
		look_for_holders(lost, SIGKILL);
		lost->next_look_ms = lost->waited_ms + AGAIN_MS;
	}
}

static void tick(void *data);

static void tick_set(struct lost *lost, uint32_t ms)
{
	(void)qb_loop_timer_add(
		lost->loop, QB_LOOP_MED, ms * QB_TIME_NS_IN_MSEC, lost, tick, &lost->timer);
}

static void tick(void *data)
{
	struct lost *lost = data;

	lost->timer = 0;
	switch (lost->stage) {
	case STAGE_ACK:
	case STAGE_TERM:
	case STAGE_KILL:
		holders_check(lost);
		break;
	case STAGE_SYNC:
		sync_check(lost);
		break;
	case STAGE_WORD:
	case STAGE_DONE:
		break;
	}
	if (lost->stage == STAGE_DONE) {
		lost->settings.done(lost->settings.context);
		return;
	}
	lost->waited_ms += TICK_MS;
	if (lost->stage != STAGE_WORD)
		tick_set(lost, TICK_MS);
}

int lost_new(
	qb_loop_t *loop, struct log *log, const struct lost_settings *settings, struct lost **ret)
{
	struct lost *lost = calloc(1, sizeof(*lost));
	int rv;

	if (!lost)
		return -ENOMEM;
	lost->loop = loop;
	lost->log = log;
	lost->settings = *settings;
	list_init(&lost->leases);
	rv = lease_scan(log, settings->run_dir, settings->boot_id, lease_take, lost);
	if (!rv && lost->stage == STAGE_DONE)
		rv = -ENOMEM;
	if (rv) {
		lost_free(lost);
		return rv;
	}
	lost->had_rights = lost->lease_count > 0;
	if (lost->had_rights)
		log_notice(log, "leases that say that locks were held when dlm_lockd ended: %u",
			lost->lease_count);
	tick_set(lost, 0);
	*ret = lost;
	return 0;
}

void lost_free(struct lost *lost)
{
	struct held *held, *next;

	if (!lost)
		return;
	if (lost->timer)
		(void)qb_loop_timer_del(lost->loop, lost->timer);
	list_for_each_safe (held, next, &lost->leases, on_lost)
		held_free(held);
	free(lost);
}

/* ---- root's word ---- */

bool lost_needs_ack(const struct lost *lost)
{
	return lost->stage == STAGE_WORD;
}

static void describe_beyond(const struct held *held, struct text *ret)
{
	const struct lease *lease = &held->found.lease;

	if (held->found.meaning == LEASE_ORPHANS && !lease->magic)
		text_add(ret, "orphaned locks (their number cannot be read)");
	else if (held->found.meaning == LEASE_ORPHANS)
		text_add(ret, "%u orphaned locks", lease->held);
	else
		text_add(ret, "lockspace %s: %u PERSISTENT locks of %s (pid %u)", lease->lockspace,
			lease->persistent_held, lease->command, lease->owner_pid);
}

int lost_ack(struct lost *lost, const char *by, struct text *ret)
{
	struct held *held, *next;

	if (lost->stage != STAGE_WORD)
		return -ENOENT;
	list_for_each_safe (held, next, &lost->leases, on_lost) {
		size_t at = ret->bytes;

		describe_beyond(held, ret);
		log_warning(lost->log, "lost_ack by %s: %s", by, ret->data ? ret->data + at : "");
		text_add(ret, "\n");
		held_remove(lost, held);
	}
	stage_set(lost, STAGE_DONE);
	tick_set(lost, 0);
	return 0;
}

/* ---- for people ---- */

static void describe_holder(const struct lost *lost, const struct held *held, struct text *ret)
{
	const struct lease *lease = &held->found.lease;

	if (!held->holder_count) {
		text_add(ret, "somebody who is not visible (it was %s, pid %u)", lease->command,
			lease->owner_pid);
	}
	for (uint32_t i = 0; i < held->holder_count; i++)
		text_add(ret, "%s%s (pid %ld)", i ? ", " : "", held->holders[i].command,
			(long)held->holders[i].pid);
	text_add(ret, " held %u locks in lockspace %s, which are lost, and goes on%s", lease->held,
		lease->lockspace,
		lost->stage == STAGE_ACK    ? ": it has a moment to acknowledge"
		: lost->stage == STAGE_TERM ? " after SIGTERM; SIGKILL follows"
					    : " after SIGKILL: see what it waits for");
}

static void describe_holders(const struct lost *lost, const char *prefix, struct text *ret)
{
	const struct held *held;
	uint32_t count = 0;

	list_for_each (held, &lost->leases, on_lost) {
		if (held->has_ended || ++count > SHOWN_MAX)
			continue;
		text_add(ret, "%s", prefix);
		describe_holder(lost, held, ret);
		text_add(ret, "\n");
	}
	if (count > SHOWN_MAX)
		text_add(ret, "%s%u more programs that held locks\n", prefix, count - SHOWN_MAX);
}

static void describe_word(const struct lost *lost, const char *prefix, struct text *ret)
{
	const struct held *held;
	const char *between = "";

	text_add(ret, "%slocks that go on without their programs were lost: ", prefix);
	list_for_each (held, &lost->leases, on_lost) {
		text_add(ret, "%s", between);
		describe_beyond(held, ret);
		between = "; ";
	}
	text_add(ret, ". Make sure that nothing on this node acts on them any more (for lvmlockd: "
		      "deactivate the volumes of its shared volume groups), then type `dlm_tool "
		      "lost_ack` as root, or reboot\n");
}

void lost_describe(const struct lost *lost, const char *prefix, struct text *ret)
{
	switch (lost->stage) {
	case STAGE_ACK:
	case STAGE_TERM:
	case STAGE_KILL:
		describe_holders(lost, prefix, ret);
		return;
	case STAGE_SYNC:
		text_add(ret, "%sthe disks, to take what programs wrote under lost locks (sync)\n",
			prefix);
		return;
	case STAGE_WORD:
		describe_word(lost, prefix, ret);
		return;
	case STAGE_DONE:
		return;
	}
}
