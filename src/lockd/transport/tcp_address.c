/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "lockd/transport/tcp_room.h"

struct sockaddr_storage tcp_address_plain(const struct sockaddr_storage *address)
{
	struct sockaddr_storage plain = {.ss_family = address->ss_family};
	const struct sockaddr_in *from4 = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *from6 = (const struct sockaddr_in6 *)address;

	if (address->ss_family == AF_INET) {
		((struct sockaddr_in *)&plain)->sin_addr = from4->sin_addr;
	} else if (address->ss_family == AF_INET6) {
		((struct sockaddr_in6 *)&plain)->sin6_addr = from6->sin6_addr;
		((struct sockaddr_in6 *)&plain)->sin6_scope_id = from6->sin6_scope_id;
	}
	return plain;
}

bool tcp_address_equal(const struct sockaddr_storage *one, const struct sockaddr_storage *other)
{
	const struct sockaddr_in6 *one6 = (const struct sockaddr_in6 *)one;
	const struct sockaddr_in6 *other6 = (const struct sockaddr_in6 *)other;

	if (one->ss_family != other->ss_family)
		return false;
	if (one->ss_family == AF_INET)
		return ((const struct sockaddr_in *)one)->sin_addr.s_addr ==
		       ((const struct sockaddr_in *)other)->sin_addr.s_addr;
	if (one->ss_family != AF_INET6)
		return false;
	/* Who connects from a link-local address has a scope, who was configured may have none. */
	if (one6->sin6_scope_id && other6->sin6_scope_id &&
		one6->sin6_scope_id != other6->sin6_scope_id)
		return false;
	return !memcmp(&one6->sin6_addr, &other6->sin6_addr, sizeof(one6->sin6_addr));
}

struct sockaddr_storage tcp_address_port(const struct sockaddr_storage *address, uint32_t port)
{
	struct sockaddr_storage with = *address;

	if (with.ss_family == AF_INET6)
		((struct sockaddr_in6 *)&with)->sin6_port = htons((uint16_t)port);
	else
		((struct sockaddr_in *)&with)->sin_port = htons((uint16_t)port);
	return with;
}

socklen_t tcp_address_bytes(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
					      : sizeof(struct sockaddr_in);
}

void tcp_address_text(const struct sockaddr_storage *address, uint32_t port, char *ret, size_t room)
{
	char text[INET6_ADDRSTRLEN] = "?";

	if (address->ss_family == AF_INET6) {
		(void)inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)address)->sin6_addr, text,
			sizeof(text));
		snprintf(ret, room, "[%s]:%u", text, port);
		return;
	}
	if (address->ss_family == AF_INET)
		(void)inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, text,
			sizeof(text));
	snprintf(ret, room, "%s:%u", text, port);
}
