/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * As OCFS2's tools use the library: four functions, looked up at run time.
 *
 * usage: o2dlm LIBRARY LOCKSPACE; exit status 0 if everything went well
 */
#include <dlfcn.h>
#include <libdlm.h>
#include <stdio.h>
#include <string.h>

#define LOOK_UP(name) name##_call = (__typeof__(&name))dlsym(library, #name)

static __typeof__(&dlm_create_lockspace) dlm_create_lockspace_call;
static __typeof__(&dlm_release_lockspace) dlm_release_lockspace_call;
static __typeof__(&dlm_ls_lock_wait) dlm_ls_lock_wait_call;
static __typeof__(&dlm_ls_unlock_wait) dlm_ls_unlock_wait_call;

static int look_up(const char *path)
{
	void *library = dlopen(path, RTLD_NOW);

	if (!library)
		return -1;
	LOOK_UP(dlm_create_lockspace);
	LOOK_UP(dlm_release_lockspace);
	LOOK_UP(dlm_ls_lock_wait);
	LOOK_UP(dlm_ls_unlock_wait);
	return dlm_create_lockspace_call && dlm_release_lockspace_call && dlm_ls_lock_wait_call &&
			       dlm_ls_unlock_wait_call
		       ? 0
		       : -1;
}

static int step(const char *what, int bad)
{
	printf("%s: %s\n", what, bad ? "failed" : "ok");
	return bad;
}

int main(int argc, char **argv)
{
	char lvb[DLM_LVB_LEN] = {0};
	struct dlm_lksb lksb = {.sb_lvbptr = lvb};
	dlm_lshandle_t ls;

	if (argc != 3 || step("look up", look_up(argv[1])))
		return 1;
	ls = dlm_create_lockspace_call(argv[2], 0600);
	if (step("create", !ls))
		return 1;
	if (step("lock", dlm_ls_lock_wait_call(ls, LKM_PRMODE, &lksb, LKF_VALBLK | LKF_NOQUEUE,
				 "S000000000000", 13, 0, NULL, NULL, NULL) ||
				 lksb.sb_status))
		return 1;
	if (step("convert", dlm_ls_lock_wait_call(ls, LKM_EXMODE, &lksb,
				    LKF_VALBLK | LKF_NOQUEUE | LKF_CONVERT, "S000000000000", 13, 0,
				    NULL, NULL, NULL) ||
				    lksb.sb_status))
		return 1;
	memcpy(lvb, "mounted", 8);
	if (step("unlock", dlm_ls_unlock_wait_call(ls, lksb.sb_lkid, LKF_VALBLK, &lksb) ||
				   lksb.sb_status != EUNLOCK))
		return 1;
	return step("release", dlm_release_lockspace_call(argv[2], ls, 0)) ? 1 : 0;
}
