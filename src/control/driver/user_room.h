/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What the files of driver/user*.c share: user.c the life of dlm_lockd and what is asked of it,
 * user_post.c what it is told, user_receive.c what it says.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/pure/dlmconst.h"
#include "base/pure/list.h"
#include "control/driver/driver.h"
#include "proto/control.h"

/* A lockspace that dlm_lockd has been told of and has not confirmed: where making it fails, it is
 * the start behind it that has failed. */
struct user_birth {
	struct list on_driver;
	uint32_t start_number; /* 0: not told yet */
	char name[DLM_NAME_BYTES_MAX + 1];
};

struct user_question {
	struct list on_driver;
	uint32_t number, type; /* what is waited for: CONTROL_STATUS_IS or CONTROL_DUMP_IS */
	driver_answer answer;
	void *context;
	uint64_t id;
};

struct driver {
	qb_loop_t *loop;
	struct log *log;
	struct driver_settings settings;
	struct driver_events events;
	struct list messages, questions, births;
	uint32_t queue_bytes, question_count, number;
	qb_loop_timer_handle tick_timer, reap_timer;
	pid_t pid; /* of our child, until it has been waited for; 0 */
	int fd;    /* control connection, -1 */
	bool is_ready, is_stopping, is_killed;
	uint32_t silent_ms;   /* since dlm_lockd last said anything, by ticks that we have lived
				 through */
	uint32_t stopping_ms; /* since it was asked to end, in the same way */
	uint32_t parted_ms;   /* since the connection was closed */
	struct control_ready ready;
	struct log_limit limit; /* of what is logged about what it says */
	char end_text[320];     /* why it ended; "" */
	_Alignas(8) uint8_t packet[CONTROL_PACKET_MAX];
};

/* ---- user.c ---- */

/** user_kill_for() - @text: what it did that it cannot live with */
void user_kill_for(struct driver *driver, const char *text);
/** user_part() - nothing is heard of it or said to it from now on; `ended` comes when it has been
 * waited for */
void user_part(struct driver *driver);
/** user_end_text() - why it ends; the first word holds */
void user_end_text(struct driver *driver, const char *text);

/* ---- user_post.c ---- */

/**
 * user_post() - tell it; a message that cannot reach it would leave the two of different minds: its
 * end
 * @data: begins with struct control_head, which is filled in here
 * Return: 0; -ENOTCONN; -errno
 */
int user_post(struct driver *driver, void *data, uint32_t type, uint32_t bytes);
/** user_post_ls() - a struct control_ls. Return: as user_post() */
int user_post_ls(
	struct driver *driver, uint32_t type, const char *name, uint32_t number, int32_t result);
int user_post_settings(struct driver *driver);
void user_post_peer(struct driver *driver, uint32_t type, const struct driver_peer *peer);
void user_post_probe(struct driver *driver, uint32_t type, const struct driver_probe *probe);
void user_post_new(struct driver *driver, const struct driver_lockspace *lockspace);
void user_post_start(struct driver *driver, const char *name, uint32_t number,
	const struct driver_member *members, uint32_t member_count);
/** user_post_flush() - what it had no room for */
void user_post_flush(struct driver *driver);
void user_post_drop(struct driver *driver);
/** user_post_births_drop() - @name: of that lockspace; NULL: all */
void user_post_births_drop(struct driver *driver, const char *name);

/* ---- user_receive.c ---- */

/** user_receive_dispatch() - the connection is ready */
int32_t user_receive_dispatch(int32_t fd, int32_t events, void *data);
/** user_receive_questions_end() - nobody will answer them */
void user_receive_questions_end(struct driver *driver);
