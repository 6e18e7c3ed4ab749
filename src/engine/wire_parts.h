/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What the files of the codec share among themselves; nobody else includes this.
 */
#include "engine/wire.h"

/** wire_header_encode() - the 16 bytes that begin every frame */
void wire_header_encode(uint8_t *ret, uint32_t version, uint32_t word, uint32_t nodeid,
	uint32_t length, enum wire_cmd cmd);
/** wire_mode_legal() - IV or one of the six modes */
bool wire_mode_legal(int mode);
/**
 * wire_msg_decode() - read and check a whole DLM_MSG frame
 * Return: 0; -EBADMSG, @ret untouched
 */
int wire_msg_decode(const uint8_t *frame, size_t size_bytes, struct wire_msg *ret);
/**
 * wire_rcom_decode() - read and check a whole DLM_RCOM frame
 * Return: 0; -EBADMSG, @ret untouched
 */
int wire_rcom_decode(const uint8_t *frame, size_t size_bytes, struct wire_rcom *ret);
