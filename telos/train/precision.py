"""In which type to compute: bf16 where this machine multiplies matrices clearly faster in it, else fp32.

Weights are fp32 masters either way; what bf16 means inside is the network's business (``network.compute_dtype``).
Tests: tests/train/test_choices.py.
"""

from typing import Literal

import torch

from telos.foundation.machine import matrix_rate

Precision = Literal["fp32", "bf16"]
DTYPES: dict[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16}

WORTH = 1.25
"""bf16 must be faster than fp32 by this factor: casts of weights and activations cost some of the gain."""

MEASURED_SECONDS = 0.05


def measure(device: torch.device) -> dict[str, float]:
    """Matrix-product rates in FLOP/s, name of torch type → rate; nothing is measured on an accelerator."""
    if device.type != "cpu":
        return {}
    return {name: matrix_rate(name, MEASURED_SECONDS) for name in ("float32", "bfloat16")}


def decide(asked: Literal["auto", "fp32", "bf16"], rates: dict[str, float], device: torch.device) -> Precision:
    """The precision to use: the one asked for, or by ``rates`` from `measure`; an accelerator that knows bf16 uses it."""
    if asked != "auto":
        return asked
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return "bf16" if rates.get("bfloat16", 0.0) > WORTH * rates.get("float32", 0.0) else "fp32"
