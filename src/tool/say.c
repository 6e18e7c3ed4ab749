/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tool/tool.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/pure/dlmconst.h"
#include "proto/client.h"
#include "tool/admin.h"

#define ASK_TIMEOUT_MS 1000u

void say(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fputs("dlm_tool: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

/* Where programs find the daemons when they do not look at the usual place; "" there. */
static const char *run_dir_hint(void)
{
	static char hint[4200];
	const char *run_dir = secure_getenv(CLIENT_RUN_DIR_ENV);

	if (run_dir && *run_dir)
		snprintf(hint, sizeof(hint), " (looked for it in %s, as %s says)", run_dir,
			CLIENT_RUN_DIR_ENV);
	return hint;
}

/* The daemon runs and does not serve programs yet. Return: whether that is so, and has been said */
static bool say_waiting(void)
{
	char state[32] = "not ready", why[512] = "";
	struct admin_answer info;

	if (admin_daemon(ASK_TIMEOUT_MS, &info) <= 0)
		return false;
	admin_value(info.text, DLMC_INFO_STATE, 0, state, sizeof(state));
	admin_value(info.text, DLMC_INFO_WAITING, 0, why, sizeof(why));
	admin_answer_done(&info);
	say("dlm_controld is running, but its state is \"%s\"%s%s; see dlm_tool status", state,
		*why ? ": " : "", why);
	return true;
}

/* Who took the daemon's place, by name. */
static void say_impostor(void)
{
	pid_t pid = 0;
	uid_t uid = 0;

	if (admin_server(&pid, &uid) || uid == 0 || uid == geteuid())
		say("who answers in the place of dlm_controld is neither root nor you, and is not "
		    "to be believed; see with `ss -xlp | grep dlmc` who that is");
	else
		say("who answers in the place of dlm_controld is neither root nor you, and is not "
		    "to be believed: process %ld of user %u",
			(long)pid, uid);
}

void say_daemon(int error)
{
	switch (error) {
	case ECONNREFUSED:
	case ENOENT:
	case ENOTDIR:
		say("dlm_controld is not running on this machine%s; start it with `systemctl start "
		    "dlm`, "
		    "or on a machine of its own with `dlm_controld -D --cluster=single`",
			run_dir_hint());
		return;
	case EPERM:
		say_impostor();
		return;
	case EACCES:
		say("no permission to talk to dlm_controld%s; run this command as root",
			run_dir_hint());
		return;
	case ECONNRESET:
	case EPIPE:
		say("dlm_controld ended the conversation without an answer: it does not know the "
		    "request, "
		    "or ends itself; its log says more");
		return;
	case EPROTO:
		say("what answers in the place of dlm_controld speaks another protocol; this "
		    "dlm_tool "
		    "needs a daemon of the dlm suite 4");
		return;
	default:
		say("cannot talk to dlm_controld%s: %s", run_dir_hint(), strerror(error));
	}
}

void say_lockspace_absent(const char *name)
{
	if (geteuid() == 0)
		say("there is no lockspace \"%s\" on this node; `dlm_tool ls` lists those that "
		    "there "
		    "are; make it with: dlm_tool join %s",
			name, name);
	else
		say("there is no lockspace \"%s\" on this node; `dlm_tool ls` lists those that "
		    "there "
		    "are; root makes it with: dlm_tool join %s (for all users: dlm_tool join -m "
		    "0666 %s)",
			name, name, name);
}

void say_lockspace(const char *name, int error)
{
	switch (error) {
	case ENOENT:
	case ENODEV:
		say_lockspace_absent(name);
		return;
	case ECONNREFUSED:
	case 0: /* older libraries do not say why */
		if (!say_waiting())
			say_daemon(ECONNREFUSED);
		return;
	case EACCES:
	case EPERM:
		say("no permission for lockspace \"%s\": its mode does not let you in; run this "
		    "command as "
		    "root, or ask root to leave it and make it anew with: dlm_tool join -m 0666 %s",
			name, name);
		return;
	case EEXIST:
		say("lockspace \"%s\" exists on this node already, and -e 1 asked for a new one; "
		    "use it "
		    "without -e 1, or leave it first: dlm_tool leave %s",
			name, name);
		return;
	case EBUSY:
		say("lockspace \"%s\" is in use or still changing; `dlm_tool ls %s` says what it "
		    "waits for",
			name, name);
		return;
	case ENAMETOOLONG:
		say("the lockspace name \"%s\" has %zu bytes; at most %d are allowed", name,
			strlen(name), DLM_NAME_BYTES_MAX);
		return;
	case EINVAL:
		say("the daemon refuses the lockspace name \"%s\" or the flags; names have 1 to %d "
		    "bytes, "
		    "no '/', no control characters and no '.' in front",
			name, DLM_NAME_BYTES_MAX);
		return;
	default:
		say("lockspace \"%s\": %s; the log of dlm_controld says more", name,
			strerror(error));
	}
}

int say_not_yet(const char *command)
{
	say("%s is not in this version of udlm: nothing was done", command);
	return 1;
}

const char *word_first(const struct args *args, const char *what)
{
	if (args->word_count > 0)
		return args->words[0];
	fprintf(stderr, "%s required\n", what);
	return NULL;
}

const char *word_lockspace(const struct args *args)
{
	const char *name = word_first(args, "lockspace name");
	int rv = name ? client_lockspace_name_check(name) : 0;

	if (!rv)
		return name;
	if (rv == -ENAMETOOLONG)
		say_lockspace(name, ENAMETOOLONG);
	else
		say("\"%s\" cannot be the name of a lockspace: it must not be empty, contain '/' "
		    "or control "
		    "characters, or begin with '.'",
			name);
	return NULL;
}

int words_join(const struct args *args, char *ret, unsigned room)
{
	size_t used = 0;

	ret[0] = 0;
	for (int i = 0; i < args->word_count; i++) {
		int bytes = snprintf(ret + used, room - used, "%s ", args->words[i]);

		if (bytes < 0 || (size_t)bytes >= room - used)
			return -E2BIG;
		used += (size_t)bytes;
	}
	return 0;
}
