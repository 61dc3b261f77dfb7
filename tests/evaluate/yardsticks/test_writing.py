"""Words that are written into gaps: by hand from the next tokens, any batch size, networks that know the answer."""

import numpy as np
import pytest
import torch

from telos.evaluate.yardsticks import Subject
from telos.evaluate.yardsticks._filling import Gap, infill_prompt, span_source, span_target
from telos.evaluate.yardsticks._rows import Partial, distributions, next_tokens
from telos.evaluate.yardsticks._words import first_word
from telos.evaluate.yardsticks._writing import MOST_TOKENS, written
from telos.models import Hidden


def ids(text):
    return np.frombuffer(text.encode(), np.uint8).astype(np.int64)


GAPS = [Gap(ids("the cat"), ids(" on the mat"), (ids(" sat"),)), Gap(ids("a"), ids("b"), (ids("x"),)),
        Gap(ids("猫"), ids("。"), (ids("来"),))]  # fmt: skip


@pytest.mark.parametrize("name", ["causal", "gru", "infill", "masked", "permutation", "spans_causal", "spans_both"])
def test_any_batch_size_writes_the_same(subject, name):
    assert written(subject(name), GAPS, 1) == written(subject(name), GAPS, 10_000)
    assert [written(subject(name), [gap], 100)[0] for gap in GAPS] == written(subject(name), GAPS, 10_000)


@pytest.mark.parametrize("name", ["masked", "masked_diffusion", "permutation"])
def test_the_surest_place_is_filled_first(subject, name):
    one, gap = subject(name), GAPS[0]
    tokens, known = np.concatenate([gap.left, [0] * 4, gap.right]), np.ones(22, bool)
    known[7:11] = False
    while not known.all():
        best = []
        for place in np.flatnonzero(~known):
            [(_, log_p)] = distributions(one, [Partial(tokens, known, int(place))], 1000)
            best.append((log_p[:256].max(), place, int(log_p[:256].argmax())))
        _, place, token = max(best, key=lambda found: found[0])
        tokens[place], known[place] = token, True
    assert written(one, [gap], 1000) == [one.tokenizer.decode(tokens[7:11]).strip()]


def test_the_first_word_of_an_answer_counts(subject):
    one, gap = subject("spans_causal"), GAPS[0]
    source, said = span_source(one, gap.left, gap.right), []
    for _ in range(MOST_TOKENS + 1):
        [(_, log_p)] = next_tokens(one, [source], [span_target(one, np.array(said, np.int64))], 1000)
        token = int(log_p.argmax())
        if token >= 256:
            break
        said.append(token)
    wanted = first_word(one.tokenizer.decode(said) + " " * (len(said) <= MOST_TOKENS))
    assert written(one, [gap], 1000) == [wanted]


class Fixed(torch.nn.Module):
    """A network over the vocabulary of another that always goes on with one text behind a mark."""

    def __init__(self, like: Subject, mark: int, text: list[int]):
        super().__init__()
        self.spec, self.vocabulary, self.context_length = like.model.spec, like.model.vocabulary, 128
        self.mark, self.text = mark, text
        self.anchor = torch.nn.Parameter(torch.zeros(1))

    def hidden(self, inputs, state=None):
        tokens = inputs.tokens_BT
        if state is not None:
            state.tokens = tokens if state.tokens is None else torch.cat([state.tokens, tokens], 1)
            tokens = state.tokens
        values = torch.zeros(*tokens.shape, self.vocabulary.size)
        for row in range(len(tokens)):
            at = tokens[row].tolist().index(self.mark)
            for place in range(at, tokens.shape[1]):
                behind = place - at
                token = self.text[behind] if behind < len(self.text) else self.vocabulary.end_of_text
                values[row, place, token] = 20
        return Hidden(values[:, -inputs.tokens_BT.shape[1] :], state)

    def over_logits(self, hidden, function):
        return function(hidden.values_BTD)

    def new_state(self, rows, capacity):
        return State()


class State:
    """What `Fixed` has read."""

    def __init__(self):
        self.tokens = None

    def keep(self, lengths_B):
        raise AssertionError("prompts of one length are asked here")

    def select(self, rows):
        self.tokens = self.tokens[rows]


def prefix_first(like):
    """`infill` as it is asked where the middle stands right behind its mark."""
    return Subject(like.model, like.tokenizer, like.objective.replace(suffix_first=0.0))


@pytest.mark.parametrize("said", [b" sat", b" sat on the mat"])
@pytest.mark.parametrize(("name", "mark"), [("infill", "<|fim_middle|>"), ("causal", "t")])
def test_who_knows_the_word_writes_it(subject, name, mark, said):
    """The last t of the left side, or the mark of the middle, is followed by the word, and an end or more."""
    like = prefix_first(subject(name)) if name == "infill" else subject(name)
    number = ord("t") if mark == "t" else like.model.vocabulary.specials[mark]
    one = Subject(Fixed(like, number, list(said)), like.tokenizer, like.objective)
    gap = Gap(ids("a cat"), ids(" here"), (ids(" sat"),))
    if name == "infill":
        assert infill_prompt(one, gap.left, gap.right)[-1] == number
    assert written(one, [gap], 100) == ["sat"]


def test_a_word_that_does_not_end_is_none(subject):
    like = prefix_first(subject("infill"))
    one = Subject(Fixed(like, like.model.vocabulary.specials["<|fim_middle|>"], [97] * 99), like.tokenizer, like.objective)
    assert written(one, [GAPS[0]], 100) == [None]
