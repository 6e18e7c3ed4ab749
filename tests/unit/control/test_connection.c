/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/admin/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmocka_all.h"

static struct connection connection;
static int other; /* the client's end */

static int setup(void **state)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	other = pair[1];
	return connection_init(&connection, pair[0], false);
}

static int teardown(void **state)
{
	connection_done(&connection);
	return close(other);
}

static void send_bytes(const void *data, size_t bytes)
{
	assert_int_equal(send(other, data, bytes, MSG_NOSIGNAL), bytes);
}

static struct dlmc_header request(uint32_t payload)
{
	struct dlmc_header header;

	dlmc_header_init(&header, 19, "a name");
	header.len += payload;
	return header;
}

static void test_who(void **state)
{
	assert_int_equal(connection.uid, geteuid());
	assert_int_equal(connection.pid, getpid());
	assert_true(connection.is_trusted);
}

static void test_byte_by_byte(void **state)
{
	struct dlmc_header header = request(5);
	const char *bytes = (const char *)&header;

	assert_int_equal(connection_read(&connection), CONNECTION_MORE);
	for (size_t i = 0; i < sizeof(header); i++) {
		send_bytes(bytes + i, 1);
		assert_int_equal(connection_read(&connection), CONNECTION_MORE);
	}
	send_bytes("hell", 4);
	assert_int_equal(connection_read(&connection), CONNECTION_MORE);
	send_bytes("o+", 2); /* one byte of what follows */
	assert_int_equal(connection_read(&connection), CONNECTION_REQUEST);
	assert_int_equal(connection.in_bytes, sizeof(header) + 5);
	assert_memory_equal(connection.in.bytes + sizeof(header), "hello", 5);
}

static void test_malformed(void **state)
{
	static const struct {
		uint32_t magic, version, len;
		enum connection_result result;
	} cases[] = {
		{DLMC_MAGIC, DLMC_VERSION, 96, CONNECTION_REQUEST},
		{DLMC_MAGIC, 0x0001ffff, 96, CONNECTION_REQUEST},
		{DLMC_MAGIC + 1, DLMC_VERSION, 96, CONNECTION_MALFORMED},
		{0, 0, 0, CONNECTION_MALFORMED},
		{DLMC_MAGIC, 0x00020001, 96, CONNECTION_MALFORMED},
		{DLMC_MAGIC, DLMC_VERSION, 95, CONNECTION_MALFORMED},
		{DLMC_MAGIC, DLMC_VERSION, 0, CONNECTION_MALFORMED},
		{DLMC_MAGIC, DLMC_VERSION, 96 + DLMC_PAYLOAD_MAX, CONNECTION_MORE},
		{DLMC_MAGIC, DLMC_VERSION, 97 + DLMC_PAYLOAD_MAX, CONNECTION_MALFORMED},
		{DLMC_MAGIC, DLMC_VERSION, UINT32_MAX, CONNECTION_MALFORMED},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dlmc_header header = request(0);

		header.magic = cases[i].magic;
		header.version = cases[i].version;
		header.len = cases[i].len;
		send_bytes(&header, sizeof(header));
		assert_int_equal(connection_read(&connection), cases[i].result);
		teardown(state);
		setup(state);
	}
}

static void test_answer_and_the_next(void **state)
{
	struct dlmc_header header = request(0);
	struct text text = {0};
	char got[16];

	for (int i = 0; i < 3; i++) {
		send_bytes(&header, sizeof(header));
		assert_int_equal(connection_read(&connection), CONNECTION_REQUEST);
		text_add(&text, "answer");
		assert_int_equal(connection_answer(&connection, &text, -1), 0);
		assert_null(text.data);
		assert_int_equal(connection_unsent(&connection), 6);
		assert_int_equal(connection_write(&connection), CONNECTION_SENT);
		assert_int_equal(connection_unsent(&connection), 0);
		assert_int_equal(read(other, got, sizeof(got)), 6);
		assert_memory_equal(got, "answer", 6);
	}
	send_bytes(&header, sizeof(header));
	assert_int_equal(connection_read(&connection), CONNECTION_REQUEST);
	connection_accept(&connection);
	assert_int_equal(connection_read(&connection), CONNECTION_MORE);
}

static void test_answer_from_a_file(void **state)
{
	struct dlmc_header header = request(0);
	int fd = memfd_create("test", MFD_CLOEXEC);
	enum connection_result result;
	static char piece[65536];
	struct text text = {0};
	size_t got = 0;
	ssize_t n;

	memset(piece, 'z', sizeof(piece));
	for (int i = 0; i < 64; i++)
		assert_int_equal(write(fd, piece, sizeof(piece)), sizeof(piece));
	send_bytes(&header, sizeof(header));
	assert_int_equal(connection_read(&connection), CONNECTION_REQUEST);
	text_add(&text, "head");
	assert_int_equal(connection_answer(&connection, &text, fd), 0);
	do {
		result = connection_write(&connection);
		while ((n = read(other, piece, sizeof(piece))) > 0)
			got += (size_t)n;
	} while (result == CONNECTION_MORE);
	assert_int_equal(result, CONNECTION_SENT);
	assert_int_equal(got, 4 + 64 * sizeof(piece));
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void test_file_that_shrinks(void **state)
{
	struct dlmc_header header = request(0);
	int fd = memfd_create("test", MFD_CLOEXEC);
	struct text text = {0};

	assert_int_equal(ftruncate(fd, 100), 0);
	send_bytes(&header, sizeof(header));
	assert_int_equal(connection_read(&connection), CONNECTION_REQUEST);
	assert_int_equal(connection_answer(&connection, &text, fd), 0);
	assert_int_equal(ftruncate(fd, 10), 0);
	assert_int_equal(connection_write(&connection), CONNECTION_END);
}

static void test_no_reader(void **state)
{
	struct dlmc_header header = request(0);
	struct text text = {0};

	send_bytes(&header, sizeof(header));
	assert_int_equal(connection_read(&connection), CONNECTION_REQUEST);
	text_add(&text, "answer");
	assert_int_equal(connection_answer(&connection, &text, -1), 0);
	close(other); /* and no SIGPIPE */
	assert_int_equal(connection_write(&connection), CONNECTION_END);
	other = dup(0);
}

static void test_ends(void **state)
{
	struct dlmc_header header = request(0);

	send_bytes(&header, 50);
	assert_int_equal(connection_read(&connection), CONNECTION_MORE);
	shutdown(other, SHUT_WR);
	assert_int_equal(connection_read(&connection), CONNECTION_END);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_who),
		TEST(test_byte_by_byte),
		TEST(test_malformed),
		TEST(test_answer_and_the_next),
		TEST(test_answer_from_a_file),
		TEST(test_file_that_shrinks),
		TEST(test_no_reader),
		TEST(test_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
