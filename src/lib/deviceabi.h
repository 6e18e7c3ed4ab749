/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * What is written to and read from the kernel's dlm devices, version 6. A native struct has the
 * right layout on every machine: the kernel takes 64-bit and 32-bit callers apart by `is64bit`.
 * Source: docs/protocol/wire.md, "Lock device".
 */
#include <assert.h>
#include <libdlm.h>
#include <stddef.h>
#include <stdint.h>

#define DEVICE_VERSION_MAJOR 6
#define DEVICE_VERSION_MINOR 0
#define DEVICE_VERSION_PATCH 2

enum device_command {
	DEVICE_LOCK = 1,
	DEVICE_UNLOCK = 2,
	DEVICE_CREATE_LOCKSPACE = 4,
	DEVICE_REMOVE_LOCKSPACE = 5,
	DEVICE_PURGE = 6,
	DEVICE_DEADLOCK = 7,
};

#define DEVICE_REMOVE_FORCE 2u /* flags of REMOVE_LOCKSPACE */

struct device_lock {
	uint8_t mode;
	uint8_t name_bytes;
	uint16_t unused;
	uint32_t flags;
	uint32_t lkid;
	uint32_t parent;
	uint64_t xid;
	uint64_t timeout;
	/* The kernel gives these back and never follows them. */
	void *castparam;
	void *castaddr;
	void *bastparam;
	void *bastaddr;
	void *lksb;
	char lvb[DLM_LVB_LEN];
};

struct device_lockspace {
	uint32_t flags;
	uint32_t minor;
	char name[]; /* NUL-terminated */
};

struct device_purge {
	uint32_t nodeid;
	uint32_t pid;
};

struct device_request {
	uint32_t version[3];
	uint8_t command;
	uint8_t is64bit;
	uint8_t unused[2];
	union {
		struct device_lock lock; /* its name follows the request */
		struct device_lockspace lockspace;
		struct device_purge purge;
	} u;
};

struct device_result {
	uint32_t version[3];
	uint32_t bytes; /* of the whole */
	void *astaddr;
	void *astparam;
	void *user_lksb;
	struct dlm_lksb lksb;
	uint8_t bast_mode; /* not 0: a blocking AST */
	uint8_t unused[3];
	uint32_t lvb_offset; /* 0: none */
};

#if UINTPTR_MAX == UINT64_MAX
static_assert(sizeof(struct device_request) == 120, "the kernel's size");
static_assert(offsetof(struct device_request, u.lock.flags) == 20, "flags");
static_assert(offsetof(struct device_request, u.lock.xid) == 32, "xid");
static_assert(offsetof(struct device_request, u.lock.castparam) == 48, "castparam");
static_assert(offsetof(struct device_request, u.lock.lksb) == 80, "lksb");
static_assert(offsetof(struct device_request, u.lock.lvb) == 88, "lvb");
static_assert(sizeof(struct device_result) == 72, "the kernel's size");
static_assert(offsetof(struct device_result, lksb) == 40, "lksb");
static_assert(offsetof(struct device_result, bast_mode) == 64, "bast_mode");
static_assert(offsetof(struct device_result, lvb_offset) == 68, "lvb_offset");
#endif
