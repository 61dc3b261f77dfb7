"""Learning rates that do not depend on the width: the table of Yang et al. 2022, and the coordinate check."""

import importlib.util

import pytest
import torch
from torch import nn

from telos.optim.optimizers import Group, Optimizer
from telos.optim.optimizers.adamw import AdamW
from telos.optim.optimizers.muon import Muon
from telos.optim.width import ADAPTIVE, PLAIN, rate_factors

WIDTH, BASE = 24, 8


class Plain(nn.Module):
    """A parameter of each role, the width three times the base."""

    def __init__(self, tied: bool = False):
        super().__init__()
        shapes = {"embed": (11, WIDTH), "up": (2 * WIDTH, WIDTH), "gain": (WIDTH,), "out": (11, WIDTH)}
        self._roles = {"embed": "embedding", "up": "matrix", "gain": "vector", "out": "head"}
        for name, shape in shapes.items():
            if not (tied and name == "out"):
                self.register_parameter(name, nn.Parameter(torch.ones(shape)))

    def roles(self):
        return {name: self._roles[name] for name, _ in self.named_parameters()}


def step_sizes(spec: Optimizer, tied: bool = False) -> dict[str, float]:
    """How far one step moves each parameter, per coordinate, in learning rates of the base."""
    network = Plain(tied)
    updater = spec.build(network)
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    updater.step(1.0)
    return {name: float((1 - parameter.detach()).mean()) for name, parameter in network.named_parameters()}


def test_adam_follows_the_table():
    """Adam's first step is the learning rate in every coordinate."""
    spec = AdamW(learning_rate=0.3, weight_decay=0, base_width=BASE)
    assert step_sizes(spec) == pytest.approx({"embed": 0.3, "up": 0.1, "gain": 0.3, "out": 0.1}, rel=1e-5)
    assert step_sizes(spec.replace(base_width=WIDTH)) == pytest.approx(
        dict.fromkeys(("embed", "up", "gain", "out"), 0.3), rel=1e-5
    )
    assert step_sizes(spec, tied=True) == pytest.approx({"embed": 0.1, "up": 0.1, "gain": 0.3}, rel=1e-5)


def test_muon_scales_what_adam_updates_and_no_matrix():
    spec = Muon(embedding_learning_rate=0.3, head_learning_rate=0.6, vector_learning_rate=0.9, base_width=BASE)
    plain, scaled = step_sizes(spec.replace(base_width=None)), step_sizes(spec)
    assert scaled["up"] == plain["up"] != 0
    assert {n: scaled[n] for n in ("embed", "gain", "out")} == pytest.approx({"embed": 0.3, "gain": 0.9, "out": 0.2}, rel=1e-5)


def test_without_a_base_width_nothing_changes():
    assert set(AdamW().width_factors(Plain()).values()) == {1.0}
    assert step_sizes(AdamW()) == step_sizes(AdamW(base_width=WIDTH))


def test_the_decay_of_a_step_does_not_depend_on_the_width():
    """With no gradient a step is the decay alone: 1 − η λ."""
    spec = AdamW(learning_rate=0.1, weight_decay=0.5, base_width=BASE)
    network = Plain()
    updater = spec.build(network)
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    updater.step(1.0)
    for name in ("embed", "up", "out"):
        torch.testing.assert_close(network.get_parameter(name), torch.full_like(network.get_parameter(name), 0.95))


def test_a_groups_rate_is_that_of_the_base_width_too():
    spec = AdamW(weight_decay=0, base_width=BASE, groups=(Group(match="up", learning_rate=0.9), Group(match="vector")))
    assert step_sizes(spec)["up"] == pytest.approx(0.3, rel=1e-5)


def test_the_powers_of_plain_gradient_descent():
    """Table 3's row for SGD, which the function takes as any other."""
    network = Plain()
    factors = rate_factors(network.named_parameters(), network.roles(), BASE, PLAIN)
    assert factors == pytest.approx({"embed": 3, "gain": 3, "up": 1, "out": 1 / 3})


@pytest.mark.parametrize("kind", Optimizer.kinds())
def test_every_optimizer_has_a_power_for_every_role(kind):
    assert set(Optimizer.member(kind).width_powers) == set(ADAPTIVE)


@pytest.fixture(scope="module")
def check(root):
    spec = importlib.util.spec_from_file_location("coordinates", root / "benchmarks/bench_coordinate_check.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_coordinate_check(check, kind):
    """Activations change alike at every width with ``base_width``; without it some change grows with the width."""
    widths = (64, 128, 256)
    plain = Optimizer.parse(check.OPTIMIZERS[kind])
    slopes = {}
    for name, spec in (("plain", plain), ("scaled", plain.replace(base_width=widths[0]))):
        slopes[name] = check.exponents(widths, [check.changes(spec, width) for width in widths])
    assert max(slopes["plain"].values()) > 0.4, slopes
    assert all(abs(slope) < 0.25 for slope in slopes["scaled"].values()), slopes
