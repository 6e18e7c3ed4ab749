/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * How many connections there are, in all and of each user. The sum is bounded; one user may
 * have half of it, so that nobody shuts out the others; root may have all, and the user that the
 * daemon itself runs as.
 */
#include <stdint.h>

#include "base/pure/list.h"

struct account {
	uint32_t uid;
	uint32_t connection_count;
	uint64_t refused_count; /* connections over the limit */
	struct list link;
};

struct account_table {
	uint32_t connection_max;
	uint32_t own_uid; /* who may have all, like root */
	uint32_t connection_count;
	uint64_t refused_count;
	struct list accounts; /* one for each user with a connection */
};

void account_table_init(struct account_table *table, uint32_t connection_max, uint32_t own_uid);
void account_table_done(struct account_table *table);
/**
 * account_charge() - one more connection of @uid
 * Return: 0; -EUSERS all connections are in use; -EMFILE the user's half is; -ENOMEM
 */
int account_charge(struct account_table *table, uint32_t uid, struct account **ret);
/** account_release() - a connection ended; @account may be gone afterwards. NULL is allowed. */
void account_release(struct account_table *table, struct account *account);
