/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Addresses of this machine. */
#include <stdbool.h>
#include <sys/socket.h>

#define INTERFACE_TEXT_BYTES 64u

/**
 * interface_has() - whether an interface of this machine has the address now
 * @address: IPv4 or IPv6; its port is passed over. Return: true too where that cannot be found out
 */
bool interface_has(const struct sockaddr_storage *address);
/** interface_text() - the address in words. Return: @ret */
const char *interface_text(const struct sockaddr_storage *address, char ret[INTERFACE_TEXT_BYTES]);
