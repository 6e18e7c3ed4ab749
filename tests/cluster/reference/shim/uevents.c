/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's uevents come over a channel of the fake kernel: one a packet, as from netlink. */
#include <errno.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include "shim.h"

int socket(int domain, int type, int protocol)
{
	int (*next)(int, int, int) = place_next("socket");

	if (domain == AF_NETLINK && protocol == NETLINK_KOBJECT_UEVENT)
		return kernel_channel("uevents", type & SOCK_CLOEXEC);
	return next(domain, type, protocol);
}

int bind(int fd, const struct sockaddr *address, socklen_t bytes)
{
	int (*next)(int, const struct sockaddr *, socklen_t) = place_next("bind");

	return address->sa_family == AF_NETLINK ? 0 : next(fd, address, bytes);
}

int setsockopt(int fd, int level, int option, const void *value, socklen_t bytes)
{
	int (*next)(int, int, int, const void *, socklen_t) = place_next("setsockopt");

	return level == SOL_NETLINK ? 0 : next(fd, level, option, value, bytes);
}
