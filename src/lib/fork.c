/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every call asks whether it runs in a child of the process that made the handle. getpid() is a
 * system call, so its answer is kept in a page that the kernel gives to children filled with 0,
 * whatever way they were made.
 */
#include "lib/fork.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/handle.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pid_t *kept; /* NULL: the kernel does not empty pages at fork */

static void keep_init(void)
{
	size_t bytes = (size_t)sysconf(_SC_PAGESIZE);
	void *page = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return;
	if (madvise(page, bytes, MADV_WIPEONFORK))
		munmap(page, bytes);
	else
		kept = page;
}

static void in_child(void)
{
	handle_forked_all();
	handle_unlock_all();
}

static void prepare_once(void)
{
	keep_init();
	/* No memory: a child made while another thread is in a call may hang in it, going on. */
	(void)pthread_atfork(handle_lock_all, handle_unlock_all, in_child);
}

void fork_prepare(void)
{
	pthread_once(&once, prepare_once);
}

pid_t fork_pid(void)
{
	pid_t pid;

	if (!kept)
		return getpid();
	pid = __atomic_load_n(kept, __ATOMIC_RELAXED);
	if (!pid) {
		pid = getpid();
		__atomic_store_n(kept, pid, __ATOMIC_RELAXED);
	}
	return pid;
}
