/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The daemon executes itself anew: everything that it knew of a cluster that is gone starts from
 * nothing, and the process, its locks on files, its standard error and the service manager's idea
 * of it stay.
 */
#include <stdbool.h>

#define AGAIN_FILES_MAX 2

struct again {
	bool is_again;    /* this is not the first life of the process */
	bool is_detached; /* it is in the background already */
	int file_count;
	int files[AGAIN_FILES_MAX]; /* that hold locks, in the order in which they were locked */
};

/**
 * again_take() - what a former life of this process has left in its environment, which is cleared
 * Goes back to the directory in which the process was started, for paths on its command line.
 */
void again_take(struct again *ret);
/** again_remember() - BEFORE the working directory is left */
void again_remember(void);
/**
 * again_execute() - with the same command line
 * @argv: as main() had it
 * Return: only where that fails: -errno
 */
int again_execute(char *const argv[], const struct again *again);
