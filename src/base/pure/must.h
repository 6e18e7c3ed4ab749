/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
/*
 * must(x): what only our own mistake can break. Compiled in always, it ends the process, since a
 * lock manager that goes on in a state it does not understand may grant what conflicts. Bytes from
 * outside (network, programs, files) never reach a must: they are checked and refused.
 *
 * never(x): a doubtful case that is safe to refuse. It is true when the case happened; with
 * -Dcheck=full it ends the process, so that tests see it.
 */
#ifdef NDEBUG
#error "udlm is never built with NDEBUG: its assertions are part of its safety"
#endif
#include <assert.h>
#include <stdbool.h>

#define must(x) assert(x)

#ifdef UDLM_CHECK_FULL
#define never(x) (assert(!(x)), false)
#else
#define never(x) (__builtin_expect(!!(x), 0))
#endif
