/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tool/change.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tool/admin.h"
#include "tool/tool.h"

/* @text: a sentence a line, or nothing */
static void answer_say(const char *what, int error, char *text)
{
	char *line;

	if (error < 0 && !*text)
		say("%s: dlm_controld refuses: %s; its log says more", what, strerror(-error));
	while ((line = strsep(&text, "\n"))) {
		if (*line)
			say("%s: %s", what, line);
	}
}

enum change_end change_ask(
	enum dlmc_command command, const char *what, const char *name, const char *payload)
{
	char text[DLMC_COMMAND_BYTES] = "";
	struct admin_request request = {
		.command = command,
		.is_change = true,
		.flags = DLMC_FLAG_ANSWER,
		.name = name,
	};
	struct admin_answer answer;
	int rv = admin_daemon(0, NULL);

	if (rv == 0)
		return CHANGE_UNKNOWN;
	if (rv > 0 && payload) {
		snprintf(text, sizeof(text), "%s", payload);
		request.payload = text;
		request.payload_bytes = sizeof(text);
	}
	if (rv > 0)
		rv = admin_ask(&request, &answer);
	if (rv < 0) {
		say_daemon(-rv);
		return CHANGE_NO_DAEMON;
	}
	rv = answer.result;
	answer_say(what, rv, answer.text);
	admin_answer_done(&answer);
	if (rv == 0 && command == DLMC_CMD_SET_CONFIG)
		return CHANGE_REFUSED; /* the daemon counts what it took */
	return rv < 0 ? CHANGE_REFUSED : CHANGE_DONE;
}
