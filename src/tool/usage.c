/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tool/tool.h"

#include <stdio.h>

#ifndef UDLM_VERSION
#define UDLM_VERSION "unknown"
#endif

void usage_print(void)
{
	fputs("Usage:\n"
	      "\n"
	      "dlm_tool [command] [options] [name]\n"
	      "\n"
	      "Commands:\n"
	      "ls, status, dump, fence_ack\n"
	      "dump_config, reload_config, set_config\n"
	      "log_plock, plocks\n"
	      "join, leave, lockdebug\n"
	      "run, run_start, run_check, run_cancel, run_list\n"
	      "lock (run a command under a lock; dlm_tool lock -h)\n"
	      "joinleave, lockdump, deadlock_check, lost_ack\n"
	      "\n"
	      "Options:\n"
	      "  -n               Show all node information in ls\n"
	      "  --all            ls, status: of all nodes that run udlm\n"
	      "  -e 0|1           Exclusive create off/on in join, default 0\n"
	      "  -f 0|1           FS (filesystem) flag off/on in join, default 0\n"
	      "  -m <mode>        Permission mode for lockspace device (octal), default 0600\n"
	      "  -s               Summary following lockdebug output (experimental)\n"
	      "  -v               Verbose lockdebug output\n"
	      "  -w               Wide lockdebug output\n"
	      "  -M               Copies that other nodes have here, too, in lockdump\n"
	      "  -i <sec>         Wait for <sec>.\n"
	      "  -h               Print help, then exit\n"
	      "  -V               Print program version information, then exit\n"
	      "\n",
		stdout);
}

void usage_lock_print(void)
{
	fputs("Usage:\n"
	      "\n"
	      "dlm_tool lock [options] RESOURCE [-- COMMAND...]\n"
	      "\n"
	      "Runs COMMAND while this node holds the lock RESOURCE in the cluster. Without\n"
	      "COMMAND, holds it until the end of standard input.\n"
	      "\n"
	      "Options:\n"
	      "  -m <mode>        NL CR CW PR PW EX, shared (PR), exclusive (EX); default EX\n"
	      "  -n               Do not wait: fail if the lock cannot be had at once\n"
	      "  -w <sec>         Wait at most <sec> (0.5 is allowed; stopped time counts)\n"
	      "  -E <status>      Exit status when the lock was not to be had, default 1\n"
	      "  -k <sec>         Lock lost: SIGKILL <sec> after SIGTERM, default and most 5\n"
	      "  -l <lockspace>   default: \"default\", which root joins if it is not there\n"
	      "  -o               COMMAND does not inherit the lock\n"
	      "  -h               Print help, then exit\n"
	      "\n"
	      "Exit status: that of COMMAND (128 + n after signal n, 127 not found, 126 not\n"
	      "executable); 1 or -E not granted; 64 wrong usage; 69 no daemon or lockspace;\n"
	      "71 the system failed; 76 the lock was lost; 77 no permission.\n",
		stdout);
}

void version_print(const char *program)
{
	printf("%s %s (udlm)\n", program, UDLM_VERSION);
}
