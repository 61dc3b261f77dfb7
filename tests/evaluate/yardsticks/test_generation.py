"""Generation: repetition by hand, the judge's bits by hand, the same text in any batch."""

import numpy as np
import pytest

from telos.evaluate.yardsticks import Context
from telos.evaluate.yardsticks.generation import Generation, distinct, judged, ngrams, repetition
from telos.foundation.errors import TelosError

TEXTS = [f"{i} the cat sees the dog and the dog sees a bird, 猫看见狗。" * 6 for i in range(20)]
SMALL = Generation(texts=6, prompt_characters=20, characters=40)


def test_repetition_by_hand():
    assert ngrams("a b, c 猫d") == [("a", "b", ",", "c"), ("b", ",", "c", "猫"), (",", "c", "猫", "d")]
    assert repetition("a b c d") == 0
    assert repetition("a a a a a a a") == pytest.approx(1 - 1 / 4)
    assert repetition("a b c d a b c d") == pytest.approx(1 - 4 / 5)
    assert repetition("a b") == 0
    assert distinct(["a b c d", "a b c d", "a b c e"]) == pytest.approx(2 / 3)
    assert np.isnan(distinct(["a"]))


@pytest.mark.parametrize("name", ["causal", "gru", "infill", "prefix", "masked_diffusion"])
def test_a_network_writes(subject, name):
    found = SMALL.measure(subject(name), Context(TEXTS))
    assert len(found.items) == 6
    assert ((found.values >= 0) & (found.values <= 1)).all()
    assert found.beside["repetition_of_the_truth"] >= 0
    again = SMALL.measure(subject(name), Context(TEXTS, batch_tokens=50))
    assert again.values.tolist() == found.values.tolist()


def test_a_model_that_knows_one_text_repeats_it(ngram):
    greedy = Generation(texts=4, prompt_characters=10, characters=60, temperature=0)
    loop = greedy.measure(ngram(["la la la la la la la la la la la la la la la " * 9]), Context(["la la " * 40]))
    assert loop.value > 0.8
    assert "from left to right" in loop.sees
    assert loop.comparable != SMALL.measure(ngram(TEXTS), Context(TEXTS)).comparable


def test_the_judges_bits_by_hand(ngram):
    judge = ngram(TEXTS)
    end = judge.model.vocabulary.end_of_text
    ids = [judge.tokenizer.encode(text) for text in ("the ", "cat 猫", "a ", "dog")]
    nats = [judge.model.nll(np.append(np.concatenate(ids[i : i + 2]), end))[len(ids[i]) : -1].sum() for i in (0, 2)]
    assert judged(judge, ["the ", "a "], ["cat 猫", "dog"], 100) == pytest.approx(sum(nats) / np.log(2) / 10, rel=1e-5)


def test_a_judge_reads_as_much_as_it_can(new_subject):
    judge = new_subject("causal", 16)
    whole = judged(judge, ["abc"], ["d" * 50], 100)
    assert whole == pytest.approx(judged(judge, ["abc"], ["d" * 13], 100))
    assert np.isnan(judged(judge, ["a" * 20], ["b"], 100))


def test_a_judge_must_give_a_likelihood(subject):
    with pytest.raises(TelosError, match="a judge must give a likelihood of text"):
        judged(subject("masked"), ["a"], ["b"], 100)


def test_texts_must_be_long_enough(ngram):
    with pytest.raises(TelosError, match="a held-out text must have at least 60 characters") as error:
        SMALL.measure(ngram(TEXTS), Context(["short", "shorter"]))
    assert error.value.found == "7 in the longest"


def test_what_writes_no_text_says_so(subject):
    for name in ("masked", "permutation", "spans_both", "replaced_token"):
        assert "does not write texts" in Generation().applies(subject(name))
