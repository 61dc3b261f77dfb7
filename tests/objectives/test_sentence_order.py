"""Sentence order, and what it shares with next sentence: whole sentences of a row, pairs, transformers' BERT, any split."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from telos.foundation.errors import TelosError
from telos.models import Hidden, Inputs
from telos.models.rnn import RNN
from telos.models.transformer import Transformer
from telos.objectives import collate
from telos.objectives._sentences import SEPARATOR, PairHead, sentences_of
from telos.objectives.next_sentence import NextSentence
from telos.objectives.sentence_order import SentenceOrder
from telos.tokens.batches import Row
from telos.tokens.marks import SENTENCE
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary
from telos.train.gradients import accumulate
from telos.train.trainable import Trainable

END = 200
VOCABULARY = Vocabulary(END, "test", {END_OF_TEXT: END}).with_specials((SEPARATOR,))
BETWEEN = VOCABULARY.specials[SEPARATOR]
SPEC = Transformer(architecture="encoder", num_layers=1, hidden_size=16, num_heads=2, context_length=64)


def make_row(documents, *, cut_first=0, whole=True) -> Row:
    """``documents``: lists of sentences, lists of tokens.  The row begins ``cut_first`` tokens into the first."""
    tokens, marks, ordinals = [], [], []
    for number, sentences in enumerate(documents):
        for sentence in sentences:
            tokens += sentence
            marks += [SENTENCE, *[0] * (len(sentence) - 1)]
        if whole or number + 1 < len(documents):
            tokens, marks = [*tokens, END], [*marks, 0]
        ordinals += [number] * (len(tokens) - len(ordinals))
    keep = slice(cut_first, None)
    return Row(
        np.array(tokens[keep], np.uint16), END, np.array(ordinals[keep], np.int64), 0, marks=np.array(marks[keep], np.uint8)
    )


def numbered(lengths):
    """Documents whose tokens count up, so that a token says where it stands."""
    documents, at = [], 0
    for document in lengths:
        documents.append([])
        for length in document:
            documents[-1].append([*range(at, at + length)])
            at += length
    return documents


lengths = st.lists(st.lists(st.integers(1, 5), max_size=5), min_size=1, max_size=4)


@given(lengths, st.integers(0, 6), st.booleans())
def test_whole_sentences_are_those_of_a_loop(shape, cut, whole):
    documents = numbered(shape)
    row = make_row(documents, cut_first=cut, whole=whole)
    if not len(row.tokens):
        return
    seen, expected = set(row.tokens.tolist()), []
    for number, sentences in enumerate(documents):
        open_ended = not whole and number + 1 == len(documents)
        kept = [s for i, s in enumerate(sentences) if set(s) <= seen and not (open_ended and i + 1 == len(sentences))]
        expected += [(sentence, place, len(kept)) for place, sentence in enumerate(kept)]
    found = sentences_of(row, END)
    assert [found.joined(i, 1).tolist() for i in range(len(found.places))] == [sentence for sentence, _, _ in expected]
    assert found.places.tolist() == [place for _, place, _ in expected]
    assert found.counts.tolist() == [count for _, _, count in expected]


def parts(example):
    """(first, second) of an example."""
    tokens = example["tokens"].tolist()
    assert tokens[0] == END
    at = tokens.index(BETWEEN)
    assert example["segments"].tolist() == [1] * len(tokens)
    assert example["types"].tolist() == [0] * (at + 1) + [1] * (len(tokens) - at - 1)
    return tokens[1:at], tokens[at + 1 :]


@given(lengths, st.integers(0, 4), st.integers(0, 2**32 - 1))
def test_a_pair_is_the_whole_sentences_of_a_document_in_order_or_swapped(shape, cut, seed):
    documents = numbered(shape)
    row = make_row(documents, cut_first=cut)
    if not len(row.tokens):
        return
    example = SentenceOrder().examples(row, np.random.default_rng(seed), VOCABULARY)
    seen = set(row.tokens.tolist())
    whole = [[s for s in sentences if set(s) <= seen] for sentences in documents]
    if max(map(len, whole)) < 2:
        assert example["weights"] == 0
        assert example["tokens"].tolist() == [END, BETWEEN]
        return
    first, second = parts(example)
    if not example["answers"]:
        first, second = second, first
    assert example["weights"] == 1
    assert [*first, *second] in [[token for s in sentences for token in s] for sentences in whole]
    assert second[0] in {s[0] for sentences in whole for s in sentences[1:]}


def test_half_of_the_pairs_are_swapped_and_every_place_is_cut():
    row, objective = make_row(numbered([[2, 1, 3], [1], [2, 2]])), SentenceOrder()
    answers, cuts = [], []
    for seed in range(600):
        example = objective.examples(row, np.random.default_rng(seed), VOCABULARY)
        answers.append(float(example["answers"]))
        cuts.append(max(part[0] for part in parts(example)))
    assert np.mean(answers) == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(600))
    assert np.unique(cuts).tolist() == [2, 3, 9]
    assert np.mean(np.array(cuts) == 9) == pytest.approx(1 / 3, abs=0.08)


@pytest.mark.parametrize("objective", [SentenceOrder(), NextSentence()], ids=lambda o: o.kind())
def test_the_same_draw_gives_the_same_pair_and_rows_fit(objective):
    raw = objective.raw_length(32)
    row = make_row(numbered([[5] * 6]))
    row = Row(row.tokens[:raw], END, row.documents[:raw], 0, marks=row.marks[:raw])
    found = [objective.examples(row, np.random.default_rng(seed), VOCABULARY)["tokens"].tolist() for seed in (1, 1, 2, 3, 4)]
    assert found[0] == found[1]
    assert len({tuple(tokens) for tokens in found}) > 1
    assert all(len(tokens) <= 32 for tokens in found)


def bert():
    from transformers import BertConfig, BertForNextSentencePrediction

    torch.manual_seed(0)
    return BertForNextSentencePrediction(
        BertConfig(
            vocab_size=256,
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=24,
            max_position_embeddings=40,
        )
    ).eval()


class Behind:
    """transformers' BERT behind the interface of a network with our head."""

    def __init__(self, network, head):
        self.network, self.owned = network, head
        self.spec = SPEC.replace(num_token_types=2)

    def hidden(self, inputs: Inputs) -> Hidden:
        assert inputs.pattern == "bidirectional"
        read = self.network.bert(inputs.tokens_BT, attention_mask=inputs.segments_BT, token_type_ids=inputs.types_BT)
        return Hidden(read.last_hidden_state)


def test_the_loss_is_that_of_transformers_bert():
    network, objective = bert(), SentenceOrder()
    head = PairHead(16)
    with torch.no_grad():
        head.pooler.weight.copy_(network.bert.pooler.dense.weight)
        head.pooler.bias.copy_(network.bert.pooler.dense.bias)
        two = network.cls.seq_relationship
        # Class 0 is "yes" to transformers; of two logits the difference counts.
        head.out.weight.copy_(two.weight[:1] - two.weight[1:])
        head.out.bias.copy_(two.bias[:1] - two.bias[1:])
    rows = [
        make_row(numbered([[2, 3, 1]])),
        make_row(numbered([[9]])),
        make_row(numbered([[4, 2]])),
        make_row(numbered([[1, 1]])),
    ]
    batch = collate([objective.examples(row, np.random.default_rng(i), VOCABULARY) for i, row in enumerate(rows)])
    assert batch["weights"].tolist() == [1, 0, 1, 1]
    assert set(batch["answers"].tolist()) == {0, 1}
    total, coefficient = objective.loss(Behind(network, head), batch, np.random.default_rng(0)).terms["nats_per_pair"]
    kept = batch["weights"] > 0
    expected = network(batch["tokens"][kept], attention_mask=batch["segments"][kept], token_type_ids=batch["types"][kept],
                       labels=1 - batch["answers"][kept].long())  # fmt: skip
    assert coefficient == 1
    assert objective.weights(batch) == {"nats_per_pair": 3.0}
    torch.testing.assert_close(total / 3, expected.loss, atol=1e-5, rtol=1e-5)
    measured = objective.measure(Behind(network, head), batch, np.random.default_rng(0))
    right = (expected.logits.argmax(1) == 1 - batch["answers"][kept].long()).float()
    assert list(measured) == ["accuracy", "nats_per_pair"]
    assert measured["accuracy"][0].tolist() == [right[0], 0, right[1], right[2]]
    assert measured["accuracy"][1].tolist() == [1, 0, 1, 1]
    assert measured["nats_per_pair"][0].sum().item() == pytest.approx(total.item(), rel=1e-6)


@pytest.mark.parametrize("objective", [SentenceOrder(), NextSentence()], ids=lambda o: o.kind())
def test_any_split_gives_the_same_gradient_and_a_fresh_head_is_undecided(objective):
    rows = [make_row(numbered([[2, 3, 1], [2, 2]])), make_row(numbered([[9]])), make_row(numbered([[4, 2, 2]])),
            make_row(numbered([[1, 1, 1, 1]]))]  # fmt: skip
    batch = collate([objective.examples(row, np.random.default_rng(i), VOCABULARY) for i, row in enumerate(rows)])
    gradients = []
    for split in ([slice(0, 4)], [slice(0, 1), slice(1, 4)], [slice(i, i + 1) for i in range(4)]):
        network = SPEC.build(VOCABULARY, seed=3)
        model = Trainable(network, objective.build(network, VOCABULARY))
        assert model.roles()["objective.out.weight"] == "head"
        fresh = accumulate(model, objective, batch, split, seed=1, step=0)
        assert fresh.loss == pytest.approx(np.log(2), rel=1e-6)
        assert fresh.metrics["rows_with_a_pair"] == pytest.approx(0.75)
        with torch.no_grad():
            model.owned.out.weight.copy_(torch.linspace(-1, 1, 16)[None])
        for parameter in dict(model.named_parameters()).values():
            parameter.grad = None
        accumulate(model, objective, batch, split, seed=1, step=0)
        gradients.append({name: p.grad for name, p in model.named_parameters() if p.grad is not None})
    assert gradients[0]["objective.pooler.weight"].abs().max() > 0
    for other in gradients[1:]:
        for name, gradient in gradients[0].items():
            torch.testing.assert_close(other[name], gradient, atol=1e-6, rtol=1e-4)


def test_a_row_without_a_pair_has_no_gradient():
    objective, network = SentenceOrder(), SPEC.build(VOCABULARY, seed=3)
    model = Trainable(network, objective.build(network, VOCABULARY))
    batch = collate([objective.examples(make_row(numbered([[9]])), np.random.default_rng(0), VOCABULARY)])
    assert accumulate(model, objective, batch, [slice(0, 1)], seed=1, step=0).loss == 0
    assert all(p.grad is None or not p.grad.any() for _, p in model.named_parameters())


def test_models_that_look_one_way_or_have_no_room_are_refused():
    with pytest.raises(TelosError) as error:
        SentenceOrder().check(RNN())
    assert error.value.must == "objective 'sentence_order' needs a model with bidirectional attention"
    with pytest.raises(TelosError) as error:
        NextSentence().check(SPEC.replace(context_length=3))
    assert error.value.must == "objective 'next_sentence' needs rows with two sentences and what stands around them"
    assert error.value.found == "model.context_length=3"
