/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lockd_world.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/pure/must.h"
#include "lockd/admin.h"
#include "lockd/connection.h"
#include "proto/control.h"

static char run_path[64];

uint8_t input_byte(struct input *input)
{
	if (!input->left)
		return 0;
	input->left--;
	return *input->at++;
}

uint32_t input_word(struct input *input)
{
	uint32_t word = 0;
	int i;

	for (i = 0; i < 4; i++)
		word |= (uint32_t)input_byte(input) << (8 * i);
	return word;
}

size_t input_bytes(struct input *input, size_t size, const uint8_t **ret_at)
{
	if (size > input->left)
		size = input->left;
	*ret_at = input->at;
	input->at += size;
	input->left -= size;
	return size;
}

static void folder_empty(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
}

static void run_remove(void)
{
	static const char *const FOLDERS[] = {"/lockspaces", "/leases", ""};
	char path[128];
	size_t i;

	for (i = 0; i < sizeof(FOLDERS) / sizeof(FOLDERS[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", run_path, FOLDERS[i]);
		folder_empty(path);
		(void)rmdir(path);
	}
}

static void run_make(void)
{
	if (run_path[0])
		return;
	signal(SIGPIPE, SIG_IGN);
	/* In memory where that is possible: each input makes and removes some files. */
	snprintf(run_path, sizeof(run_path), "%s/udlm-fuzz-XXXXXX",
		access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	must(mkdtemp(run_path));
	atexit(run_remove);
}

static void settings_fill(struct control_settings *settings)
{
	*settings = (struct control_settings){
		.head = {.type = CONTROL_SETTINGS, .bytes = sizeof(*settings)},
		.version = CONTROL_VERSION,
		.flags = CONTROL_SETTING_SINGLE,
		.nodeid = 1,
		.client_count_max = 16,
		.client_locks_max = 64,
		.boot_id = "boot",
		.cluster_name = "fuzz",
	};
}

void lockd_world_begin(struct lockd_world *world, bool serves)
{
	struct log_settings log_settings = {.fd = -1, .level = LOG_LEVEL_ERROR, .ring_bytes = 4096};
	long pid;
	int fds[2];

	run_make();
	*world = (struct lockd_world){.serves = serves};
	world->home_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(world->home_fd >= 0);
	world->daemon = malloc(sizeof(*world->daemon));
	must(world->daemon);
	must(!log_new(&log_settings, &world->log));
	must(!daemon_init(world->daemon, world->log));
	settings_fill(&world->daemon->settings);
	must(!rundir_open(run_path, (uid_t)-1, (gid_t)-1, &world->daemon->rundir, &pid));
	must(!daemon_start(world->daemon));
	must(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds));
	must(!admin_new(world->daemon, fds[0], &world->daemon->admin));
	world->admin_fd = fds[1];
}

static size_t file_count(const char *path)
{
	DIR *dir = opendir(path);
	size_t count = 0;

	must(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count - 2;
}

/* What may be left in RUN/leases: the file that counts orphans, and the leases of those that were
 * there. */
static void leases_check(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/leases", run_path);
	must(file_count(path) <= 1);
	folder_empty(path);
}

void lockd_world_end(struct lockd_world *world)
{
	daemon_done(world->daemon);
	must(world->daemon->accounts.connection_count == 0);
	must(world->daemon->packets.used_count == 0);
	free(world->daemon);
	log_free(world->log);
	close(world->admin_fd);
	leases_check();
	must(!fchdir(world->home_fd));
	close(world->home_fd);
}

/* ---- dlm_controld ---- */

void lockd_world_admin(struct lockd_world *world, const void *message, size_t bytes)
{
	if (bytes)
		(void)send(world->admin_fd, message, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void say(
	struct lockd_world *world, enum control_type type, const char *name, uint32_t number)
{
	struct control_ls message = {
		.head = {.type = type, .bytes = sizeof(message)}, .number = number};

	snprintf(message.name, sizeof(message.name), "%s", name);
	lockd_world_admin(world, &message, sizeof(message));
}

static void bring_up(struct lockd_world *world, const char *name)
{
	struct control_ls_new made = {.head = {.type = CONTROL_LS_NEW, .bytes = sizeof(made)},
		.global_id = lockspace_global_id(name),
		.lvb_bytes = DLM_USER_LVB_BYTES};
	struct {
		struct control_ls ls;
		struct control_member member;
	} start = {.ls = {.head = {.type = CONTROL_LS_START, .bytes = sizeof(start)},
			   .number = 1,
			   .count = 1},
		.member = {.nodeid = 1, .weight = 1}};

	snprintf(made.name, sizeof(made.name), "%s", name);
	snprintf(start.ls.name, sizeof(start.ls.name), "%s", name);
	lockd_world_admin(world, &made, sizeof(made));
	lockd_world_admin(world, &start, sizeof(start));
	say(world, CONTROL_EVENT_DONE, name, 0);
}

static void admin_serve(struct lockd_world *world)
{
	union {
		struct control_head head;
		struct control_event event;
		uint8_t room[CONTROL_PACKET_MAX];
	} message;
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	ssize_t bytes;
	int fd;

	for (;;) {
		struct iovec iov = {&message, sizeof(message)};
		struct msghdr header = {.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof(control)};

		bytes = recvmsg(world->admin_fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (bytes <= 0)
			return;
		must(!control_check(&message, (uint32_t)bytes));
		if (CMSG_FIRSTHDR(&header)) {
			memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
			close(fd);
		}
		if (!world->serves)
			continue;
		if (message.head.type == CONTROL_ONLINE)
			bring_up(world, message.event.name);
		if (message.head.type == CONTROL_OFFLINE) {
			say(world, CONTROL_LS_STOP, message.event.name, 2);
			say(world, CONTROL_EVENT_DONE, message.event.name, 0);
		}
	}
}

void lockd_world_turns(struct lockd_world *world, unsigned count)
{
	while (count-- && !world->daemon->ended) {
		daemon_turn(world->daemon, 0);
		admin_serve(world);
	}
}

/* ---- programs ---- */

int lockd_world_connect(const char *lockspace)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	must(fd >= 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s%s", run_path,
		lockspace ? "lockspaces/" : "control", lockspace ? lockspace : "");
	if (!connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return fd;
	close(fd);
	return -1;
}

void lockd_world_hello(int fd)
{
	struct client_hello hello = {.head = {.bytes = sizeof(hello), .type = CLIENT_HELLO},
		.magic = CLIENT_MAGIC,
		.version_major = CLIENT_VERSION_MAJOR};

	(void)send(fd, &hello, sizeof(hello), MSG_DONTWAIT | MSG_NOSIGNAL);
}

unsigned lockd_world_read(int fd)
{
	static uint8_t room[CLIENT_PACKET_MAX];
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	unsigned count = 0;
	int passed;

	for (;;) {
		struct iovec iov = {room, sizeof(room)};
		struct msghdr header = {.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof(control)};
		ssize_t bytes = recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		ssize_t at = 0;

		if (bytes <= 0)
			return count;
		count++;
		if (CMSG_FIRSTHDR(&header)) {
			memcpy(&passed, CMSG_DATA(&control.head), sizeof(passed));
			close(passed);
		}
		/* What dlm_lockd says passes the check that libdlm applies. */
		while (at < bytes) {
			must(!client_record_check(room + at, (uint32_t)(bytes - at)));
			at += ((const struct client_head *)(const void *)(room + at))->bytes;
		}
	}
}

void lockd_world_create(struct lockd_world *world, const char *name)
{
	struct client_create create = {
		.head = {.bytes = sizeof(create), .type = CLIENT_CREATE, .serial = 1}};
	int fd = lockd_world_connect(NULL);

	must(fd >= 0);
	snprintf(create.name, sizeof(create.name), "%s", name);
	lockd_world_hello(fd);
	(void)send(fd, &create, sizeof(create), MSG_NOSIGNAL);
	lockd_world_turns(world, 8);
	lockd_world_read(fd);
	close(fd);
	lockd_world_turns(world, 2);
}
