"""Rotary position embedding, and its scalings to longer contexts.

Su et al. 2021, "RoFormer", section 3.2.2, in the half-split layout of GPT-NeoX and Qwen: feature i is paired with
i + K/2, angle = position · f_i, f_i = theta^(−2i/K).  Scores depend on differences of positions only.
Tests: tests/layers/test_rotary.py (frequencies of each scaling equal transformers').
"""

import math
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from telos.foundation.spec import Spec


class RotaryScaling(Spec):
    """How the frequencies f are changed so that a model reads further than it was trained to.

    ``linear``: f ÷ factor (Chen et al. 2023, "Extending Context Window … via Positional Interpolation", equation 5).
    ``llama3``: long waves divided, short ones kept, a blend between (Llama 3.1's published code).
    ``yarn``: the same by number of rotations, angles' cosine and sine times ``attention_factor`` (Peng et al. 2023, "YaRN",
    sections 3.2 and 3.4; None: 0.1 ln(factor) + 1).

    ``original_context_length``: what it was trained with.  ``low_frequency_factor``, ``high_frequency_factor``: of llama3.
    ``beta_fast``, ``beta_slow``, ``truncate``: of yarn; rotations within the original context where the blend begins and
    ends, and whether these places are rounded to whole features.
    """

    method: Literal["linear", "llama3", "yarn"] = "linear"
    factor: float = Field(2.0, ge=1)
    original_context_length: int = Field(8192, ge=1)
    low_frequency_factor: float = Field(1.0, gt=0)
    high_frequency_factor: float = Field(4.0, gt=0)
    beta_fast: float = Field(32.0, gt=0)
    beta_slow: float = Field(1.0, gt=0)
    attention_factor: float | None = Field(None, gt=0)
    truncate: bool = True

    def scaled(self, frequencies: Tensor, theta: float) -> Tensor:
        """The frequencies (K/2,) of each pair of features, changed."""
        if self.method == "linear":
            return frequencies / self.factor
        share = self._kept_llama3(frequencies) if self.method == "llama3" else self._kept_yarn(frequencies, theta)
        return share * frequencies + (1 - share) * frequencies / self.factor

    def _kept_llama3(self, frequencies: Tensor) -> Tensor:
        """The share of each frequency that is kept: 1 for short waves, 0 for long ones."""
        rotations = self.original_context_length * frequencies / (2 * math.pi)
        span = self.high_frequency_factor - self.low_frequency_factor
        return ((rotations - self.low_frequency_factor) / span).clamp(0, 1)

    def _kept_yarn(self, frequencies: Tensor, theta: float) -> Tensor:
        size = 2 * len(frequencies)

        def place(rotations: float) -> float:
            """The pair of features that makes so many rotations within the original context."""
            return size * math.log(self.original_context_length / (rotations * 2 * math.pi)) / (2 * math.log(theta))

        low, high = place(self.beta_fast), place(self.beta_slow)
        if self.truncate:
            low, high = math.floor(low), math.ceil(high)
        low, high = max(low, 0), min(high, size - 1)
        ramp = (torch.arange(len(frequencies), device=frequencies.device) - low) / (high - low if high != low else 0.001)
        return 1 - ramp.clamp(0, 1)

    @property
    def amplitude(self) -> float:
        """What cosines and sines are multiplied by."""
        if self.method != "yarn":
            return 1.0
        return self.attention_factor if self.attention_factor is not None else 0.1 * math.log(self.factor) + 1.0


def angles(positions: Tensor, head_size: int, theta: float, scaling: RotaryScaling | None = None) -> tuple[Tensor, Tensor]:
    """Cosines and sines of shape (*positions.shape, K), fp32; the two halves of K are equal."""
    exponent = torch.arange(0, head_size, 2, dtype=torch.float32, device=positions.device) / head_size
    frequencies = 1.0 / theta**exponent
    if scaling is not None:
        frequencies = scaling.scaled(frequencies, theta)
    angle = positions[..., None].float() * frequencies
    both = torch.cat([angle, angle], dim=-1)
    if scaling is None or scaling.amplitude == 1:
        return both.cos(), both.sin()
    return both.cos() * scaling.amplitude, both.sin() * scaling.amplitude


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """x (B, H, T, K) turned by the angles, cos and sin broadcastable to it."""
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-second, first], dim=-1) * sin
