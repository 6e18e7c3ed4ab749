/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parts of cluster_bench.py that run in nodes.
 *
 *	cluster_locks hold LOCKSPACE PREFIX COUNT MODE   take COUNT locks, say "held", keep them
 *until the end of standard input cluster_locks pairs LOCKSPACE NAME MS            lock and unlock,
 *one after the other: pairs a second cluster_locks serve PORT BYTES                   answer BYTES
 *with BYTES over TCP cluster_locks ping ADDRESS PORT BYTES MS         round trips a second with it
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libdlm.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "baseline.h"

#define BYTES_MAX     4096
#define IN_FLIGHT_MAX 256

static void fail(const char *what) __attribute__((noreturn));

static void fail(const char *what)
{
	fprintf(stderr, "cluster_locks: %s: %s\n", what, strerror(errno));
	exit(1);
}

static unsigned number(const char *text)
{
	return (unsigned)strtoul(text, NULL, 10);
}

static dlm_lshandle_t lockspace_open(const char *name)
{
	dlm_lshandle_t lockspace = dlm_open_lockspace(name);

	if (!lockspace)
		fail(name);
	return lockspace;
}

/* ---- locks ---- */

static unsigned in_flight;

static void held(void *context)
{
	struct dlm_lksb *status = context;

	errno = status->sb_status;
	if (errno)
		fail("a lock");
	in_flight--;
}

static void take_one(dlm_lshandle_t lockspace)
{
	struct pollfd ready = {.fd = dlm_ls_get_fd(lockspace), .events = POLLIN};

	if (poll(&ready, 1, -1) > 0)
		dlm_dispatch(ready.fd);
}

static int hold(char **argv)
{
	dlm_lshandle_t lockspace = lockspace_open(argv[0]);
	unsigned count = number(argv[2]);
	struct dlm_lksb *locks = calloc(count, sizeof(*locks));
	char name[DLM_RESNAME_MAXLEN];

	if (!locks)
		fail("memory");
	for (unsigned i = 0; i < count; i++) {
		int bytes = snprintf(name, sizeof(name), "%.40s%u", argv[1], i);

		while (in_flight == IN_FLIGHT_MAX)
			take_one(lockspace);
		in_flight++;
		if (dlm_ls_lock(lockspace, number(argv[3]), &locks[i], 0, name, (unsigned)bytes, 0,
			    held, &locks[i], NULL, NULL))
			fail("dlm_ls_lock");
	}
	while (in_flight)
		take_one(lockspace);
	printf("held\n");
	fflush(stdout);
	while (read(STDIN_FILENO, name, sizeof(name)) > 0)
		;
	return 0;
}

static int pairs(char **argv)
{
	dlm_lshandle_t lockspace = lockspace_open(argv[0]);
	uint64_t begin = clock_ns(), end = begin + (uint64_t)number(argv[2]) * 1000000;
	struct dlm_lksb status = {0};
	uint64_t count = 0;

	for (; clock_ns() < end; count++) {
		if (dlm_ls_lock_wait(lockspace, LKM_EXMODE, &status, 0, argv[1],
			    (unsigned)strlen(argv[1]), 0, NULL, NULL, NULL) ||
			status.sb_status)
			fail("lock");
		if (dlm_ls_unlock_wait(lockspace, status.sb_lkid, 0, &status) ||
			status.sb_status != EUNLOCK)
			fail("unlock");
	}
	printf("%.1f\n", (double)count * 1e9 / (double)(clock_ns() - begin));
	return 0;
}

/* ---- TCP alone ---- */

static int tcp_socket(void)
{
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)))
		fail("socket");
	return fd;
}

static bool carry(int fd, char *bytes, size_t size, bool out)
{
	for (size_t at = 0; at < size;) {
		ssize_t n = out ? send(fd, bytes + at, size - at, MSG_NOSIGNAL)
				: recv(fd, bytes + at, size - at, 0);

		if (n <= 0)
			return false;
		at += (size_t)n;
	}
	return true;
}

static int serve(char **argv)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)number(argv[0]))};
	char bytes[BYTES_MAX] = {0};
	size_t size = number(argv[1]);
	int on = 1, fd = tcp_socket();

	if (size > sizeof(bytes) || bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
		listen(fd, 4))
		fail("serve");
	printf("listening\n");
	fflush(stdout);
	for (;;) {
		int peer = accept(fd, NULL, NULL);

		if (peer < 0)
			fail("accept");
		setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		while (carry(peer, bytes, size, false) && carry(peer, bytes, size, true))
			;
		close(peer);
	}
}

static int ping(char **argv)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)number(argv[1]))};
	char bytes[BYTES_MAX] = {0};
	size_t size = number(argv[2]);
	uint64_t begin, end, count = 0;
	int fd = tcp_socket();

	if (size > sizeof(bytes) || inet_pton(AF_INET, argv[0], &address.sin_addr) != 1 ||
		connect(fd, (struct sockaddr *)&address, sizeof(address)))
		fail("connect");
	begin = clock_ns();
	end = begin + (uint64_t)number(argv[3]) * 1000000;
	for (; clock_ns() < end; count++)
		if (!carry(fd, bytes, size, true) || !carry(fd, bytes, size, false))
			fail("round trip");
	printf("%.1f\n", (double)count * 1e9 / (double)(clock_ns() - begin));
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *verb;
		int arguments;
		int (*run)(char **argv);
	} verbs[] = {
		{"hold", 4, hold}, {"pairs", 3, pairs}, {"serve", 2, serve}, {"ping", 4, ping}};

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (argc == verbs[i].arguments + 2 && !strcmp(argv[1], verbs[i].verb))
			return verbs[i].run(argv + 2);
	fprintf(stderr,
		"usage: cluster_locks hold LOCKSPACE PREFIX COUNT MODE | pairs LOCKSPACE NAME MS "
		"| serve PORT BYTES | ping ADDRESS PORT BYTES MS\n");
	return 2;
}
