"""Rows through a network: each against one row at a time by the definition, in batches of any size."""

import numpy as np
import pytest
import torch

from telos.evaluate.yardsticks._rows import Partial, batches, distributions, next_tokens, originals, span_nats, text_nats
from telos.models import Inputs
from telos.objectives.masked import MASK
from telos.objectives.permutation import QUERY

TEXTS = [b"abc", b"", b"the cat sat on the mat", b"x", b"\xe7\x8c\xab sits"]
IDS = [np.frombuffer(text, np.uint8).astype(np.int64) for text in TEXTS]


def test_every_row_is_in_one_batch_and_none_is_too_large():
    lengths = [3, 9, 1, 30, 2, 9]
    found = list(batches(lengths, 10))
    assert sorted(i for some in found for i in some) == list(range(6))
    assert all(len(some) == 1 or len(some) * max(lengths[i] for i in some) <= 10 for some in found)


@pytest.mark.parametrize("name", ["causal", "prefix", "gru"])
@pytest.mark.parametrize("batch_tokens", [1, 40, 10_000])
def test_nats_of_a_text_are_those_of_the_network_alone(subject, name, batch_tokens):
    one = subject(name)
    end = one.model.vocabulary.end_of_text
    for ids, found in zip(IDS, text_nats(one, IDS, batch_tokens), strict=True):
        assert found.shape == ids.shape
        if len(ids):
            read = torch.tensor([[end, *ids[:-1]]])
            with torch.no_grad():
                wanted = one.model.nll(one.model.hidden(Inputs(read)), torch.tensor(ids)[None])[0]
            np.testing.assert_allclose(found, wanted.numpy(), atol=2e-5)


def test_nats_of_a_model_that_counts(ngram):
    one = ngram(["the cat sat", "the mat"])
    for ids, found in zip(IDS, text_nats(one, IDS, 8), strict=True):
        np.testing.assert_allclose(found, one.model.nll(np.append(ids, one.model.vocabulary.end_of_text))[:-1], atol=1e-6)


@pytest.mark.parametrize("batch_tokens", [1, 64, 10_000])
def test_a_masked_place_is_predicted_from_the_row_with_masks(subject, batch_tokens):
    one = subject("masked")
    known = np.array([True, True, False, False, True, True])
    rows = [Partial(np.arange(97, 103), known, 2), Partial(np.arange(97, 103), known, 3), Partial(IDS[2], np.arange(22) != 5, 5)]
    found = dict(distributions(one, rows, batch_tokens))
    mask = one.model.vocabulary.specials[MASK]
    for number, row in enumerate(rows):
        shown = torch.tensor(np.where(row.known, row.tokens, mask))[None]
        with torch.no_grad():
            values = one.model.over_logits(one.model.hidden(Inputs(shown, pattern="bidirectional")), lambda z: z.log_softmax(-1))
        np.testing.assert_allclose(found[number], values[0, row.place].numpy(), atol=2e-5)


@pytest.mark.parametrize("batch_tokens", [1, 10_000])
def test_a_permuted_place_does_not_depend_on_what_is_not_known(subject, batch_tokens):
    """What stands at unknown places changes nothing, what stands at known ones does, and so does the place."""
    one = subject("permutation")
    known = np.array([True, False, True, False, True, True])
    tokens, others = np.array([97, 98, 99, 100, 101, 102]), np.array([97, 1, 99, 2, 101, 102])
    rows = [Partial(tokens, known, 3), Partial(others, known, 3), Partial(tokens, known, 1),
            Partial(np.array([97, 98, 99, 100, 101, 7]), known, 3), Partial(IDS[2], np.arange(22) != 4, 4)]  # fmt: skip
    found = dict(distributions(one, rows, batch_tokens))
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)
    assert np.abs(found[0] - found[2]).max() > 1e-3
    assert np.abs(found[0] - found[3]).max() > 1e-3


def test_a_permuted_place_sees_all_that_is_known(subject):
    """Against the row written out: content by rank, the query last of all."""
    one = subject("permutation")
    tokens, known = np.array([97, 98, 99, 100]), np.array([True, True, False, True])
    [(_, found)] = distributions(one, [Partial(tokens, known, 2)], 100, seed=5)
    from telos.foundation.random import generator

    ranks = generator(5, "order", 3, 2).permutation(3)
    seen = np.zeros((4, 4), bool)
    for q in range(4):
        for k in range(4):
            seen[q, k] = q == k or (k < 3 and (q == 3 or ranks[k] < ranks[q]))
    row = torch.tensor([[97, 98, 100, one.model.vocabulary.specials[QUERY]]])
    inputs = Inputs(row, pattern="dense", positions_BT=torch.tensor([[0, 1, 3, 2]]), visible_BTT=torch.tensor(seen)[None])
    with torch.no_grad():
        wanted = one.model.over_logits(one.model.hidden(inputs), lambda z: z.log_softmax(-1))[0, 3]
    np.testing.assert_allclose(found, wanted.numpy(), atol=2e-5)


@pytest.mark.parametrize("name", ["spans_causal", "spans_prefix", "spans_both"])
@pytest.mark.parametrize("batch_tokens", [1, 10_000])
def test_an_answers_nats_are_the_sum_of_its_next_tokens(subject, name, batch_tokens):
    one = subject(name)
    vocabulary = one.model.vocabulary
    sentinel = vocabulary.specials["<|span_0|>"]
    sources = [np.array([97, 98, sentinel, 99]), np.array([sentinel, 100, 101, 102, 103, 104])]
    targets = [np.array([sentinel, 110, 111]), np.array([sentinel, 112])]
    whole = span_nats(one, sources, targets, batch_tokens, ends=True)
    without = span_nats(one, sources, targets, batch_tokens, ends=False)
    for i, target in enumerate(targets):
        wanted = [*target[1:], vocabulary.end_of_text]
        parts = []
        for place, token in enumerate(wanted):
            [(_, log_p)] = next_tokens(one, [sources[i]], [target[: place + 1]], batch_tokens)
            assert np.exp(log_p.astype(np.float64)).sum() == pytest.approx(1, abs=1e-5)
            parts.append(-log_p[token])
        assert whole[i] == pytest.approx(sum(parts), abs=1e-4)
        assert without[i] == pytest.approx(sum(parts[:-1]), abs=1e-4)


@pytest.mark.parametrize("batch_tokens", [1, 10_000])
def test_a_detectors_sum_over_a_text(subject, batch_tokens):
    one, texts = subject("replaced_token"), [IDS[2], IDS[0]]
    found = originals(one, texts, batch_tokens)
    for ids, value in zip(texts, found, strict=True):
        with torch.no_grad():
            logits = one.owned.head(one.model.hidden(Inputs(torch.tensor(ids)[None], pattern="bidirectional")).values_BTD)[0]
        assert value == pytest.approx(float(np.log(1 / (1 + np.exp(-logits.double().numpy()))).sum()), abs=1e-4)
