/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/interface.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

static socklen_t bytes_of(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
					      : sizeof(struct sockaddr_in);
}

/* The kernel is asked as dlm_lockd will ask it: it knows of addresses that are not usable yet. */
bool interface_has(const struct sockaddr_storage *address)
{
	struct sockaddr_storage any_port = *address;
	int fd = socket(address->ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), error = 0;

	if (fd < 0)
		return true;
	if (address->ss_family == AF_INET)
		((struct sockaddr_in *)&any_port)->sin_port = 0;
	else if (address->ss_family == AF_INET6)
		((struct sockaddr_in6 *)&any_port)->sin6_port = 0;
	if (bind(fd, (const struct sockaddr *)&any_port, bytes_of(address)))
		error = errno;
	close(fd);
	return error != EADDRNOTAVAIL;
}

const char *interface_text(const struct sockaddr_storage *address, char ret[INTERFACE_TEXT_BYTES])
{
	const void *raw = &((const struct sockaddr_in *)address)->sin_addr;

	if (address->ss_family == AF_INET6)
		raw = &((const struct sockaddr_in6 *)address)->sin6_addr;
	if (!inet_ntop(address->ss_family, raw, ret, INTERFACE_TEXT_BYTES))
		snprintf(ret, INTERFACE_TEXT_BYTES, "?");
	return ret;
}
