"""InfoNCE: a transcription in NumPy of loss and gradient, finite differences, torch's cross-entropy, texts that are equal."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from telos.objectives._info_nce import info_nce, related, usable

N, M = 5, 7
ANCHORS = torch.tensor([1, 2, 3, 1, 5])
POSITIVES = torch.tensor([11, 12, 13, 14, 12])
NEGATIVES = torch.tensor([21, 1, 12, 22, 23, 24, 13])
GIVEN = torch.tensor([True, True, True, True, False, True, True])


def logits(rows, columns, seed=0):
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def transcribed(z, h, anchors, positives, negatives, *, given, symmetric):
    """Loss (N,) and the gradient of its sum at z and h, by loops."""
    loss, dz, dh = np.zeros(len(z)), np.zeros(z.shape), np.zeros(h.shape)

    def meets(i, j):
        return bool({anchors[i], positives[i]} & {anchors[j], positives[j]})

    half = 0.5 if symmetric else 1.0
    for i in range(len(z)):
        seen = [("z", j, z[i, j]) for j in range(len(z)) if j == i or not meets(i, j)]
        seen += [("h", m, h[i, m]) for m in range(h.shape[1]) if given[m] and negatives[m] not in (anchors[i], positives[i])]
        total = sum(np.exp(value) for *_, value in seen)
        loss[i] += half * (np.log(total) - z[i, i])
        dz[i, i] -= half
        for which, at, value in seen:
            (dz if which == "z" else dh)[i, at] += half * np.exp(value) / total
        if symmetric:
            back = [j for j in range(len(z)) if j == i or not meets(i, j)]
            total = sum(np.exp(z[j, i]) for j in back)
            loss[i] += half * (np.log(total) - z[i, i])
            dz[i, i] -= half
            for j in back:
                dz[j, i] += half * np.exp(z[j, i]) / total
    return loss, dz, dh


@pytest.mark.parametrize("symmetric", [False, True])
def test_it_is_the_transcription_with_its_gradient(symmetric):
    z, h = logits(N, N).requires_grad_(), logits(N, M, 1).requires_grad_()
    found = info_nce(z, related(ANCHORS, POSITIVES), h, usable(ANCHORS, POSITIVES, NEGATIVES, GIVEN), symmetric=symmetric)
    found.sum().backward()
    told = transcribed(z.detach().numpy(), h.detach().numpy(), ANCHORS.tolist(), POSITIVES.tolist(), NEGATIVES.tolist(),
                       given=GIVEN.tolist(), symmetric=symmetric)  # fmt: skip
    for ours, theirs in zip((found.detach(), z.grad, h.grad), told, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("symmetric", [False, True])
def test_finite_differences(symmetric):
    keys = related(ANCHORS, POSITIVES), usable(ANCHORS, POSITIVES, NEGATIVES, GIVEN)
    assert torch.autograd.gradcheck(
        lambda z, h: info_nce(z, keys[0], h, keys[1], symmetric=symmetric),
        (logits(N, N).requires_grad_(), logits(N, M, 1).requires_grad_()),
    )


def test_where_all_texts_differ_it_is_cross_entropy_with_the_own_column_as_class():
    """As sentence-transformers writes MultipleNegativesRankingLoss, and its symmetric one."""
    z, h, own = logits(N, N), logits(N, M, 1), torch.arange(N)
    apart = related(torch.arange(N), torch.arange(N) + 100)
    torch.testing.assert_close(info_nce(z, apart), functional.cross_entropy(z, own, reduction="none"))
    with_hard = functional.cross_entropy(torch.cat([z, h], 1), own, reduction="none")
    torch.testing.assert_close(info_nce(z, apart, h, torch.ones(N, M, dtype=torch.bool)), with_hard)
    both = (functional.cross_entropy(z, own) + functional.cross_entropy(z.T, own)) / 2
    torch.testing.assert_close(info_nce(z, apart, symmetric=True).mean(), both)


def test_rows_that_share_a_text_are_related():
    found = related(torch.tensor([1, 2, 1, 4, 5]), torch.tensor([6, 7, 8, 7, 4]))
    assert [(i, j) for i in range(5) for j in range(i) if found[i, j]] == [(2, 0), (3, 1), (4, 3)]
    assert torch.equal(found, found.T)
    assert bool(found.diagonal().all())


def test_equal_texts_are_no_negatives():
    z = logits(3, 3).requires_grad_()
    same = related(torch.tensor([1, 2, 1]), torch.tensor([4, 5, 6]))
    info_nce(z, same, symmetric=True).sum().backward()
    assert (z.grad[0, 2].item(), z.grad[2, 0].item()) == (0, 0)
    assert z.grad[0, 1].item() > 0
    alone = info_nce(logits(3, 3), related(torch.ones(3), torch.ones(3)), symmetric=True)
    assert alone.tolist() == [0, 0, 0]
