"""A short fine-tuning: it learns, changes nothing that was there, and is the same each time."""

import itertools

import numpy as np
import pytest
import torch

from telos.evaluate.yardsticks import Context
from telos.evaluate.yardsticks.fine_tuning import FineTuning

QUICK = FineTuning(steps=20, rows=8, learning_rate=0.01)


@pytest.mark.parametrize("name", ["causal", "masked", "permutation", "spans_both", "gru"])
def test_it_learns_classes(subject, name, labelled_file, two_classes):
    path = labelled_file(two_classes())
    found = QUICK.measure(subject(name), Context(labelled=path))
    assert found.value > 0.9
    assert found.comparable == "accuracy after fine-tuning: 20 steps of 8"


def test_what_was_there_stays_as_it_is(subject, labelled_file, two_classes):
    one = subject("causal")
    before = {name: tensor.clone() for name, tensor in one.model.state_dict().items()}
    state = torch.get_rng_state()
    path = labelled_file(two_classes(40))
    first = QUICK.measure(one, Context(labelled=path))
    assert all(torch.equal(before[name], tensor) for name, tensor in one.model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert not one.model.training
    again = QUICK.measure(one, Context(labelled=path, batch_tokens=30))
    np.testing.assert_array_equal(first.values, again.values)


def test_rates_rise_and_fall():
    rates = [FineTuning(steps=20)._rate(step) for step in range(20)]
    assert rates[0] == 0.5
    assert max(rates) == rates[1] == rates[2] == 1
    assert all(a > b for a, b in itertools.pairwise(rates[2:]))
    assert rates[-1] > 0
    assert FineTuning(steps=1)._rate(0) == 1


def test_all_steps_are_taken_whatever_the_time(subject, labelled_file, two_classes):
    path = labelled_file(two_classes(40))
    slow = QUICK.measure(subject("gru"), Context(labelled=path, budget_seconds=0.0))
    assert slow.values.tolist() == QUICK.measure(subject("gru"), Context(labelled=path)).values.tolist()
