/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/tcp.h>
#include <sys/resource.h>

#include "tcp_sides.h"

static const struct linger RESET = {.l_onoff = 1};

static struct side one, two;

static int setup(void **state)
{
	side_open(&one, 1);
	side_open(&two, 2);
	side_peer(&one, 2);
	side_peer(&two, 1);
	return 0;
}

static int teardown(void **state)
{
	side_close(&one);
	side_close(&two);
	return 0;
}

static bool is_connected(const struct side *side, uint32_t nodeid)
{
	return side_info(side, nodeid).state == TRANSPORT_CONNECTED;
}

static void connect_one(void)
{
	tcp_transport.connect(one.transport, 2);
	side_until(&one, &two, is_connected(&one, 2) && is_connected(&two, 1));
}

static void test_one_connects_and_both_send_on_it(void **state)
{
	uint64_t ours = 0, theirs = 0;

	connect_one();
	assert_false(side_info(&one, 2).is_accepted);
	assert_true(side_info(&two, 1).is_accepted);
	assert_true(side_send(&one, 2, &ours, 100));
	assert_true(side_send(&two, 1, &theirs, 100));
	side_until(&one, &two, one.frame_count == 100 && two.frame_count == 100);
	/* Both have one to send on: nothing more is opened. */
	tcp_transport.connect(one.transport, 2);
	tcp_transport.connect(two.transport, 1);
	while (side_turn(&one) || side_turn(&two))
		;
	assert_int_equal(one.connected_count, 1);
	assert_int_equal(two.connected_count, 1);
	assert_false(side_info(&one, 2).has_second);
	assert_false(side_info(&two, 1).has_second);
}

/* Node 2 as bare sockets: what we opened, and what it opened at the same time. */
static void both_connect(int *ret_ours, int *ret_theirs)
{
	int listener;

	side_close(&two);
	listener = bare_listen(2, 5);
	tcp_transport.connect(one.transport, 2);
	tcp_transport.ready(one.transport, 16);
	*ret_theirs = bare_connect(2, 1);
	*ret_ours = accept(listener, NULL, NULL);
	assert_true(*ret_ours >= 0);
	side_until(&one, NULL, is_connected(&one, 2) && side_info(&one, 2).has_second);
	assert_false(side_info(&one, 2).is_accepted);
	assert_int_equal(one.connected_count, 1);
	close(listener);
}

static void both_end(int ours, int theirs)
{
	close(ours);
	close(theirs);
	side_open(&two, 2);
}

static void test_both_connect_at_once(void **state)
{
	uint64_t number = 0, theirs_number = 0;
	int ours, theirs;

	both_connect(&ours, &theirs);
	assert_true(side_send(&one, 2, &number, 1));
	assert_int_equal(recv(ours, &number, sizeof(number), 0), sizeof(number));
	assert_int_equal(recv(theirs, &number, sizeof(number), MSG_DONTWAIT), -1);
	assert_int_equal(send(theirs, &theirs_number, sizeof(theirs_number), 0), 8);
	theirs_number++;
	side_until(&one, NULL, one.frame_count == 1);
	assert_int_equal(send(ours, &theirs_number, sizeof(theirs_number), 0), 8);
	side_until(&one, NULL, one.frame_count == 2);
	/* The peer closes what it opened: nothing of ours is touched. */
	shutdown(theirs, SHUT_WR);
	side_until(&one, NULL, !side_info(&one, 2).has_second);
	assert_int_equal(one.repeat_count + one.disconnected_count, 0);
	both_end(ours, theirs);
}

static void test_stranger_is_closed(void **state)
{
	int i;

	for (i = 0; i < 100; i++) {
		int fd = bare_connect(9, 1);

		assert_int_equal(bare_end(fd, &one), 0);
		close(fd);
	}
	assert_int_equal(one.stranger_count, 100);
	assert_int_equal(one.connected_count, 0);
}

static void test_peer_that_does_not_read(void **state)
{
	uint8_t rest[SIDE_FRAME];
	uint64_t number = 0;

	connect_one();
	while (side_send(&one, 2, &number, 4096))
		assert_true(number < 1 << 24);
	assert_true(side_info(&one, 2).is_blocked);
	memcpy(rest, &number, sizeof(rest));
	while (side_turn(&one))
		;
	assert_int_equal(one.writable_count, 0);
	side_until(&one, &two, one.writable_count == 1);
	/* What it took of the last frame is not known here: whole frames were sent but for that. */
	side_until(&one, &two, two.frame_count == number);
	assert_false(side_info(&one, 2).is_blocked);
}

static void test_peer_resets_what_it_sends_on(void **state)
{
	int ours, theirs;

	both_connect(&ours, &theirs);
	setsockopt(theirs, SOL_SOCKET, SO_LINGER, &RESET, sizeof(RESET));
	close(theirs);
	side_until(&one, NULL, one.repeat_count == 1);
	assert_int_equal(one.disconnected_count, 0);
	assert_true(is_connected(&one, 2));
	assert_false(side_info(&one, 2).has_second);
	close(ours);
	side_open(&two, 2);
}

/* ... and opens a new one, which is looked at first. */
static void test_peer_resets_and_opens_another(void **state)
{
	int ours, theirs;

	both_connect(&ours, &theirs);
	setsockopt(theirs, SOL_SOCKET, SO_LINGER, &RESET, sizeof(RESET));
	close(theirs);
	theirs = bare_connect(2, 1);
	tcp_transport.remove(one.transport, 9);
	assert_int_equal(one.repeat_count, 0);
	side_until(&one, NULL, one.repeat_count == 1);
	assert_true(side_info(&one, 2).has_second);
	assert_int_equal(one.disconnected_count, 0);
	both_end(ours, theirs);
}

/* What the peer sends on is left alone: a kernel that is blocked there would never send again. */
static void test_reset_is_of_what_we_send_on(void **state)
{
	int ours, theirs;

	both_connect(&ours, &theirs);
	tcp_transport.reset(one.transport, 2);
	assert_int_equal(bare_end(ours, &one), -ECONNRESET);
	side_until(&one, NULL, one.disconnected_count == 1);
	assert_int_equal(one.error, -ECONNABORTED);
	assert_true(side_info(&one, 2).has_second);
	assert_int_equal(recv(theirs, &(char){0}, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
	both_end(ours, theirs);
}

/* What the peer has sent before is received first, all of it. */
static void test_reset_drains(void **state)
{
	uint64_t number = 0;

	connect_one();
	assert_true(side_send(&two, 1, &number, 10000));
	tcp_transport.reset(one.transport, 2);
	side_until(&one, NULL, one.disconnected_count == 1);
	assert_int_equal(one.frame_count, 10000);
	side_until(&two, NULL, two.disconnected_count == 1);
	assert_int_equal(two.error, -ECONNRESET);
}

static void test_stream_that_is_refused_is_reset(void **state)
{
	uint64_t number = 0;

	connect_one();
	two.refuses = true;
	assert_true(side_send(&one, 2, &number, 1));
	side_until(&one, &two, one.disconnected_count == 1);
	assert_int_equal(one.error, -ECONNRESET);
	assert_int_equal(two.error, -EPROTO);
	assert_int_equal(two.disconnected_count, 1);
}

static void test_end_in_the_middle_of_a_frame(void **state)
{
	uint64_t number = 0;
	int fd;

	side_close(&two);
	fd = bare_connect(2, 1);
	assert_int_equal(send(fd, &number, 5, 0), 5);
	side_until(&one, NULL, side_info(&one, 2).received_bytes == 5);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	side_until(&one, NULL, one.disconnected_count == 1);
	assert_int_equal(one.error, 0);
	assert_int_equal(bare_end(fd, &one), 0); /* our end came at once */
	close(fd);
	/* The next one begins with a frame. */
	fd = bare_connect(2, 1);
	assert_int_equal(send(fd, &number, 8, 0), 8);
	side_until(&one, NULL, one.frame_count == 1);
	close(fd);
	side_open(&two, 2);
}

static void test_one_byte_at_a_time(void **state)
{
	int yes = 1, fd;
	uint64_t number;
	size_t i;

	side_close(&two);
	fd = bare_connect(2, 1);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	for (number = 0; number < 20; number++)
		for (i = 0; i < sizeof(number); i++) {
			uint64_t before = side_info(&one, 2).received_bytes;

			assert_int_equal(send(fd, (const uint8_t *)&number + i, 1, 0), 1);
			side_until(&one, NULL, side_info(&one, 2).received_bytes == before + 1);
		}
	assert_int_equal(one.frame_count, 20);
	close(fd);
	side_open(&two, 2);
}

static void test_pause_between_attempts(void **state)
{
	uint64_t begin_ms, at_ms[4];
	int i, told = 0;

	side_close(&two);
	begin_ms = side_now_ms();
	for (i = 0; i < 4; i++) {
		tcp_transport.connect(one.transport, 2);
		tcp_transport.connect(one.transport, 2); /* twice is once */
		side_until(&one, NULL, one.disconnected_count > told);
		told = one.disconnected_count;
		at_ms[i] = side_now_ms();
		assert_int_equal(one.error, -ECONNREFUSED);
	}
	assert_int_equal(side_info(&one, 2).failed_count, 4);
	assert_true(at_ms[0] - begin_ms < 900); /* the first at once */
	assert_true(at_ms[3] - begin_ms >= 3 * TRANSPORT_RECONNECT_MS - 10);
	assert_int_equal(side_info(&one, 2).state, TRANSPORT_APART);
	side_open(&two, 2);
}

/* A listener whose queue is full answers no SYN. */
static int bare_mute(uint32_t nodeid, int fillers[2])
{
	int fd = bare_listen(nodeid, 0), i;
	const struct sockaddr_storage address = side_address(nodeid, SIDE_PORT);

	for (i = 0; i < 2; i++) {
		fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(
			fillers[i], (const struct sockaddr *)&address, sizeof(struct sockaddr_in));
		poll(NULL, 0, 20);
	}
	return fd;
}

static void bare_mute_end(int fd, const int fillers[2])
{
	close(fd);
	close(fillers[0]);
	close(fillers[1]);
}

static void test_removed_while_connecting(void **state)
{
	int fillers[2], fd;

	side_close(&two);
	fd = bare_mute(2, fillers);
	tcp_transport.connect(one.transport, 2);
	tcp_transport.ready(one.transport, 16);
	assert_int_equal(side_info(&one, 2).state, TRANSPORT_CONNECTING);
	tcp_transport.remove(one.transport, 2);
	while (side_turn(&one))
		;
	assert_int_equal(one.disconnected_count, 0);
	assert_true(tcp_transport.is_parted(one.transport, 2));
	assert_int_equal(tcp_transport.send(one.transport, 2, (const uint8_t *)"x", 1), -ENOTCONN);
	tcp_transport.connect(one.transport, 2);
	tcp_transport.disconnect(one.transport, 2);
	tcp_transport.reset(one.transport, 2);
	bare_mute_end(fd, fillers);
	side_open(&two, 2);
}

/* Where a peer cannot be connected to, its own connection is sent on. */
static void test_connection_of_one_that_does_not_answer(void **state)
{
	int fillers[2], listener, fd;
	uint64_t number = 0, begin_ms = side_now_ms();

	side_close(&two);
	listener = bare_mute(2, fillers);
	tcp_transport.connect(one.transport, 2);
	tcp_transport.ready(one.transport, 16);
	fd = bare_connect(2, 1);
	side_until(&one, NULL, side_info(&one, 2).has_second);
	assert_int_equal(one.connected_count, 0);
	side_until(&one, NULL, one.connected_count == 1);
	assert_true(side_now_ms() - begin_ms >= TRANSPORT_UNANSWERED_MS - 10);
	assert_true(side_info(&one, 2).is_accepted);
	assert_int_equal(one.disconnected_count, 0);
	assert_true(side_send(&one, 2, &number, 1));
	assert_int_equal(recv(fd, &number, sizeof(number), 0), sizeof(number));
	close(fd);
	bare_mute_end(listener, fillers);
	side_open(&two, 2);
}

static void test_newer_second_connection_takes_the_place(void **state)
{
	uint64_t number = 0;
	int fds[3], i;

	side_close(&two);
	for (i = 0; i < 3; i++) {
		fds[i] = bare_connect(2, 1);
		side_until(&one, NULL, (int)side_info(&one, 2).accept_count == i + 1);
	}
	assert_int_equal(bare_end(fds[1], &one), -ECONNRESET);
	assert_int_equal(one.connected_count, 1);
	assert_int_equal(send(fds[2], &number, 8, 0), 8);
	side_until(&one, NULL, one.frame_count == 1);
	assert_true(side_send(&one, 2, &number, 1));
	assert_int_equal(recv(fds[0], &number, sizeof(number), 0), sizeof(number));
	for (i = 0; i < 3; i++)
		close(fds[i]);
	side_open(&two, 2);
}

static void test_disconnect_in_order(void **state)
{
	uint64_t ours = 0, theirs = 0;

	connect_one();
	assert_true(side_send(&one, 2, &ours, 1000));
	tcp_transport.disconnect(one.transport, 2);
	assert_false(tcp_transport.is_parted(one.transport, 2));
	assert_int_equal(tcp_transport.send(one.transport, 2, (const uint8_t *)"x", 1), -ENOTCONN);
	assert_true(side_send(&two, 1, &theirs, 1000)); /* on its way at the same time */
	side_until(&one, &two, tcp_transport.is_parted(one.transport, 2));
	assert_int_equal(two.frame_count, 1000);
	assert_int_equal(one.frame_count, 1000);
	assert_int_equal(two.error, 0);
	assert_int_equal(two.disconnected_count, 1);
	assert_int_equal(one.disconnected_count, 0);
	/* And a new one at once. */
	connect_one();
}

static void test_peer_that_does_not_close(void **state)
{
	int fd;

	side_close(&two);
	fd = bare_connect(2, 1);
	side_until(&one, NULL, one.connected_count == 1);
	tcp_transport.disconnect(one.transport, 2);
	while (side_turn(&one))
		;
	tcp_transport.disconnect(one.transport, 2);
	assert_false(side_turn(&one)); /* asked again and again, nobody spins meanwhile */
	side_until(&one, NULL, tcp_transport.is_parted(one.transport, 2));
	close(fd);
	side_open(&two, 2);
}

static void test_removed_peer_is_a_stranger(void **state)
{
	connect_one();
	tcp_transport.remove(two.transport, 1);
	side_until(&one, &two, one.disconnected_count == 1);
	assert_int_equal(one.error, -ECONNRESET);
	assert_int_equal(two.disconnected_count, 0);
	tcp_transport.connect(one.transport, 2);
	side_until(&one, &two, two.stranger_count == 1 && one.disconnected_count == 2);
}

/* A peer that was removed and is added again is another life: what the former left is not heard. */
static void test_connection_of_a_former_life(void **state)
{
	uint64_t number = 0;
	int fds[3], i;

	side_close(&two);
	side_peer(&one, 3);
	for (i = 0; i < 3; i++) {
		fds[i] = bare_connect(i < 2 ? 2 : 3, 1);
		assert_int_equal(send(fds[i], &number, 4, 0), 4);
	}
	tcp_transport.remove(one.transport, 2);
	side_peer(&one, 2);
	side_until(&one, NULL, side_info(&one, 3).received_bytes == 4);
	for (i = 0; i < 2; i++)
		assert_int_equal(bare_end(fds[i], &one), -ECONNRESET);
	assert_int_equal(side_info(&one, 2).accept_count, 0);
	assert_int_equal(side_info(&one, 2).received_bytes, 0);
	assert_int_equal(one.connected_count, 1);
	for (i = 0; i < 3; i++)
		close(fds[i]);
	side_open(&two, 2);
}

/* As much as it takes. */
static void bare_fill(int fd)
{
	uint64_t number = 0;

	while (send(fd, &number, sizeof(number), MSG_DONTWAIT) == sizeof(number))
		number++;
}

static void test_who_sends_much_is_not_alone(void **state)
{
	const uint32_t nodeids[] = {2, 3};
	int fds[2], i;

	side_close(&two);
	side_peer(&one, 3);
	for (i = 0; i < 2; i++) {
		fds[i] = bare_connect(nodeids[i], 1);
		side_until(&one, NULL, one.connected_count == i + 1);
	}
	bare_fill(fds[0]);
	assert_int_equal(send(fds[1], "part", 4, 0), 4);
	for (i = 0; i < 2; i++)
		tcp_transport.ready(one.transport, 1);
	assert_int_equal(side_info(&one, 3).received_bytes, 4);
	assert_true(side_info(&one, 2).received_bytes > 4);
	for (i = 0; i < 2; i++)
		close(fds[i]);
	side_open(&two, 2);
}

static void test_no_descriptor_left(void **state)
{
	struct rlimit limit, none;
	int fd = bare_connect(2, 1);

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	side_until(&one, NULL, one.deaf_count == 1);
	while (side_turn(&one)) /* it rests, and does not spin */
		;
	assert_int_equal(one.deaf_count, 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	side_until(&one, NULL, one.connected_count == 1);
	close(fd);
}

static void test_settings_that_cannot_be(void **state)
{
	const struct sockaddr_storage address = side_address(1, 0);
	const struct sockaddr_storage other = {.ss_family = AF_INET6};
	const struct transport_events events = {.context = NULL};
	struct transport_settings settings = {
		.port = SIDE_PORT, .address_count = 1, .addresses = &address};
	struct transport *transport;

	assert_int_equal(tcp_transport.open(&settings, &events, &transport), -EADDRINUSE);
	settings.port = 65536;
	assert_int_equal(tcp_transport.open(&settings, &events, &transport), -EINVAL);
	settings = (struct transport_settings){.port = 1};
	assert_int_equal(tcp_transport.open(&settings, &events, &transport), -EINVAL);
	assert_int_equal(tcp_transport.add(one.transport, 3, 0, &other, 1), -EINVAL);
	assert_int_equal(tcp_transport.add(one.transport, 3, 0, &address, 0), -EINVAL);
	assert_int_equal(tcp_transport.add(one.transport, 0, 0, &address, 1), -EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_connects_and_both_send_on_it),
		TEST(test_both_connect_at_once),
		TEST(test_stranger_is_closed),
		TEST(test_peer_that_does_not_read),
		TEST(test_peer_resets_what_it_sends_on),
		TEST(test_peer_resets_and_opens_another),
		TEST(test_reset_is_of_what_we_send_on),
		TEST(test_reset_drains),
		TEST(test_stream_that_is_refused_is_reset),
		TEST(test_end_in_the_middle_of_a_frame),
		TEST(test_one_byte_at_a_time),
		TEST(test_pause_between_attempts),
		TEST(test_removed_while_connecting),
		TEST(test_connection_of_one_that_does_not_answer),
		TEST(test_newer_second_connection_takes_the_place),
		TEST(test_disconnect_in_order),
		TEST(test_peer_that_does_not_close),
		TEST(test_removed_peer_is_a_stranger),
		TEST(test_connection_of_a_former_life),
		TEST(test_who_sends_much_is_not_alone),
		TEST(test_no_descriptor_left),
		TEST(test_settings_that_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
