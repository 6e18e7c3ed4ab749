/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The rules that must hold, one file a rule. Each checker knows the rule only from the model (what
 * programs were told) and from the views that engines give; it reports by cluster_fail().
 *
 * Cheap ones run with every event that touches their subject. Those that compare whole nodes run
 * now and then, and when everything is quiet.
 */
#include "model.h"

struct membership;
struct workload;

/* S1, check_exclusion.c */
bool check_exclusion_modes(uint32_t rights, uint32_t others);
/** check_exclusion() - @lock's rights have just grown: against everybody else's on the resource */
void check_exclusion(struct model *model, const struct model_lock *lock);
/** check_exclusion_master() - a master granted: against the rights of other nodes' programs */
void check_exclusion_master(
	struct model *model, uint32_t master, const struct engine_trace *event, uint32_t space);

/* S2, check_stability.c */
/** check_stability() - on every node: the engine's own view of a lock is what its program was told
 */
void check_stability(struct model *model, const struct workload *workload);

/* S3, check_value.c */
bool check_value_reads(int granted, int requested);
bool check_value_writes(int granted, int requested);
/** check_value() - a completion with a value block: what it may be */
void check_value(struct model *model, struct model_lock *lock, int before, int now,
	const struct engine_callback *callback);

/* S4, check_completion.c */
/** check_completion() - whether this completion may come now */
void check_completion(
	struct model *model, const struct model_lock *lock, const struct engine_callback *callback);
/** check_completion_end() - nothing accepted is left without its completion */
void check_completion_end(struct model *model);

/* L1, check_grant.c; at rest only */
void check_grant(struct model *model, const struct membership *membership);

/* One master, same queues on both sides, right directory; check_master.c; at rest only */
void check_master(struct model *model, const struct membership *membership);
