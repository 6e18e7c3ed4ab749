/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/cluster/corosync_post.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct post {
	pthread_mutex_t mutex; /* of all below, the descriptors excepted */
	int loop_fd, worker_fd, end_fd;
	uint32_t holders;
	struct list for_loop, for_worker;
	size_t loop_bytes, send_bytes;
	uint32_t send_count;
	bool is_full; /* since the worker asked, until the loop has caught up */
	bool is_closed, is_abandoned;
	uint64_t call_began;
};

struct letter *post_letter_new(
	enum letter_type type, const char *group, const void *data, size_t bytes)
{
	struct letter *letter = calloc(1, sizeof(*letter) + bytes + 1);

	if (!letter)
		return NULL;
	letter->type = type;
	letter->bytes = bytes;
	if (group)
		memcpy(letter->group, group, strnlen(group, sizeof(letter->group) - 1));
	if (data)
		memcpy(letter->data, data, bytes);
	return letter;
}

void post_letter_free(struct letter *letter)
{
	free(letter);
}

static size_t weight(const struct letter *letter)
{
	return sizeof(*letter) + letter->bytes;
}

int post_new(struct post **ret)
{
	struct post *post = calloc(1, sizeof(*post));

	if (!post)
		return -ENOMEM;
	post->holders = 2;
	list_init(&post->for_loop);
	list_init(&post->for_worker);
	pthread_mutex_init(&post->mutex, NULL);
	post->loop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	post->worker_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	post->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (post->loop_fd < 0 || post->worker_fd < 0 || post->end_fd < 0) {
		int rv = -errno;

		post->holders = 1;
		post_drop(post);
		return rv;
	}
	*ret = post;
	return 0;
}

static void letters_free(struct list *letters)
{
	struct letter *letter;

	while ((letter = list_first(letters, struct letter, on_box))) {
		list_remove(&letter->on_box);
		post_letter_free(letter);
	}
}

void post_drop(struct post *post)
{
	uint32_t holders;

	pthread_mutex_lock(&post->mutex);
	holders = --post->holders;
	pthread_mutex_unlock(&post->mutex);
	if (holders)
		return;
	letters_free(&post->for_loop);
	letters_free(&post->for_worker);
	if (post->loop_fd >= 0)
		close(post->loop_fd);
	if (post->worker_fd >= 0)
		close(post->worker_fd);
	if (post->end_fd >= 0)
		close(post->end_fd);
	pthread_mutex_destroy(&post->mutex);
	free(post);
}

static void ring(int fd)
{
	uint64_t one = 1;

	while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void silence(int fd)
{
	uint64_t count;

	while (read(fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
}

/* The mutex is held. */
static struct letter *take(struct list *box, int fd)
{
	struct letter *letter = list_first(box, struct letter, on_box);

	if (letter)
		list_remove(&letter->on_box);
	else
		silence(fd);
	return letter;
}

int post_loop_fd(const struct post *post)
{
	return post->loop_fd;
}

int post_worker_fd(const struct post *post)
{
	return post->worker_fd;
}

static bool has_room(const struct post *post, const struct letter *letter)
{
	return letter->type != LETTER_SEND ||
	       (post->send_count < POST_SEND_COUNT_MAX &&
		       post->send_bytes + weight(letter) <= POST_SEND_BYTES_MAX);
}

int post_to_worker(struct post *post, struct letter *letter)
{
	bool is_taken, was_empty;

	pthread_mutex_lock(&post->mutex);
	is_taken = has_room(post, letter);
	was_empty = list_empty(&post->for_worker);
	if (is_taken && letter->type == LETTER_SEND) {
		post->send_count++;
		post->send_bytes += weight(letter);
	}
	if (is_taken)
		list_add_tail(&post->for_worker, &letter->on_box);
	if (is_taken && was_empty)
		ring(post->worker_fd);
	pthread_mutex_unlock(&post->mutex);
	if (!is_taken)
		post_letter_free(letter);
	return is_taken ? 0 : -ENOBUFS;
}

struct letter *post_for_worker(struct post *post)
{
	struct letter *letter;

	pthread_mutex_lock(&post->mutex);
	letter = take(&post->for_worker, post->worker_fd);
	pthread_mutex_unlock(&post->mutex);
	return letter;
}

void post_sent(struct post *post, struct letter *letter)
{
	pthread_mutex_lock(&post->mutex);
	post->send_count--;
	post->send_bytes -= weight(letter);
	pthread_mutex_unlock(&post->mutex);
	post_letter_free(letter);
}

void post_to_loop(struct post *post, struct letter *letter)
{
	bool is_closed;

	pthread_mutex_lock(&post->mutex);
	is_closed = post->is_closed;
	if (!is_closed) {
		if (list_empty(&post->for_loop))
			ring(post->loop_fd);
		post->loop_bytes += weight(letter);
		list_add_tail(&post->for_loop, &letter->on_box);
	}
	pthread_mutex_unlock(&post->mutex);
	if (is_closed)
		post_letter_free(letter);
}

struct letter *post_for_loop(struct post *post)
{
	struct letter *letter;

	pthread_mutex_lock(&post->mutex);
	letter = take(&post->for_loop, post->loop_fd);
	if (letter)
		post->loop_bytes -= weight(letter);
	if (post->is_full && post->loop_bytes < POST_LOOP_BYTES_MAX / 2) {
		post->is_full = false;
		ring(post->worker_fd);
	}
	pthread_mutex_unlock(&post->mutex);
	return letter;
}

bool post_is_full(struct post *post)
{
	bool is_full;

	pthread_mutex_lock(&post->mutex);
	if (post->loop_bytes >= POST_LOOP_BYTES_MAX)
		post->is_full = true;
	is_full = post->is_full;
	pthread_mutex_unlock(&post->mutex);
	return is_full;
}

void post_close(struct post *post)
{
	pthread_mutex_lock(&post->mutex);
	post->is_closed = true;
	ring(post->worker_fd);
	pthread_mutex_unlock(&post->mutex);
}

bool post_await_end(struct post *post, uint32_t ms)
{
	struct pollfd fd = {.fd = post->end_fd, .events = POLLIN};

	if (poll(&fd, 1, (int)ms) > 0)
		return true;
	pthread_mutex_lock(&post->mutex);
	post->is_abandoned = true;
	pthread_mutex_unlock(&post->mutex);
	return false;
}

bool post_is_abandoned(struct post *post)
{
	bool is_abandoned;

	pthread_mutex_lock(&post->mutex);
	is_abandoned = post->is_abandoned;
	pthread_mutex_unlock(&post->mutex);
	return is_abandoned;
}

void post_end(struct post *post)
{
	ring(post->end_fd);
}

bool post_is_closed(struct post *post)
{
	bool is_closed;

	pthread_mutex_lock(&post->mutex);
	is_closed = post->is_closed;
	pthread_mutex_unlock(&post->mutex);
	return is_closed;
}

void post_call(struct post *post, uint64_t now)
{
	pthread_mutex_lock(&post->mutex);
	post->call_began = now;
	pthread_mutex_unlock(&post->mutex);
}

uint64_t post_call_began(struct post *post)
{
	uint64_t began;

	pthread_mutex_lock(&post->mutex);
	began = post->call_began;
	pthread_mutex_unlock(&post->mutex);
	return began;
}
