/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The simulator's own random numbers (xoshiro256**, started by splitmix64). A run is a function of
 * its seed, so the C library's generator, whose state others may touch, is never used.
 */
#include <stdbool.h>
#include <stdint.h>

struct random {
	uint64_t state[4];
};

static inline uint64_t random_split(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static inline void random_init(struct random *random, uint64_t seed)
{
	for (int i = 0; i < 4; i++)
		random->state[i] = random_split(&seed);
}

static inline uint64_t random_rotate(uint64_t x, int bits)
{
	return (x << bits) | (x >> (64 - bits));
}

static inline uint64_t random_next(struct random *random)
{
	uint64_t *s = random->state;
	uint64_t result = random_rotate(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = random_rotate(s[3], 45);
	return result;
}

/** random_below() - 0..@limit-1; @limit 0 gives 0 */
static inline uint32_t random_below(struct random *random, uint32_t limit)
{
	return (uint32_t)(((random_next(random) >> 32) * limit) >> 32);
}

/** random_between() - @low..@high, both included */
static inline uint32_t random_between(struct random *random, uint32_t low, uint32_t high)
{
	return low + random_below(random, high - low + 1);
}

/** random_chance() - true in @permille of 1000 cases */
static inline bool random_chance(struct random *random, uint32_t permille)
{
	return random_below(random, 1000) < permille;
}

/** random_weighted() - an index of @weights, as often as its weight says; 0 if all are 0 */
static inline uint32_t random_weighted(
	struct random *random, const uint32_t *weights, uint32_t count)
{
	uint32_t sum = 0, at;

	for (uint32_t i = 0; i < count; i++)
		sum += weights[i];
	at = random_below(random, sum);
	for (uint32_t i = 0; i < count; i++) {
		if (at < weights[i])
			return i;
		at -= weights[i];
	}
	return 0;
}
