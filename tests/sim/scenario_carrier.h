/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The frames on their way: one queue for each sender and receiver. A connection is there as soon as
 * both nodes are; it breaks only by command, and then what is on its way is lost.
 */
#include <stdbool.h>
#include <stdint.h>

struct scenario;

/** scenario_carrier_collect() - node has bytes for @peer: they are on their way now */
void scenario_carrier_collect(struct scenario *scenario, uint32_t node, uint32_t peer);
/** scenario_carrier_connect() - node wants to send to @peer; waits until that one is there */
void scenario_carrier_connect(struct scenario *scenario, uint32_t node, uint32_t peer);
/** scenario_carrier_close() - node has nothing more to say: what is on its way still arrives */
void scenario_carrier_close(struct scenario *scenario, uint32_t node, uint32_t peer);
/** scenario_carrier_break() - what is on its way from node to @peer is lost, the sender knows */
void scenario_carrier_break(struct scenario *scenario, uint32_t node, uint32_t peer);
/** scenario_carrier_forget() - the next frame is the first of a new conversation
 * @late: what is on its way still arrives; otherwise it is lost */
void scenario_carrier_forget(struct scenario *scenario, uint32_t node, uint32_t peer, bool late);
/** scenario_carrier_retry() - @peer is there: the others' connections to it succeed */
void scenario_carrier_retry(struct scenario *scenario, uint32_t peer);
/** scenario_carrier_deliver() - the oldest frame arrives. Return: false: there is none */
bool scenario_carrier_deliver(struct scenario *scenario, uint32_t node, uint32_t peer);
/** scenario_carrier_waiting() - is the oldest frame one that counts (no ACK), or none: -1 */
int scenario_carrier_waiting(const struct scenario *scenario, uint32_t node, uint32_t peer);
