"""Scores of candidates: each way's sum by hand, any batch size, what is longer than the model reads."""

import numpy as np
import pytest

from telos.evaluate.yardsticks._filling import Gap, Scores, fitting, infill_prompt, scores, span_source, span_target
from telos.evaluate.yardsticks._rows import Partial, distributions, span_nats, text_nats
from telos.evaluate.yardsticks._subject import Subject

WAYS = ("causal", "gru", "prefix", "multi_token", "infill", "masked", "masked_diffusion", "permutation", "spans_causal",
        "spans_prefix", "spans_both", "replaced_token")  # fmt: skip


def ids(text):
    return np.frombuffer(text.encode(), np.uint8).astype(np.int64)


GAPS = [Gap(ids("the cat"), ids(" on the mat"), tuple(map(ids, (" sat", " sang", " a", " sit")))),
        Gap(ids("猫"), ids("。"), (ids("来"), ids("去"))),
        Gap(ids(""), ids("x"), (ids("q"), ids("qq"), ids("r")))]  # fmt: skip


@pytest.mark.parametrize("name", WAYS)
def test_any_batch_size_gives_the_same(subject, name):
    one, other = scores(subject(name), GAPS, 1), scores(subject(name), GAPS, 10_000)
    for a, b, gap in zip(one.both, other.both, GAPS, strict=True):
        assert len(a) == len(gap.candidates)
        assert np.isfinite(a).all()
        np.testing.assert_allclose(a, b, atol=1e-4)


@pytest.mark.parametrize("name", WAYS)
def test_a_gap_does_not_depend_on_those_beside_it(subject, name):
    together = scores(subject(name), GAPS, 10_000)
    for gap, found in zip(GAPS, together.both, strict=True):
        np.testing.assert_allclose(scores(subject(name), [gap], 10_000).both[0], found, atol=1e-4)


def test_from_left_to_right_the_right_side_counts(subject):
    one, gap = subject("causal"), GAPS[0]
    found = scores(one, [gap], 10_000)
    for which, candidate in enumerate(gap.candidates):
        [nats] = text_nats(one, [np.concatenate([gap.left, candidate, gap.right])], 10_000)
        assert found.both[0][which] == pytest.approx(-nats[7:].sum(), abs=1e-4)
        assert found.left_alone[0][which] == pytest.approx(-nats[7 : 7 + len(candidate)].sum(), abs=1e-4)


@pytest.mark.parametrize("suffix_first", [0.0, 0.5])
def test_a_middle_is_asked_for_in_an_order_that_was_learned_and_ends(subject, suffix_first):
    like, gap = subject("infill"), GAPS[0]
    one = Subject(like.model, like.tokenizer, like.objective.replace(suffix_first=suffix_first))
    prompt, end = infill_prompt(one, gap.left, gap.right), one.model.vocabulary.end_of_text
    prefix, suffix, middle = (one.model.vocabulary.specials[f"<|fim_{name}|>"] for name in ("prefix", "suffix", "middle"))
    if suffix_first:
        assert prompt.tolist() == [prefix, suffix, *gap.right, middle, *gap.left]
    else:
        assert prompt.tolist() == [prefix, *gap.left, suffix, *gap.right, middle]
    for which, candidate in enumerate(gap.candidates):
        [nats] = text_nats(one, [np.concatenate([prompt, candidate, [end]])], 10_000)
        assert scores(one, [gap], 50).both[0][which] == pytest.approx(-nats[len(prompt) :].sum(), abs=1e-4)


@pytest.mark.parametrize("name", ["masked", "masked_diffusion", "permutation"])
def test_a_words_tokens_are_asked_for_from_left_to_right(subject, name):
    one, gap = subject(name), GAPS[0]
    for which, candidate in enumerate(gap.candidates):
        tokens, total = np.concatenate([gap.left, candidate, gap.right]), 0.0
        for place in range(len(candidate)):
            at = len(gap.left) + place
            known = np.array([not at <= i < len(gap.left) + len(candidate) for i in range(len(tokens))])
            [(_, log_p)] = distributions(one, [Partial(tokens, known, at)], 1000)
            total += log_p[candidate[place]]
        assert scores(one, [gap], 1000).both[0][which] == pytest.approx(total, abs=1e-4)


def test_an_answer_stands_behind_the_sentinel(subject):
    one, gap = subject("spans_prefix"), GAPS[0]
    specials = one.model.vocabulary.specials
    source = span_source(one, gap.left, gap.right)
    assert source.tolist() == [specials["<|mode_R|>"], *gap.left, specials["<|span_0|>"], *gap.right]
    assert "<|mode_R|>" not in subject("spans_both").model.vocabulary.specials
    wanted = -span_nats(one, [source] * 4, [span_target(one, c) for c in gap.candidates], 1000, ends=True)
    np.testing.assert_allclose(scores(one, [gap], 1000).both[0], wanted, atol=1e-4)


@pytest.mark.parametrize("name", WAYS)
def test_of_a_long_text_the_nearest_tokens_are_read(new_subject, name):
    one = new_subject(name, context_length=24)
    gap = Gap(ids("a" * 50 + "bc"), ids("de" + "f" * 60), (ids("xy"), ids("z")))
    found = fitting(one, gap)
    if name == "gru":  # a state reads any length
        assert found is gap
        return
    assert found.left.tobytes().endswith(ids("bc").tobytes())
    assert found.right.tobytes().startswith(ids("de").tobytes())
    assert 16 <= len(found.left) + len(found.right) + 2 <= 24
    assert isinstance(scores(one, [gap], 100), Scores)
    short = Gap(ids("ab"), ids("c" * 40), (ids("x"),))
    assert len(fitting(one, short).left) == 2, "room that one side leaves is the other's"
