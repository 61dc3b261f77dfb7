"""Random numbers as a pure function of what they are for.

Every draw comes from a generator keyed by (seed, purpose, step …), never from global state, so that nothing that is
evaluated, sampled or logged in between can change a training bit.
"""

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random.bit_generator import ISeedSequence

if TYPE_CHECKING:
    import torch


def key(seed: int, purpose: str, *place: int) -> int:
    """A 128-bit key: the BLAKE2b hash of the arguments."""
    text = "\x1f".join([str(seed), purpose, *map(str, place)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "little")


def generator(seed: int, purpose: str, *place: int) -> np.random.Generator:
    """NumPy's counter-based generator (Philox4x64; Salmon et al. 2011) for this key: ``Philox(key=…)``, to the bit."""
    given: Any = _Given(key(seed, purpose, *place))  # numpy's stubs know SeedSequence, its code any ISeedSequence
    return np.random.Generator(np.random.Philox(given))


class _Given(ISeedSequence):
    """A seed that is the key itself.  ``Philox(key=…)`` first draws a seed of the system's randomness and throws it away, which
    is most of its time; every row of a batch has a generator of its own."""

    def __init__(self, key: int):
        self.key = key

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> np.ndarray:
        """The key's two halves, the lower one first: what Philox asks for."""
        assert (n_words, dtype) == (2, np.uint64), (n_words, dtype)
        return np.array([self.key & (2**64 - 1), self.key >> 64], np.uint64)


def torch_generator(seed: int, purpose: str, *place: int, device: str = "cpu") -> "torch.Generator":
    """A torch generator seeded from this key (its lower 63 bits)."""
    import torch

    made = torch.Generator(device=device)
    made.manual_seed(key(seed, purpose, *place) & (2**63 - 1))
    return made
