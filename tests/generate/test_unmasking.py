"""Unmasking with a network whose conditionals are those of a joint distribution that is known."""

import itertools

import numpy as np
import pytest
import torch

from telos.foundation.errors import TelosError
from telos.generate.unmasking import Unmasker, Unmasking
from telos.models import Hidden, Model
from telos.tokens.tokenizers.byte import Byte

A, B, END = ord("a"), ord("b"), 256
SIZE, MASK = 258, 257
LENGTH = 3
JOINT = dict(zip(itertools.product((A, B), repeat=LENGTH), (0.31, 0.01, 0.08, 0.10, 0.05, 0.15, 0.05, 0.25), strict=True))


class Exact(torch.nn.Module):
    """p(x_i | what is shown) of `JOINT`, or of a function (tokens → (T, V) probabilities) in its place."""

    context_length = 8
    spec = Model.parse({"kind": "transformer", "architecture": "encoder"})

    def __init__(self, vocabulary, conditionals=None):
        super().__init__()
        self.vocabulary, self.conditionals, self.passes = vocabulary, conditionals or self._of_joint, 0
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def hidden(self, inputs):
        self.passes += 1
        assert inputs.pattern == "bidirectional"
        rows = [
            self.conditionals(row[seen == 1].tolist()) for row, seen in zip(inputs.tokens_BT, inputs.segments_BT, strict=True)
        ]
        longest = inputs.tokens_BT.shape[1]
        return Hidden(torch.stack([torch.cat([row, torch.full((longest - len(row), SIZE), 1 / SIZE)]) for row in rows]).log())

    def over_logits(self, hidden, function):
        return function(hidden.values_BTD)

    @staticmethod
    def _of_joint(tokens):
        found = torch.zeros(len(tokens), SIZE)
        for text, share in JOINT.items():
            if all(shown in (MASK, own) for shown, own in zip(tokens, text, strict=True)):
                for place, token in enumerate(text):
                    found[place, token] += share
        return found / found.sum(1, keepdim=True)


@pytest.fixture(scope="module")
def tokenizer():
    return Byte().train(lambda: iter(()), 0)


def unmasker(tokenizer, conditionals=None) -> Unmasker:
    return Unmasker(Exact(tokenizer.vocabulary.with_specials(("<|mask|>",)), conditionals), tokenizer, MASK)


def ending(tokens):
    """Every hidden token is the end of the text, or as likely an a."""
    found = torch.zeros(len(tokens), SIZE)
    found[:, [A, END]] = 0.5
    return found


def shares(made) -> np.ndarray:
    met = [one.tokens for one in made]
    return np.array([met.count(text) / len(met) for text in JOINT])


def test_one_at_a_time_texts_have_the_joint_distribution(tokenizer):
    made = unmasker(tokenizer).generate([""] * 4000, Unmasking(max_tokens=LENGTH), rows_at_once=500)
    wanted = np.array([*JOINT.values()])
    assert shares(made) == pytest.approx(wanted, abs=4 * np.sqrt(0.25 / 4000))
    assert {one.finish_reason for one in made} == {"length"}


def test_all_at_once_texts_have_the_marginals_alone(tokenizer):
    made = unmasker(tokenizer).generate([""] * 4000, Unmasking(max_tokens=LENGTH, steps=1), rows_at_once=500)
    marginals = [sum(share for text, share in JOINT.items() if text[place] == A) for place in range(LENGTH)]
    wanted = [np.prod([m if token == A else 1 - m for m, token in zip(marginals, text, strict=True)]) for text in JOINT]
    assert shares(made) == pytest.approx(np.array(wanted), abs=4 * np.sqrt(0.25 / 4000))


def test_nats_are_those_of_the_order_in_which_tokens_were_shown(tokenizer):
    for one in unmasker(tokenizer).generate([""] * 20, Unmasking(max_tokens=LENGTH)):
        assert sum(one.log_probabilities) == pytest.approx(np.log(JOINT[one.tokens]), abs=1e-5)  # the chain rule, in any order


def test_the_most_certain_are_shown_first_and_greedy_takes_the_likeliest(tokenizer):
    one = unmasker(tokenizer).generate([""], Unmasking(max_tokens=LENGTH, order="confidence", temperature=0))[0]
    shown = [MASK] * LENGTH
    while MASK in shown:
        left = {(place, token): float(row[token]) for place, row in enumerate(Exact._of_joint(shown)) if shown[place] == MASK
                for token in (A, B)}  # fmt: skip
        place, token = max(left, key=left.__getitem__)
        shown[place] = token
    assert list(one.tokens) == shown


@pytest.mark.parametrize(("steps", "passes"), [(None, 8), (1, 1), (3, 3), (50, 8)])
def test_as_many_passes_as_steps(tokenizer, steps, passes):
    writer = unmasker(tokenizer, lambda tokens: torch.full((len(tokens), SIZE), 1.0).index_fill(1, torch.tensor([END]), 0.0))
    one = writer.generate([""], Unmasking(max_tokens=99, steps=steps))[0]
    assert writer.network.passes == passes
    assert len(one.tokens) == 8  # the context
    assert MASK not in one.tokens


def test_a_text_ends_at_its_first_end(tokenizer):
    made = unmasker(tokenizer, ending).generate(["b"] * 200, Unmasking(max_tokens=5))
    assert {END, MASK}.isdisjoint(token for one in made for token in one.tokens)
    lengths = [len(one.tokens) for one in made]
    assert all((one.finish_reason == "end_of_text") == (len(one.tokens) < 5) for one in made)
    # One at a time, what stands behind an end is gone: before the first end any number of places is left.
    assert set(lengths) == {0, 1, 2, 3, 4, 5}


def test_rows_alone_and_together_are_the_same(tokenizer):
    writer, prompts = unmasker(tokenizer, ending), ["b", "ab", "", "b", "bbb"]
    together = writer.generate(prompts, Unmasking(max_tokens=4, steps=2))
    apart = [one for at in range(0, 5, 2) for one in writer.generate(prompts[at : at + 2], Unmasking(max_tokens=4, steps=2))]
    assert [one.tokens for one in together[:3]] == [one.tokens for one in apart[:3]]
    assert writer.generate(prompts, Unmasking(max_tokens=4, steps=2), rows_at_once=2) == together
    assert writer.generate(prompts, Unmasking(max_tokens=4, steps=2, seed=2)) != together


def test_a_prompt_must_leave_room(tokenizer):
    with pytest.raises(TelosError, match="context of 8 tokens"):
        unmasker(tokenizer, ending).generate(["b" * 8])
    with pytest.raises(TelosError, match="must lie in"):
        unmasker(tokenizer, ending).generate([[400]])
