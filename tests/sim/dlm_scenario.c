// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dlm_scenario: stories of a few nodes as readable text. A file of tests/sim/scenarios is a list of
 * commands, each with the output that is expected of it; the engines are driven through engine.h and
 * a carrier that delivers only when it is told to.
 */
int main(void)
{
	return 0;
}
