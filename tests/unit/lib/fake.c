/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fake.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static int listen_at(const struct fake *fake, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", fake->dir, path);
	assert_return_code(fd, errno);
	assert_return_code(bind(fd, (struct sockaddr *)&address, sizeof(address)), errno);
	assert_return_code(listen(fd, 16), errno);
	return fd;
}

static void make_dir(const struct fake *fake, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", fake->dir, name);
	assert_return_code(mkdir(path, 0700), errno);
}

void fake_start(struct fake *fake)
{
	memset(fake, 0, sizeof(*fake));
	fake->fd = fake->lease_fd = -1;
	fake->block = FAKE_BLOCK;
	fake->blocks = 2;
	snprintf(fake->dir, sizeof(fake->dir), "/tmp/udlm-fake.XXXXXX");
	assert_non_null(mkdtemp(fake->dir));
	make_dir(fake, CLIENT_SOCKET_DIR);
	make_dir(fake, CLIENT_LEASE_DIR);
	fake->control_listener = listen_at(fake, CLIENT_CONTROL_SOCKET);
	fake->listener = listen_at(fake, CLIENT_SOCKET_DIR "/test");
	setenv(CLIENT_RUN_DIR_ENV, fake->dir, 1);
}

static void remove_file(const struct fake *fake, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", fake->dir, name);
	if (unlink(path))
		rmdir(path);
}

void fake_stop(struct fake *fake)
{
	fake_hangup(fake);
	if (fake->lease)
		munmap(fake->lease, sizeof(*fake->lease));
	if (fake->lease_fd >= 0)
		close(fake->lease_fd);
	close(fake->control_listener);
	close(fake->listener);
	remove_file(fake, CLIENT_LEASE_DIR "/1");
	remove_file(fake, CLIENT_SOCKET_DIR "/test");
	remove_file(fake, CLIENT_SOCKET_DIR);
	remove_file(fake, CLIENT_LEASE_DIR);
	remove_file(fake, CLIENT_CONTROL_SOCKET);
	rmdir(fake->dir);
	unsetenv(CLIENT_RUN_DIR_ENV);
}

void fake_hangup(struct fake *fake)
{
	if (fake->fd >= 0)
		close(fake->fd);
	fake->fd = -1;
}

/* Return: the descriptor for the program, which holds the lock */
static int make_lease(struct fake *fake)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s/1", fake->dir, CLIENT_LEASE_DIR);
	fake->lease_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_return_code(ftruncate(fake->lease_fd, sizeof(struct lease)), errno);
	fake->lease = mmap(
		NULL, sizeof(struct lease), PROT_READ | PROT_WRITE, MAP_SHARED, fake->lease_fd, 0);
	assert_ptr_not_equal(fake->lease, MAP_FAILED);
	fake->lease->magic = LEASE_MAGIC;
	fake->lease->owner_pid = (uint32_t)getpid();
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_return_code(flock(fd, LOCK_EX | LOCK_NB), errno);
	return fd;
}

bool fake_lease_held(struct fake *fake)
{
	if (flock(fake->lease_fd, LOCK_EX | LOCK_NB))
		return true;
	flock(fake->lease_fd, LOCK_UN);
	return false;
}

static void *append(struct fake *fake, enum client_record_type type, uint32_t bytes)
{
	struct client_head *head = (void *)(fake->out + fake->out_bytes);

	assert_true(fake->out_bytes + bytes <= sizeof(fake->out));
	memset(head, 0, bytes);
	head->type = (uint8_t)type;
	head->bytes = (uint16_t)bytes;
	fake->out_bytes += bytes;
	return head;
}

static void send_with(struct fake *fake, int pass_fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec data = {fake->out, fake->out_bytes};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};

	memset(&control, 0, sizeof(control));
	if (pass_fd >= 0) {
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.head), &pass_fd, sizeof(int));
	}
	assert_int_equal(sendmsg(fake->fd, &message, MSG_NOSIGNAL), fake->out_bytes);
	fake->out_bytes = 0;
}

void fake_send(struct fake *fake)
{
	send_with(fake, -1);
}

static void say_welcome(struct fake *fake)
{
	struct client_welcome *welcome = append(fake, CLIENT_WELCOME, sizeof(*welcome));
	uint32_t i;
	int fd;

	welcome->magic = CLIENT_MAGIC;
	welcome->version_major = CLIENT_VERSION_MAJOR;
	welcome->nodeid = 7;
	welcome->lvb_bytes = DLM_USER_LVB_BYTES;
	welcome->device_version[0] = 6;
	welcome->device_version[2] = 2;
	for (i = 0; i < fake->blocks; i++)
		fake_ids(fake, FAKE_FIRST_ID + i * fake->block, fake->block);
	fd = make_lease(fake);
	send_with(fake, fd);
	close(fd);
}

static void say_bye(struct fake *fake)
{
	struct client_bye *bye = append(fake, CLIENT_BYE, sizeof(*bye));

	bye->error = fake->bye;
	snprintf(bye->text, sizeof(bye->text), "go away");
	fake_send(fake);
	fake_hangup(fake);
}

void *fake_serve(void *arg)
{
	struct fake *fake = arg;
	const struct client_hello *hello;

	fake->fd = accept4(fake->listener, NULL, NULL, SOCK_CLOEXEC);
	assert_return_code(fake->fd, errno);
	hello = (const void *)fake_next(fake, CLIENT_HELLO);
	assert_int_equal(hello->magic, CLIENT_MAGIC);
	assert_int_equal(hello->pid, getpid());
	if (fake->bye)
		say_bye(fake);
	else
		say_welcome(fake);
	return NULL;
}

dlm_lshandle_t fake_open(struct fake *fake)
{
	dlm_lshandle_t handle;
	int error;

	assert_int_equal(pthread_create(&fake->thread, NULL, fake_serve, fake), 0);
	handle = dlm_open_lockspace("test");
	error = errno;
	pthread_join(fake->thread, NULL);
	errno = error;
	return handle;
}

static void receive(struct fake *fake)
{
	struct pollfd fd = {.fd = fake->fd, .events = POLLIN};
	ssize_t bytes;

	assert_int_equal(poll(&fd, 1, FAKE_WAIT_MS), 1);
	bytes = recv(fake->fd, fake->in, sizeof(fake->in), 0);
	assert_true(bytes > 0);
	fake->in_bytes = (uint32_t)bytes;
	fake->in_done = 0;
	fake->packet_count++;
}

static const struct client_head *next_record(struct fake *fake)
{
	const struct client_head *head;

	if (fake->in_done == fake->in_bytes)
		receive(fake);
	head = (const void *)(fake->in + fake->in_done);
	assert_int_equal(client_record_check(head, fake->in_bytes - fake->in_done), 0);
	fake->in_done += head->bytes;
	return head;
}

static void answer_poke(struct fake *fake, const struct client_head *head)
{
	struct client_answer answer = {
		.head = {.bytes = sizeof(answer), .type = CLIENT_ANSWER, .serial = head->serial}};

	assert_int_equal(send(fake->fd, &answer, sizeof(answer), MSG_NOSIGNAL), sizeof(answer));
}

const struct client_head *fake_next(struct fake *fake, enum client_record_type type)
{
	const struct client_head *head = next_record(fake);

	while (!fake->keep_pokes && head->type == CLIENT_POKE) {
		answer_poke(fake, head);
		head = next_record(fake);
	}
	assert_int_equal(head->type, type);
	return head;
}

const struct client_lock *fake_next_lock(struct fake *fake)
{
	return (const void *)fake_next(fake, CLIENT_LOCK);
}

const struct client_unlock *fake_next_unlock(struct fake *fake)
{
	return (const void *)fake_next(fake, CLIENT_UNLOCK);
}

bool fake_silent(struct fake *fake)
{
	struct pollfd fd = {.fd = fake->fd, .events = POLLIN};

	return fake->in_done == fake->in_bytes && !poll(&fd, 1, 0);
}

void fake_completion(struct fake *fake, uint32_t lkid, int status, int mode, bool ended)
{
	struct client_completion *record = append(fake, CLIENT_COMPLETION, sizeof(*record));

	record->lkid = lkid;
	record->status = status;
	record->mode = (int8_t)mode;
	record->head.flags = ended ? CLIENT_COMPLETION_ENDED : 0;
}

void fake_completion_lvb(
	struct fake *fake, uint32_t lkid, int mode, uint8_t sbflags, const char *lvb)
{
	struct client_completion *record =
		append(fake, CLIENT_COMPLETION, sizeof(*record) + DLM_USER_LVB_BYTES);

	record->lkid = lkid;
	record->mode = (int8_t)mode;
	record->sbflags = sbflags;
	record->head.flags = CLIENT_COMPLETION_HAS_LVB;
	memcpy(record + 1, lvb, strlen(lvb));
}

void fake_bast(struct fake *fake, uint32_t lkid, int mode)
{
	struct client_bast *record = append(fake, CLIENT_BAST, sizeof(*record));

	record->lkid = lkid;
	record->mode = (uint8_t)mode;
}

void fake_answer(struct fake *fake, uint32_t serial, int result, uint32_t value)
{
	struct client_answer *record = append(fake, CLIENT_ANSWER, sizeof(*record));

	record->head.serial = serial;
	record->result = result;
	record->value = value;
}

void fake_refused(struct fake *fake, enum client_record_type type, uint32_t lkid, int error)
{
	struct client_refused *record = append(fake, CLIENT_REFUSED, sizeof(*record));

	record->head.flags = (uint8_t)type;
	record->lkid = lkid;
	record->error = error;
}

void fake_ids(struct fake *fake, uint32_t first, uint32_t count)
{
	struct client_ids *record = append(fake, CLIENT_IDS, sizeof(*record));

	record->first = first;
	record->count = count;
}
