"""The loss of contrastive learning over a group of N texts, and which of them are no negatives of one another.

    ℓ_i = −log ( e^{z_ii} ÷ ( e^{z_ii} + Σ_{j ∈ O_i} e^{z_ij} + Σ_{m ∈ H_i} e^{h_im} ) )          (nats)

z: the logits of each anchor against the positives, h: against M hard negatives.  Rows that share a text mean the same: they are
not in O_i; nor is a hard negative that is the anchor or its positive in H_i.  Symmetric: the mean of this and of what each
positive says of the anchors, without hard negatives (Radford et al. 2021, "CLIP", figure 3).
van den Oord et al. 2018, "Contrastive Predictive Coding" (arXiv:1807.03748), equation 4; hard negatives as Gao et al. 2021,
"SimCSE", equation 5: those of all rows count for each.
Tests: tests/objectives/test_info_nce.py (a transcription in NumPy, finite differences in float64, torch's cross-entropy).
"""

import torch
from torch import Tensor

_NEVER = float("-inf")


def related(anchor_keys_N: Tensor, positive_keys_N: Tensor) -> Tensor:
    """(N, N) bool: whether rows i and j share a text; a row is related to itself.  Keys tell texts apart."""
    anchors, positives = anchor_keys_N[:, None], positive_keys_N[:, None]
    crossed_NN = anchors == positives.T
    return (anchors == anchors.T) | (positives == positives.T) | crossed_NN | crossed_NN.T | _diagonal(anchor_keys_N)


def usable(anchor_keys_N: Tensor, positive_keys_N: Tensor, negative_keys_M: Tensor, given_M: Tensor) -> Tensor:
    """(N, M) bool: whether a hard negative is there, and neither a row's anchor nor its positive."""
    same_NM = (negative_keys_M == anchor_keys_N[:, None]) | (negative_keys_M == positive_keys_N[:, None])
    return given_M & ~same_NM


def info_nce(
    logits_NN: Tensor,
    related_NN: Tensor,
    hard_NM: Tensor | None = None,
    usable_NM: Tensor | None = None,
    *,
    symmetric: bool = False,
) -> Tensor:
    """ℓ (N,), in the type of the logits; costs O(N (N + M)) in time and memory."""
    left_out_NN = related_NN & ~_diagonal(logits_NN[:, 0])
    others = [logits_NN.masked_fill(left_out_NN, _NEVER)]
    if hard_NM is not None and usable_NM is not None:
        others.append(hard_NM.masked_fill(~usable_NM, _NEVER))
    right_N = logits_NN.diagonal()
    nats_N = torch.cat(others, 1).logsumexp(1) - right_N
    if symmetric:
        nats_N = (nats_N + others[0].logsumexp(0) - right_N) / 2
    return nats_N


def _diagonal(rows_N: Tensor) -> Tensor:
    return torch.eye(len(rows_N), dtype=torch.bool, device=rows_N.device)
