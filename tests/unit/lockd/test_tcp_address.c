/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "../cmocka_all.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "lockd/transport/tcp_room.h"

static struct sockaddr_storage address(const char *text, uint16_t port, uint32_t scope)
{
	struct sockaddr_storage made;
	struct sockaddr_in *in4 = (struct sockaddr_in *)&made;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&made;

	memset(&made, 0xa5, sizeof(made)); /* what is behind an address means nothing */
	if (strchr(text, ':')) {
		made.ss_family = AF_INET6;
		assert_int_equal(inet_pton(AF_INET6, text, &in6->sin6_addr), 1);
		in6->sin6_port = htons(port);
		in6->sin6_scope_id = scope;
	} else {
		made.ss_family = AF_INET;
		assert_int_equal(inet_pton(AF_INET, text, &in4->sin_addr), 1);
		in4->sin_port = htons(port);
	}
	return made;
}

static bool equal(struct sockaddr_storage one, struct sockaddr_storage other)
{
	struct sockaddr_storage plain = tcp_address_plain(&one);

	return tcp_address_equal(&plain, &other);
}

static void test_equal(void **state)
{
	assert_true(equal(address("10.0.0.1", 0, 0), address("10.0.0.1", 40000, 0)));
	assert_false(equal(address("10.0.0.1", 0, 0), address("10.0.0.2", 0, 0)));
	assert_false(equal(address("10.0.0.1", 0, 0), address("::ffff:10.0.0.1", 0, 0)));
	assert_true(equal(address("fd00::1", 0, 0), address("fd00::1", 40000, 0)));
	assert_false(equal(address("fd00::1", 0, 0), address("fd00::2", 40000, 0)));
	/* Who is configured without a scope is meant in any; two scopes are two nodes. */
	assert_true(equal(address("fe80::1", 0, 0), address("fe80::1", 0, 2)));
	assert_false(equal(address("fe80::1", 0, 1), address("fe80::1", 0, 2)));
}

static void test_port(void **state)
{
	const struct sockaddr_storage in4 = address("10.0.0.1", 7, 0);
	const struct sockaddr_storage in6 = address("fd00::1", 7, 0);
	struct sockaddr_storage with = tcp_address_port(&in4, 21064);

	assert_int_equal(ntohs(((struct sockaddr_in *)&with)->sin_port), 21064);
	assert_int_equal(tcp_address_bytes(&with), sizeof(struct sockaddr_in));
	with = tcp_address_port(&in6, 21064);
	assert_int_equal(ntohs(((struct sockaddr_in6 *)&with)->sin6_port), 21064);
	assert_int_equal(tcp_address_bytes(&with), sizeof(struct sockaddr_in6));
	with = tcp_address_plain(&in6);
	assert_int_equal(((struct sockaddr_in6 *)&with)->sin6_port, 0);
}

static void test_text(void **state)
{
	const struct sockaddr_storage in4 = address("10.0.0.1", 7, 0);
	const struct sockaddr_storage in6 = address("fd00::1", 7, 0);
	const struct sockaddr_storage none = {0};
	char text[TRANSPORT_ADDRESS_TEXT];

	tcp_address_text(&in4, 21064, text, sizeof(text));
	assert_string_equal(text, "10.0.0.1:21064");
	tcp_address_text(&in6, 21064, text, sizeof(text));
	assert_string_equal(text, "[fd00::1]:21064");
	tcp_address_text(&none, 1, text, sizeof(text));
	assert_string_equal(text, "?:1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_port),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
