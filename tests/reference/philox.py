"""Philox4x32-10 and the dropout masks drawn from it.

Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As Easy as 1, 2, 3 (SC 2011), section 4.3.
"""

import numpy as np

MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
WEYL = 0x9E3779B9, 0xBB67AE85
ROUNDS = 10
LOW = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)


def philox(counter, key):
    """Blocks of four words. counter: uint32 (n, 4); key: two integers; returns uint32 (n, 4)."""
    words = [counter[:, index].astype(np.uint64) for index in range(4)]
    k0, k1 = int(key[0]), int(key[1])
    for _ in range(ROUNDS):
        product0, product1 = MULTIPLIERS[0] * words[0], MULTIPLIERS[1] * words[2]
        words = [(product1 >> HALF) ^ words[1] ^ np.uint64(k0), product1 & LOW,
                 (product0 >> HALF) ^ words[3] ^ np.uint64(k1), product0 & LOW]
        k0, k1 = (k0 + WEYL[0]) & 0xFFFFFFFF, (k1 + WEYL[1]) & 0xFFFFFFFF
    return np.stack(words, axis=1).astype(np.uint32)


def uniform(count, seed, stream, step):
    """The first `count` numbers in [0, 1) of one stream at one step.

    Element i is word i % 4 of the block whose counter is (i/4 low, i/4 high, stream, step); the key
    is (seed low, seed high); a word becomes (word >> 8) * 2^-24.
    """
    blocks = np.arange((count + 3) // 4, dtype=np.uint64)
    counter = np.empty((len(blocks), 4), np.uint32)
    counter[:, 0] = blocks & LOW
    counter[:, 1] = blocks >> HALF
    counter[:, 2] = stream
    counter[:, 3] = step & 0xFFFFFFFF
    words = philox(counter, (seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF))
    return (words.reshape(-1)[:count] >> np.uint32(8)).astype(np.float64) * 2.0 ** -24


def dropout_scale(shape, rate, seed, stream, step):
    """What a dropout layer multiplies by: 1 / (1 - rate) where kept, 0 elsewhere."""
    # The library compares in float32, where a rate like 0.2 is another number than in double.
    kept = uniform(int(np.prod(shape)), seed, stream, step) >= float(np.float32(rate))
    return (kept / (1.0 - rate)).reshape(shape)
