/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tool/lockrun.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tool/dumpline.h"
#include "tool/tool.h"

#define EXIT_NOT_FOUND      127
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_SIGNAL         128
#define KILL_WAIT_MS        1000u /* after SIGKILL, for the group to be gone */

struct run {
	struct lockhold *hold;
	sigset_t mask_before; /* of dlm_tool's start, for the command */
	int signals;          /* signalfd; all are blocked */
	int terminal;         /* -1: none */
	bool terminal_given;
	pid_t pid; /* of the command, and id of its group */
	bool ended;
	int wait_status; /* valid if ended */
	bool others;     /* descendants of the command are left */
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- the terminal ---- */

static bool is_foreground(const struct run *run)
{
	return run->terminal >= 0 && tcgetpgrp(run->terminal) == getpgrp();
}

/* SIGTTOU is blocked, so that these work from the background too. */
static void terminal_give(struct run *run)
{
	if (is_foreground(run) && tcsetpgrp(run->terminal, run->pid) == 0)
		run->terminal_given = true;
}

static void terminal_take(struct run *run)
{
	if (run->terminal_given)
		(void)tcsetpgrp(run->terminal, getpgrp());
	run->terminal_given = false;
}

/* ---- starting ---- */

static void command_exec(const struct run *run, char **command, bool foreground)
{
	int error;

	setpgid(0, 0);
	if (foreground)
		(void)tcsetpgrp(run->terminal, getpid());
	sigprocmask(SIG_SETMASK, &run->mask_before, NULL);
	execvp(command[0], command);
	error = errno;
	dprintf(STDERR_FILENO, "dlm_tool: cannot run \"%s\": %s\n", command[0], strerror(error));
	_exit(error == ENOENT || error == ENOTDIR ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
}

static int command_start(struct run *run, char **command)
{
	bool foreground = is_foreground(run);

	fflush(NULL);
	run->pid = fork();
	if (run->pid < 0)
		return -errno;
	if (run->pid == 0)
		command_exec(run, command, foreground);
	/* Both sides do it: whoever is first, it is done before either goes on. */
	setpgid(run->pid, run->pid);
	if (foreground)
		(void)tcsetpgrp(run->terminal, run->pid);
	run->terminal_given = foreground;
	return 0;
}

/* ---- the command's end, or its stop ---- */

/*
 * What a terminal does with a whole group when its key is pressed has happened to the command's
 * group alone. Do it to ours, so that a script that we are part of stops or ends with us.
 */
static void signal_ourselves(const struct run *run, int signal, bool whole_group)
{
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t only;

	(void)run;
	sigaction(signal, &action, NULL);
	sigemptyset(&only);
	sigaddset(&only, signal);
	kill(whole_group ? 0 : getpid(), signal);
	sigprocmask(SIG_UNBLOCK, &only, NULL);
	/* stopped here, unless there is no shell to continue us: then the kernel drops the signal
	 */
	sigprocmask(SIG_BLOCK, &only, NULL);
}

static void command_continue(struct run *run)
{
	terminal_give(run);
	kill(-run->pid, SIGCONT);
}

static void command_stopped(struct run *run, int signal)
{
	bool at_terminal = run->terminal >= 0;
	bool by_key =
		run->terminal_given || (at_terminal && signal != SIGTSTP && signal != SIGSTOP);

	if (signal == SIGSTOP && !run->terminal_given)
		return; /* somebody has stopped it, and will continue it, on purpose */
	terminal_take(run);
	signal_ourselves(run, signal == SIGSTOP ? SIGTSTP : signal, by_key);
	/* In the background we wait for a SIGCONT, which has come if we were stopped. */
	if (is_foreground(run))
		command_continue(run);
}

/* Take in what became of children: the command, and orphans that have become ours. */
static void children_reap(struct run *run)
{
	int wait_status;
	pid_t pid;

	while ((pid = waitpid(-1, &wait_status, WNOHANG | WUNTRACED)) > 0) {
		if (pid != run->pid)
			continue;
		if (WIFSTOPPED(wait_status)) {
			command_stopped(run, WSTOPSIG(wait_status));
			continue;
		}
		run->ended = true;
		run->wait_status = wait_status;
	}
	run->others = pid == 0;
}

/* ---- signals ---- */

static void signal_handle(struct run *run, const struct signalfd_siginfo *info)
{
	int signal = (int)info->ssi_signo;

	if (signal == SIGCHLD)
		return; /* children_reap() looks each time */
	if (signal == SIGCONT)
		command_continue(run);
	else if (info->ssi_pid != (uint32_t)getpid() && !run->ended)
		kill(-run->pid, signal);
}

static void signals_handle(struct run *run)
{
	struct signalfd_siginfo info;

	while (read(run->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
		signal_handle(run, &info);
	children_reap(run);
}

/* ---- the right is lost ---- */

static bool group_is_gone(struct run *run)
{
	children_reap(run);
	return run->ended && kill(-run->pid, 0) && errno == ESRCH;
}

/* Return: true: nobody of the command's group is left */
static bool group_wait(struct run *run, uint64_t wait_ms)
{
	struct pollfd fd = {.fd = run->signals, .events = POLLIN};
	uint64_t end_ms = now_ms() + wait_ms, now;
	struct signalfd_siginfo info;

	while (!group_is_gone(run)) {
		now = now_ms();
		if (now >= end_ms)
			return false;
		/* A member that is not our child ends without a signal to us: look now and then. */
		(void)poll(&fd, 1, end_ms - now < 50 ? (int)(end_ms - now) : 50);
		while (read(run->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
			; /* dlm_controld's own SIGTERM: what it asks for is under way */
	}
	return true;
}

/*
 * The lost callback of the library: when it returns, the loss is acknowledged. So the command must
 * have ended by then.
 */
static void command_end(void *context)
{
	struct run *run = context;

	lockhold_lost_say(run->hold);
	if (run->ended)
		return;
	kill(-run->pid, SIGTERM);
	kill(-run->pid, SIGCONT);
	if (group_wait(run, run->hold->args->kill_ms))
		return;
	say("the command does not end; killing its process group %d", (int)run->pid);
	kill(-run->pid, SIGKILL);
	(void)group_wait(run, KILL_WAIT_MS);
}

/* ---- the whole ---- */

/* Block all signals and read them from a descriptor. Return: 0; -errno */
static int signals_begin(struct run *run)
{
	sigset_t all;

	sigfillset(&all);
	run->signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	if (run->signals < 0)
		return -errno;
	sigprocmask(SIG_BLOCK, &all, &run->mask_before);
	return 0;
}

static void command_watch(struct run *run)
{
	struct pollfd fds[2] = {{.fd = run->signals, .events = POLLIN},
		{.fd = lockhold_fd(run->hold), .events = POLLIN}};

	while (!run->ended && !run->hold->lost) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			break;
		signals_handle(run);
		if (fds[1].revents && !run->hold->lost)
			lockhold_dispatch(run->hold);
	}
}

/* A key that ended the command was meant for the script around us, too. */
static void command_killed(const struct run *run, bool had_terminal)
{
	int signal = WTERMSIG(run->wait_status);

	if (had_terminal && (signal == SIGINT || signal == SIGQUIT) && getpgrp() != getpid())
		signal_ourselves(run, signal, true);
}

static int command_status(const struct run *run)
{
	if (run->hold->lost)
		return LOCK_EXIT_LOST;
	if (!run->ended)
		return LOCK_EXIT_SYSTEM;
	if (WIFSIGNALED(run->wait_status))
		return EXIT_SIGNAL + WTERMSIG(run->wait_status);
	return WEXITSTATUS(run->wait_status);
}

static int command_finish(struct run *run)
{
	const struct lockargs *args = run->hold->args;
	bool had_terminal = run->terminal_given;
	int status;

	terminal_take(run);
	if (!run->hold->lost)
		lockhold_dispatch(run->hold); /* was the right lost in the same moment? */
	status = command_status(run);
	if (run->others && !args->close_in_command && !run->hold->lost)
		say("programs that the command has left behind keep the lock on \"%s\" until they "
		    "end",
			args->resource);
	else
		lockhold_give(run->hold, status);
	if (!run->hold->lost && run->ended && WIFSIGNALED(run->wait_status))
		command_killed(run, had_terminal);
	return status;
}

static int start_failed(const char *what, int error)
{
	say("%s: %s", what, strerror(-error));
	return LOCK_EXIT_SYSTEM;
}

int lockrun_command(struct lockhold *hold)
{
	struct run run = {.hold = hold};
	int rv = signals_begin(&run);

	if (rv)
		return start_failed("cannot make a descriptor for signals", rv);
	hold->on_lost = command_end;
	hold->context = &run;
	run.terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (!hold->args->close_in_command) {
		(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
		rv = lockhold_inherit(hold);
	}
	if (!rv)
		rv = command_start(&run, hold->args->command);
	if (rv)
		return start_failed("cannot start the command", rv);
	command_watch(&run);
	return command_finish(&run);
}

/* ---- without a command ---- */

/* Return: true: standard input has ended */
static bool input_ended(void)
{
	char bytes[4096];
	ssize_t got = read(STDIN_FILENO, bytes, sizeof(bytes));

	return got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN);
}

/* Signals that end a process, which shall give the lock back in order before. */
static int end_signals_begin(int *ret_fd)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
	struct sigaction action;
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		sigaction(signals[i], NULL, &action);
		if (action.sa_handler != SIG_IGN) /* nohup(1) */
			sigaddset(&set, signals[i]);
	}
	*ret_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (*ret_fd < 0)
		return -errno;
	sigprocmask(SIG_BLOCK, &set, NULL);
	return 0;
}

static void end_by_signal(struct lockhold *hold, int signal)
{
	sigset_t only;

	lockhold_give(hold, EXIT_SIGNAL + signal);
	sigemptyset(&only);
	sigaddset(&only, signal);
	raise(signal);
	sigprocmask(SIG_UNBLOCK, &only, NULL);
}

int lockrun_hold(struct lockhold *hold)
{
	struct pollfd fds[3] = {{.fd = STDIN_FILENO, .events = POLLIN},
		{.fd = lockhold_fd(hold), .events = POLLIN}, {.fd = -1, .events = POLLIN}};
	struct signalfd_siginfo info;
	int rv = end_signals_begin(&fds[2].fd);

	if (rv)
		return start_failed("cannot make a descriptor for signals", rv);
	printf("holding %s on \"%s\" in lockspace \"%s\" until the end of input\n",
		dumpline_mode_name(hold->args->mode), hold->args->resource, hold->args->lockspace);
	fflush(stdout);
	while (!hold->lost) {
		if (poll(fds, 3, -1) < 0)
			continue; /* EINTR: continued after a stop */
		if (fds[1].revents)
			lockhold_dispatch(hold);
		if (fds[2].revents && read(fds[2].fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
			end_by_signal(hold, (int)info.ssi_signo);
		if (fds[0].revents && input_ended())
			break;
	}
	if (hold->lost) {
		lockhold_lost_say(hold);
		return LOCK_EXIT_LOST;
	}
	lockhold_give(hold, 0);
	return 0;
}
