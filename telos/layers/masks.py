"""Who sees whom: attention masks, 0 where a token may look and −inf elsewhere.

Tests: tests/layers/test_masks.py (each against its definition, token by token).
"""

import math

import torch
from torch import Tensor


def causal_mask(segments_BT: Tensor | None, length: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """A token sees itself and those before it in its own segment: (B, 1, T, T), or (1, 1, T, T) without segments."""
    return additive(visible(length, device, segments_BT, causal=True), dtype)


def visible(
    length: int,
    device: torch.device,
    segments_BT: Tensor | None = None,
    *,
    causal: bool,
    prefix_BT: Tensor | None = None,
    window: int | None = None,
) -> Tensor:
    """bool (B or 1, T, T), true where query t (axis 1) sees key s (axis 2).

    ``causal``: only s ≤ t, and any s of the prefix.  ``window``: causal, none before the last ``window`` tokens, the own among
    them; in both directions, |t − s| ≤ window ÷ 2.
    """
    allowed = torch.ones(length, length, dtype=torch.bool, device=device)
    if causal:
        allowed = allowed.tril()
    allowed = allowed[None]
    if prefix_BT is not None:
        allowed = allowed | prefix_BT[:, None]
    if window is not None:
        allowed = allowed & within(distances(torch.arange(length, device=device)[None], length), window, causal)
    if segments_BT is not None:
        allowed = allowed & (segments_BT[:, :, None] == segments_BT[:, None, :])
    return allowed


def within(distances_BTS: Tensor, window: int, causal: bool) -> Tensor:
    """Where a key is near enough."""
    return distances_BTS > -window if causal else distances_BTS.abs() <= window // 2


def distances(positions_BT: Tensor, keys: int | Tensor) -> Tensor:
    """Key's place − query's, (B, T, S), for keys at 0 … ``keys`` − 1, or at these places (B, S)."""
    if isinstance(keys, int):
        return torch.arange(keys, device=positions_BT.device) - positions_BT[:, :, None]
    return keys[:, None] - positions_BT[:, :, None]


def additive(allowed_BTS: Tensor, dtype: torch.dtype) -> Tensor:
    """0 where allowed, −inf elsewhere: (B, 1, T, S)."""
    mask = torch.zeros(allowed_BTS.shape, dtype=dtype, device=allowed_BTS.device)
    return mask.masked_fill_(~allowed_BTS, -math.inf)[:, None]


def places_in_segment(segments_BT: Tensor) -> Tensor:
    """0, 1, 2 … from the beginning of each run of equal segments, (B, T)."""
    places = torch.arange(segments_BT.shape[1], device=segments_BT.device).expand(segments_BT.shape)
    begins = torch.ones_like(segments_BT, dtype=torch.bool)
    begins[:, 1:] = segments_BT[:, 1:] != segments_BT[:, :-1]
    return places - torch.where(begins, places, 0).cummax(1).values
