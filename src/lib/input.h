/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * Waiting for what the lock engine sends. One thread at a time waits for the descriptor, with the
 * mutex released; the others wait for what it takes in.
 */
#include <stdbool.h>

struct handle;

/**
 * input_wait() - send what has been gathered and wait until something may have changed
 *
 * The mutex is held at the call and at the return. Returns early now and then: loop.
 * Return: 0; -ENOTCONN lost or closed; -EPERM another process uses the handle now.
 */
int input_wait(struct handle *handle);
/** input_wait_ms() - the same, at most so long; -1: no limit. Return: -ETIMEDOUT, too */
int input_wait_ms(struct handle *handle, int wait_ms);
/** input_wait_hangup() - wait for the end of a connection that another process uses, or a wake-up
 */
void input_wait_hangup(struct handle *handle);
/** input_hung_up() - whether the connection has ended, which the handle knows then */
bool input_hung_up(struct handle *handle);
/** input_take() - take in what has arrived, without waiting and without delivering */
void input_take(struct handle *handle);
/** input_notify() - wake the threads that wait, if what was taken in may concern them */
void input_notify(struct handle *handle);
/** input_wake() - wake them in any case */
void input_wake(struct handle *handle);
