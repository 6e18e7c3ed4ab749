/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ls: the lockspaces of this node, their changes and members. Other tools read this output. */
#include <errno.h>
#include <inttypes.h>
#include <libdlmcontrol.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/admin.h"
#include "tool/tool.h"

#define NODE_COUNT_MAX 128 /* corosync's own limit */

static void flags_print(uint32_t flags)
{
	static const struct {
		uint32_t flag;
		const char *word;
	} words[] = {
		{DLMC_LF_SAVE_PLOCKS, "save_plock"},
		{DLMC_LF_NEED_PLOCKS, "need_plock"},
		{DLMC_LF_FS_REGISTERED, "fs_reg"},
		{DLMC_LF_KERNEL_STOPPED, "kern_stop"},
		{DLMC_LF_LEAVING, "leave"},
		{DLMC_LF_JOINING, "join"},
	};
	const char *separator = "";

	printf("flags         0x%08" PRIx32 " ", flags);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!(flags & words[i].flag))
			continue;
		printf("%s%s", separator, words[i].word);
		separator = ",";
	}
	printf("\n");
}

static void change_print(const char *label, const struct dlmc_change *change)
{
	printf("%-13s member %d joined %d remove %d failed %d seq %" PRIu32 ",%" PRIu32 "\n", label,
		change->member_count, change->joined_count, change->remove_count,
		change->failed_count, change->combined_seq, change->seq);
}

static const char *condition_name(int condition)
{
	switch (condition) {
	case DLMC_LS_WAIT_RINGID:
		return "ringid";
	case DLMC_LS_WAIT_QUORUM:
		return "quorum";
	case DLMC_LS_WAIT_FENCING:
		return "fencing";
	case DLMC_LS_WAIT_FSDONE:
		return "fsdone";
	default:
		return "unknown";
	}
}

static int node_compare(const void *a, const void *b)
{
	int left = ((const struct dlmc_node *)a)->nodeid;
	int right = ((const struct dlmc_node *)b)->nodeid;

	return (left > right) - (left < right);
}

/* Return: how many nodes, in order of their ids; negative: the query failed */
static int nodes_get(char *name, int type, struct dlmc_node nodes[NODE_COUNT_MAX])
{
	int count = 0, rv;

	memset(nodes, 0, sizeof(nodes[0]) * NODE_COUNT_MAX);
	rv = dlmc_lockspace_nodes(name, type, NODE_COUNT_MAX, &count, nodes);
	if (rv < 0)
		return rv;
	if (count == -E2BIG)
		count = NODE_COUNT_MAX;
	if (count > 0)
		qsort(nodes, (size_t)count, sizeof(nodes[0]), node_compare);
	return count;
}

static void members_print(const char *label, char *name, int type)
{
	struct dlmc_node nodes[NODE_COUNT_MAX];
	int count = nodes_get(name, type, nodes);

	printf("%-13s ", label);
	if (count < 0)
		printf("error");
	for (int i = 0; i < count; i++)
		printf("%d ", nodes[i].nodeid);
	printf("\n");
}

static int node_member(const struct dlmc_node *node)
{
	if (node->flags & DLMC_NF_DISALLOWED)
		return -1;
	return node->flags & DLMC_NF_MEMBER ? 1 : 0;
}

static void node_print(const struct dlmc_node *node)
{
	printf("nodeid %d member %d failed %d start %d seq_add %" PRIu32 " seq_rem %" PRIu32
	       " check ",
		node->nodeid, node_member(node), node->fail_reason,
		node->flags & DLMC_NF_START ? 1 : 0, node->added_seq, node->removed_seq);
	if (node->flags & DLMC_NF_NEED_FENCING)
		printf("fence %" PRIu64 "\n", node->fail_monotime);
	else if (node->flags & DLMC_NF_CHECK_FS)
		printf("fs\n");
	else
		printf("none\n");
}

static void nodes_print(char *name)
{
	struct dlmc_node nodes[NODE_COUNT_MAX];
	int count = nodes_get(name, DLMC_NODES_ALL, nodes);

	if (count < 0)
		printf("all nodes error %d 0\n", count);
	else
		printf("all nodes\n");
	for (int i = 0; i < count; i++)
		node_print(&nodes[i]);
}

/* What udlm's daemon says of whom or what a lockspace waits for. @waiting: "" where it is another's
 */
static void waiting_print(const char *waiting, const char *name)
{
	bool is_ours = false;

	while (*waiting) {
		int bytes = (int)strcspn(waiting, "\n");

		if (!strncmp(waiting, DLMC_WAITING_LOCKSPACE, strlen(DLMC_WAITING_LOCKSPACE))) {
			const char *of = waiting + strlen(DLMC_WAITING_LOCKSPACE);

			is_ours = (size_t)(waiting + bytes - of) == strlen(name) &&
				  !strncmp(of, name, strlen(name));
		} else if (is_ours &&
			   !strncmp(waiting, DLMC_INFO_WAITING, strlen(DLMC_INFO_WAITING))) {
			int key = (int)strlen(DLMC_INFO_WAITING);

			printf("waiting       %.*s\n", bytes - key, waiting + key);
		}
		waiting += bytes + (waiting[bytes] == '\n');
	}
}

static void lockspace_print(struct dlmc_lockspace *ls, bool all_nodes, const char *waiting)
{
	const struct dlmc_change *next = &ls->cg_next;

	printf("name          %s\n", ls->name);
	printf("id            0x%08" PRIx32 "\n", ls->global_id);
	flags_print(ls->flags);
	change_print("change", &ls->cg_prev);
	members_print("members", ls->name, DLMC_NODES_MEMBERS);
	if (next->seq) {
		change_print("new change", next);
		if (next->wait_messages)
			printf("new status    wait messages %d\n", next->wait_condition);
		else
			printf("new status    wait %s\n", condition_name(next->wait_condition));
		members_print("new members", ls->name, DLMC_NODES_NEXT);
	}
	waiting_print(waiting, ls->name);
	if (all_nodes)
		nodes_print(ls->name);
	printf("\n");
}

/* Return: the text of LOCKSPACE_WAITING, for admin_answer_done(); empty where nobody knows */
static struct admin_answer waiting_get(void)
{
	struct admin_request request = {.command = DLMC_CMD_LOCKSPACE_WAITING};
	struct admin_answer answer = {0};

	if (admin_daemon(0, NULL) != 1 || admin_ask(&request, &answer))
		return (struct admin_answer){0};
	if (answer.result)
		admin_answer_done(&answer);
	return answer;
}

static int one_print(const struct args *args, char *name)
{
	struct admin_answer waiting;

	struct dlmc_lockspace ls = {0};
	int rv = dlmc_lockspace_info(name, &ls);

	if (rv == -1)
		say_daemon(errno);
	else if (rv < 0)
		say_lockspace(name, -rv);
	if (rv < 0)
		return 1;
	waiting = waiting_get();
	printf("dlm lockspaces\n");
	lockspace_print(&ls, args->all_nodes, waiting.text ? waiting.text : "");
	admin_answer_done(&waiting);
	return 0;
}

int cmd_ls(const struct args *args)
{
	struct dlmc_lockspace *list = NULL;
	struct admin_answer waiting = {0};
	int count = 0, rv;

	if (args->everywhere)
		return everywhere_print(args->all_nodes ? DLMC_ALL_LS_NODES : DLMC_ALL_LS);
	if (args->word_count)
		return one_print(args, args->words[0]);
	rv = dlmc_lockspaces(&count, &list);
	if (rv == -1)
		say_daemon(errno);
	else if (rv < 0)
		say("dlm_controld cannot list its lockspaces: %s", strerror(-rv));
	if (rv < 0)
		return 1;
	if (count > 0) {
		waiting = waiting_get();
		printf("dlm lockspaces\n");
	}
	for (int i = 0; i < count; i++)
		lockspace_print(&list[i], args->all_nodes, waiting.text ? waiting.text : "");
	admin_answer_done(&waiting);
	free(list);
	return 0;
}
