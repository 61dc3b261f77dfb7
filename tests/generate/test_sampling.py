"""Each change of the logits against transformers' own, then the draws."""

import math

import numpy as np
import pytest
import torch
from transformers.generation import logits_process as reference

from telos.foundation.errors import SpecError
from telos.foundation.random import generator
from telos.generate import sampling as own
from telos.generate.sampling import Sampling

IDS = torch.tensor([[3, 7, 7, 0], [1, 2, 40, 96]])


def logits(seed: int = 0, spread: float = 3.0) -> torch.Tensor:
    return torch.randn(2, 97, generator=torch.Generator().manual_seed(seed)) * spread


def seen(ids: torch.Tensor = IDS) -> torch.Tensor:
    return torch.zeros(2, 97, dtype=torch.bool).scatter(1, ids, True)


@pytest.mark.parametrize(
    ("change", "warper", "values"),
    [
        (own.temperature, reference.TemperatureLogitsWarper, [0.3, 0.8, 1.7]),
        (own.top_k, reference.TopKLogitsWarper, [1, 5, 96, 97, 1000]),
        (own.top_p, reference.TopPLogitsWarper, [0.01, 0.3, 0.9, 0.999, 1.0]),
        (own.min_p, reference.MinPLogitsWarper, [0.0, 0.02, 0.3, 1.0]),
    ],
)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_each_change_equals_transformers(change, warper, values, seed):
    for value in values:
        found, wanted = change(logits(seed), value), warper(value)(IDS, logits(seed))
        assert torch.equal(found.isinf(), wanted.isinf()), value
        torch.testing.assert_close(found, wanted)
        torch.testing.assert_close(change(logits(seed)[0], value), wanted[0])  # a single row has the same meaning


@pytest.mark.parametrize("penalty", [0.7, 1.3, 2.0])
def test_repetition_penalty_equals_transformers(penalty):
    wanted = reference.RepetitionPenaltyLogitsProcessor(penalty)(IDS, logits())
    torch.testing.assert_close(own.repetition_penalty(logits(), seen(), penalty), wanted)
    assert not torch.equal(wanted, logits())


@pytest.mark.parametrize(
    "settings",
    [
        {"repetition_penalty": 1.2, "temperature": 0.7, "top_k": 20, "top_p": 0.8, "min_p": 0.05},
        {"temperature": 1.5, "top_k": 10, "top_p": 0.6},
        {"temperature": 0.5, "top_p": 0.95, "min_p": 0.2},
        {"repetition_penalty": 0.8, "top_p": 0.5},
    ],
)
def test_all_together_in_the_order_of_transformers(settings):
    warpers = {
        "repetition_penalty": reference.RepetitionPenaltyLogitsProcessor,
        "temperature": reference.TemperatureLogitsWarper,
        "top_k": reference.TopKLogitsWarper,
        "top_p": reference.TopPLogitsWarper,
        "min_p": reference.MinPLogitsWarper,
    }
    chain = reference.LogitsProcessorList(warper(settings[name]) for name, warper in warpers.items() if name in settings)
    torch.testing.assert_close(Sampling(**settings).shape(logits(), seen()), chain(IDS, logits()))


def test_top_k_keeps_those_equal_to_the_last():
    assert own.top_k(torch.tensor([1.0, 1.0, 0.0, 1.0]), 2).isinf().tolist() == [False, False, True, False]


def test_top_p_keeps_the_token_that_crosses():
    z = torch.log(torch.tensor([0.5, 0.3, 0.2]))
    assert own.top_p(z, 0.6).isinf().tolist() == [False, False, True]
    assert own.top_p(z, 0.49).isinf().tolist() == [False, True, True]


def test_greedy_is_the_largest_after_the_penalty():
    z = torch.tensor([[2.0, 1.9, -1.0]])
    mask = torch.tensor([[True, False, False]])
    assert Sampling(temperature=0).choose(z, mask, [(0,)], 0) == [0]
    assert Sampling(temperature=0, repetition_penalty=1.5).choose(z, mask, [(0,)], 0) == [1]


def test_draw_inverts_the_distribution():
    z = torch.log(torch.tensor([[0.25, 0.0, 0.5, 0.25]])).expand(6, 4)
    numbers = torch.tensor([0.0, 0.2499, 0.2501, 0.7499, 0.7501, 1 - 2**-53], dtype=torch.float64)
    assert own.draw(z, numbers).tolist() == [0, 0, 2, 2, 3, 3]


def test_a_token_that_is_ruled_out_is_never_drawn():
    z = torch.tensor([[-math.inf, 0.0, -math.inf]]).expand(2, 3)
    assert own.draw(z, torch.tensor([0.0, 1 - 2**-53], dtype=torch.float64)).tolist() == [1, 1]


def test_drawn_tokens_follow_the_distribution():
    """Pearson's chi-square over 20,000 draws; 27.88 is passed with probability 0.001 at 9 degrees of freedom."""
    z = torch.randn(1, 12, generator=torch.Generator().manual_seed(5))
    sampling = Sampling(temperature=0.8, top_k=10, seed=3)
    n = 20_000
    wanted = sampling.shape(z, torch.zeros_like(z, dtype=torch.bool)).double().softmax(-1)[0].numpy()
    mask = torch.zeros(1, 12, dtype=torch.bool)
    drawn = np.bincount([sampling.choose(z, mask, [(11,)], position)[0] for position in range(n)], minlength=12)
    assert drawn[wanted == 0].sum() == 0
    kept = wanted > 0
    assert kept.sum() == 10
    assert ((drawn[kept] - n * wanted[kept]) ** 2 / (n * wanted[kept])).sum() < 27.88


def test_a_draw_depends_on_seed_sequence_and_position_alone():
    z, mask = logits(spread=0.1), seen()
    both = Sampling().choose(z, mask, [(4, 0), (5, 0)], 9)
    assert both[1:] == Sampling().choose(z[1:], mask[1:], [(5, 0)], 9)
    assert generator(1, "generate", 5, 0, 9).random() != generator(1, "generate", 5, 0, 10).random()
    others = [Sampling(seed=2).choose(z, mask, [(4, 0), (5, 0)], 9), Sampling().choose(z, mask, [(4, 1), (5, 1)], 9),
              Sampling().choose(z, mask, [(4, 0), (5, 0)], 10)]  # fmt: skip
    assert all(other != both for other in others)


@pytest.mark.parametrize("settings", [{"temperature": own.SMALLEST_TEMPERATURE}, {"repetition_penalty": 0.01},
                                      {"repetition_penalty": 100}])  # fmt: skip
def test_the_most_extreme_settings_draw_a_token(settings):
    """Logits of a thousand, such as large networks have at most, stay finite."""
    z = logits(spread=300.0)
    assert Sampling(**settings).shape(z, seen()).isfinite().all()
    chosen = Sampling(**settings).choose(z, seen(), [(4, 0), (5, 0)], 9)
    assert all(0 <= token < 97 for token in chosen)
    if "temperature" in settings:
        assert chosen == z.argmax(-1).tolist()


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"temperature": -0.1}, "temperature: must be greater than or equal to 0"),
        ({"top_p": 0.0}, "top_p: must be greater than 0"),
        ({"top_p": 1.1}, "top_p: must be less than or equal to 1"),
        ({"top_k": 0}, "top_k: must be greater than or equal to 1"),
        ({"min_p": 2}, "min_p: must be less than or equal to 1"),
        ({"temperature": 1e-40}, "temperature: must be 0, which takes the most probable token, or at least 1e-05"),
        ({"repetition_penalty": 0}, "repetition_penalty: must be greater than or equal to 0.01"),
        ({"repetition_penalty": 1e39}, "repetition_penalty: must be less than or equal to 100"),
        ({"max_tokens": 0}, "max_tokens: must be greater than or equal to 1"),
        ({"stop": ["。", ""]}, "stop: a stop string must have at least one character"),
        ({"temprature": 1.0}, "temprature: valid names here are max_tokens, min_p"),
    ],
)
def test_impossible_settings_are_refused(settings, text):
    with pytest.raises(SpecError) as error:
        Sampling(**settings)
    assert error.value.must.startswith(text)


def test_settings_survive_yaml():
    sampling = Sampling(temperature=0.5, stop=("。", "\n\n"), top_k=3)
    assert Sampling.from_yaml(sampling.to_yaml()) == sampling
