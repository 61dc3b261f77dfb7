"""AdamW against torch.optim.AdamW, over eight settings."""

import pytest
import torch

from telos.optim.optimizers import Group
from telos.optim.optimizers.adamw import AdamW

SETTINGS = [
    {},
    {"learning_rate": 0.1},
    {"betas": (0.5, 0.95)},
    {"betas": (0.9, 0.999)},
    {"betas": (0.0, 0.0)},
    {"eps": 1e-2},
    {"weight_decay": 0.0},
    {"learning_rate": 0.03, "betas": (0.7, 0.8), "eps": 1e-6, "weight_decay": 0.5},
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_equals_torch_over_twelve_steps_of_a_changing_learning_rate(roles, settings, dtype):
    ours, theirs = roles(dtype), roles(dtype)
    spec = AdamW(**settings)
    updater = spec.build(ours)
    vectors = [p for n, p in theirs.named_parameters() if n == "gain"]
    others = [p for n, p in theirs.named_parameters() if n != "gain"]
    reference = torch.optim.AdamW([{"params": others}, {"params": vectors, "weight_decay": 0.0}], lr=spec.learning_rate,
                                  betas=spec.betas, eps=spec.eps, weight_decay=spec.weight_decay, foreach=False)  # fmt: skip
    for step in range(12):
        scale = 1 / (1 + step)
        for group in reference.param_groups:
            group["lr"] = spec.learning_rate * scale
        ours.fill_gradients(step)
        theirs.fill_gradients(step)
        updater.step(scale)
        reference.step()
    for (name, ours_p), theirs_p in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        tolerance = 1e-6 if dtype == torch.float32 else 1e-12
        torch.testing.assert_close(ours_p, theirs_p, rtol=tolerance, atol=tolerance, msg=lambda text, n=name: f"{n}: {text}")


def test_groups_change_learning_rate_and_decay(roles):
    network = roles()
    before = {n: p.detach().clone() for n, p in network.named_parameters()}
    groups = (Group(match="square_*", learning_rate=0.0), Group(match="vector", weight_decay=0.5))
    updater = AdamW(learning_rate=0.1, groups=groups).build(network)
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    updater.step(1.0)
    now = dict(network.named_parameters())
    assert torch.equal(now["square_a"], before["square_a"])
    torch.testing.assert_close(now["gain"], before["gain"] * (1 - 0.1 * 0.5))
    torch.testing.assert_close(now["wide"], before["wide"] * (1 - 0.1 * 0.1))


def test_a_parameter_without_a_gradient_stays(roles):
    network = roles()
    updater = AdamW().build(network)
    network.fill_gradients(0)
    network.wide.grad = None
    before = network.wide.detach().clone()
    updater.step(1.0)
    assert torch.equal(network.wide, before)
