/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The entry that libFuzzer calls, and that replay.c calls with the files of a corpus where there is
 * no libFuzzer. A fuzzer ends the process where something is wrong, and leaves no memory behind.
 */
#include <stddef.h>
#include <stdint.h>

/* Return: 0, always */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
