"""Random numbers as a pure function of their key."""

import random

import numpy as np
import torch

from telos.foundation.random import generator, key, torch_generator


def test_equal_keys_give_equal_numbers_whatever_global_state_does():
    first = generator(1, "order", 5).random(8)
    np.random.seed(0)
    random.seed(0)
    torch.manual_seed(0)
    assert np.array_equal(generator(1, "order", 5).random(8), first)
    drawn = torch.rand(8, generator=torch_generator(1, "weights"))
    torch.manual_seed(3)
    assert torch.equal(torch.rand(8, generator=torch_generator(1, "weights")), drawn)


def test_global_state_is_left_alone():
    torch.manual_seed(7)
    np.random.seed(7)
    wanted = torch.rand(3), np.random.rand(3)
    torch.manual_seed(7)
    np.random.seed(7)
    generator(1, "x").random(5)
    torch.rand(5, generator=torch_generator(1, "x"))
    assert torch.equal(torch.rand(3), wanted[0])
    assert np.array_equal(np.random.rand(3), wanted[1])


def test_every_part_of_the_key_counts():
    keys = [key(1, "order"), key(2, "order"), key(1, "rows"), key(1, "order", 0), key(1, "order", 0, 0), key(1, "order", 1),
            key(1, "order", 1, 2), key(1, "order", 12), key(1, "order", 2, 1), key(11, "order"), key(1, "次序")]  # fmt: skip
    assert len(set(keys)) == len(keys)
    draws = {tuple(generator(seed, "rows", step).random(4)) for seed in range(20) for step in range(20)}
    assert len(draws) == 400


def test_the_numbers_are_the_same_in_every_process_and_version():
    """Resumes stand on this: were these numbers to change, a run could not be continued by a later version."""
    assert key(1, "order", 5) == 192736221609561338639154252869152258292
    assert generator(1, "order", 5).integers(0, 1000, 4).tolist() == [510, 907, 909, 20]


def test_neighbouring_keys_are_uncorrelated():
    """Mean of 4,000 products of neighbours' first draws: 0 ± 3.3 standard errors of 1/√4000, draws of variance one."""
    firsts = np.array([generator(1, "step", step).standard_normal() for step in range(4001)])
    assert abs((firsts[1:] * firsts[:-1]).mean()) < 3.3 / np.sqrt(4000)
    assert abs(firsts.mean()) < 3.3 / np.sqrt(4001)


def test_a_generator_is_philox_with_this_key():
    for place in ((), (0,), (7, 2**40)):
        ours, numpys = generator(3, "rows", *place), np.random.Generator(np.random.Philox(key=key(3, "rows", *place)))
        assert ours.bit_generator.random_raw(9).tolist() == numpys.bit_generator.random_raw(9).tolist()
        assert ours.permutation(50).tolist() == numpys.permutation(50).tolist()
