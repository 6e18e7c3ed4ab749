/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A node's view of its cluster, in lines: every event is one on standard output, and lines of
 * standard input are what a daemon would ask for.
 *
 * usage: cluster_probe corosync|single
 * input: open | close | join GROUP | leave GROUP | send GROUP TEXT | flood GROUP COUNT BYTES |
 *	digest | look GROUP | kill NODEID | addresses NODEID | instance | allow yes|no | quiet
 *yes|no | close_at EVENT | beat | quit "beat" is answered by the loop, at once where nothing keeps
 *it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/cluster/cluster.h"

#define LINE_BYTES_MAX 4096u

static qb_loop_t *loop;
static struct log *journal;
static const struct cluster_ops *ops;
static struct cluster *cluster;
static bool may_shut_down = true, is_quiet;
static char close_at[32];
static uint64_t digest = 14695981039346656037u;
static uint32_t delivered_count;
static char input[LINE_BYTES_MAX];
static size_t input_bytes;

/* ---- events ---- */

static void close_if(const char *event)
{
	if (strcmp(close_at, event))
		return;
	ops->close(cluster);
	cluster = NULL;
	printf("closed at %s\n", event);
}

static void print_nodes(const char *name, const uint32_t *nodes, uint32_t count)
{
	printf(" %s=", name);
	for (uint32_t i = 0; i < count; i++)
		printf("%s%" PRIu32, i ? "," : "", nodes[i]);
}

static void on_waiting(void *context, const char *text)
{
	printf("waiting %s\n", text);
}

static void on_up(void *context, const struct cluster_facts *facts)
{
	printf("up nodeid=%" PRIu32 " two_node=%d name=%s", facts->nodeid, facts->is_two_node,
		facts->name);
	print_nodes("configured", facts->configured, facts->configured_count);
	printf("\n");
	close_if("up");
}

static void on_quorum(void *context, bool is_quorate, uint64_t ring_seq, const uint32_t *members,
	uint32_t member_count, const uint32_t *rejoined, uint32_t rejoined_count)
{
	printf("quorum quorate=%d seq=%" PRIu64, is_quorate, ring_seq);
	print_nodes("members", members, member_count);
	print_nodes("rejoined", rejoined, rejoined_count);
	printf("\n");
	close_if("quorum");
}

static void on_confchg(void *context, const char *group, const uint32_t *members,
	uint32_t member_count, const struct cluster_left *left, uint32_t left_count,
	const uint32_t *joined, uint32_t joined_count)
{
	printf("confchg %s", group);
	print_nodes("members", members, member_count);
	print_nodes("joined", joined, joined_count);
	printf(" left=");
	for (uint32_t i = 0; i < left_count; i++)
		printf("%s%" PRIu32 ":%d", i ? "," : "", left[i].nodeid, left[i].reason);
	printf("\n");
	close_if("confchg");
}

static void on_ring(void *context, const char *group, uint32_t nodeid, uint64_t seq)
{
	printf("ring %s nodeid=%" PRIu32 " seq=%" PRIu64 "\n", group, nodeid, seq);
}

static void digest_add(const void *data, size_t bytes)
{
	const uint8_t *at = data;

	for (size_t i = 0; i < bytes; i++)
		digest = (digest ^ at[i]) * 1099511628211u;
}

static void on_deliver(
	void *context, const char *group, uint32_t nodeid, const void *data, size_t bytes)
{
	digest_add(&nodeid, sizeof(nodeid));
	digest_add(data, bytes);
	delivered_count++;
	if (!is_quiet)
		printf("deliver %s %" PRIu32 " %.*s\n", group, nodeid, (int)bytes,
			(const char *)data);
	close_if("deliver");
}

static void on_looked(
	void *context, const char *group, int error, const uint32_t *members, uint32_t member_count)
{
	printf("looked %s error=%d", group, error);
	print_nodes("members", members, member_count);
	printf("\n");
}

static void on_join_failed(void *context, const char *group, int error)
{
	printf("join_failed %s error=%d\n", group, error);
}

static bool on_may_shut_down(void *context)
{
	printf("may_shut_down %d\n", may_shut_down);
	return may_shut_down;
}

static void on_lost(void *context, const char *text)
{
	printf("lost %s\n", text);
	close_if("lost");
}

/* ---- commands ---- */

static int open_cluster(void)
{
	static const struct cluster_events events = {.waiting = on_waiting,
		.up = on_up,
		.quorum = on_quorum,
		.confchg = on_confchg,
		.ring = on_ring,
		.deliver = on_deliver,
		.looked = on_looked,
		.join_failed = on_join_failed,
		.may_shut_down = on_may_shut_down,
		.lost = on_lost};

	return ops->open(loop, journal, &events, &cluster);
}

static int print_addresses(uint32_t nodeid)
{
	struct sockaddr_storage list[CLUSTER_ADDRESSES_MAX];
	int count = ops->addresses(cluster, nodeid, list);

	printf("addresses %" PRIu32, nodeid);
	for (int i = 0; i < count; i++) {
		const struct sockaddr_in *four = (const struct sockaddr_in *)&list[i];
		const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&list[i];
		bool is_six = list[i].ss_family == AF_INET6;
		char text[INET6_ADDRSTRLEN];

		printf(" %s:%u",
			inet_ntop(list[i].ss_family,
				is_six ? (const void *)&six->sin6_addr
				       : (const void *)&four->sin_addr,
				text, sizeof(text)),
			ntohs(is_six ? six->sin6_port : four->sin_port));
	}
	printf("\n");
	return count;
}

static int flood(const char *group, const char *words)
{
	uint32_t count = 0, bytes = 0, sent = 0;
	char *message;
	int rv = 0;

	if (sscanf(words, "%" SCNu32 " %" SCNu32, &count, &bytes) != 2 || bytes < 16)
		return -EINVAL;
	message = calloc(1, bytes);
	if (!message)
		return -ENOMEM;
	for (; sent < count && !rv; sent += !rv) {
		snprintf(message, bytes, "%" PRIu32, sent);
		rv = ops->send(cluster, group, message, bytes);
	}
	free(message);
	printf("flooded %" PRIu32 "\n", sent);
	return rv;
}

static int run_plain(const char *verb, const char *word)
{
	if (!strcmp(verb, "beat"))
		return 0;
	if (!strcmp(verb, "open"))
		return cluster ? -EEXIST : open_cluster();
	if (!strcmp(verb, "allow") || !strcmp(verb, "quiet")) {
		*(verb[0] == 'a' ? &may_shut_down : &is_quiet) = !strcmp(word, "yes");
		return 0;
	}
	if (!strcmp(verb, "digest")) {
		printf("digest %" PRIu32 " %016" PRIx64 "\n", delivered_count, digest);
		return 0;
	}
	if (!strcmp(verb, "close_at")) {
		snprintf(close_at, sizeof(close_at), "%s", word);
		return 0;
	}
	if (!strcmp(verb, "quit")) {
		qb_loop_stop(loop);
		return 0;
	}
	return -ENOSYS;
}

static int run_asking(const char *verb, const char *word, const char *rest)
{
	if (!cluster)
		return -ENOTCONN;
	if (!strcmp(verb, "join"))
		return ops->join(cluster, word);
	if (!strcmp(verb, "leave"))
		return ops->leave(cluster, word);
	if (!strcmp(verb, "look"))
		return ops->look(cluster, word);
	if (!strcmp(verb, "send"))
		return ops->send(cluster, word, rest, strlen(rest));
	if (!strcmp(verb, "flood"))
		return flood(word, rest);
	if (!strcmp(verb, "kill"))
		return ops->kill(cluster, (uint32_t)strtoul(word, NULL, 10), "cluster_probe");
	if (!strcmp(verb, "addresses"))
		return print_addresses((uint32_t)strtoul(word, NULL, 10));
	if (!strcmp(verb, "instance")) {
		printf("instance %" PRIu64 "\n", ops->instance(cluster));
		return 0;
	}
	if (!strcmp(verb, "close")) {
		ops->close(cluster);
		cluster = NULL;
		return 0;
	}
	return -ENOSYS;
}

static void run_line(char *line)
{
	char *rest = line, *verb = strsep(&rest, " "), *word = strsep(&rest, " ");
	int rv = run_plain(verb, word ? word : "");

	if (rv == -ENOSYS)
		rv = run_asking(verb, word ? word : "", rest ? rest : "");
	printf("done %s %d\n", verb, rv);
	fflush(stdout);
}

static int32_t on_input(int32_t fd, int32_t events, void *data)
{
	ssize_t got = read(fd, input + input_bytes, sizeof(input) - 1 - input_bytes);
	char *end;

	if (got < 0 && errno == EAGAIN)
		return 0;
	if (got <= 0) {
		qb_loop_stop(loop);
		return 0;
	}
	input_bytes += (size_t)got;
	while ((end = memchr(input, '\n', input_bytes))) {
		char line[LINE_BYTES_MAX];
		size_t bytes = (size_t)(end - input) + 1;

		memcpy(line, input, bytes - 1);
		line[bytes - 1] = '\0';
		input_bytes -= bytes;
		memmove(input, end + 1, input_bytes);
		run_line(line);
	}
	return 0;
}

static void print_log(void *context, enum log_level level, const char *text)
{
	printf("log %d %s\n", (int)level, text);
}

int main(int argc, char *argv[])
{
	struct log_settings settings = {
		.program = "cluster_probe", .fd = -1, .level = LOG_LEVEL_INFO, .sink = print_log};

	if (argc != 2) {
		fprintf(stderr, "usage: cluster_probe corosync|single\n");
		return 2;
	}
	ops = strcmp(argv[1], "single") ? &cluster_corosync : &cluster_single;
	setvbuf(stdout, NULL, _IOLBF, 0);
	loop = qb_loop_create();
	if (!loop || log_new(&settings, &journal) || fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK) ||
		qb_loop_poll_add(loop, QB_LOOP_MED, STDIN_FILENO, POLLIN, NULL, on_input))
		return 1;
	qb_loop_run(loop);
	ops->close(cluster);
	qb_loop_destroy(loop);
	log_free(journal);
	printf("end\n");
	return 0;
}
