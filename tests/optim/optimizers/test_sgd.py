"""SGD against torch.optim.SGD, over its settings."""

import pytest
import torch

from telos.foundation.errors import TelosError
from telos.optim.optimizers import Group
from telos.optim.optimizers.sgd import SGD

SETTINGS = [
    {},
    {"learning_rate": 1.0},
    {"momentum": 0.0},
    {"momentum": 0.5, "nesterov": True},
    {"weight_decay": 0.3},
    {"learning_rate": 0.03, "momentum": 0.8, "nesterov": True, "weight_decay": 0.1},
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_equals_torch_over_twelve_steps_of_a_changing_learning_rate(roles, settings, dtype):
    ours, theirs = roles(dtype), roles(dtype)
    spec = SGD(**settings)
    updater = spec.build(ours)
    vectors = [p for n, p in theirs.named_parameters() if n == "gain"]
    others = [p for n, p in theirs.named_parameters() if n != "gain"]
    reference = torch.optim.SGD([{"params": others}, {"params": vectors, "weight_decay": 0.0}], lr=spec.learning_rate,
                                momentum=spec.momentum, nesterov=spec.nesterov, weight_decay=spec.weight_decay)  # fmt: skip
    for step in range(12):
        scale = 1 / (1 + step)
        for group in reference.param_groups:
            group["lr"] = spec.learning_rate * scale
        ours.fill_gradients(step)
        theirs.fill_gradients(step)
        updater.step(scale)
        reference.step()
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    for (name, ours_p), theirs_p in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(ours_p, theirs_p, rtol=tolerance, atol=tolerance, msg=lambda text, n=name: f"{n}: {text}")


def test_groups_change_learning_rate_and_decay(roles):
    network = roles()
    before = {n: p.detach().clone() for n, p in network.named_parameters()}
    groups = (Group(match="square_*", learning_rate=0.0), Group(match="vector", weight_decay=0.5))
    updater = SGD(learning_rate=0.1, momentum=0, weight_decay=0.1, groups=groups).build(network)
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    updater.step(1.0)
    now = dict(network.named_parameters())
    assert torch.equal(now["square_a"], before["square_a"])
    torch.testing.assert_close(now["gain"], before["gain"] * (1 - 0.1 * 0.5))
    torch.testing.assert_close(now["wide"], before["wide"] * (1 - 0.1 * 0.1))


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_parameter_without_a_gradient_stays(roles, momentum):
    network = roles()
    updater = SGD(momentum=momentum).build(network)
    network.fill_gradients(0)
    updater.step(1.0)
    network.fill_gradients(1)
    network.wide.grad = None
    before = network.wide.detach().clone()
    updater.step(1.0)
    assert torch.equal(network.wide, before)


def test_nesterov_without_momentum_is_refused():
    with pytest.raises(TelosError, match="nesterov needs momentum above 0"):
        SGD.parse({"nesterov": True, "momentum": 0})
