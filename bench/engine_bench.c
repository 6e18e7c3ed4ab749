/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the engine alone costs: memory for a lock, time of a lock, longest slices of recovery.
 *
 *	engine_bench [-n LOCKS]
 *
 * The wanted figures hold for a million locks, the default. Exit status: 0; 1 one is not met; 2
 *wrong use.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nodes.h"

#define RESOURCE_LOCK_BYTES_MAX 350 /* a lock with its resource, 24-byte names */
#define FURTHER_LOCK_BYTES_MAX  160
#define SLICE_MS_MAX            10.0
#define BATCH                   256 /* requests between two looks at the outputs, as a daemon has */

static bool verdict(bool good)
{
	printf("  %s\n", good ? "ok" : "TOO MUCH");
	return good;
}

static uint64_t resident_bytes(void)
{
	uint64_t total, resident = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (!file || fscanf(file, "%" SCNu64 " %" SCNu64, &total, &resident) != 2)
		resident = 0;
	if (file)
		fclose(file);
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* One lock of @node on each of @count resources. */
static void locks_take(struct nodes *nodes, struct node *node, uint64_t count, int mode)
{
	uint64_t before = node->completion_count;

	for (uint64_t i = 0; i < count; i++) {
		nodes_lock(node, i, mode);
		if (i % BATCH == BATCH - 1)
			nodes_pump(nodes);
	}
	nodes_pump(nodes);
	if (node->completion_count - before != count) {
		fprintf(stderr, "engine_bench: %" PRIu64 " of %" PRIu64 " locks were granted\n",
			node->completion_count - before, count);
		exit(1);
	}
}

/* ---- memory ---- */

static bool memory_row(const char *what, uint64_t before, uint64_t count, unsigned most)
{
	double bytes = (double)(resident_bytes() - before) / (double)count;

	printf("%-58s %6.1f bytes (at most %u)", what, bytes, most);
	return verdict(bytes <= most);
}

static bool memory_measure(uint64_t count)
{
	struct nodes nodes = {0};
	struct node *node = nodes_add(&nodes, 1);
	uint64_t before;
	bool good;

	nodes_start(&nodes, 0);
	locks_take(&nodes, node, 1, DLM_MODE_NL);
	before = resident_bytes();
	locks_take(&nodes, node, count, DLM_MODE_CR);
	good = memory_row(
		"memory: a lock and its resource", before, count, RESOURCE_LOCK_BYTES_MAX);
	before = resident_bytes();
	locks_take(&nodes, node, count, DLM_MODE_CR);
	good &= memory_row("memory: each further lock", before, count, FURTHER_LOCK_BYTES_MAX);
	nodes_done(&nodes);
	return good;
}

/* ---- throughput ---- */

static bool throughput_measure(uint64_t count)
{
	struct nodes nodes = {0};
	struct node *node = nodes_add(&nodes, 1);
	uint32_t ids[BATCH];
	uint64_t begin;

	nodes_start(&nodes, 0);
	begin = nodes_cpu_ns();
	for (uint64_t done = 0; done < count; done += BATCH) {
		for (int i = 0; i < BATCH; i++)
			ids[i] = nodes_lock(node, (uint64_t)i, DLM_MODE_EX);
		nodes_pump(&nodes);
		for (int i = 0; i < BATCH; i++)
			if (engine_unlock(node->client, ids[i], 0, NULL))
				return false;
		nodes_pump(&nodes);
	}
	printf("%-58s %6.0f ns of processor time\n", "time: lock and unlock, mastered here",
		(double)(nodes_cpu_ns() - begin) / (double)count);
	nodes_done(&nodes);
	return true;
}

/* ---- recovery ---- */

static bool slice_row(const char *role, const struct node *node)
{
	double work_ms = (double)node->work_ns_max / 1e6, call_ms = (double)node->call_ns_max / 1e6;

	printf("%-58s %6.2f ms work, %6.2f ms %s (at most %.0f)", role, work_ms, call_ms,
		node->call_name, SLICE_MS_MAX);
	return verdict(work_ms <= SLICE_MS_MAX && call_ms <= SLICE_MS_MAX);
}

/* Node 2 has all the locks; node 1 joins as low node and as the whole directory. */
static bool join_measure(uint64_t count)
{
	struct nodes nodes = {0};
	bool good;

	nodes_add(&nodes, 2);
	nodes_start(&nodes, 0);
	locks_take(&nodes, &nodes.node[1], count, DLM_MODE_CR);
	nodes_add(&nodes, 1);
	nodes_times_reset(&nodes);
	nodes_start(&nodes, 1);
	good = slice_row("slices: joins as low node and directory", &nodes.node[0]);
	good &= slice_row("slices: master that gives its names", &nodes.node[1]);
	nodes_times_reset(&nodes);
	nodes_start(&nodes, 2);
	good &= slice_row("slices: low node, the directory moves away", &nodes.node[0]);
	good &= slice_row("slices: becomes the directory of its own", &nodes.node[1]);
	nodes_done(&nodes);
	return good;
}

/* Node 3 is master of everything and ends; 1 and 2 have a lock each on all of it. */
static bool remaster_measure(uint64_t count)
{
	struct nodes nodes = {0};
	struct engine_lockspace_info info[2];
	bool good;

	for (uint32_t nodeid = 1; nodeid <= 3; nodeid++)
		nodes_add(&nodes, nodeid);
	nodes_start(&nodes, 1);
	locks_take(&nodes, &nodes.node[2], count, DLM_MODE_NL);
	locks_take(&nodes, &nodes.node[1], count, DLM_MODE_CR);
	locks_take(&nodes, &nodes.node[0], count, DLM_MODE_CR);
	nodes_remove(&nodes, 3);
	nodes_times_reset(&nodes);
	nodes_start(&nodes, 1);
	good = slice_row("slices: low node and directory, the master ended", &nodes.node[0]);
	good &= slice_row("slices: the other, the master ended", &nodes.node[1]);
	for (int i = 0; i < 2; i++)
		engine_lockspace_info(nodes.node[i].lockspace, &info[i]);
	printf("%-58s node 1 has %zu locks, node 2 %zu, copies of the other's among them\n",
		"  afterwards", info[0].lock_count, info[1].lock_count);
	nodes_done(&nodes);
	return good && info[0].lock_count + info[1].lock_count == 3 * count;
}

/* ---- each part in a process of its own, so that memory starts from nothing ---- */

static bool part_run(bool (*part)(uint64_t count), uint64_t count)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		bool good = part(count);

		fflush(stdout);
		_exit(good ? 0 : 1);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	       !WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	uint64_t count = 1000000;
	bool good;
	int option;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((option = getopt(argc, argv, "n:")) != -1) {
		if (option == 'n')
			count = strtoull(optarg, NULL, 10);
		else
			count = 0;
	}
	if (optind != argc || count == 0 || count > 10000000) {
		fprintf(stderr, "usage: engine_bench [-n LOCKS]\n");
		return 2;
	}
	printf("%" PRIu64 " locks, one a resource, names of 24 bytes\n", count);
	good = part_run(memory_measure, count);
	good &= part_run(throughput_measure, count);
	good &= part_run(join_measure, count);
	good &= part_run(remaster_measure, count);
	return good ? 0 : 1;
}
