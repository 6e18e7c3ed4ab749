/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE_BYTES 512

struct agent {
	char node[128];
	pid_t pid;
	FILE *in, *out; /* what it says, what it is told */
	char line[LINE_BYTES];
};

/* ---- whoever asks ---- */

static _Noreturn void agent_exec(const char *node, const char *lockspace, int in, int out)
{
	char self[256] = "", command[512];

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		_exit(126);
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	snprintf(command, sizeof(command), "exec %s \"$0\" --agent \"$1\"", node);
	execl("/bin/sh", "sh", "-c", command, self, lockspace, (char *)NULL);
	_exit(127);
}

struct agent *agent_new(const char *node, const char *lockspace)
{
	struct agent *agent = calloc(1, sizeof(*agent));
	int to[2], from[2];

	if (!agent || pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC)) {
		fprintf(stderr, "no pipe to %s: %s\n", node, strerror(errno));
		free(agent);
		return NULL;
	}
	snprintf(agent->node, sizeof(agent->node), "%s", node);
	agent->pid = fork();
	if (agent->pid == 0)
		agent_exec(node, lockspace, to[0], from[1]);
	close(to[0]);
	close(from[1]);
	agent->out = fdopen(to[1], "w");
	agent->in = fdopen(from[0], "r");
	return agent;
}

/** agent_read() - the next line into agent->line. Return: false where it is gone or has failed */
static bool agent_read(struct agent *agent)
{
	if (!fgets(agent->line, sizeof(agent->line), agent->in)) {
		fprintf(stderr, "%s: the agent is gone\n", agent->node);
		return false;
	}
	agent->line[strcspn(agent->line, "\n")] = '\0';
	if (strncmp(agent->line, "failed ", 7) != 0)
		return true;
	fprintf(stderr, "%s: %s\n", agent->node, agent->line + 7);
	return false;
}

static bool agent_unexpected(struct agent *agent)
{
	fprintf(stderr, "%s: the agent says what was not asked: %s\n", agent->node, agent->line);
	return false;
}

static bool agent_expect(struct agent *agent, const char *word)
{
	return agent_read(agent) && (!strcmp(agent->line, word) || agent_unexpected(agent));
}

bool agent_ready(struct agent *agent)
{
	return agent_expect(agent, "ready");
}

void agent_free(struct agent *agent)
{
	if (!agent)
		return;
	fclose(agent->out);
	fclose(agent->in);
	waitpid(agent->pid, NULL, 0);
	free(agent);
}

bool agent_ask(struct agent *agent, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(agent->out, format, args);
	va_end(args);
	fputc('\n', agent->out);
	fflush(agent->out);
	return agent_expect(agent, "done");
}

void agent_row(struct agent *agent, const char *name, uint32_t actors)
{
	fprintf(agent->out, "row %s ", name);
	for (unsigned i = 0; i < TABLE_ACTORS; i++)
		if (actors & 1u << i)
			fputc((int)('A' + i), agent->out);
	fputc('\n', agent->out);
}

bool agent_do(struct agent *agent, const struct step *step, int *ret_error)
{
	fprintf(agent->out, "do %s\n", step->text);
	fflush(agent->out);
	return agent_read(agent) &&
	       (sscanf(agent->line, "call %d", ret_error) == 1 || agent_unexpected(agent));
}

void agent_report_begin(struct agent *agent, const struct step *step)
{
	fprintf(agent->out, "report %s\n", step->text);
	fflush(agent->out);
}

static bool seen_parse(const char *line, struct report *inout)
{
	char what[TABLE_WORD_BYTES], hex[2 * DLM_LVB_LEN + 1], letter;
	struct seen *seen;
	unsigned actor, byte;

	if (sscanf(line, "%c %31s %64s", &letter, what, hex) != 3 || letter < 'A' || letter > 'Z')
		return false;
	actor = (unsigned)(letter - 'A');
	if (inout->counts[actor] == PLACE_SEEN_MAX || strlen(hex) != sizeof(hex) - 1)
		return false;
	seen = &inout->seen[actor][inout->counts[actor]++];
	snprintf(seen->what, sizeof(seen->what), "%s", what);
	for (unsigned i = 0; i < DLM_LVB_LEN; i++) {
		if (sscanf(hex + 2 * (size_t)i, "%2x", &byte) != 1)
			return false;
		seen->value[i] = (char)byte;
	}
	return true;
}

bool agent_report_end(struct agent *agent, struct report *inout)
{
	while (agent_read(agent)) {
		if (!strcmp(agent->line, "done"))
			return true;
		if (!seen_parse(agent->line, inout))
			return agent_unexpected(agent);
	}
	return false;
}

/* ---- the agent ---- */

static bool serve_row(struct place *place, char *rest)
{
	char *letters = strchr(rest, ' ');
	uint32_t actors = 0;

	if (!letters)
		return false;
	*letters++ = '\0';
	for (; *letters >= 'A' && *letters <= 'Z'; letters++)
		actors |= 1u << (*letters - 'A');
	place_row(place, rest, actors);
	return true;
}

static bool serve_do(struct place *place, char *rest)
{
	struct step step;
	int error = 0;

	if (!table_step(rest, &step) || !place_do(place, &step, &error))
		return false;
	printf("call %d\n", error);
	return true;
}

static bool serve_report(struct place *place, char *rest)
{
	static struct report report;
	struct step step;

	if (!table_step(rest, &step) || !place_report(place, &step, &report))
		return false;
	for (unsigned i = 0; i < TABLE_ACTORS; i++)
		for (unsigned k = 0; k < report.counts[i]; k++) {
			const struct seen *seen = &report.seen[i][k];

			printf("%c %s ", (int)('A' + i), seen->what);
			for (unsigned byte = 0; byte < DLM_LVB_LEN; byte++)
				printf("%02x", (unsigned char)seen->value[byte]);
			printf("\n");
		}
	printf("done\n");
	return true;
}

static bool serve_done(bool good)
{
	if (good)
		printf("done\n");
	return good;
}

static bool serve(struct place *place, const char *word, char *rest)
{
	if (!strcmp(word, "row"))
		return serve_row(place, rest);
	if (!strcmp(word, "do"))
		return serve_do(place, rest);
	if (!strcmp(word, "report"))
		return serve_report(place, rest);
	if (!strcmp(word, "hold"))
		return serve_done(place_hold(place, rest));
	if (!strcmp(word, "fence"))
		return serve_done(place_fence(place, rest));
	if (!strcmp(word, "let-go"))
		return serve_done(place_let_go(place));
	return !strcmp(word, "own") && serve_done(place_own(place));
}

int agent_main(struct place *place)
{
	char line[LINE_BYTES], *rest;
	bool good = true;

	setvbuf(stdout, NULL, _IOFBF, 0);
	printf("ready\n");
	fflush(stdout);
	while (good && fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		rest = strchr(line, ' ');
		if (rest)
			*rest++ = '\0';
		good = serve(place, line, rest ? rest : line + strlen(line));
		if (!good)
			printf("failed %s: %s\n", line, place_why(place));
		fflush(stdout);
	}
	return good ? 0 : 1;
}
