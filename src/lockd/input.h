/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What a program sends: one packet at a time, with the sender's credentials, record by record. The
 * first thing that libdlm would not have sent ends the connection, with its place in the log.
 */
#include "lockd/connection.h"

/** input_read() - take one packet of its socket. @c may be gone afterwards. */
void input_read(struct connection *c);
/** input_rest() - go on with what found no room for its answers. @c may be gone afterwards. */
void input_rest(struct connection *c);
