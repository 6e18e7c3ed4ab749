/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stands in dlm_lockd's place and misbehaves: what dlm_controld does then is the test. FAKE_LOCKD
 *says how: mute		reads and never says anything deaf		never reads garbage
 *READY, then bytes that are no message early		ONLINE before READY
 *	twice		READY two times
 *	fatal		FATAL with a sentence, then its end
 *	exit		ends at once with status 3
 *	lingers		READY, then closes its connection and lives on
 *	open		the same, with a lockspace
 *	hangs		READY, answers for a while, then nothing more
 *	name		READY, then ONLINE for "../x"
 *	version		READY of another version
 *	former		takes the lock file, READY, and lives on when its dlm_controld is gone
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/control.h"

static void say(void *message, uint32_t type, uint32_t bytes)
{
	struct control_head *head = message;

	head->type = type;
	head->bytes = bytes;
	if (send(CONTROL_FD, message, bytes, MSG_NOSIGNAL) < 0)
		_exit(9);
}

static void ready(uint32_t version)
{
	struct control_ready message = {.version = version, .pid = (uint32_t)getpid()};

	say(&message, CONTROL_READY, sizeof(message));
}

static void online(const char *name)
{
	struct control_event message = {.pid = 1};

	strncpy(message.name, name, sizeof(message.name) - 1);
	say(&message, CONTROL_ONLINE, sizeof(message));
}

static void fatal(void)
{
	struct control_fatal message = {.error = -5, .text = "the moon is full"};

	say(&message, CONTROL_FATAL, sizeof(message));
	_exit(1);
}

/* Reads until the end; answers the first @pongs pings. */
static void serve(int pongs)
{
	static char packet[CONTROL_PACKET_MAX];
	struct control_ls *ls = (void *)packet;

	while (recv(CONTROL_FD, packet, sizeof(packet), 0) > 0) {
		if (ls->head.type == CONTROL_PING && pongs-- > 0)
			say(ls, CONTROL_PONG, sizeof(*ls));
	}
}

/* Where dlm_lockd has it: RUN/lockd.lock. */
static void lock_file_take(void)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/lockd.lock", getenv(CLIENT_RUN_DIR_ENV));
	fd = open(path, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB))
		_exit(8);
}

/* A lockspace, until it is there. */
static void lockspace_open(void)
{
	static char packet[CONTROL_PACKET_MAX];
	const struct control_head *head = (void *)packet;

	online("x");
	while (recv(CONTROL_FD, packet, sizeof(packet), 0) > 0) {
		if (head->type == CONTROL_EVENT_DONE)
			return;
	}
}

static void sleep_for_ever(void)
{
	for (;;)
		pause();
}

int main(void)
{
	const char *how = getenv("FAKE_LOCKD");

	if (!strcmp(how, "exit"))
		return 3;
	if (!strcmp(how, "deaf"))
		sleep_for_ever();
	if (!strcmp(how, "mute")) {
		serve(0);
		return 0;
	}
	if (!strcmp(how, "fatal"))
		fatal();
	if (!strcmp(how, "former"))
		lock_file_take();
	if (!strcmp(how, "early"))
		online("x");
	ready(strcmp(how, "version") ? CONTROL_VERSION : CONTROL_VERSION + 1);
	if (!strcmp(how, "twice"))
		ready(CONTROL_VERSION);
	if (!strcmp(how, "garbage"))
		send(CONTROL_FD, "what is this", 12, MSG_NOSIGNAL);
	if (!strcmp(how, "name"))
		online("../x");
	if (!strcmp(how, "open"))
		lockspace_open();
	if (!strcmp(how, "lingers") || !strcmp(how, "open")) {
		close(CONTROL_FD);
		sleep_for_ever();
	}
	serve(!strcmp(how, "hangs") ? 2 : 1000000);
	if (!strcmp(how, "former"))
		sleep_for_ever();
	return 0;
}
