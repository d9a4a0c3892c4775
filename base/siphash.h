/* base/siphash.h - SipHash-2-4: 64 bits of any bytes under a key of 128 bits.
 *
 * Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF". */
#pragma once
#include "base/attr.h"

uint64_t siphash24(const void *bytes, size_t length, const uint64_t key[static 2]);
