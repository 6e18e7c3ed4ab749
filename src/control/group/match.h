/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Which of our pending changes a START is for. It carries its sender's own number of the change and
 * what the change is: members and counts. Numbers of two nodes have nothing to do with each other,
 * but go up together as long as both are there. The reference looks at members and counts alone,
 * from the oldest pending change to the newest, and at NACKs, by which a sender takes back changes
 * that look like its newest. We take the same change wherever it takes the right one, but count as
 * well: a NACK that is for a change from before one of us came would be taken for another, and then
 * nobody ever starts.
 */
#include "control/group/lockspace.h"

/** match_nack() - a NACK has come. Return: 0; -ENOMEM */
int match_nack(struct lockspace *ls, struct history_node *sender, const struct cpg_header *header);
/** match_start() - a START has come. Return: the change that it is for; NULL: none of ours */
struct change *match_start(struct lockspace *ls, struct history_node *sender,
	const struct cpg_header *header, const struct cpg_start *start);
