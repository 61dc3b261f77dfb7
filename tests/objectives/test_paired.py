"""Layouts of sources and targets: against a loop over documents, and inside a Transformer, documents alone and together."""

import numpy as np
import pytest
import torch

from telos.foundation.errors import TelosError
from telos.models import Inputs
from telos.models.rnn import RNN
from telos.models.seq2seq import Seq2Seq
from telos.models.transformer import Transformer
from telos.objectives import collate
from telos.objectives._paired import Pairs, arrange, pieces_of
from telos.objectives.kernels.pieces import pieces
from telos.objectives.span_corruption import SpanCorruption
from telos.tokens.batches import Row
from telos.tokens.vocabulary import BEGIN_OF_TEXT, END_OF_TEXT, Vocabulary

END = 40
LAYOUTS = ("encoder_decoder", "prefix", "causal")
SOURCES, TARGETS = [[1, 2, 3], [], [4, 5]], [[6, 7], [8, 9, 10], []]


def _pairs(sources, targets) -> Pairs:
    def flat(parts):
        ids = np.array([i for part in parts for i in part], np.int64)
        return ids, np.repeat(np.arange(len(parts)), [len(part) for part in parts])

    return Pairs(*flat(sources), *flat(targets), len(sources))


def _by_hand(sources, targets, layout):
    found = {name: [] for name in ("tokens", "targets", "segments", "weights", "source", "source_segments", "prefix")}
    for i, (read, written) in enumerate(zip(sources, targets, strict=True), 1):
        source, target = [*read, END], [*written, END]
        if layout == "encoder_decoder":
            found["source"] += source
            found["source_segments"] += [i] * len(source)
        whole = target if layout == "encoder_decoder" else [*source, *target]
        found["tokens"] += [END, *whole[:-1]]
        found["targets"] += whole
        found["segments"] += [i] * len(whole)
        found["weights"] += [0] * (len(whole) - len(target)) + [1] * len(target)
        found["prefix"] += [True] * (len(source) + 1) + [False] * (len(target) - 1)
    dropped = ("prefix",) if layout == "encoder_decoder" else ("source", "source_segments")
    return {name: column for name, column in found.items() if name not in dropped and (name != "prefix" or layout == "prefix")}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_begins_a_text_elsewhere_begins_it_here(layout):
    """A tokenizer may have a token of its own for that: it is what a model reads first when it is asked for an answer."""
    whole = arrange(_pairs(SOURCES, TARGETS), layout, END, END + 1)
    firsts = np.flatnonzero(np.diff(whole["segments"], prepend=0))
    assert whole["tokens"][firsts].tolist() == [END + 1] * 3
    assert (whole["tokens"] == END + 1).sum() == 3
    objective = SpanCorruption(layout=layout, max_spans=2)
    vocabulary = Vocabulary(40, "test", {END_OF_TEXT: 40, BEGIN_OF_TEXT: 41}).with_specials(objective.special_tokens())
    row = Row(np.arange(9, dtype=np.uint16), 40, np.zeros(9, np.int64), 0)
    assert objective.examples(row, np.random.default_rng(0), vocabulary)["tokens"][0] == vocabulary.begin_of_text


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_each_layout_is_that_of_a_loop_over_documents(layout, count):
    example = arrange(_pairs(SOURCES[:count], TARGETS[:count]), layout, END, END)
    assert {name: column.tolist() for name, column in example.items()} == _by_hand(SOURCES[:count], TARGETS[:count], layout)


def test_a_piece_is_what_a_row_has_of_a_document():
    row = Row(np.array([5, END, 6, 7, END, END, 8], np.uint16), END, np.array([3, 3, 9, 9, 9, 2, 4]), 0)
    for ids, places, count in (pieces_of(row, END), pieces(row.tokens, row.documents, END)):
        assert (ids.tolist(), places.tolist(), count) == ([5, 6, 7, 8], [0, 1, 1, 3], 4)
        assert ids.dtype == places.dtype == np.int64


MODELS = {
    "encoder_decoder": Transformer(architecture="encoder_decoder", num_layers=2, hidden_size=16, num_heads=2, context_length=32),
    "prefix": Transformer(num_layers=2, hidden_size=16, num_heads=2, context_length=32),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_documents_of_a_row_are_read_as_they_are_alone(layout):
    """The loss of a row of three is the sum of the losses of each by itself, with padding and without."""
    objective = SpanCorruption(layout=layout)
    vocabulary = Vocabulary(END, "test", {END_OF_TEXT: END}).with_specials(objective.special_tokens())
    network = MODELS.get(layout, MODELS["prefix"]).build(vocabulary, 1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(2)), alpha=0.2)

    def loss(examples) -> float:
        batch = collate(examples)
        return float(objective.loss(network, batch, np.random.default_rng(0)).terms["nll"][0].detach())

    together = arrange(_pairs(SOURCES, TARGETS), layout, END, END)
    alone = [arrange(_pairs([s], [t]), layout, END, END) for s, t in zip(SOURCES, TARGETS, strict=True)]
    assert loss([together]) == pytest.approx(sum(loss([one]) for one in alone), rel=1e-5)
    assert loss([together, *alone]) == pytest.approx(2 * loss([together]), rel=1e-5)
    measured = objective.measure(network, collate([together, *alone]), np.random.default_rng(0))["nats_per_target_token"]
    assert float(measured[0].detach().sum()) == pytest.approx(2 * loss([together]), rel=1e-5)
    assert measured[1].tolist() == [8, 3, 4, 1]


def test_the_layout_follows_the_model_and_one_that_it_lacks_is_refused():
    objective = SpanCorruption()
    assert objective.fitted(MODELS["encoder_decoder"]).layout == "encoder_decoder"
    assert objective.fitted(MODELS["prefix"]).layout == "prefix"
    assert objective.fitted(RNN()).layout == "causal"
    assert objective.replace(layout="causal").fitted(MODELS["prefix"]).layout == "causal"
    with pytest.raises(TelosError) as error:
        objective.replace(layout="prefix").check(RNN())
    assert error.value.must == "objective.layout must be a pattern of the model, one of causal"
    assert error.value.found == "prefix"
    with pytest.raises(TelosError) as error:
        objective.check(Seq2Seq())
    assert error.value.must == "objective 'span_corruption' needs an encoder-decoder that reads several texts of a row apart"


def test_what_a_target_says_is_seen_by_no_token_before_it():
    """Causality within the target: changing its last token changes the loss of that token alone."""
    objective = SpanCorruption(layout="prefix")
    vocabulary = Vocabulary(END, "test", {END_OF_TEXT: END}).with_specials(objective.special_tokens())
    network = MODELS["prefix"].build(vocabulary, 1).eval()
    example = arrange(_pairs([[1, 2, 3]], [[6, 7, 8]]), "prefix", END, END)
    changed = {name: column.copy() for name, column in example.items()}
    changed["tokens"][-1] = 9
    with torch.no_grad():
        both = [network.hidden(Inputs(b["tokens"], b["segments"], "prefix", prefix_BT=b["prefix"])).values_BTD[0]
                for b in (collate([example]), collate([changed]))]  # fmt: skip
    assert torch.allclose(both[0][:-1], both[1][:-1], atol=1e-6)
    assert not torch.allclose(both[0][-1], both[1][-1], atol=1e-3)
