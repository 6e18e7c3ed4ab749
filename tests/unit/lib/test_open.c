/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening, making and releasing lockspaces, and what is said where that cannot be. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake.h"

static struct fake fake;

static int setup(void **state)
{
	alarm(60);
	fake_start(&fake);
	return 0;
}

static int teardown(void **state)
{
	fake_stop(&fake);
	return 0;
}

/* The control socket, for one conversation. */
struct control {
	pthread_t thread;
	int result;  /* of the answer */
	int bye;     /* instead of WELCOME */
	bool hangup; /* instead of an answer */
	_Alignas(8) uint8_t asked[CLIENT_RECORD_MAX];
};

static void answer_welcome(int fd, const struct control *control)
{
	struct client_welcome welcome = {
		.head = {.bytes = sizeof(welcome), .type = CLIENT_WELCOME},
		.magic = CLIENT_MAGIC,
		.version_major = CLIENT_VERSION_MAJOR,
		.lvb_bytes = DLM_USER_LVB_BYTES,
		.device_version = {6, 0, 2},
	};
	struct client_bye bye = {
		.head = {.bytes = sizeof(bye), .type = CLIENT_BYE}, .error = control->bye};

	if (control->bye)
		send(fd, &bye, sizeof(bye), MSG_NOSIGNAL);
	else
		send(fd, &welcome, sizeof(welcome), MSG_NOSIGNAL);
}

static void *control_main(void *arg)
{
	struct control *control = arg;
	struct client_head *head = (void *)control->asked;
	struct client_answer answer = {.head = {.bytes = sizeof(answer), .type = CLIENT_ANSWER}};
	int fd = accept4(fake.control_listener, NULL, NULL, SOCK_CLOEXEC);

	assert_true(recv(fd, control->asked, sizeof(control->asked), 0) > 0);
	assert_int_equal(head->type, CLIENT_HELLO);
	answer_welcome(fd, control);
	if (recv(fd, control->asked, sizeof(control->asked), 0) > 0 && !control->hangup) {
		assert_int_equal(client_record_check(head, head->bytes), 0);
		answer.head.serial = head->serial;
		answer.result = control->result;
		send(fd, &answer, sizeof(answer), MSG_NOSIGNAL);
	}
	close(fd);
	return NULL;
}

static void control_begin(struct control *control)
{
	assert_int_equal(pthread_create(&control->thread, NULL, control_main, control), 0);
}

static void control_end(struct control *control)
{
	int error = errno;

	pthread_join(control->thread, NULL);
	errno = error;
}

static void test_names(void **state)
{
	static const char *const bad[] = {"", ".", "..", "../../x", "a/b", ".hidden", "a\tb",
		"a\177", "12345678901234567890123456789012345678901234567890123456789012345"};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_null(dlm_open_lockspace(bad[i]));
		assert_int_equal(errno, EINVAL);
		assert_null(dlm_create_lockspace(bad[i], 0600));
		assert_int_equal(errno, EINVAL);
		assert_int_equal(dlm_release_lockspace(bad[i], NULL, 0), -1);
		assert_int_equal(errno, EINVAL);
	}
	assert_null(dlm_open_lockspace(NULL));
	assert_int_equal(errno, EINVAL);
}

static void test_no_such_lockspace(void **state)
{
	struct control control = {0};

	control_begin(&control);
	assert_null(dlm_open_lockspace(
		"1234567890123456789012345678901234567890123456789012345678901234"));
	control_end(&control);
	assert_int_equal(errno, ENOENT);
}

static void test_no_daemon(void **state)
{
	uint32_t a = 1, b = 1, c = 1;

	setenv(CLIENT_RUN_DIR_ENV, "/nowhere/at/all", 1);
	assert_null(dlm_open_lockspace("test"));
	assert_int_equal(errno, ECONNREFUSED);
	assert_null(dlm_create_lockspace("test", 0600));
	assert_int_equal(errno, ECONNREFUSED);
	assert_int_equal(dlm_release_lockspace("test", NULL, 0), -1);
	assert_int_equal(errno, ECONNREFUSED);
	assert_int_equal(dlm_kernel_version(&a, &b, &c), -1);
	assert_int_equal(errno, ECONNREFUSED);
	assert_int_equal(a, 1);
	assert_int_equal(dlm_get_fd(), -1);
	assert_int_equal(errno, ECONNREFUSED);
	setenv(CLIENT_RUN_DIR_ENV, fake.dir, 1);
}

/* Sockets that a dead daemon left. */
static void test_dead_daemon(void **state)
{
	shutdown(fake.listener, SHUT_RDWR);
	close(fake.listener);
	shutdown(fake.control_listener, SHUT_RDWR);
	close(fake.control_listener);
	assert_null(dlm_open_lockspace("test"));
	assert_int_equal(errno, ECONNREFUSED);
	fake.listener = open("/dev/null", O_RDONLY | O_CLOEXEC);
	fake.control_listener = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void test_no_permission(void **state)
{
	char path[128];

	if (geteuid() == 0)
		skip();
	snprintf(path, sizeof(path), "%s/%s/test", fake.dir, CLIENT_SOCKET_DIR);
	chmod(path, 0);
	assert_null(dlm_open_lockspace("test"));
	assert_int_equal(errno, EACCES);
}

static void test_bye(void **state)
{
	fake.bye = -EMFILE;
	assert_null(fake_open(&fake));
	assert_int_equal(errno, EMFILE);
}

static void test_open(void **state)
{
	dlm_lshandle_t ls = fake_open(&fake);

	assert_non_null(ls);
	assert_true(fake_lease_held(&fake));
	assert_int_equal(dlm_close_lockspace(ls), 0);
	assert_false(fake_lease_held(&fake));
	assert_true(recv(fake.fd, fake.in, sizeof(fake.in), 0) == 0);
}

/* A run directory too deep for a socket address. */
static void test_deep_directory(void **state)
{
	char link_path[200];
	dlm_lshandle_t ls;

	memset(link_path, 0, sizeof(link_path));
	snprintf(link_path, sizeof(link_path), "%s/%0110d", fake.dir, 0);
	assert_return_code(symlink(fake.dir, link_path), errno);
	setenv(CLIENT_RUN_DIR_ENV, link_path, 1);
	ls = fake_open(&fake);
	assert_non_null(ls);
	dlm_close_lockspace(ls);
	unlink(link_path);
}

static void test_create(void **state)
{
	struct control control = {0};
	const struct client_create *create = (const void *)control.asked;
	dlm_lshandle_t ls;

	control_begin(&control);
	/* The lockspace's own socket is served as always; only the join is asked for before. */
	fake.bye = -ESTALE;
	assert_int_equal(pthread_create(&fake.thread, NULL, fake_serve, &fake), 0);
	ls = dlm_new_lockspace("test", 0640, DLM_LSFL_NEWEXCL);
	control_end(&control);
	assert_null(ls);
	assert_int_equal(errno, ESTALE);
	pthread_join(fake.thread, NULL);
	assert_int_equal(create->head.type, CLIENT_CREATE);
	assert_string_equal(create->name, "test");
	assert_int_equal(create->mode, 0640);
	assert_int_equal(create->flags, DLM_LSFL_NEWEXCL);
}

static void test_create_fails(void **state)
{
	struct control control = {.result = -EEXIST};

	control_begin(&control);
	assert_null(dlm_new_lockspace("test", 0, 0));
	control_end(&control);
	assert_int_equal(errno, EEXIST);
	control = (struct control){.bye = -EPERM};
	control_begin(&control);
	assert_null(dlm_new_lockspace("test", 0, 0));
	control_end(&control);
	assert_int_equal(errno, EPERM);
	control = (struct control){.hangup = true};
	control_begin(&control);
	assert_null(dlm_new_lockspace("test", 0, 0));
	control_end(&control);
	assert_int_equal(errno, ENOTCONN);
}

static void test_release(void **state)
{
	struct control control = {.result = -EBUSY};
	const struct client_release *release = (const void *)control.asked;
	dlm_lshandle_t ls = fake_open(&fake);

	assert_non_null(ls);
	control_begin(&control);
	assert_int_equal(dlm_release_lockspace("test", ls, 0), -1);
	control_end(&control);
	assert_int_equal(errno, EBUSY);
	assert_false(fake_lease_held(&fake)); /* closed all the same */
	assert_int_equal(release->head.flags, 0);
	control = (struct control){0};
	control_begin(&control);
	assert_int_equal(dlm_release_lockspace("test", NULL, 1), 0);
	control_end(&control);
	assert_int_equal(release->head.type, CLIENT_RELEASE);
	assert_int_equal(release->head.flags, CLIENT_RELEASE_FORCE);
	assert_string_equal(release->name, "test");
}

static void test_versions(void **state)
{
	struct control control = {0};
	uint32_t a = 1, b = 1, c = 1;

	control_begin(&control);
	assert_int_equal(dlm_kernel_version(&a, &b, &c), 0);
	control_end(&control);
	assert_int_equal(a, 6);
	assert_int_equal(b, 0);
	assert_int_equal(c, 2);
	a = b = c = 1;
	dlm_library_version(&a, &b, &c);
	assert_int_equal(a, 6);
	assert_int_equal(b, 0);
	assert_int_equal(c, 2);
}

/* A copy of the descriptor is as good. */
static void test_dispatch_of_copy(void **state)
{
	dlm_lshandle_t ls = fake_open(&fake);
	int copy = dup(dlm_ls_get_fd(ls));
	int ends[2];

	assert_int_equal(dlm_dispatch(copy), 0);
	close(copy);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(dlm_dispatch(ends[0]), -1);
	assert_int_equal(errno, EBADF);
	close(ends[0]);
	close(ends[1]);
	dlm_close_lockspace(ls);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_names),
		T(test_no_such_lockspace),
		T(test_no_daemon),
		T(test_dead_daemon),
		T(test_no_permission),
		T(test_bye),
		T(test_open),
		T(test_deep_directory),
		T(test_create),
		T(test_create_fails),
		T(test_release),
		T(test_versions),
		T(test_dispatch_of_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
