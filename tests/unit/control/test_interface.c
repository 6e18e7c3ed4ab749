/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/interface.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "cmocka_all.h"

static struct sockaddr_storage address_of(int family, const char *text)
{
	struct sockaddr_storage address = {.ss_family = (sa_family_t)family};
	struct sockaddr_in *four = (struct sockaddr_in *)&address;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&address;
	void *raw = &four->sin_addr;

	four->sin_port = htons(1); /* whoever has the port: it is not asked for */
	if (family == AF_INET6)
		raw = &six->sin6_addr;
	assert_int_equal(inet_pton(family, text, raw), 1);
	return address;
}

static void test_our_own_address_is_here(void **state)
{
	struct sockaddr_storage address = address_of(AF_INET, "127.0.0.1");

	assert_true(interface_has(&address));
}

static void test_an_address_for_documentation_is_not_here(void **state)
{
	struct sockaddr_storage four = address_of(AF_INET, "192.0.2.77");
	struct sockaddr_storage six = address_of(AF_INET6, "2001:db8::77");

	assert_false(interface_has(&four));
	if (socket(AF_INET6, SOCK_DGRAM, 0) >= 0)
		assert_false(interface_has(&six));
}

static void test_what_cannot_be_asked_is_left_to_others(void **state)
{
	struct sockaddr_storage address = {.ss_family = AF_UNSPEC};

	assert_true(interface_has(&address));
}

static void test_words(void **state)
{
	struct sockaddr_storage four = address_of(AF_INET, "192.0.2.77");
	struct sockaddr_storage six = address_of(AF_INET6, "2001:db8::77");
	struct sockaddr_storage none = {.ss_family = AF_UNSPEC};
	char text[INTERFACE_TEXT_BYTES];

	assert_string_equal(interface_text(&four, text), "192.0.2.77");
	assert_string_equal(interface_text(&six, text), "2001:db8::77");
	assert_string_equal(interface_text(&none, text), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_our_own_address_is_here),
		cmocka_unit_test(test_an_address_for_documentation_is_not_here),
		cmocka_unit_test(test_what_cannot_be_asked_is_left_to_others),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
