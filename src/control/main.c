/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dlm_controld: from the command line to a running daemon. What cannot be started is said in one
 * sentence on standard error, with what to do about it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/cmdline.h"
#include "config/options.h"
#include "config/parse.h"
#include "control/daemon.h"
#include "control/detach.h"
#include "control/pidfile.h"
#include "control/realtime.h"
#include "proto/client.h"

#define LOCK_FILE          "controld.lock"
#define LOG_DIRECTORY      "/var/log/dlm_controld"
#define REFERENCE_PID_DIR  "/var/run/dlm_controld"
#define REFERENCE_PID_FILE REFERENCE_PID_DIR "/dlm_controld.pid"

/* ---- options ---- */

static void print_help(void)
{
	char text[8192];

	(void)options_help(text, sizeof(text));
	fputs(text, stdout);
}

static void print_version(void)
{
	printf("dlm_controld " UDLM_VERSION " (udlm)\n");
	printf("Licence: GPL-2.0-or-later\n");
}

static void print_debug(const struct options *options)
{
	char text[8192];

	if (!options_bool(options, OPTION_DAEMON_DEBUG))
		return;
	(void)options_debug(options, text, sizeof(text));
	fputs(text, stdout);
}

static void print_finding(void *context, const struct parse_finding *finding)
{
	bool *warned = context;

	*warned = true;
	fprintf(stderr, "dlm_controld: %s%s\n",
		finding->is_error ? "" : "warning: ", finding->text);
}

static int read_config(struct options *options)
{
	const char *path = options_text(options, OPTION_CONFIG_FILE);
	bool warned = false;
	int rv = parse_file(options, path, false, print_finding, &warned);

	if (rv >= 0)
		return 0;
	if (rv == -ENOENT && !options_is_set(options, OPTION_CONFIG_FILE, OPTION_LAYER_CLI))
		return 0;
	if (rv != -EINVAL)
		fprintf(stderr, "dlm_controld: cannot read %s: %s\n", path, strerror(-rv));
	else
		fprintf(stderr, "dlm_controld: %s has errors: not started\n", path);
	return rv;
}

/* Return: 0 go on; 1 all is done; -errno, said */
static int read_options(struct options *options, int argc, char *argv[])
{
	const char *run_dir = secure_getenv(CLIENT_RUN_DIR_ENV);
	struct cmdline_result wish;
	char error[256];
	int rv;

	options->debug_forced = getenv("DLM_CONTROLD_DEBUG") != NULL;
	if (run_dir && run_dir[0] &&
		options_set(options, OPTION_RUN_DIR, OPTION_LAYER_FILE, run_dir))
		return -ENOMEM;
	rv = cmdline_parse(options, argc, argv, &wish, error, sizeof(error));
	if (rv) {
		fprintf(stderr, "%s\n", rv == -EINVAL ? error : strerror(-rv));
		return rv;
	}
	if (wish.wish == CMDLINE_HELP)
		print_help();
	if (wish.wish == CMDLINE_VERSION)
		print_version();
	if (wish.wish != CMDLINE_RUN)
		return 1;
	rv = read_config(options);
	if (!rv && wish.debug_options)
		print_debug(options);
	return rv;
}

/* ---- what this version can do ---- */

/* Never single by guess: the machine of a pair that has lost its configuration must not grant all.
 */
static void choose_cluster(struct daemon *daemon)
{
	const char *word = options_text(daemon->options, OPTION_CLUSTER);

	daemon->cluster_ops = strcasecmp(word, "single") ? &cluster_corosync : &cluster_single;
}

static int choose_engine(struct daemon *daemon)
{
	const char *word = options_text(daemon->options, OPTION_ENGINE);

	daemon->driver_ops = &driver_user;
	if (!strcasecmp(word, "user"))
		daemon->engine_text = "engine=user is configured";
	else if (daemon->cluster_ops == &cluster_single)
		daemon->engine_text = "cluster=single is always engine=user";
	else
		daemon->engine_text = "engine=auto is user in this version";
	if (strcasecmp(word, "kernel"))
		return 0;
	fprintf(stderr,
		"dlm_controld: engine=kernel: the driver for the kernel's dlm is not in this "
		"version: leave the option out\n");
	return -EOPNOTSUPP;
}

/* ---- places ---- */

static int absolute(const char *path, char *ret, size_t room)
{
	char here[PATH_MAX] = "";
	int n;

	if (path[0] && path[0] != '/' && !getcwd(here, sizeof(here) - 1))
		return -errno;
	n = snprintf(ret, room, "%s%s%s", here, here[0] ? "/" : "", path);
	if (n < 0 || (size_t)n >= room) {
		fprintf(stderr, "dlm_controld: %s: the path is too long\n", path);
		return -ENAMETOOLONG;
	}
	return 0;
}

/* Whoever can write there can take the place of our files. */
static int run_dir_check(const char *path)
{
	struct stat st;

	if (mkdir(path, 0755) && errno != EEXIST) {
		fprintf(stderr, "dlm_controld: cannot make the run directory %s: %s\n", path,
			strerror(errno));
		return -errno;
	}
	if (stat(path, &st) || !S_ISDIR(st.st_mode)) {
		fprintf(stderr, "dlm_controld: the run directory %s is no directory\n", path);
		return -ENOTDIR;
	}
	if ((st.st_uid == 0 || st.st_uid == geteuid()) && !(st.st_mode & 022))
		return 0;
	fprintf(stderr,
		"dlm_controld: the run directory %s belongs to user %u with mode %04o: it must be "
		"root's or ours, and nobody else may write there\n",
		path, st.st_uid, st.st_mode & 07777);
	return -EPERM;
}

static int choose_places(struct daemon *daemon)
{
	const char *run_dir = options_text(daemon->options, OPTION_RUN_DIR);
	int rv;

	rv = absolute(run_dir, daemon->run_dir, sizeof(daemon->run_dir));
	if (!rv)
		rv = absolute(options_text(daemon->options, OPTION_LOCKD_PATH), daemon->lockd_path,
			sizeof(daemon->lockd_path));
	if (rv)
		return rv;
	daemon->is_default_place = !strcmp(daemon->run_dir, UDLM_RUN_DIR_DEFAULT) ||
				   !strcmp(daemon->run_dir, CLIENT_RUN_DIR);
	return run_dir_check(daemon->run_dir);
}

static int lock_one(struct daemon *daemon, const char *path, mode_t mode)
{
	struct again *again = &daemon->again;
	pid_t pid = 0;
	int fd = pidfile_open(path, mode, &pid);

	if (fd >= 0) {
		again->files[again->file_count++] = fd; /* open until the end */
		return 0;
	}
	if (fd == -EBUSY)
		fprintf(stderr,
			"dlm_controld: another one is running (process %ld, which has %s)\n",
			(long)pid, path);
	else
		fprintf(stderr, "dlm_controld: cannot lock %s: %s\n", path, strerror(-fd));
	return fd;
}

static int lock_places(struct daemon *daemon)
{
	char path[sizeof(daemon->run_dir) + sizeof("/" LOCK_FILE)];
	int rv;

	if (daemon->again.is_again)
		return 0; /* the locks of a process outlive the program that it executes */
	snprintf(path, sizeof(path), "%s/" LOCK_FILE, daemon->run_dir);
	rv = lock_one(daemon, path, 0600);
	if (rv || !daemon->is_default_place)
		return rv;
	(void)mkdir(REFERENCE_PID_DIR, 0755);
	return lock_one(daemon, REFERENCE_PID_FILE, 0644);
}

/* ---- log ---- */

static int open_log(struct daemon *daemon)
{
	struct log_settings settings = {.program = "dlm_controld",
		.fd = daemon->is_detached ? -1 : STDERR_FILENO,
		.level = LOG_LEVEL_INFO,
		.sink = logfile_sink,
		.sink_context = &daemon->logfile};
	char directory[sizeof(daemon->run_dir) + 8];
	int rv;

	snprintf(directory, sizeof(directory), "%s/log", daemon->run_dir);
	logfile_open(&daemon->logfile, daemon->is_default_place ? LOG_DIRECTORY : directory,
		daemon->is_default_place, LOG_LEVEL_INFO);
	daemon->logfile.echoes_errors = daemon->is_detached;
	rv = log_new(&settings, &daemon->log);
	if (!rv)
		daemon_apply_options(daemon);
	return rv;
}

static int prepare(struct daemon *daemon)
{
	int rv;

	choose_cluster(daemon);
	rv = choose_engine(daemon);
	return rv ? rv : choose_places(daemon);
}

static void log_start(const struct daemon *daemon)
{
	struct text text = {0};

	log_notice(daemon->log, "dlm_controld " UDLM_VERSION " %s (cluster %s, engine %s: %s)",
		daemon->again.is_again ? "began anew" : "started", daemon->cluster_ops->name,
		daemon->driver_ops->name, daemon->engine_text);
	daemon_describe_warnings(daemon, "", &text);
	if (text.data)
		log_warning(daemon->log, "%.*s", (int)strcspn(text.data, "\n"), text.data);
	text_done(&text);
}

static int begin(struct daemon *daemon)
{
	int rv = lock_places(daemon);

	if (!rv)
		rv = open_log(daemon);
	if (rv)
		return rv;
	log_start(daemon);
	realtime_begin(daemon->log);
	return daemon_start(daemon);
}

/* Return: 0; -errno, said */
static int detach(struct daemon *daemon)
{
	if (daemon->again.is_again) {
		daemon->is_detached = daemon->again.is_detached;
		return 0;
	}
	if (options_bool(daemon->options, OPTION_DAEMON_DEBUG) ||
		options_bool(daemon->options, OPTION_FOREGROUND))
		return 0;
	daemon->detach_fd = detach_begin();
	daemon->is_detached = true;
	if (daemon->detach_fd >= 0)
		return 0;
	fprintf(stderr, "dlm_controld: cannot fork: %s\n", strerror(-daemon->detach_fd));
	return daemon->detach_fd;
}

static int run(struct options *options, const struct again *again, char *argv[])
{
	static char config_path[PATH_MAX];
	struct daemon daemon = {.options = options,
		.argv = argv,
		.again = *again,
		.logfile = {.fd = -1, .syslog = {.fd = -1}},
		.detach_fd = -1};
	int status = 1;

	if (absolute(options_text(options, OPTION_CONFIG_FILE), config_path, sizeof(config_path)))
		return 1;
	daemon.config_path = config_path;
	if (prepare(&daemon) || detach(&daemon))
		return 1;
	again_remember();
	if (chdir("/"))
		return 1;
	if (!begin(&daemon)) {
		status = daemon_run(&daemon);
		if (daemon.is_default_place)
			(void)unlink(REFERENCE_PID_FILE);
	}
	daemon_done(&daemon);
	log_free(daemon.log);
	logfile_close(&daemon.logfile);
	return status;
}

int main(int argc, char *argv[])
{
	struct options options;
	struct again again;
	int rv, status;

	again_take(&again);
	options_init(&options);
	rv = read_options(&options, argc, argv);
	status = rv < 0 ? 1 : rv > 0 ? 0 : run(&options, &again, argv);
	options_done(&options);
	return status;
}
