"""Values of a text: the mean over its tokens by hand, whatever stands beside it in the batch; which way each model reads."""

import numpy as np
import pytest
import torch

from telos.evaluate.yardsticks import Subject
from telos.evaluate.yardsticks._pooled import has_values, pattern_of, pooled
from telos.models import Inputs
from telos.models.bag_of_embeddings import BagOfEmbeddings
from telos.models.softmax_regression import SoftmaxRegression
from telos.objectives import Objective

TEXTS = [np.frombuffer(text, np.uint8) for text in (b"a dog", b"the cat sees the dog", b"x")]


@pytest.mark.parametrize(("name", "pattern"), [
    ("causal", "causal"), ("gru", "causal"), ("infill", "causal"), ("spans_causal", "causal"), ("prefix", "bidirectional"),
    ("spans_prefix", "bidirectional"), ("masked", "bidirectional"), ("masked_diffusion", "bidirectional"),
    ("permutation", "bidirectional"), ("replaced_token", "bidirectional"), ("spans_both", "encoder_decoder"),
])  # fmt: skip
def test_each_reads_as_it_was_trained(subject, name, pattern):
    one = subject(name)
    assert pattern_of(one) == pattern
    together = pooled(one, TEXTS)
    end = one.model.vocabulary.end_of_text
    for i, ids in enumerate(TEXTS):
        np.testing.assert_allclose(pooled(one, [ids])[0].detach(), together[i].detach(), atol=1e-5)
        row = torch.tensor([[*([end] if pattern == "causal" else []), *ids.tolist()]])
        with torch.no_grad():
            if pattern == "encoder_decoder":
                source = torch.tensor([[*ids.tolist(), end]])
                wanted = one.model.hidden(Inputs(torch.tensor([[end]]), pattern=pattern, source_BS=source)).values_BTD[0, 0]
            else:
                wanted = one.model.hidden(Inputs(row, pattern=pattern)).values_BTD[0].mean(0)
        np.testing.assert_allclose(together[i].detach(), wanted, atol=1e-5)


def test_of_a_long_text_the_beginning_is_read(new_subject):
    one = new_subject("masked", 16)
    long, cut = np.arange(97, 122), np.arange(97, 113)
    np.testing.assert_allclose(pooled(one, [long]).detach(), pooled(one, [cut]).detach(), atol=1e-6)


def test_a_model_that_reads_a_text_as_a_whole(subject):
    one = subject("causal")
    bag = Subject(BagOfEmbeddings(hidden_size=8).build(one.tokenizer.vocabulary), one.tokenizer)
    assert has_values(bag) is None
    assert pooled(bag, TEXTS).shape == (3, 8)


def test_what_has_no_values_says_so(subject, ngram):
    assert "counts, and has no values" in has_values(ngram(["a"]))
    one = subject("causal")
    assert "its output layer is all of it" in has_values(Subject(SoftmaxRegression().build(one.tokenizer.vocabulary),
                                                                 one.tokenizer))  # fmt: skip


@pytest.mark.parametrize("kind", ["classification", "regression", "tagging", "contrastive", "sentence_order"])
def test_what_was_trained_in_both_directions_is_read_so(subject, kind):
    """A decoder too, which could be read from left to right; its texts stood behind what begins every text."""
    one = subject("causal")
    trained = Subject(one.model, one.tokenizer, Objective.parse(kind).fitted(one.model.spec))
    assert pattern_of(trained) == trained.objective.pattern(one.model.spec) == "bidirectional"
    row = torch.tensor([[one.model.vocabulary.begin_of_text, *TEXTS[0].tolist()]])
    with torch.no_grad():
        wanted = one.model.hidden(Inputs(row, pattern="bidirectional")).values_BTD[0].mean(0)
    np.testing.assert_allclose(pooled(trained, TEXTS)[0].detach(), wanted, atol=1e-5)
    gru = subject("gru")
    if kind != "sentence_order":
        assert pattern_of(Subject(gru.model, gru.tokenizer, Objective.parse(kind))) == "causal"
