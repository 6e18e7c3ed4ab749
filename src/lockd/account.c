/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lockd/account.h"

#include <errno.h>
#include <stdlib.h>

#include "base/pure/must.h"

void account_table_init(struct account_table *table, uint32_t connection_max, uint32_t own_uid)
{
	*table = (struct account_table){.connection_max = connection_max, .own_uid = own_uid};
	list_init(&table->accounts);
}

void account_table_done(struct account_table *table)
{
	struct account *account, *tmp;

	list_for_each_safe (account, tmp, &table->accounts, link) {
		list_remove(&account->link);
		free(account);
	}
}

static struct account *account_find(struct account_table *table, uint32_t uid)
{
	struct account *account;

	list_for_each (account, &table->accounts, link)
		if (account->uid == uid)
			return account;
	return NULL;
}

static int account_may_have_more(const struct account_table *table, const struct account *account)
{
	if (table->connection_count >= table->connection_max)
		return -EUSERS;
	if (!account || !account->uid || account->uid == table->own_uid)
		return 0;
	return account->connection_count < table->connection_max / 2 ? 0 : -EMFILE;
}

int account_charge(struct account_table *table, uint32_t uid, struct account **ret)
{
	struct account *account = account_find(table, uid);
	int rv = account_may_have_more(table, account);

	if (rv) {
		table->refused_count++;
		if (account)
			account->refused_count++;
		return rv;
	}
	if (!account) {
		account = calloc(1, sizeof(*account));
		if (!account)
			return -ENOMEM;
		account->uid = uid;
		list_add_tail(&table->accounts, &account->link);
	}
	account->connection_count++;
	table->connection_count++;
	*ret = account;
	return 0;
}

void account_release(struct account_table *table, struct account *account)
{
	if (!account)
		return;
	must(account->connection_count > 0);
	table->connection_count--;
	account->connection_count--;
	if (account->connection_count)
		return;
	list_remove(&account->link);
	free(account);
}
