/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What `dlm_tool ls` and `dlm_tool status` print of this node, as text, for those who ask from
 * another node: the same lines in the same order (src/tool/cmd_ls.c, src/lib/dlmcontrol_status.c).
 */
#include "base/text.h"
#include "control/daemon.h"

/** report_ls() - @with_nodes: as with -n */
void report_ls(const struct daemon *daemon, bool with_nodes, struct text *ret);
/** report_status() - @is_verbose: as with -v, without what `daemon` says there */
void report_status(const struct daemon *daemon, bool is_verbose, struct text *ret);
