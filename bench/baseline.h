/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What the machine itself does in a second, measured in the same run as the locks, so that figures
 * can be given as ratios, which travel between machines where plain figures do not.
 */
#include <stdint.h>

/** clock_ns() - of a clock that only goes forward */
uint64_t clock_ns(void);

/** baseline_getppid() - system calls a second that do nothing, for @ms milliseconds */
double baseline_getppid(unsigned ms);
/** baseline_pipe() - round trips a second between two processes over two pipes, a byte each way */
double baseline_pipe(unsigned ms);
/** baseline_socket() - the same over a SOCK_SEQPACKET pair, @bytes each way, poll before each read
 */
double baseline_socket(unsigned ms, unsigned bytes);
/** baseline_memory() - round trips a second between two processes that watch a shared word */
double baseline_memory(unsigned ms);
