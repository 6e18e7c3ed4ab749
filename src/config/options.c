/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/pure/must.h"

static const struct option_definition table[OPTION_COUNT] = {
	[OPTION_DAEMON_DEBUG] = {.name = "daemon_debug",
		.letter = 'D',
		.type = OPTION_BOOL,
		.reloadable = true,
		.help = "enable debugging to stderr and don't fork"},
	[OPTION_FOREGROUND] = {.name = "foreground", .type = OPTION_BOOL, .help = "don't fork"},
	[OPTION_LOG_DEBUG] = {.name = "log_debug",
		.letter = 'K',
		.type = OPTION_BOOL,
		.reloadable = true,
		.help = "enable kernel dlm debugging messages"},
	[OPTION_PROTOCOL] = {.name = "protocol",
		.letter = 'r',
		.type = OPTION_STRING,
		.text = "detect",
		.choice = "tcp sctp detect 0 1 2",
		.help = "dlm kernel lowcomms protocol: tcp, sctp, detect"},
	[OPTION_PORT] = {.name = "port",
		.letter = 'R',
		.type = OPTION_UINT,
		.number = 21064,
		.least = 1,
		.most = 65535,
		.help = "dlm kernel lowcomms protocol port"},
	[OPTION_DEBUG_LOGFILE] = {.name = "debug_logfile",
		.letter = 'L',
		.type = OPTION_BOOL,
		.reloadable = true,
		.help = "write debugging to log file"},
	[OPTION_BIND_ALL] = {.name = "bind_all", .type = OPTION_INT, .help = ""},
	[OPTION_MARK] = {.name = "mark",
		.type = OPTION_UINT,
		.help = "set mark value for DLM if not explicit by nodeid specified"},
	[OPTION_ENABLE_FSCONTROL] = {.name = "enable_fscontrol", .type = OPTION_BOOL, .help = ""},
	[OPTION_ENABLE_PLOCK] = {.name = "enable_plock",
		.letter = 'p',
		.type = OPTION_BOOL,
		.number = 1,
		.help = "enable/disable posix lock support for cluster fs"},
	[OPTION_PLOCK_DEBUG] = {.name = "plock_debug",
		.letter = 'P',
		.type = OPTION_BOOL,
		.reloadable = true,
		.help = "enable plock debugging"},
	[OPTION_PLOCK_RATE_LIMIT] = {.name = "plock_rate_limit",
		.letter = 'l',
		.type = OPTION_INT,
		.reloadable = true,
		.help = "limit rate of plock operations (0 for none)"},
	[OPTION_PLOCK_OWNERSHIP] = {.name = "plock_ownership",
		.letter = 'o',
		.type = OPTION_BOOL,
		.help = "enable/disable plock ownership"},
	[OPTION_DROP_RESOURCES_TIME] = {.name = "drop_resources_time",
		.letter = 't',
		.type = OPTION_INT,
		.reloadable = true,
		.number = 10000,
		.help = "plock ownership drop resources time (milliseconds)"},
	[OPTION_DROP_RESOURCES_COUNT] = {.name = "drop_resources_count",
		.letter = 'c',
		.type = OPTION_INT,
		.reloadable = true,
		.number = 10,
		.help = "plock ownership drop resources count"},
	[OPTION_DROP_RESOURCES_AGE] = {.name = "drop_resources_age",
		.letter = 'a',
		.type = OPTION_INT,
		.reloadable = true,
		.number = 10000,
		.help = "plock ownership drop resources age (milliseconds)"},
	[OPTION_POST_JOIN_DELAY] = {.name = "post_join_delay",
		.letter = 'j',
		.type = OPTION_INT,
		.reloadable = true,
		.number = 30,
		.help = "seconds to delay fencing after cluster join"},
	[OPTION_ENABLE_FENCING] = {.name = "enable_fencing",
		.letter = 'f',
		.type = OPTION_BOOL,
		.number = 1,
		.help = "enable/disable fencing"},
	[OPTION_ENABLE_CONCURRENT_FENCING] = {.name = "enable_concurrent_fencing",
		.type = OPTION_BOOL,
		.help = "enable/disable concurrent fencing"},
	[OPTION_ENABLE_STARTUP_FENCING] = {.name = "enable_startup_fencing",
		.letter = 's',
		.type = OPTION_BOOL,
		.number = 1,
		.help = "enable/disable startup fencing"},
	[OPTION_REPEAT_FAILED_FENCING] = {.name = "repeat_failed_fencing",
		.type = OPTION_BOOL,
		.reloadable = true,
		.number = 1,
		.help = "enable/disable retrying after fencing fails"},
	[OPTION_ENABLE_QUORUM_FENCING] = {.name = "enable_quorum_fencing",
		.letter = 'q',
		.type = OPTION_BOOL,
		.reloadable = true,
		.number = 1,
		.help = "enable/disable quorum requirement for fencing"},
	[OPTION_ENABLE_QUORUM_LOCKSPACE] = {.name = "enable_quorum_lockspace",
		.type = OPTION_BOOL,
		.reloadable = true,
		.number = 1,
		.help = "enable/disable quorum requirement for lockspace operations"},
	[OPTION_ENABLE_HELPER] = {.name = "enable_helper",
		.type = OPTION_BOOL,
		.number = 1,
		.help = "enable/disable helper process for running commands"},
	[OPTION_CLUSTER] = {.name = "cluster",
		.type = OPTION_STRING,
		.text = "corosync",
		.choice = "corosync single",
		.help = "who decides on membership: corosync, or single (this node alone)"},
	[OPTION_ENGINE] = {.name = "engine",
		.type = OPTION_STRING,
		.text = "auto",
		.choice = "auto kernel user",
		.help = "lock engine of this node: auto, kernel, user"},
	[OPTION_LOCKD_TIMEOUT] = {.name = "lockd_timeout",
		.type = OPTION_INT,
		.least = 1,
		.most = 3600,
		.number = 10,
		.help = "seconds until a dlm_lockd that does not answer is killed"},
	[OPTION_LOCKD_PATH] = {.name = "lockd_path",
		.type = OPTION_STRING,
		.text = "",
		.help = "the dlm_lockd to start; empty for the one beside dlm_controld"},
	[OPTION_CLIENT_COUNT_MAX] = {.name = "client_count_max",
		.type = OPTION_UINT,
		.least = 1,
		.most = 1000000,
		.number = 4096,
		.help = "programs that may be connected to dlm_lockd"},
	[OPTION_CLIENT_LOCKS_MAX] = {.name = "client_locks_max",
		.type = OPTION_UINT,
		.least = 1,
		.most = 1000000000,
		.number = 1000000,
		.help = "locks that one connected program may have"},
	[OPTION_PEER_QUEUE_MIB] = {.name = "peer_queue_mib",
		.type = OPTION_UINT,
		.least = 4,
		.most = 65536,
		.number = 64,
		.help = "MiB that may wait for one node, then programs are held back"},
	[OPTION_RUN_DIR] = {.name = "run_dir",
		.type = OPTION_STRING,
		.cli_only = true,
		.text = UDLM_RUN_DIR_DEFAULT,
		.help = "run directory; programs look for it in UDLM_RUN_DIR, as this daemon does"},
	[OPTION_CONFIG_FILE] = {.name = "config_file",
		.type = OPTION_STRING,
		.cli_only = true,
		.text = "/etc/dlm/dlm.conf",
		.help = "file to read options from"},
	[OPTION_HELP] = {.name = "help",
		.letter = 'h',
		.type = OPTION_NONE,
		.number = -1,
		.help = "print this help, then exit"},
	[OPTION_VERSION] = {.name = "version",
		.letter = 'V',
		.type = OPTION_NONE,
		.number = -1,
		.help = "Print program version information, then exit"},
};

const struct option_definition *options_definition(enum option_id id)
{
	must(id < OPTION_COUNT);
	return &table[id];
}

enum option_id options_find(const char *name, size_t bytes)
{
	for (int i = 0; i < OPTION_COUNT; i++) {
		if (strlen(table[i].name) == bytes && !memcmp(table[i].name, name, bytes))
			return (enum option_id)i;
	}
	return OPTION_COUNT;
}

enum option_id options_find_letter(char letter)
{
	for (int i = 0; i < OPTION_COUNT; i++) {
		if (letter && table[i].letter == letter)
			return (enum option_id)i;
	}
	return OPTION_COUNT;
}

#define NEAR_NAME_MAX 40u

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* How many single letters must be changed, put in or left out (Levenshtein). */
static unsigned int distance(const char *a, size_t a_bytes, const char *b)
{
	unsigned int row[NEAR_NAME_MAX + 1];
	size_t b_bytes = strlen(b);

	must(b_bytes <= NEAR_NAME_MAX);
	for (size_t j = 0; j <= b_bytes; j++)
		row[j] = (unsigned int)j;
	for (size_t i = 1; i <= a_bytes; i++) {
		unsigned int corner = row[0];

		row[0] = (unsigned int)i;
		for (size_t j = 1; j <= b_bytes; j++) {
			unsigned int above = row[j];

			row[j] = min3(above + 1, row[j - 1] + 1, corner + (a[i - 1] != b[j - 1]));
			corner = above;
		}
	}
	return row[b_bytes];
}

const char *options_nearest(const char *name, size_t bytes)
{
	unsigned int best = bytes < 12 ? 3 : 5;
	const char *found = NULL;

	if (bytes > NEAR_NAME_MAX)
		return NULL;
	for (int i = 0; i < OPTION_COUNT; i++) {
		unsigned int d = distance(name, bytes, table[i].name);

		if (d < best && table[i].type != OPTION_NONE) {
			best = d;
			found = table[i].name;
		}
	}
	return found;
}

void options_init(struct options *options)
{
	*options = (struct options){0};
}

void options_done(struct options *options)
{
	for (int i = 0; i < OPTION_COUNT; i++) {
		for (int layer = 0; layer < OPTION_LAYER_COUNT; layer++)
			options_clear(options, (enum option_id)i, (enum option_layer)layer);
	}
}

/* ---- values ---- */

static int parse_number(const char *word, enum option_type type, int64_t *ret)
{
	const char *digits = word + (*word == '-' || *word == '+');
	long long number;
	char *end;

	if (*digits < '0' || *digits > '9')
		return -EINVAL;
	errno = 0;
	number = strtoll(word, &end, type == OPTION_UINT ? 0 : 10);
	if (*end)
		return -EINVAL;
	if (errno || number > (type == OPTION_UINT ? (long long)UINT32_MAX : INT32_MAX))
		return -ERANGE;
	if (number < (type == OPTION_UINT ? 0 : INT32_MIN))
		return -ERANGE;
	*ret = type == OPTION_BOOL ? number != 0 : number;
	return 0;
}

static bool is_choice(const char *choice, const char *word)
{
	size_t bytes = strlen(word);

	while (*choice) {
		size_t span = strcspn(choice, " ");

		if (span == bytes && !strncasecmp(choice, word, bytes))
			return true;
		choice += span;
		choice += strspn(choice, " ");
	}
	return false;
}

static int number_parse(const struct option_definition *option, const char *word, int64_t *ret)
{
	int64_t number;
	int rv = parse_number(word, option->type, &number);

	if (rv)
		return rv;
	if (option->most && (number < option->least || number > option->most))
		return -ERANGE;
	*ret = number;
	return 0;
}

static int value_parse(enum option_id id, const char *word, int64_t *ret)
{
	const struct option_definition *option = options_definition(id);

	switch (option->type) {
	case OPTION_BOOL:
	case OPTION_INT:
	case OPTION_UINT:
		return number_parse(option, word, ret);
	case OPTION_STRING:
		*ret = 0;
		return !option->choice || is_choice(option->choice, word) ? 0 : -EINVAL;
	case OPTION_NONE:
		break;
	}
	return -EINVAL;
}

int options_check(enum option_id id, const char *word)
{
	int64_t number;

	return value_parse(id, word, &number);
}

int options_set(
	struct options *options, enum option_id id, enum option_layer layer, const char *word)
{
	struct option_value *value = &options->layers[id][layer];
	char *text = NULL;
	int64_t number;
	int rv;

	rv = value_parse(id, word, &number);
	if (rv)
		return rv;
	if (table[id].type == OPTION_STRING) {
		text = strdup(word);
		if (!text)
			return -ENOMEM;
	}
	free(value->text);
	*value = (struct option_value){.set = true, .number = number, .text = text};
	return 0;
}

void options_clear(struct options *options, enum option_id id, enum option_layer layer)
{
	struct option_value *value = &options->layers[id][layer];

	free(value->text);
	*value = (struct option_value){0};
}

bool options_is_set(const struct options *options, enum option_id id, enum option_layer layer)
{
	return options->layers[id][layer].set;
}

bool options_same(
	const struct options *options, enum option_id id, enum option_layer layer, const char *word)
{
	const struct option_value *value = &options->layers[id][layer];
	int64_t number;

	if (!value->set || value_parse(id, word, &number))
		return false;
	return value->text ? !strcmp(value->text, word) : value->number == number;
}

/* Return: the layer whose value is in force; NULL: the default is */
static const struct option_value *value_in_force(const struct options *options, enum option_id id)
{
	for (int layer = OPTION_LAYER_COUNT - 1; layer >= 0; layer--) {
		if (options->layers[id][layer].set)
			return &options->layers[id][layer];
	}
	return NULL;
}

int64_t options_number(const struct options *options, enum option_id id)
{
	const struct option_value *value = value_in_force(options, id);

	must(table[id].type != OPTION_STRING);
	if (id == OPTION_DAEMON_DEBUG && options->debug_forced)
		return 1;
	return value ? value->number : table[id].number;
}

const char *options_text(const struct options *options, enum option_id id)
{
	const struct option_value *value = value_in_force(options, id);

	must(table[id].type == OPTION_STRING);
	return value ? value->text : table[id].text;
}

/* ---- texts ---- */

struct text {
	char *at; /* where the next byte goes */
	size_t room;
	size_t bytes; /* that the whole text has */
};

__attribute__((format(printf, 2, 3))) static void text_add(
	struct text *text, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text->at, text->room, format, args);
	va_end(args);
	if (n < 0)
		return;
	text->bytes += (size_t)n;
	if ((size_t)n >= text->room)
		n = text->room ? (int)text->room - 1 : 0;
	text->at += n;
	text->room -= (size_t)n;
}

static const char *type_hint(enum option_type type)
{
	switch (type) {
	case OPTION_BOOL:
		return " 0|1";
	case OPTION_INT:
		return " <int>";
	case OPTION_UINT:
		return " <arg>";
	case OPTION_STRING:
		return " <str>";
	case OPTION_NONE:
		break;
	}
	return "";
}

static void help_option(struct text *text, const struct option_definition *option)
{
	text_add(text, "  --%s", option->name);
	if (option->letter)
		text_add(text, " | -%c", option->letter);
	text_add(text, "%s\n        %s", type_hint(option->type), option->help);
	if (option->type == OPTION_STRING)
		text_add(text, " [%s]", option->text);
	else if (option->type != OPTION_NONE)
		text_add(text, " [%" PRId32 "]", option->number);
	text_add(text, "\n\n");
}

size_t options_help(char *ret, size_t room)
{
	struct text text = {.at = ret, .room = room};

	text_add(&text,
		"Usage:\n\ndlm_controld [options]\n\nOption [arg]\nDescription [default]\n\n");
	for (int i = 0; i < OPTION_COUNT; i++) {
		if (table[i].help[0])
			help_option(&text, &table[i]);
	}
	return text.bytes;
}

static const char *dump_origin(const struct options *options, enum option_id id)
{
	if (options_is_set(options, id, OPTION_LAYER_DYNAMIC))
		return " (set_config)";
	if (options_is_set(options, id, OPTION_LAYER_CLI))
		return " (cli option)";
	/* What dlm.conf cannot set has been set there from the environment. */
	if (options_is_set(options, id, OPTION_LAYER_FILE))
		return table[id].cli_only ? " (environment)" : " (dlm.conf)";
	return "";
}

size_t options_dump(const struct options *options, char *ret, size_t room)
{
	struct text text = {.at = ret, .room = room};

	for (int i = 0; i < OPTION_COUNT; i++) {
		enum option_id id = (enum option_id)i;

		if (table[i].type == OPTION_STRING)
			text_add(&text, "%s=%s", table[i].name, options_text(options, id));
		else
			text_add(&text, "%s=%" PRId64, table[i].name, options_number(options, id));
		text_add(&text, "%s\n", dump_origin(options, id));
	}
	return text.bytes;
}

size_t options_debug(const struct options *options, char *ret, size_t room)
{
	struct text text = {.at = ret, .room = room};

	for (int i = 0; i < OPTION_COUNT; i++) {
		const struct option_value *cli = &options->layers[i][OPTION_LAYER_CLI];
		bool is_text = table[i].type == OPTION_STRING;

		text_add(&text, "%-25s cli_set %d cli_int %" PRId64 " cli_str %s ", table[i].name,
			cli->set, cli->number, cli->text ? cli->text : "");
		text_add(&text, "use_int %" PRId64 " use_str %s\n",
			is_text ? 0 : options_number(options, (enum option_id)i),
			is_text ? options_text(options, (enum option_id)i) : "");
	}
	return text.bytes;
}
