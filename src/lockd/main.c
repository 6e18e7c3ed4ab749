/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dlm_lockd: started by dlm_controld with the control connection as descriptor CONTROL_FD, it lives
 * as long as that. Signals that end other programs do not end it: a lock daemon that ends while
 * lockspaces are in use costs the node its membership, so the control connection alone decides.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lockd/admin.h"
#include "lockd/daemon.h"
#include "lockd/peers.h"

#define MAIN_FILES_SPARE 1024u /* other nodes have up to six each, for a moment */
#define MAIN_CLIENTS     4096u /* where the settings do not say */

static void usage(FILE *stream)
{
	fprintf(stream, "dlm_lockd " UDLM_VERSION ", the lock daemon of udlm\n"
			"\n"
			"It is started by dlm_controld and not by hand: run `dlm_controld`, or\n"
			"`dlm_controld -D --cluster=single` on a machine that is alone.\n"
			"\n"
			"  -h, --help     this text\n"
			"  -V, --version  the version\n");
}

/* Return: an exit code, -1: go on */
static int arguments(int argc, char **argv)
{
	if (argc < 2)
		return -1;
	if (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help")) {
		usage(stdout);
		return 0;
	}
	if (!strcmp(argv[1], "-V") || !strcmp(argv[1], "--version")) {
		printf("dlm_lockd " UDLM_VERSION "\n");
		return 0;
	}
	fprintf(stderr, "dlm_lockd: unknown argument %s; see dlm_lockd --help\n", argv[1]);
	return 2;
}

static bool control_there(void)
{
	struct stat st;

	return !fstat(CONTROL_FD, &st) && S_ISSOCK(st.st_mode);
}

static void signals_ignore(void)
{
	static const int numbers[] = {SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
	size_t i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		signal(numbers[i], SIG_IGN);
}

static const char *run_dir(void)
{
	const char *path = secure_getenv(CLIENT_RUN_DIR_ENV);

	return path && *path ? path : UDLM_RUN_DIR_DEFAULT;
}

/* Before the admin room is there. */
static void fatal_early(int error, const char *text)
{
	struct control_fatal fatal = {
		.head = {.type = CONTROL_FATAL, .bytes = sizeof(fatal)},
		.error = error,
	};

	snprintf(fatal.text, sizeof(fatal.text), "%s", text);
	(void)send(CONTROL_FD, &fatal, sizeof(fatal), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* As root, if we are: everything that an unprivileged process could not have. */
static int acquire(struct daemon *daemon, char *ret_text, size_t room)
{
	const char *path = run_dir();
	uint32_t clients = daemon->settings.client_count_max;
	long pid = 0;
	int rv;

	privs_find(&daemon->privs);
	privs_limits(&daemon->privs, (clients ? clients : MAIN_CLIENTS) + MAIN_FILES_SPARE);
	rv = rundir_open(path, daemon->privs.uid, daemon->privs.gid, &daemon->rundir, &pid);
	if (rv == -EBUSY)
		snprintf(ret_text, room,
			"another dlm_lockd (process %ld) has the run directory %s: it has to end "
			"first",
			pid, path);
	else if (rv)
		snprintf(ret_text, room, "run directory %s: %s", path, strerror(-rv));
	if (rv)
		return rv;
	if (!(daemon->settings.flags & CONTROL_SETTING_SINGLE))
		rv = peers_open(daemon, ret_text, room);
	if (rv)
		return rv;
	privs_schedule(&daemon->privs);
	privs_lock_memory(&daemon->privs);
	rv = privs_drop(&daemon->privs, daemon->settings.mark);
	if (rv)
		snprintf(ret_text, room, "privileges cannot be dropped: %s", strerror(-rv));
	return rv;
}

static int begin(struct daemon *daemon, char *ret_text, size_t room)
{
	int rv = admin_settings(CONTROL_FD, &daemon->settings, ret_text, room);

	if (rv)
		return rv;
	if (daemon->settings.flags & CONTROL_SETTING_LOG_DEBUG)
		log_level_set(daemon->log, LOG_LEVEL_DEBUG);
	rv = acquire(daemon, ret_text, room);
	if (rv)
		return rv;
	rv = daemon_start(daemon);
	if (!rv)
		rv = admin_new(daemon, CONTROL_FD, &daemon->admin);
	if (rv)
		snprintf(ret_text, room, "cannot start: %s", strerror(-rv));
	return rv;
}

static void ready(struct daemon *daemon)
{
	struct control_ready message = {
		.head = {.type = CONTROL_READY, .bytes = sizeof(message)},
		.version = CONTROL_VERSION,
		.pid = (uint32_t)getpid(),
		.memory_locked = daemon->privs.memory_locked,
		.realtime = (uint32_t)daemon->privs.priority,
	};

	snprintf(message.text, sizeof(message.text), "%s", daemon->privs.text);
	log_notice(daemon->log, "dlm_lockd %s serves node %u%s%s", UDLM_VERSION,
		daemon->settings.nodeid, message.text[0] ? "; " : "", message.text);
	admin_send(daemon, &message, sizeof(message));
}

int main(int argc, char **argv)
{
	struct log_settings log_settings = {
		.program = "dlm_lockd", .fd = STDERR_FILENO, .level = LOG_LEVEL_INFO};
	int code = arguments(argc, argv);
	struct daemon *daemon;
	struct log *log;
	char text[200] = "";
	int rv;

	if (code >= 0)
		return code;
	if (!control_there()) {
		usage(stderr);
		return 2;
	}
	(void)fcntl(CONTROL_FD, F_SETFD, FD_CLOEXEC);
	signals_ignore();
	umask(0077);
	daemon = malloc(sizeof(*daemon));
	if (!daemon || log_new(&log_settings, &log) || daemon_init(daemon, log))
		return 1;
	rv = begin(daemon, text, sizeof(text));
	if (rv) {
		log_error(log, "%s", text);
		fatal_early(rv, text);
		_exit(1); /* as below */
	}
	ready(daemon);
	code = daemon_run(daemon);
	/* Sockets close with the process: nothing is sent, and leases stay as they are. */
	_exit(code);
}
