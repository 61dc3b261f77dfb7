"""Random numbers as a pure function of what they are for.

Every draw comes from a generator keyed by (seed, purpose, step …), never from global state, so that nothing that is
evaluated, sampled or logged in between can change a training bit.
"""

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def key(seed: int, purpose: str, *place: int) -> int:
    """A 128-bit key: the BLAKE2b hash of the arguments."""
    text = "\x1f".join([str(seed), purpose, *map(str, place)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "little")


def generator(seed: int, purpose: str, *place: int) -> np.random.Generator:
    """NumPy's counter-based generator (Philox4x64; Salmon et al. 2011) for this key."""
    return np.random.Generator(np.random.Philox(key=key(seed, purpose, *place)))


def torch_generator(seed: int, purpose: str, *place: int, device: str = "cpu") -> "torch.Generator":
    """A torch generator seeded from this key (its lower 63 bits)."""
    import torch

    made = torch.Generator(device=device)
    made.manual_seed(key(seed, purpose, *place) & (2**63 - 1))
    return made
