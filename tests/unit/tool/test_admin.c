/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The client of udlm's own commands, against a server of one answer in a thread. */
#include "tool/admin.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cmocka_all.h"

struct server {
	char dir[64];
	char path[100];
	int listener;
	pthread_t thread;
	struct dlmc_header request; /* as it came */
	struct dlmc_header reply;
	char payload[64];
	bool hang_up; /* no reply at all */
};

static void *server_run(void *arg)
{
	struct server *server = arg;
	int fd = accept(server->listener, NULL, NULL);

	if (fd < 0)
		return NULL;
	if (recv(fd, &server->request, sizeof(server->request), MSG_WAITALL) > 0 &&
		!server->hang_up) {
		(void)send(fd, &server->reply, sizeof(server->reply), MSG_NOSIGNAL);
		(void)send(fd, server->payload, server->reply.len - sizeof(server->reply),
			MSG_NOSIGNAL);
	}
	close(fd);
	return NULL;
}

static void server_begin(struct server *server, const char *name, const char *payload, int data)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	memset(server, 0, sizeof(*server));
	snprintf(server->dir, sizeof(server->dir), "/tmp/test_admin.XXXXXX");
	assert_non_null(mkdtemp(server->dir));
	snprintf(server->path, sizeof(server->path), "%s/%s", server->dir, name);
	setenv(CLIENT_RUN_DIR_ENV, server->dir, 1);
	dlmc_header_init(&server->reply, 1000, "reply");
	server->reply.data = data;
	snprintf(server->payload, sizeof(server->payload), "%s", payload);
	server->reply.len += (uint32_t)strlen(payload);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", server->path);
	server->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(
		bind(server->listener, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(server->listener, 1), 0);
	assert_int_equal(pthread_create(&server->thread, NULL, server_run, server), 0);
}

static void server_end(struct server *server)
{
	shutdown(server->listener, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	close(server->listener);
	unlink(server->path);
	rmdir(server->dir);
}

static void test_ask(void **state)
{
	struct admin_request request = {
		.command = DLMC_CMD_ENGINE_DUMP, .option = 3, .name = "space", .flags = 7};
	struct admin_answer answer;
	struct server server;

	server_begin(&server, DLMC_QUERY_SOCKET, "some text", -ENOENT);
	assert_int_equal(admin_ask(&request, &answer), 0);
	server_end(&server);
	assert_int_equal(answer.result, -ENOENT);
	assert_string_equal(answer.text, "some text");
	assert_int_equal(answer.bytes, 9);
	assert_int_equal(server.request.magic, DLMC_MAGIC);
	assert_int_equal(server.request.command, DLMC_CMD_ENGINE_DUMP);
	assert_int_equal(server.request.option, 3);
	assert_int_equal(server.request.flags, 7);
	assert_int_equal(server.request.len, sizeof(struct dlmc_header));
	assert_string_equal(server.request.name, "space");
	admin_answer_done(&answer);
	assert_null(answer.text);
}

static void test_open(void **state)
{
	struct admin_request request = {.command = DLMC_CMD_LOST_ACK, .is_change = true};
	struct server server;
	char line[64];
	FILE *stream;
	int result;

	server_begin(&server, DLMC_SOCKET, "first\nsecond\n", 0);
	assert_int_equal(admin_open(&request, &result, &stream), 0);
	assert_int_equal(result, 0);
	assert_string_equal(fgets(line, sizeof(line), stream), "first\n");
	assert_string_equal(fgets(line, sizeof(line), stream), "second\n");
	assert_null(fgets(line, sizeof(line), stream));
	fclose(stream);
	server_end(&server);
}

/* The field's daemon hangs up on what it does not know. */
static void test_other_daemon(void **state)
{
	struct server server;

	server_begin(&server, DLMC_QUERY_SOCKET, "", 0);
	server.hang_up = true;
	assert_int_equal(admin_daemon(10000, NULL), 0);
	server_end(&server);
	assert_int_equal(server.request.command, DLMC_CMD_DAEMON_INFO);
}

static void test_refused(void **state)
{
	struct admin_request request = {.command = DLMC_CMD_DAEMON_INFO};
	struct admin_answer answer;
	struct server server;
	char long_dir[256];

	server_begin(&server, DLMC_QUERY_SOCKET, "", 0);
	server.reply.magic++;
	assert_int_equal(admin_ask(&request, &answer), -EPROTO);
	server_end(&server);
	assert_int_equal(admin_ask(&request, &answer), -ENOENT); /* its directory is gone */

	memset(long_dir, 'x', sizeof(long_dir) - 1);
	long_dir[sizeof(long_dir) - 1] = 0;
	setenv(CLIENT_RUN_DIR_ENV, long_dir, 1);
	assert_int_equal(admin_ask(&request, &answer), -ENAMETOOLONG);
}

static void test_value(void **state)
{
	static const char text[] = "version=1\nwaiting=first\nwaiting=second=2\nempty=\nlast=x";
	char value[16] = "untouched";

	assert_false(admin_value(text, "none=", 0, value, sizeof(value)));
	assert_string_equal(value, "untouched");
	assert_true(admin_value(text, "version=", 0, value, sizeof(value)));
	assert_string_equal(value, "1");
	assert_true(admin_value(text, "waiting=", 1, value, sizeof(value)));
	assert_string_equal(value, "second=2");
	assert_false(admin_value(text, "waiting=", 2, value, sizeof(value)));
	assert_true(admin_value(text, "empty=", 0, value, sizeof(value)));
	assert_string_equal(value, "");
	assert_true(admin_value(text, "last=", 0, value, sizeof(value)));
	assert_string_equal(value, "x");
	assert_false(admin_value("", "last=", 0, value, sizeof(value)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ask),
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_other_daemon),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
