/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The protocol that all daemons run: who proposes, what is taken, who stays outside. */
#include "cmocka_all.h"

#include <errno.h>
#include <string.h>

#include "fence_stage.h"

static const struct cpg_protocol CAN = {{3, 1, 1, 0}, {1, 1, 1, 0}, {0}, {0}};
static const struct cpg_protocol RUNS = {{3, 1, 1, 0}, {1, 1, 1, 0}, {3, 1, 1, 0}, {1, 1, 1, 0}};

static void open_member(struct stage *stage, const char *members, const char *joined)
{
	stage_open(stage, 1, "", stage_options(), false);
	stage_conf(stage, members, joined, "");
	stage_expect(stage, "protocol 0.0.0.0;");
}

static void test_alone(void **state)
{
	struct stage stage;
	uint16_t version[3];

	open_member(&stage, "1", "1");
	stage_protocol(&stage, 1, 0, 0);
	stage_expect(&stage, "protocol 3.1.1.0;"); /* the proposal */
	assert_false(stage_view(&stage).is_agreed);
	fence_version(stage.fence, version);
	assert_int_equal(version[0], 0);
	stage_protocol(&stage, 1, 3, 0);
	stage_expect(&stage, "protocol 3.1.1.0; agreed;");
	assert_true(stage_view(&stage).is_agreed);
	fence_version(stage.fence, version);
	assert_int_equal(version[0], 3);
	stage_protocol(&stage, 1, 3, 0);
	stage_close(&stage);
}

static void test_proposal_when_all_have_spoken(void **state)
{
	struct stage stage;

	open_member(&stage, "1 2", "1");
	stage_protocol(&stage, 1, 0, 0);
	stage_expect(&stage, "");
	stage_protocol(&stage, 2, 0, 0);
	stage_expect(&stage, "protocol 3.1.1.0;");
	stage_protocol(&stage, 2, 0, 0); /* once */
	stage_close(&stage);
}

/* The one that had not spoken is gone. */
static void test_proposal_when_the_silent_left(void **state)
{
	struct stage stage;

	open_member(&stage, "1 2", "1");
	stage_protocol(&stage, 1, 0, 0);
	stage_conf(&stage, "1", "", "2p");
	stage_expect(&stage, "protocol 3.1.1.0;");
	stage_close(&stage);
}

static void test_least(void **state)
{
	static const struct cpg_version least[] = {{2, 7, 9, 0}, {3, 1, 2, 0}, {2, 1, 1, 0}};
	static const char *const wanted[] = {
		"protocol 2.7.9.0;", "protocol 3.1.1.0;", "protocol 2.1.1.0;"};

	for (uint32_t i = 0; i < 3; i++) {
		struct cpg_protocol other = CAN;
		struct stage stage;

		other.daemon_max = least[i];
		open_member(&stage, "1 2", "1");
		stage_protocol(&stage, 1, 0, 0);
		assert_int_equal(stage_protocol_is(&stage, 2, &other), 0);
		stage_expect(&stage, wanted[i]);
		stage_close(&stage);
	}
}

/* Patch counts only among equal minors. */
static void test_least_by_rank(void **state)
{
	struct cpg_protocol other = CAN;
	struct stage stage;

	other.daemon_max = (struct cpg_version){4, 1, 1, 0};
	open_member(&stage, "1 2 3", "1");
	stage_protocol(&stage, 1, 0, 0);
	assert_int_equal(stage_protocol_is(&stage, 2, &other), 0);
	other.daemon_max = (struct cpg_version){3, 4, 1, 0};
	assert_int_equal(stage_protocol_is(&stage, 3, &other), 0);
	stage_expect(&stage, "protocol 3.1.1.0;");
	stage_close(&stage);
}

static void test_adopt_what_runs(void **state)
{
	struct cpg_protocol older = RUNS;
	struct stage stage;

	older.daemon_run = (struct cpg_version){3, 1, 9, CPG_VERSION_STATEFUL};
	open_member(&stage, "1 2", "1");
	assert_int_equal(stage_protocol_is(&stage, 2, &older), 0);
	/* numbers only: state is one's own */
	stage_expect(&stage, "protocol 3.1.9.0; agreed;");
	stage_protocol(&stage, 2, 3, 0); /* what runs is never changed */
	stage_conf(&stage, "1 2 3", "3", "");
	stage_expect(&stage, "protocol 3.1.9.0;");
	stage_close(&stage);
}

static void refused(const struct cpg_protocol *runs, const char *word)
{
	struct stage stage;

	open_member(&stage, "1 2", "1");
	assert_int_equal(stage_protocol_is(&stage, 2, runs), 0);
	stage_expect(&stage, "refused;");
	assert_non_null(strstr(stage.refused, word));
	assert_non_null(strstr(stage.refused, "3.1.1"));
	assert_false(stage_view(&stage).is_agreed);
	assert_int_equal(stage_protocol_is(&stage, 2, runs), 0);
	stage_close(&stage);
}

static void test_refused(void **state)
{
	struct cpg_protocol runs = RUNS;

	runs.daemon_run.major = 2;
	refused(&runs, "2.1.1");
	runs.daemon_run = (struct cpg_version){3, 2, 1, 0};
	refused(&runs, "3.2.1");
	runs = RUNS;
	runs.kernel_run.minor = 2;
	refused(&runs, "1.2.1");
	runs.kernel_run = (struct cpg_version){2, 1, 1, 0};
	refused(&runs, "2.1.1");
}

static void test_without_numbers(void **state)
{
	struct stage stage;
	uint32_t refused = 0;

	open_member(&stage, "1 2", "1");
	for (int block = 0; block < 4; block++) {
		for (int field = 0; field < 3; field++) {
			struct cpg_protocol protocol = RUNS;
			struct cpg_version *blocks[] = {&protocol.daemon_max, &protocol.kernel_max,
				&protocol.daemon_run, &protocol.kernel_run};
			uint16_t *fields[] = {&blocks[block]->major, &blocks[block]->minor,
				&blocks[block]->patch};

			/* nothing runs, for all we know */
			if (block == 2 && !field)
				continue;
			*fields[field] = 0;
			assert_int_equal(stage_protocol_is(&stage, 2, &protocol), -EBADMSG);
			refused++;
		}
	}
	assert_int_equal(stage_view(&stage).refused_count, refused);
	stage_close(&stage);
}

static void test_not_a_member(void **state)
{
	struct stage stage;

	open_member(&stage, "1 2", "1");
	assert_int_equal(stage_protocol_is(&stage, 3, &RUNS), -EBADMSG);
	stage_conf(&stage, "1", "", "2l");
	assert_int_equal(stage_protocol_is(&stage, 2, &RUNS), -EBADMSG);
	stage_close(&stage);
}

/* What was accepted holds as long as it is a member. */
static void test_forgotten_when_it_leaves(void **state)
{
	struct stage stage;

	open_member(&stage, "1 2", "1");
	stage_protocol(&stage, 2, 3, 0);
	assert_int_equal(stage_node(&stage, 2).protocol.daemon_max.major, 3);
	stage_conf(&stage, "1", "", "2l");
	assert_int_equal(stage_node(&stage, 2).protocol.daemon_max.major, 0);
	stage_conf(&stage, "1 2", "2", "");
	assert_int_equal(stage_node(&stage, 2).protocol.daemon_max.major, 0);
	stage_expect(&stage, "protocol 3.1.1.0; agreed; protocol 3.1.1.0;");
	stage_close(&stage);
}

static void test_state_is_told_at_the_next_join(void **state)
{
	struct stage stage;

	stage_open(&stage, 1, "", stage_options(), false);
	stage_settle(&stage, "1 2", true);
	fence_stateful(stage.fence);
	stage_expect(&stage, "");
	stage_conf(&stage, "1", "", "2l");
	stage_expect(&stage, "");
	stage_conf(&stage, "1 3", "3", "");
	stage_expect(&stage, "protocol 3.1.1.1; clear 3 6;");
	stage_close(&stage);
}

/* Whoever has state is no merge for one that has none. */
static void test_newcomer_accepts_state(void **state)
{
	struct stage stage;

	open_member(&stage, "1 2", "1");
	stage_protocol(&stage, 2, 3, CPG_VERSION_STATEFUL);
	assert_false(stage_node(&stage, 2).is_merge);
	assert_int_equal(stage_node(&stage, 2).protocol.daemon_max.major, 3);
	stage_expect(&stage, "protocol 3.1.1.0; agreed;");
	stage_close(&stage);
}

static void test_another_generation_is_noted(void **state)
{
	struct cpg_protocol other = CAN;
	struct stage stage;

	other.daemon_max = (struct cpg_version){2, 1, 1, 0};
	stage_open(&stage, 1, "", stage_options(), false);
	stage_settle(&stage, "1 2", true);
	stage_conf(&stage, "1 2 3", "3", "");
	assert_int_equal(stage_protocol_is(&stage, 3, &other), 0);
	assert_non_null(strstr(stage.noted, "node 3 can do protocol 2.1.1"));
	stage_said(&stage);
	stage_close(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alone),
		cmocka_unit_test(test_proposal_when_all_have_spoken),
		cmocka_unit_test(test_proposal_when_the_silent_left),
		cmocka_unit_test(test_least),
		cmocka_unit_test(test_least_by_rank),
		cmocka_unit_test(test_adopt_what_runs),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_without_numbers),
		cmocka_unit_test(test_not_a_member),
		cmocka_unit_test(test_forgotten_when_it_leaves),
		cmocka_unit_test(test_state_is_told_at_the_next_join),
		cmocka_unit_test(test_newcomer_accepts_state),
		cmocka_unit_test(test_another_generation_is_noted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
