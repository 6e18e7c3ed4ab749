/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * TCP as a transport. Who connects, and on which of two connections a node sends, is what kernels
 * do: docs/protocol/wire.md, "Transport".
 */
#include "lockd/transport/transport.h"

extern const struct transport_ops tcp_transport;
