"""The softmax over sums of table rows: torch's own embedding and cross-entropy, and finite differences."""

import pytest
import torch
from torch.nn import functional

from telos.layers import one_hot
from telos.layers.one_hot import one_hot_nll, table_logits


def drawn(rows: int, tables: int, size: int, dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, ...]:
    made = torch.Generator().manual_seed(0)
    weight = torch.randn(tables, size, size, generator=made, dtype=dtype).requires_grad_()
    bias = torch.randn(size, generator=made, dtype=dtype).requires_grad_()
    return weight, bias, *(torch.randint(size, shape, generator=made) for shape in ((rows, tables), (rows,)))


@pytest.mark.parametrize("chunk_values", [1, 200, 2**23])
@pytest.mark.parametrize(("rows", "tables", "size"), [(1, 1, 2), (50, 1, 7), (50, 3, 7), (33, 4, 12)])
def test_it_is_the_cross_entropy_of_summed_embeddings(rows, tables, size, chunk_values, monkeypatch):
    monkeypatch.setattr("telos.layers.cross_entropy.CHUNK_VALUES", chunk_values)
    weight, bias, ids, targets = drawn(rows, tables, size)
    share = torch.linspace(-1, 2, rows, dtype=torch.float64)
    logits = bias + sum(functional.embedding(ids[:, i], weight[i]) for i in range(tables))
    wanted = functional.cross_entropy(logits, targets, reduction="none")
    wanted_gradients = torch.autograd.grad((wanted * share).sum(), (weight, bias))
    found = one_hot_nll(weight, bias, ids, targets)
    assert torch.allclose(table_logits(weight, bias, ids), logits, atol=1e-12)
    assert torch.allclose(found, wanted, atol=1e-12)
    gradients = torch.autograd.grad((found * share).sum(), (weight, bias))
    for one, other in zip(gradients, wanted_gradients, strict=True):
        assert torch.allclose(one, other, atol=1e-12)
        assert other.abs().max() > 0.1


def test_finite_differences():
    weight, bias, ids, targets = drawn(9, 2, 4)
    assert torch.autograd.gradcheck(lambda w, b: one_hot_nll(w, b, ids, targets), (weight, bias))


def test_the_logits_are_never_held_at_once(monkeypatch):
    monkeypatch.setattr("telos.layers.cross_entropy.CHUNK_VALUES", 16 * 7)
    seen = []
    usual = one_hot.table_logits
    monkeypatch.setattr(one_hot, "table_logits", lambda w, b, ids: seen.append(len(ids)) or usual(w, b, ids))
    weight, bias, ids, targets = drawn(100, 2, 7)
    one_hot_nll(weight, bias, ids, targets).sum().backward()
    assert max(seen) == 16
    assert sum(seen) == 200
