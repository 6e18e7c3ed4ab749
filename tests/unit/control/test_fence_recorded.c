/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the reference's daemons were told in recorded runs is told to our machine, and it must do
 * and think what they did: the same messages in the same order, the same kills, the same agents.
 */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fence_recorded.h"
#include "fence_stage.h"

#define WORDS_MAX 5u
#define SAID_ROOM 1024u

struct play {
	struct stage stage;
	const struct recorded *run;
	const char *line;
	char sent[SAID_ROOM], killed[SAID_ROOM], agents[SAID_ROOM];
};

/* What was said falls into three orders, each of them determined. */
static void sort(struct play *play)
{
	const char *said = stage_said(&play->stage), *end;

	for (; (end = strchr(said, ';')); said = end + 1 + strspn(end + 1, " ")) {
		char *to = play->sent;
		size_t used;

		if (!strncmp(said, "agreed", 6))
			continue;
		if (!strncmp(said, "kill", 4))
			to = play->killed;
		if (!strncmp(said, "agent ", 6))
			to = play->agents;
		used = strlen(to);
		snprintf(to + used, SAID_ROOM - used, "%s%.*s", used ? " " : "",
			(int)(end - said) + 1, said);
	}
}

static void commas_to_blanks(char *text)
{
	for (; *text; text++) {
		if (*text == ',')
			*text = ' ';
	}
}

static void play_conf(struct play *play, char words[][32], uint32_t count)
{
	const char *joined = "", *left = "";

	for (uint32_t i = 1; i < count; i++) {
		commas_to_blanks(words[i]);
		if (words[i][0] == '+')
			joined = words[i] + 1;
		else if (words[i][0] == '-')
			left = words[i] + 1;
	}
	stage_conf(&play->stage, words[1], joined, left);
}

static uint32_t number(const char *word)
{
	return (uint32_t)strtoul(word, NULL, 10);
}

static int32_t whole(const char *word)
{
	return (int32_t)strtol(word, NULL, 10);
}

static void play_protocol(struct play *play, uint32_t sender, const char *run)
{
	uint16_t flags = (uint16_t)number(strrchr(run, '.') + 1);

	stage_protocol(&play->stage, sender, (uint16_t)number(run), flags);
}

static void check(struct play *play, char words[][32], uint32_t count)
{
	struct fence_view view = stage_view(&play->stage);

	if (!strcmp(words[1], "fipu"))
		assert_int_equal(view.is_fipu, number(words[2]));
	else if (!strcmp(words[1], "actor"))
		assert_int_equal(
			stage_node(&play->stage, number(words[2])).actor, number(words[3]));
	else if (!strcmp(words[1], "need"))
		assert_int_equal(
			stage_node(&play->stage, number(words[2])).need_fencing, number(words[3]));
	else if (!strcmp(words[2], "stateful"))
		assert_string_equal(view.wait, "stateful merge");
	else
		assert_string_equal(view.wait, words[2]);
}

static void play_event(struct play *play, char words[][32], uint32_t count)
{
	struct stage *stage = &play->stage;
	struct fence *fence = stage->fence;
	const char *verb = words[0];

	if (!strcmp(verb, "conf")) {
		play_conf(play, words, count);
	} else if (!strcmp(verb, "ring")) {
		fence_ring(fence, stage->now, 1, number(words[1]));
	} else if (!strcmp(verb, "quorum")) {
		commas_to_blanks(words[3]);
		stage->ring_seq = number(words[2]);
		stage_quorum(stage, words[1][0] == '1', words[3]);
	} else if (!strcmp(verb, "protocol")) {
		play_protocol(play, number(words[1]), words[2]);
	} else if (!strcmp(verb, "clear")) {
		stage_clear(stage, number(words[1]), number(words[2]), whole(words[3]),
			number(words[4]));
	} else if (!strcmp(verb, "result")) {
		stage_result(stage, number(words[1]), number(words[2]), whole(words[3]));
	} else if (!strcmp(verb, "begin")) {
		assert_true(stage_view(stage).is_agreed);
		fence_begin(fence, stage->now);
	} else if (!strcmp(verb, "stateful")) {
		fence_stateful(fence);
	} else if (!strcmp(verb, "ended")) {
		fence_agent_ended(fence, stage->now, number(words[1]), whole(words[2]));
	} else if (!strcmp(verb, "ack")) {
		fence_ack(fence, stage->now, number(words[1]));
	} else {
		assert_string_equal(verb, "=");
		check(play, words, count);
	}
}

/* Seconds go by, and a tick comes with each that is wanted. */
static void wait_until(struct play *play, uint64_t mono, uint64_t wall_phase)
{
	struct stage *stage = &play->stage;

	while (stage->now.mono < mono) {
		stage->now.mono++;
		stage->now.wall = stage->now.mono + RECORDED_WALL;
		if (fence_is_waiting(stage->fence))
			fence_tick(stage->fence, stage->now);
		sort(play);
	}
	stage->now.wall = mono + RECORDED_WALL + wall_phase;
}

static void play_line(struct play *play, const char *line)
{
	char words[WORDS_MAX][32];
	uint32_t count = 0;
	char *rest;
	uint64_t mono = strtoull(line, &rest, 10);

	play->line = line;
	wait_until(play, mono, strtoul(rest, &rest, 10));
	for (; *rest && count < WORDS_MAX; count++) {
		size_t length = strcspn(++rest, " ");

		assert_true(length < sizeof(words[0]));
		memcpy(words[count], rest, length);
		words[count][length] = 0;
		rest += length;
	}
	play_event(play, words, count);
	sort(play);
}

static void play_run(const struct recorded *run)
{
	struct play play = {.run = run};
	struct fence_options options = stage_options();

	options.post_join_delay = run->post_join_delay;
	options.enable_startup = run->enable_startup;
	options.enable_quorum = run->enable_quorum;
	stage_open(&play.stage, run->nodeid, run->configured, options, run->is_two_node);
	play.stage.now.mono = strtoull(run->lines[0], NULL, 10);
	print_message("%s\n", run->name);
	for (uint32_t i = 0; run->lines[i]; i++)
		play_line(&play, run->lines[i]);
	assert_string_equal(play.sent, run->sent);
	assert_string_equal(play.killed, run->killed);
	assert_string_equal(play.agents, run->agents);
	assert_int_equal(stage_view(&play.stage).refused_count, 0);
	stage_close(&play.stage);
}

static void test_recorded(void **state)
{
	for (size_t i = 0; i < sizeof(RECORDED) / sizeof(RECORDED[0]); i++)
		play_run(&RECORDED[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recorded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
