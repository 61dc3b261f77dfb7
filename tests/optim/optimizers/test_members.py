"""What holds for every optimizer: coverage of parameters, state in and out, errors by their text."""

import pytest
import torch
from safetensors.torch import load, save

from telos.foundation.errors import TelosError
from telos.optim.optimizers import Group, Optimizer

KINDS = Optimizer.kinds()


@pytest.mark.parametrize("kind", KINDS)
def test_every_trainable_parameter_is_moved_and_no_frozen_one(roles, kind):
    network = roles()
    network.square_b.requires_grad_(False)
    updater = Optimizer.parse(kind).build(network)
    before = {n: p.detach().clone() for n, p in network.named_parameters()}
    network.fill_gradients(0)
    updater.step(1.0)
    moved = {n for n, p in network.named_parameters() if not torch.equal(p, before[n])}
    assert moved == set(before) - {"square_b"} == set(updater.parameters)


@pytest.mark.parametrize("role", ["embedding", "matrix", "vector", "head"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_no_example_asks_stays_though_it_be_all_of_its_role(roles, kind, role):
    """A head is asked by no objective that learns vectors or classes; with a rate of its own it is a group by itself."""
    network = roles()
    updater = Optimizer.parse({"kind": kind, "groups": [{"match": role, "learning_rate": 0.1}]}).build(network)
    before = {n: p.detach().clone() for n, p in network.named_parameters()}
    network.fill_gradients(0)
    for name, own in network.roles().items():
        if own == role:
            getattr(network, name).grad = None
    updater.step(1.0)
    moved = {n for n, p in network.named_parameters() if not torch.equal(p, before[n])}
    assert moved == {n for n, own in network.roles().items() if own != role}


@pytest.mark.parametrize("kind", KINDS)
def test_a_learning_rate_scale_of_zero_moves_nothing(roles, kind):
    network = roles()
    updater = Optimizer.parse(kind).build(network)
    before = {n: p.detach().clone() for n, p in network.named_parameters()}
    network.fill_gradients(0)
    updater.step(0.0)
    assert all(torch.equal(p, before[n]) for n, p in network.named_parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_going_on_from_a_saved_state_gives_the_same_bits(roles, kind):
    unbroken, broken = roles(), roles()
    straight, first = Optimizer.parse(kind).build(unbroken), Optimizer.parse(kind).build(broken)
    for step in range(4):
        unbroken.fill_gradients(step)
        straight.step(1.0)
    for step in range(2):
        broken.fill_gradients(step)
        first.step(1.0)
    resumed = Optimizer.parse(kind).build(broken)
    resumed.load_state_dict(load(save(first.state_dict())))
    for step in range(2, 4):
        broken.fill_gradients(step)
        resumed.step(1.0)
    assert all(torch.equal(a, b) for a, b in zip(unbroken.parameters(), broken.parameters(), strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_zero_grad_forgets(roles, kind):
    network = roles()
    updater = Optimizer.parse(kind).build(network)
    network.fill_gradients(0)
    updater.zero_grad()
    assert all(p.grad is None for p in network.parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_a_group_that_matches_nothing_is_an_error(roles, kind):
    spec = Optimizer.parse({"kind": kind, "groups": [{"match": "vector"}, {"match": "squares_*"}]})
    with pytest.raises(TelosError) as caught:
        spec.build(roles())
    assert caught.value.must == "optimizer.groups.1.match must match a trainable parameter"
    assert caught.value.found == "'squares_*' matches none"
    assert caught.value.fix == "write a role (embedding, matrix, vector, head) or a pattern such as 'square_b'"


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_group_that_matches_holds(roles, kind):
    network = roles()
    groups = (Group(match="wide", learning_rate=0.0, weight_decay=0.0), Group(match="matrix", learning_rate=0.5))
    updater = Optimizer.parse({"kind": kind}).replace(groups=groups).build(network)
    wide, tall = network.wide.detach().clone(), network.tall.detach().clone()
    network.fill_gradients(0)
    updater.step(1.0)
    assert torch.equal(network.wide, wide)
    assert (network.tall - tall).abs().max() > 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_of_other_parameters_is_refused(roles, kind):
    network = roles()
    updater = Optimizer.parse(kind).build(network)
    state = dict(updater.state_dict())
    name = next(n for n in state if n.startswith("tall:"))
    state[f"x{name}"] = state.pop(name)
    with pytest.raises(TelosError) as caught:
        updater.load_state_dict(state)
    assert caught.value.must == f"the state of optimizer '{kind}' must be of these parameters"
    assert caught.value.found == f"no {name}, unknown x{name}"


@pytest.mark.parametrize("kind", KINDS)
def test_the_settings_survive_a_round_trip(kind):
    spec = Optimizer.parse({"kind": kind, "learning_rate": 0.5, "groups": [{"match": "head", "learning_rate": 1e-3}]})
    assert Optimizer.parse(spec.dump()) == spec
    assert spec.hash() != Optimizer.parse(kind).hash()
