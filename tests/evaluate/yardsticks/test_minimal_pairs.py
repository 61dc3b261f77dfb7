"""Minimal pairs as a yardstick: the answers of `telos.evaluate.minimal_pairs`, pseudo-likelihoods by hand, groups, refusals."""

import json

import numpy as np
import pytest

from telos.evaluate.minimal_pairs import accuracies, mean, read_pairs
from telos.evaluate.yardsticks import Context
from telos.evaluate.yardsticks._rows import Partial, distributions, next_tokens
from telos.evaluate.yardsticks.minimal_pairs import MinimalPairs, sentence_scores
from telos.foundation.errors import TelosError

ROWS = [("the cat sees the dog.", "the cat see the dog.", "agreement"), ("dogs see.", "dogs sees.", "agreement"),
        ("a dog sees", "a dog see", "agreement"), ("猫看见狗。", "看见猫狗。", "order"),
        ("狗看猫", "看狗猫", "order")]  # fmt: skip
ALL = ("causal", "prefix", "gru", "infill", "masked", "masked_diffusion", "permutation", "spans_causal", "spans_both",
       "replaced_token")  # fmt: skip


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(json.dumps({"sentence_good": g, "sentence_bad": b, "UID": u}) for g, b, u in ROWS))
    return path


def test_a_model_that_counts_gets_what_evaluate_says(ngram, pairs):
    one = ngram(["the cat sees the dog. dogs see. a dog see", "猫看见狗。", "看狗猫"])
    found = MinimalPairs().measure(one, Context(pairs=pairs))
    groups = accuracies(read_pairs(pairs), one.tokenizer.encode_batch, one.model.nll, 256, None)
    assert found.value == pytest.approx(mean(groups)[0])
    assert 0 < found.value < 1
    assert (found.kind, found.comparable) == ("exact", "accuracy by likelihood")
    assert found.items == ["agreement:0", "agreement:1", "agreement:2", "order:3", "order:4"]


@pytest.mark.parametrize("name", ALL)
def test_any_batch_size_gives_the_same(subject, name):
    sentences = [text for good, bad, _ in ROWS for text in (good, bad)]
    small, large = (sentence_scores(subject(name), sentences, size) for size in (1, 10_000))
    assert np.isfinite(small).all()
    np.testing.assert_allclose(small, large, atol=1e-4)


@pytest.mark.parametrize("name", ["masked", "masked_diffusion", "permutation"])
def test_a_pseudo_likelihood_hides_one_token_at_a_time(subject, name):
    one, ids = subject(name), np.frombuffer(b"a dog", np.uint8).astype(np.int64)
    total = 0.0
    for place in range(5):
        [(_, log_p)] = distributions(one, [Partial(ids, np.arange(5) != place, place)], 1000)
        total += log_p[ids[place]]
    assert sentence_scores(one, ["a dog"], 1000)[0] == pytest.approx(total, abs=1e-4)


def test_behind_a_sentinel_the_token_counts_and_not_the_end(subject):
    one, ids = subject("spans_both"), np.frombuffer("猫".encode(), np.uint8).astype(np.int64)
    sentinel, total = one.model.vocabulary.specials["<|span_0|>"], 0.0
    for place in range(3):
        source = np.concatenate([ids[:place], [sentinel], ids[place + 1 :]])
        [(_, log_p)] = next_tokens(one, [source], [np.array([sentinel])], 1000)
        total += log_p[ids[place]]
    assert sentence_scores(one, ["猫"], 1000)[0] == pytest.approx(total, abs=1e-4)


@pytest.mark.parametrize(("name", "kind"), [("causal", "exact"), ("infill", "exact"), ("masked", "pseudo"),
                                            ("permutation", "pseudo"), ("spans_both", "pseudo"),
                                            ("replaced_token", "detection")])  # fmt: skip
def test_kinds_are_never_mixed(subject, pairs, name, kind):
    found = MinimalPairs().measure(subject(name), Context(pairs=pairs))
    assert found.kind == kind
    wanted = {"exact": "likelihood", "pseudo": "pseudo-likelihood", "detection": "detection"}[kind]
    assert found.comparable == f"accuracy by {wanted}"


def test_middles_alone_are_asked_as_the_middle_of_nothing(subject):
    one = subject("infill")
    middles = type(one)(one.model, one.tokenizer, one.objective.replace(rate=1.0))
    assert middles.likelihood is not None
    found, plain = (sentence_scores(model, ["a dog", "dogs see."], 1000) for model in (middles, one))
    assert np.isfinite(found).all()
    assert np.abs(found - plain).min() > 1e-3


def test_a_limit_takes_some(ngram, pairs):
    one = ngram(["the cat sees"])
    some = MinimalPairs(limit=3).measure(one, Context(pairs=pairs))
    assert len(some.items) == 3
    assert set(some.items) < set(MinimalPairs().measure(one, Context(pairs=pairs)).items)


def test_a_sentence_too_long_is_named(new_subject, pairs):
    with pytest.raises(TelosError, match="a sentence must have at most 8 tokens") as error:
        MinimalPairs().measure(new_subject("causal", 8), Context(pairs=pairs))
    assert error.value.found.startswith("21: 'the cat sees the dog.")


def test_pairs_that_a_model_cannot_read_are_left_out_and_counted(new_subject, pairs, tmp_path):
    short = {"sentence_good": "a dog", "sentence_bad": "dog a", "UID": "short"}
    path = tmp_path / "mixed.jsonl"
    path.write_text(pairs.read_text() + "\n" + json.dumps(short))
    found = MinimalPairs().measure(new_subject("causal", 8), Context(pairs=path))
    assert [item.split(":")[0] for item in found.items] == ["short"]
    assert found.beside == {"pairs_too_long_for_the_model": len(pairs.read_text().splitlines())}


def test_no_pairs(ngram, tmp_path):
    with pytest.raises(TelosError, match="needs a file of minimal pairs"):
        MinimalPairs().measure(ngram(["a"]), Context())
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(TelosError, match="must hold at least one"):
        MinimalPairs().measure(ngram(["a"]), Context(pairs=tmp_path / "empty.jsonl"))
