/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Into the background, as daemon(3) does it, but the command that was typed ends only when the
 * daemon has said whether it could start, so that a failure is seen where it was caused.
 */

/** detach_begin() - the child goes on with standard error still open. Return: in the child a
 * descriptor for detach_end(); -errno. The parent does not return. */
int detach_begin(void);
/** detach_end() - the parent ends with 0; standard input, output and error go to /dev/null */
void detach_end(int fd);
