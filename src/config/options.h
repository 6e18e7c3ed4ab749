/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The one table of dlm_controld's options. The command line, dlm.conf, set_config, `-h`,
 * dump_config, the man page's list and the completion all read it. An option is added here and
 * nowhere else.
 *
 * A value comes from one of three layers or is the default: set_config over the command line over
 * dlm.conf.
 * Source: docs/protocol/control.md, "Options".
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the order of -h and dump_config; the reference's first, but help and version come last. */
enum option_id {
	OPTION_DAEMON_DEBUG,
	OPTION_FOREGROUND,
	OPTION_LOG_DEBUG,
	OPTION_PROTOCOL,
	OPTION_PORT,
	OPTION_DEBUG_LOGFILE,
	OPTION_BIND_ALL,
	OPTION_MARK,
	OPTION_ENABLE_FSCONTROL,
	OPTION_ENABLE_PLOCK,
	OPTION_PLOCK_DEBUG,
	OPTION_PLOCK_RATE_LIMIT,
	OPTION_PLOCK_OWNERSHIP,
	OPTION_DROP_RESOURCES_TIME,
	OPTION_DROP_RESOURCES_COUNT,
	OPTION_DROP_RESOURCES_AGE,
	OPTION_POST_JOIN_DELAY,
	OPTION_ENABLE_FENCING,
	OPTION_ENABLE_CONCURRENT_FENCING,
	OPTION_ENABLE_STARTUP_FENCING,
	OPTION_REPEAT_FAILED_FENCING,
	OPTION_ENABLE_QUORUM_FENCING,
	OPTION_ENABLE_QUORUM_LOCKSPACE,
	OPTION_ENABLE_HELPER,
	/* ours */
	OPTION_CLUSTER,
	OPTION_ENGINE,
	OPTION_LOCKD_TIMEOUT,
	OPTION_LOCKD_PATH,
	OPTION_CLIENT_COUNT_MAX,
	OPTION_CLIENT_LOCKS_MAX,
	OPTION_PEER_QUEUE_MIB,
	OPTION_RUN_DIR,
	OPTION_CONFIG_FILE,
	OPTION_HELP,
	OPTION_VERSION,
	OPTION_COUNT,
};

enum option_type {
	OPTION_BOOL,
	OPTION_INT,
	OPTION_UINT,
	OPTION_STRING,
	OPTION_NONE, /* help, version: no value */
};

enum option_layer {
	OPTION_LAYER_FILE, /* dlm.conf; of what that cannot set, the environment */
	OPTION_LAYER_CLI,
	OPTION_LAYER_DYNAMIC,
	OPTION_LAYER_COUNT,
};

struct option_definition {
	const char *name;
	char letter; /* 0: none */
	enum option_type type;
	bool reloadable; /* reload_config and set_config may change it */
	bool cli_only;   /* means nothing in dlm.conf, since clients would not find what it moves */
	int32_t number;  /* default; not for strings */
	int64_t least, most; /* of a number that has a range of its own; both 0: that of its type */
	const char *text;    /* default; only for strings */
	const char
		*choice;  /* words that are allowed, blanks between; NULL: any. Only for strings */
	const char *help; /* one line; "": not shown by -h */
};

struct option_value {
	bool set;
	int64_t number;
	char *text; /* owned; only for strings */
};

struct options {
	struct option_value layers[OPTION_COUNT][OPTION_LAYER_COUNT];
	bool debug_forced; /* DLM_CONTROLD_DEBUG is in the environment */
};

/** options_definition() - the row of the table */
const struct option_definition *options_definition(enum option_id id);
/** options_find() - by long name of @bytes characters. Return: OPTION_COUNT where there is none */
enum option_id options_find(const char *name, size_t bytes);
/** options_find_letter() - Return: OPTION_COUNT where there is none */
enum option_id options_find_letter(char letter);
/** options_nearest() - the long name most like @name; NULL: none is near */
const char *options_nearest(const char *name, size_t bytes);

void options_init(struct options *options);
/** options_done() - takes a zeroed struct */
void options_done(struct options *options);

/**
 * options_set() - give an option a value in one layer
 * @word: the text of the value; copied
 * Return: 0; -EINVAL no number where one is wanted, or none of the option's words; -ERANGE a number
 * beyond the type's range; -ENOMEM. Nothing is changed then.
 */
int options_set(
	struct options *options, enum option_id id, enum option_layer layer, const char *word);
/** options_check() - what options_set() would return, changing nothing */
int options_check(enum option_id id, const char *word);
void options_clear(struct options *options, enum option_id id, enum option_layer layer);
/** options_is_set() - in that layer */
bool options_is_set(const struct options *options, enum option_id id, enum option_layer layer);
/** options_same() - whether @word means the value that the layer has now */
bool options_same(const struct options *options, enum option_id id, enum option_layer layer,
	const char *word);

/** options_number() - the value in force; not for strings */
int64_t options_number(const struct options *options, enum option_id id);
static inline bool options_bool(const struct options *options, enum option_id id)
{
	return options_number(options, id) != 0;
}
/** options_text() - the value in force; only for strings; borrowed until the option is changed */
const char *options_text(const struct options *options, enum option_id id);

/**
 * options_help() - the text of -h
 * options_dump() - the text of dump_config: a line an option, and where the value came from
 * options_debug() - the text of --debug_options
 * Return: bytes that the text has, as snprintf() does; cut to @room with its final NUL
 */
size_t options_help(char *ret, size_t room);
size_t options_dump(const struct options *options, char *ret, size_t room);
size_t options_debug(const struct options *options, char *ret, size_t room);
