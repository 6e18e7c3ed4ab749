/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The network between the nodes of a cluster, as TCP makes it: connections that keep the order of
 * bytes in each direction and deliver them late, in pieces that end anywhere, through a window of
 * limited size. Between two nodes there may be one connection, or two where both connected at once:
 * each node sends on one of them only (its primary) and reads all. A connection that breaks loses
 * what is on the way from some byte on, and its two ends learn of it at different times.
 */
#include <stdbool.h>
#include <stdint.h>

struct cluster;
struct net;
struct stream_world;

struct net *net_new(struct cluster *cluster);
void net_free(struct net *net);

/** net_flush() - node has bytes for @peer: send what the window takes */
void net_flush(struct net *net, uint32_t node, uint32_t peer);
/** net_connect() - node wants a connection to @peer; tried again until there is one */
void net_connect(struct net *net, uint32_t node, uint32_t peer);
/** net_peer_finished() - FIN is done: close in order, after what is still on the way */
void net_peer_finished(struct net *net, uint32_t node, uint32_t peer);
/** net_peer_removed() - @peer left the cluster: node closes all its connections to it */
void net_peer_removed(struct net *net, uint32_t node, uint32_t peer);
/** net_node_end() - the process of @node is gone */
void net_node_end(struct net *net, uint32_t node);
/** net_reset() - node aborts its connections with @peer */
void net_reset(struct net *net, uint32_t node, uint32_t peer);

/** net_break_random() - break some connection, if there is one; for the faults of a run */
bool net_break_random(struct net *net);
/** net_clog() - what is sent from @node to @peer from now on arrives after @until_us at the
 * earliest */
void net_clog(struct net *net, uint32_t node, uint32_t peer, uint64_t until_us);
/** net_hold() - hold back (or deliver) what is sent from @node to @peer; for scenarios */
void net_hold(struct net *net, uint32_t node, uint32_t peer, bool hold);
/** net_cut() - break every connection of the pair, losing what is on the way; for scenarios */
void net_cut(struct net *net, uint32_t node, uint32_t peer);

/** net_in_flight() - bytes on the way, over all connections whose ends both exist */
uint64_t net_in_flight(const struct net *net);
uint64_t net_break_count(const struct net *net);
/** net_streams() - other senders' ways, and what they came to */
struct stream_world *net_streams(struct net *net);
