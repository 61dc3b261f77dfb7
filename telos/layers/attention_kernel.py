"""The faster of two equal attention kernels, by measuring once for a device, a type and a shape.

Which one it is decides how sums round, so training records it with its other choices and a resume does not measure again.
Tests: tests/layers/test_attention.py (the slower is not chosen, scores without room are not tried).
"""

import time
from collections.abc import Callable

import torch

from telos.layers.attention import Kernel, attend, usual_kernel
from telos.layers.masks import causal_mask

MOST_SCORE_BYTES = 2**30
"""Scores of plain products larger than this are not tried: in training every layer keeps its own."""

COMPILED_GAIN = 2.0
"""How much faster plain products are where their element-wise parts are compiled into one pass (2.3 times at 256 keys,
docs/log.md); compiling to measure would take longer than most trainings gain."""

LEAST_SCORES = 2**20
"""With fewer scores, attention is too small a part of a step for its kernel to matter."""

MOST_MEASURED_SCORES = 2**22
"""Of more, some rows are measured for all: each costs the same."""

MARGIN = 1.3
"""The usual kernel stays unless the other is so much faster, so that noise alone does not make two equal runs differ."""

TRIES = 3


def choose(
    device: torch.device,
    dtype: torch.dtype,
    *,
    rows: int,
    num_heads: int,
    num_key_value_heads: int,
    length: int,
    head_size: int,
    compiled: bool = False,
    clock: Callable[[], float] = time.perf_counter,
) -> Kernel:
    """The kernel for a forward and backward pass over ``rows`` causal rows of ``length`` tokens: the usual one, or the other
    where it is clearly faster, each tried `TRIES` times in turn and the best of them counted.  Draws from a generator of its
    own."""
    usual, scores = usual_kernel(device, length), rows * num_heads * length * length
    if scores * 4 > MOST_SCORE_BYTES:
        return "fused"
    if scores < LEAST_SCORES:
        return usual
    rows = min(rows, max(1, MOST_MEASURED_SCORES // (num_heads * length * length)))
    generator = torch.Generator(device).manual_seed(0)
    heads = (num_heads, num_key_value_heads, num_key_value_heads)
    q, k, v = (
        torch.randn(rows, h, length, head_size, generator=generator, device=device).to(dtype).requires_grad_() for h in heads
    )
    mask = causal_mask(torch.zeros(rows, length, dtype=torch.int32, device=device), length, dtype, device)
    taken: dict[Kernel, list[float]] = {"explicit": [], "fused": []}
    with torch.enable_grad():
        for _ in range(TRIES):
            for kernel, seconds in taken.items():
                began = clock()
                attend(q, k, v, mask, kernel=kernel).sum().backward()
                if device.type == "cuda":
                    torch.cuda.synchronize(device)
                seconds.append(clock() - began)
                q.grad = k.grad = v.grad = None
    best = {kernel: min(seconds) for kernel, seconds in taken.items()}
    best["explicit"] /= COMPILED_GAIN if compiled else 1.0
    other: Kernel = "fused" if usual == "explicit" else "explicit"
    return other if best[other] * MARGIN < best[usual] else usual
