"""A 64-bit mixer for other kernels."""

import numpy as np

from telos.foundation.compiled import compiled


@compiled
def mix(x: np.uint64) -> np.uint64:
    """A bijection of 64 bits in which every bit of the input moves about half the bits of the result (the finalizer of
    splitmix64: Steele, Lea and Flood 2014, figure 16, with the constants of Stafford's variant 13)."""
    x = np.uint64(x)
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
