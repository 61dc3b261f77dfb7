"""Experts against a dense formula, the balance penalty against transformers'."""

import pytest
import torch
from transformers.models.mixtral.modeling_mixtral import load_balancing_loss_func

from telos.foundation.errors import TelosError
from telos.layers.experts import Experts, MixtureOfExperts

SETTINGS = {"num_experts": 5, "experts_per_token": 2, "intermediate_size": 7}


def _layer(**changes):
    torch.manual_seed(0)
    layer = MixtureOfExperts(Experts(**SETTINGS | changes), 6, 16, activation="silu", gated=True, bias=False).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_()
    return layer, torch.randn(3, 4, 6, dtype=torch.float64)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"experts_per_token": 1},
        {"experts_per_token": 5},
        {"renormalize": False},
        {"num_experts": 1, "experts_per_token": 1},
        {"intermediate_size": None},
        {"shared_intermediate_size": 9},
        {"shared_intermediate_size": 9, "shared_gate": True},
    ],
    ids=str,
)
def test_the_formula(changes):
    layer, x = _layer(**changes)
    settings = Experts(**SETTINGS | changes)
    shares = (x @ layer.gate.weight.t()).softmax(-1)
    kept = shares * (shares >= shares.topk(settings.experts_per_token).values[..., -1:])
    if settings.renormalize:
        kept = kept / kept.sum(-1, keepdim=True)
    wanted = sum(kept[..., e, None] * expert(x) for e, expert in enumerate(layer.experts))
    if settings.shared_intermediate_size:
        shared = layer.shared_expert(x)
        gate = torch.sigmoid(x @ layer.shared_expert_gate.weight.t()) if settings.shared_gate else 1.0
        wanted = wanted + gate * shared
    found, _ = layer(x)
    torch.testing.assert_close(found, wanted, atol=1e-6, rtol=1e-6)
    assert layer.experts[0].up_proj.weight.shape[0] == (settings.intermediate_size or 16)


@pytest.mark.parametrize("chosen", [1, 2, 4])
def test_the_balance_penalty_equals_transformers(chosen):
    layer, x = _layer(experts_per_token=chosen)
    logits = (x @ layer.gate.weight.t()).flatten(0, 1).float()
    _, penalty = layer(x)
    assert penalty.item() == pytest.approx(load_balancing_loss_func((logits,), 5, chosen).item(), rel=1e-5)


def test_the_penalty_is_least_where_all_are_used_alike():
    from telos.layers.experts import balance

    even = balance(torch.full((4, 4), 0.25), torch.tensor([[0, 1], [2, 3], [0, 1], [2, 3]]))
    uneven = balance(torch.tensor([[0.7, 0.1, 0.1, 0.1]]).expand(4, 4), torch.tensor([[0, 1]] * 4))
    assert even.item() == pytest.approx(2.0)
    assert uneven.item() > 3


def test_an_expert_without_tokens_has_a_gradient_of_zero():
    layer, x = _layer(experts_per_token=1)
    with torch.no_grad():
        layer.gate.weight.zero_()
        layer.gate.weight[0] = x.flatten(0, 1).sum(0)
    y, penalty = layer(x[:1, :1])
    (y.sum() + penalty).backward()
    gradients = [expert.up_proj.weight.grad for expert in layer.experts]
    assert all(g is not None for g in gradients)
    assert sum(bool(g.any()) for g in gradients) == 1


def test_more_choices_than_experts_are_refused():
    with pytest.raises(TelosError) as error:
        Experts(num_experts=2, experts_per_token=3)
    assert "experts_per_token (3) must be at most num_experts (2)" in str(error.value)
