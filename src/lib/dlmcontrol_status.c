/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dlmc_print_status(): the daemon's records ("key=value " strings) as the text of `dlm_tool
 * status`, which other tools parse: cluster resource agents look for single keys in the verbose
 * form.
 */
#include "libdlmcontrol.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/dlmcontrol_socket.h"

#define STATE_STRING_MAX 65536u
#define STATE_COUNT_MAX  65536u

struct state {
	struct dlmc_state head;
	char *text; /* owned; "" if there was none */
};

struct states {
	struct state *list; /* owned */
	size_t count, room;
};

static void states_done(struct states *states)
{
	for (size_t i = 0; i < states->count; i++)
		free(states->list[i].text);
	free(states->list);
}

static int states_grow(struct states *states)
{
	size_t room = states->room ? states->room * 2 : 16;
	struct state *list;

	if (states->count < states->room)
		return 0;
	list = states->count < STATE_COUNT_MAX ? reallocarray(states->list, room, sizeof(*list))
					       : NULL;
	if (!list)
		return -1;
	states->list = list;
	states->room = room;
	return 0;
}

static int read_text(int fd, const struct dlmc_state *head, char *ret)
{
	char rest[512];
	uint32_t left = head->bin_len;

	if (dlmcontrol_socket_read(fd, ret, head->str_len))
		return -1;
	ret[head->str_len] = '\0';
	for (; left; left -= left < sizeof(rest) ? left : (uint32_t)sizeof(rest)) {
		if (dlmcontrol_socket_read(fd, rest, left < sizeof(rest) ? left : sizeof(rest)))
			return -1;
	}
	return 0;
}

static int states_add(struct states *states, int fd, const struct dlmc_state *head)
{
	char *text;

	if (head->str_len > STATE_STRING_MAX || head->bin_len > STATE_STRING_MAX)
		return -1;
	if (states_grow(states))
		return -1;
	text = malloc(head->str_len + 1u);
	if (!text)
		return -1;
	if (read_text(fd, head, text)) {
		free(text);
		return -1;
	}
	states->list[states->count++] = (struct state){.head = *head, .text = text};
	return 0;
}

/* There is no count: the records end where the connection does. */
static int states_read(struct states *states, int fd)
{
	struct dlmc_state head;

	while (!dlmcontrol_socket_read(fd, &head, sizeof(head))) {
		if (states_add(states, fd, &head))
			return -1;
	}
	return states->count ? 0 : -1;
}

static int state_order(const void *a, const void *b)
{
	const struct state *left = a, *right = b;

	if (left->head.type != right->head.type)
		return left->head.type < right->head.type ? -1 : 1;
	return (left->head.nodeid > right->head.nodeid) - (left->head.nodeid < right->head.nodeid);
}

/* ---- values ---- */

/* The text after "key=" at the start of a word; "" where there is no such key. */
static const char *value_find(const struct state *state, const char *key)
{
	size_t bytes = strlen(key);
	const char *at = state->text;

	while (at) {
		if (!strncmp(at, key, bytes) && at[bytes] == '=')
			return at + bytes + 1;
		at = strchr(at, ' ');
		if (at)
			at++;
	}
	return "";
}

static unsigned long long value_number(const struct state *state, const char *key)
{
	return strtoull(value_find(state, key), NULL, 10);
}

static int value_int(const struct state *state, const char *key)
{
	return (int)strtol(value_find(state, key), NULL, 10);
}

/* ---- the short form ---- */

static void print_daemon(const struct state *state)
{
	printf("cluster nodeid %d quorate %d ring seq %llu %llu\n", state->head.nodeid,
		value_int(state, "quorate"), value_number(state, "cluster_ringid"),
		value_number(state, "daemon_ringid"));
	printf("daemon now %llu fence_pid %d %s\n", value_number(state, "monotime"),
		value_int(state, "fence_pid"),
		value_int(state, "fence_in_progress_unknown") ? "fence_init" : "");
}

static void print_node(const struct state *state)
{
	char letter = value_int(state, "member") ? 'M' : 'X';

	if (state->head.type == DLMC_STATE_STARTUP_NODE)
		letter = 'U';
	printf("node %d %c add %llu rem %llu fail %llu fence %llu at %d %llu\n", state->head.nodeid,
		letter, value_number(state, "add_time"), value_number(state, "rem_time"),
		value_number(state, "fail_monotime"), value_number(state, "fence_monotime"),
		value_int(state, "fence_actor_done"), value_number(state, "fence_walltime"));
}

static void print_startup(const struct state *state)
{
	if (!state->text[0]) {
		printf("startup node %d\n", state->head.nodeid);
		return;
	}
	printf("startup ");
	print_node(state);
}

static void print_fence(const struct state *state)
{
	const char *reason = value_find(state, "left_reason");

	printf("fence %d %.*s ", state->head.nodeid, (int)strcspn(reason, " "), reason);
	if (value_int(state, "delay_fencing"))
		printf("delay");
	else
		printf("pid %d", value_int(state, "fence_pid"));
	printf(" actor %d fail %llu fence %llu now %lld%s%s\n",
		value_int(state, "fence_actor_last"), value_number(state, "fail_walltime"),
		value_number(state, "fence_walltime"), (long long)time(NULL),
		value_int(state, "fence_result_wait") ? " result_wait" : "",
		value_int(state, "killed") ? " killed" : "");
}

static void print_each(const struct states *states, uint32_t type,
	void (*print)(const struct state *state), const char *only_with)
{
	for (size_t i = 0; i < states->count; i++) {
		const struct state *state = &states->list[i];

		if (state->head.type != type)
			continue;
		if (!only_with || value_int(state, only_with))
			print(state);
	}
}

static void print_short(const struct states *states)
{
	print_each(states, DLMC_STATE_DAEMON, print_daemon, NULL);
	print_each(states, DLMC_STATE_STARTUP_NODE, print_startup, NULL);
	print_each(states, DLMC_STATE_DAEMON_NODE, print_fence, "need_fencing");
	print_each(states, DLMC_STATE_DAEMON_NODE, print_node, NULL);
}

/* ---- the verbose form: unsorted, a key a line, and one more line of blanks ---- */

static void print_keys(const char *text)
{
	printf("    ");
	for (; *text; text++) {
		if (*text == ' ')
			printf("\n    ");
		else
			putchar(*text);
	}
	putchar('\n');
}

static void print_verbose(const struct states *states)
{
	static const char *const title[] = {
		[DLMC_STATE_DAEMON] = "our_nodeid",
		[DLMC_STATE_DAEMON_NODE] = "nodeid",
		[DLMC_STATE_STARTUP_NODE] = "startup nodeid",
	};

	for (size_t i = 0; i < states->count; i++) {
		uint32_t type = states->list[i].head.type;

		if (type < DLMC_STATE_DAEMON || type > DLMC_STATE_STARTUP_NODE)
			continue;
		printf("%s %d\n", title[type], states->list[i].head.nodeid);
		print_keys(states->list[i].text);
	}
}

/* The field's library says this itself, on standard output, and programs rely on it. */
static void failure_print(const char *what)
{
	int error = errno;

	printf("cannot %s to dlm_controld\n", what);
	errno = error;
}

int dlmc_print_status(uint32_t flags)
{
	struct states states = {0};
	struct dlmc_header request;
	int fd, rv = -1;

	dlmc_header_init(&request, DLMC_CMD_DUMP_STATUS, NULL);
	fd = dlmcontrol_socket_open(DLMC_QUERY_SOCKET);
	if (fd < 0) {
		failure_print("connect");
		return -1;
	}
	if (dlmcontrol_socket_write(fd, &request, sizeof(request)))
		failure_print("send");
	else
		rv = states_read(&states, fd);
	dlmcontrol_socket_close(fd);
	if (!rv && flags & DLMC_STATUS_VERBOSE) {
		print_verbose(&states);
	} else if (!rv) {
		qsort(states.list, states.count, sizeof(*states.list), state_order);
		print_short(&states);
	}
	states_done(&states);
	return rv;
}
