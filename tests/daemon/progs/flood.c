/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Asks for COUNT locks without looking once at what comes back, then takes it all in and gives them
 * back the same way.
 *
 * usage: flood LOCKSPACE COUNT
 */
#include <errno.h>
#include <libdlm.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned done;

static void completed(void *arg)
{
	done++;
}

static int take_all(dlm_lshandle_t ls, unsigned count)
{
	struct pollfd fd = {.fd = dlm_ls_get_fd(ls), .events = POLLIN};

	while (done < count)
		if (poll(&fd, 1, 30000) != 1 || dlm_dispatch(fd.fd)) {
			printf("%u of %u completions: %s\n", done, count, strerror(errno));
			return -1;
		}
	return 0;
}

int main(int argc, char **argv)
{
	unsigned count = argc == 3 ? (unsigned)strtoul(argv[2], NULL, 10) : 0, i;
	struct dlm_lksb *lksbs = calloc(count ? count : 1, sizeof(*lksbs));
	dlm_lshandle_t ls = dlm_open_lockspace(argv[1]);

	if (!count || !lksbs || !ls)
		return 2;
	for (i = 0; i < count; i++)
		if (dlm_ls_lock(ls, LKM_PRMODE, &lksbs[i], 0, &i, sizeof(i), 0, completed, NULL,
			    NULL, NULL)) {
			printf("lock %u: %s\n", i, strerror(errno));
			return 1;
		}
	if (take_all(ls, count))
		return 1;
	for (i = 0; i < count; i++) {
		if (lksbs[i].sb_status || dlm_ls_unlock(ls, lksbs[i].sb_lkid, 0, &lksbs[i], NULL)) {
			printf("unlock %u: status %d, %s\n", i, lksbs[i].sb_status,
				strerror(errno));
			return 1;
		}
	}
	if (take_all(ls, 2 * count))
		return 1;
	printf("%u locks\n", count);
	return 0;
}
