/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tool/tool.h"

int cmd_joinleave(const struct args *args)
{
	int status = cmd_join(args);

	return status ? status : cmd_leave(args);
}
