/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rule of lost rights, with real files, locks and processes. */
#include "control/lost/lost.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cmocka_all.h"
#include "proto/client.h"

#define BOOT "11111111-2222-3333-4444-555555555555"

static qb_loop_t *loop;
static struct lost *lost;
static char run_dir[64];
static bool is_done;
static unsigned int changed_count;

static void path_of(const char *name, char ret[128])
{
	snprintf(ret, 128, "%s/leases/%s", run_dir, name);
}

static int setup(void **state)
{
	char path[128];

	alarm(60);
	memcpy(run_dir, "/tmp/udlm-lost-XXXXXX", sizeof("/tmp/udlm-lost-XXXXXX"));
	assert_non_null(mkdtemp(run_dir));
	path_of("", path);
	loop = qb_loop_create();
	lost = NULL;
	is_done = false;
	changed_count = 0;
	return mkdir(path, 0700);
}

static int teardown(void **state)
{
	char path[128];

	lost_free(lost);
	qb_loop_destroy(loop);
	path_of("", path);
	return rmdir(path) || rmdir(run_dir);
}

static void put(const char *name, uint32_t held, uint32_t persistent)
{
	struct lease lease = {.magic = LEASE_MAGIC,
		.version = 1,
		.owner_pid = 999,
		.held = held,
		.persistent_held = persistent,
		.boot_id = BOOT,
		.lockspace = "space",
		.command = "writer"};
	char path[128];
	int fd;

	path_of(name, path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, &lease, sizeof(lease)), sizeof(lease));
	close(fd);
}

static bool exists(const char *name)
{
	char path[128];

	path_of(name, path);
	return !access(path, F_OK);
}

enum manner {
	OBEYS, /* ends at SIGTERM */
	IGNORES_TERM,
	ACKNOWLEDGES, /* closes its lease when told through the pipe, and lives on */
};

struct holder {
	pid_t pid;
	int tell;
};

static struct holder holder_start(const char *name, enum manner manner)
{
	int ready[2], told[2];
	char path[128], byte;
	struct holder holder;

	path_of(name, path);
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(told), 0);
	holder.pid = fork();
	if (!holder.pid) {
		int fd = open(path, O_RDONLY);

		if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB))
			_exit(1);
		if (manner != OBEYS)
			sigaction(SIGTERM, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
		close(told[1]);
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		if (manner == ACKNOWLEDGES && read(told[0], &byte, 1) == 1)
			close(fd);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	close(told[0]);
	holder.tell = told[1];
	return holder;
}

static void ended_by(struct holder holder, int number)
{
	int status;

	assert_int_equal(waitpid(holder.pid, &status, 0), holder.pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), number);
	close(holder.tell);
}

static void done(void *context)
{
	is_done = true;
	qb_loop_stop(loop);
}

static void changed(void *context)
{
	changed_count++;
	if (lost && lost_needs_ack(lost))
		qb_loop_stop(loop);
}

static void begin(bool without_ack)
{
	struct lost_settings settings = {.run_dir = run_dir,
		.boot_id = BOOT,
		.without_ack = without_ack,
		.done = done,
		.changed = changed};

	assert_int_equal(lost_new(loop, NULL, &settings, &lost), 0);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void test_nothing_was_held(void **state)
{
	put("1.1", 0, 0);
	begin(false);
	assert_false(is_done); /* never from within */
	qb_loop_run(loop);
	assert_true(is_done);
	assert_false(exists("1.1"));
}

static void test_no_directory(void **state)
{
	char path[128];

	path_of("", path);
	rmdir(path);
	begin(false);
	qb_loop_run(loop);
	assert_true(is_done);
	mkdir(path, 0700);
}

static void test_holder_has_ended_already(void **state)
{
	double before = seconds();

	put("1.1", 1, 0);
	begin(false);
	qb_loop_run(loop);
	assert_true(is_done);
	assert_false(exists("1.1"));
	assert_true(seconds() - before < 1.5);
}

static void test_sigterm_after_its_time(void **state)
{
	double before = seconds();
	struct holder holder;

	put("1.1", 1, 0);
	holder = holder_start("1.1", OBEYS);
	begin(false);
	qb_loop_run(loop);
	ended_by(holder, SIGTERM);
	assert_true(seconds() - before >= LOST_ACK_MS / 1000.0 - 0.1);
	assert_false(exists("1.1"));
}

static void test_sigkill_after_that(void **state)
{
	double before = seconds();
	struct holder holder;

	put("1.1", 1, 0);
	holder = holder_start("1.1", IGNORES_TERM);
	begin(false);
	qb_loop_run(loop);
	ended_by(holder, SIGKILL);
	assert_true(seconds() - before >= (LOST_ACK_MS + LOST_TERM_MS) / 1000.0 - 0.1);
}

static void tell(void *data)
{
	assert_int_equal(write(*(int *)data, "", 1), 1);
}

static void test_acknowledging_is_living_on(void **state)
{
	struct holder holder;
	qb_loop_timer_handle timer;

	put("1.1", 1, 0);
	holder = holder_start("1.1", ACKNOWLEDGES);
	begin(false);
	qb_loop_timer_add(loop, QB_LOOP_LOW, 300000000, &holder.tell, tell, &timer);
	qb_loop_run(loop);
	assert_true(is_done);
	assert_int_equal(waitpid(holder.pid, NULL, WNOHANG), 0);
	kill(holder.pid, SIGKILL);
	ended_by(holder, SIGKILL);
}

static void test_it_says_whom_it_waits_for(void **state)
{
	struct text text = {0};
	struct holder holder;
	char pid[32];

	put("1.1", 3, 0);
	holder = holder_start("1.1", OBEYS);
	begin(false);
	qb_loop_run(loop);
	/* it was named while it was waited for */
	assert_true(changed_count >= 2);
	ended_by(holder, SIGTERM);
	lost_free(lost);
	lost = NULL;

	put("1.2", 3, 0);
	holder = holder_start("1.2", OBEYS);
	begin(false);
	lost_describe(lost, "waiting for ", &text);
	assert_non_null(strstr(text.data, "held 3 locks in lockspace space"));
	assert_non_null(strstr(text.data, "writer, pid 999"));
	text_done(&text);
	qb_loop_run(loop);
	snprintf(pid, sizeof(pid), "%ld", (long)holder.pid);
	ended_by(holder, SIGTERM);
}

static void test_persistent_waits_for_roots_word(void **state)
{
	struct text text = {0};

	put("1.1", 2, 1);
	put("orphans", 4, 4);
	put("1.2", 1, 0);
	begin(false);
	assert_int_equal(lost_ack(lost, "nobody", &text), -ENOENT);
	qb_loop_run(loop);
	assert_false(is_done);
	assert_true(lost_needs_ack(lost));
	assert_false(exists("1.2"));
	lost_describe(lost, "", &text);
	assert_non_null(strstr(text.data, "lockspace space: 1 PERSISTENT locks of writer"));
	assert_non_null(strstr(text.data, "4 orphaned locks"));
	assert_non_null(strstr(text.data, "dlm_tool lost_ack"));
	text_done(&text);

	/* the next daemon waits for the same */
	lost_free(lost);
	lost = NULL;
	begin(false);
	qb_loop_run(loop);
	assert_true(lost_needs_ack(lost));
	assert_int_equal(lost_ack(lost, "root", &text), 0);
	assert_non_null(strstr(text.data, "4 orphaned locks"));
	text_done(&text);
	qb_loop_run(loop);
	assert_true(is_done);
	assert_false(exists("1.1"));
	assert_false(exists("orphans"));
}

static void test_persistent_holder_ends_first(void **state)
{
	struct text text = {0};
	struct holder holder;

	put("1.1", 1, 1);
	holder = holder_start("1.1", OBEYS);
	begin(false);
	qb_loop_run(loop);
	assert_true(lost_needs_ack(lost));
	ended_by(holder, SIGTERM);
	assert_int_equal(lost_ack(lost, "root", &text), 0);
	text_done(&text);
	qb_loop_run(loop);
	assert_true(is_done);
}

static void test_left_for_the_next_start(void **state)
{
	put("1.1", 1, 1);
	begin(true);
	qb_loop_run(loop);
	assert_true(is_done);
	assert_true(exists("1.1"));
	lost_free(lost);
	lost = NULL;
	put("1.1", 0, 0);
	begin(false);
	qb_loop_run(loop);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_was_held),
		TEST(test_no_directory),
		TEST(test_holder_has_ended_already),
		TEST(test_sigterm_after_its_time),
		TEST(test_sigkill_after_that),
		TEST(test_acknowledging_is_living_on),
		TEST(test_it_says_whom_it_waits_for),
		TEST(test_persistent_waits_for_roots_word),
		TEST(test_persistent_holder_ends_first),
		TEST(test_left_for_the_next_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
