/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options: what they mean for the parts, and those that change while the daemon runs. */
#include <string.h>

#include "config/dynamic.h"
#include "config/parse.h"
#include "control/daemon_room.h"

void daemon_config_fence(const struct daemon *daemon, struct fence_options *ret)
{
	const struct options *options = daemon->options;
	int64_t delay = options_number(options, OPTION_POST_JOIN_DELAY);

	*ret = (struct fence_options){
		.enable_fencing = options_bool(options, OPTION_ENABLE_FENCING),
		.enable_concurrent = options_bool(options, OPTION_ENABLE_CONCURRENT_FENCING),
		.enable_startup = options_bool(options, OPTION_ENABLE_STARTUP_FENCING),
		.repeat_failed = options_bool(options, OPTION_REPEAT_FAILED_FENCING),
		.enable_quorum = options_bool(options, OPTION_ENABLE_QUORUM_FENCING),
		.post_join_delay = delay > 0 ? (uint32_t)delay : 0};
}

void daemon_config_group(const struct daemon *daemon, struct group_options *ret)
{
	const struct options *options = daemon->options;

	*ret = (struct group_options){
		.enable_fencing = options_bool(options, OPTION_ENABLE_FENCING),
		.enable_quorum_lockspace = options_bool(options, OPTION_ENABLE_QUORUM_LOCKSPACE)};
}

void daemon_apply_options(struct daemon *daemon)
{
	struct fence_options fence;
	struct group_options group;

	daemon->logfile.level = options_bool(daemon->options, OPTION_DEBUG_LOGFILE)
					? LOG_LEVEL_DEBUG
					: LOG_LEVEL_INFO;
	log_level_set(daemon->log, options_bool(daemon->options, OPTION_DAEMON_DEBUG)
					   ? LOG_LEVEL_DEBUG
					   : daemon->logfile.level);
	if (!daemon->fence)
		return;
	daemon_config_fence(daemon, &fence);
	daemon_config_group(daemon, &group);
	fence_options_set(daemon->fence, &fence);
	group_options_set(daemon->group, &group);
	daemon->fence_changed = true;
	daemon_turn(daemon);
}

struct saying {
	struct daemon *daemon;
	struct text *text;
};

static void say_finding(void *context, const struct parse_finding *finding)
{
	struct saying *saying = context;

	log_write(saying->daemon->log, finding->is_error ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING,
		"%s", finding->text);
	text_add(saying->text, "%s\n", finding->text);
}

int daemon_reload(struct daemon *daemon, struct text *say)
{
	struct saying saying = {.daemon = daemon, .text = say};
	int rv = parse_file(daemon->options, daemon->config_path, true, say_finding, &saying);

	if (rv < 0)
		log_error(daemon->log, "reload_config: %s: %s, nothing changed",
			daemon->config_path, strerror(-rv));
	else
		log_notice(daemon->log, "reload_config: %d options changed", rv);
	daemon_apply_options(daemon);
	return rv;
}

static void say_change(void *context, const char *text)
{
	struct saying *saying = context;

	log_notice(saying->daemon->log, "set_config: %s", text);
	text_add(saying->text, "%s\n", text);
}

int daemon_set_config(struct daemon *daemon, const char *text, size_t bytes, struct text *say)
{
	struct saying saying = {.daemon = daemon, .text = say};
	int rv = dynamic_set(daemon->options, text, bytes, say_change, &saying);

	daemon_apply_options(daemon);
	return rv;
}
