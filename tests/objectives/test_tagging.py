"""Tagging: loss and gradient in NumPy float64, spans as seqeval reads them, any split, texts that do not fit, what is refused."""

import numpy as np
import pytest
import torch

from telos.foundation.errors import TelosError
from telos.models import Inputs
from telos.models.bag_of_embeddings import BagOfEmbeddings
from telos.models.lstm import LSTM
from telos.models.transformer import Transformer
from telos.objectives import collate
from telos.objectives._tag_spans import marks_spans, spans
from telos.objectives.tagging import Tagging
from telos.tokens.batches import Row
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary
from telos.train.gradients import accumulate
from telos.train.trainable import Trainable
from tests.objectives.heads import with_drawn_head

NAMES = ("B-LOC", "B-PER", "I-PER", "O")
VOCABULARY = Vocabulary(20, "test", {END_OF_TEXT: 20}, NAMES)
CAUSAL = LSTM(hidden_size=16, context_length=12)
BOTH_SIDES = Transformer(num_layers=1, hidden_size=16, num_heads=2, context_length=12)
TEXTS = [[3, 5, 3, 8], [7], [1, 2, 3, 4, 5, 6]]
TAGS = [[(0, 1), (2, 2), (3, 3)], [(0, 0)], [(1, 3), (4, 9)]]
"""(first token, tag); 9 is one that no training document had."""
RNG = np.random.default_rng(0)


def rows(texts=TEXTS):
    return [Row(np.array(text, np.uint16), 20, np.full(len(text), i), i, beside={"tags": np.array(pairs, np.int32)})
            for i, (text, pairs) in enumerate(zip(texts, TAGS, strict=True))]  # fmt: skip


def batch_of(objective, texts=TEXTS):
    return collate([objective.examples(row, RNG, VOCABULARY) for row in rows(texts)])


def trainable(objective, spec=CAUSAL):
    return with_drawn_head(objective, spec, VOCABULARY)


READ = {"first": [[0, 2, 3], [0], [1, 4]], "last": [[1, 2, 3], [0], [3, 5]]}


@pytest.mark.parametrize("read", READ)
@pytest.mark.parametrize("spec", [CAUSAL, BOTH_SIDES], ids=["causal", "both_sides"])
def test_loss_and_gradient_are_the_formulas(read, spec):
    objective = Tagging(read=read)
    model = trainable(objective, spec)
    pattern = objective.pattern(spec)
    weight, bias = (p.detach().double().numpy() for p in (model.owned.linear.weight, model.owned.linear.bias))
    loss, by_weight, words = 0.0, np.zeros_like(weight), 0
    for text, places, pairs in zip(TEXTS, READ[read], TAGS, strict=True):
        with torch.no_grad():
            values = model.network.hidden(Inputs(torch.tensor([[20, *text]]), pattern=pattern)).values_BTD[0].double().numpy()
        for place, (_, tag) in zip(places, pairs, strict=True):
            if tag < 4:
                logits = weight @ values[1 + place] + bias
                p = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
                loss, words = loss - np.log(p[tag]), words + 1
                by_weight += np.outer(p - np.eye(4)[tag], values[1 + place])
    batch = batch_of(objective)
    total, coefficient = objective.loss(model, batch, RNG).terms["nats_per_word"]
    total.backward()
    assert (coefficient, objective.weights(batch)) == (1.0, {"nats_per_word": float(words)})
    assert total.item() == pytest.approx(loss, rel=1e-5)
    np.testing.assert_allclose(model.owned.linear.weight.grad, by_weight, rtol=1e-4, atol=1e-5)


def test_the_token_that_is_read_hangs_on_what_the_model_sees():
    assert Tagging().fitted(CAUSAL).read == "last"
    assert Tagging().fitted(BOTH_SIDES).read == "first"
    assert Tagging(read="first").fitted(CAUSAL).read == "first"


def test_words_without_weight_weigh_nothing():
    objective = Tagging(read="first")
    model, batch = trainable(objective), batch_of(objective)
    logits = objective.logits(model, batch)
    logits.retain_grad()
    objective._nll(logits, batch).sum().backward()
    assert (logits.grad.abs().sum(2) > 0).tolist() == [[True] * 3, [True, False, False], [True, False, False]]


def test_what_is_measured_and_told():
    objective = Tagging(read="first")
    model, batch = trainable(objective), batch_of(objective)
    told = objective.logits(model, batch).argmax(2)
    assert torch.equal(objective.told(model, batch)[batch["words"]], told[batch["words"]])
    measured = objective.measure(model, batch, RNG)
    assert list(measured) == ["span_f1", "accuracy", "nats_per_word"]
    right = [sum(int(told[i, w]) == tag for w, (_, tag) in enumerate(pairs)) for i, pairs in enumerate(TAGS)]
    assert measured["accuracy"][0].tolist() == right
    assert measured["accuracy"][1].tolist() == [3, 1, 2]
    assert measured["nats_per_word"][1].tolist() == [3, 1, 1]
    assert measured["nats_per_word"][0].sum().item() == pytest.approx(
        objective.loss(model, batch, RNG).terms["nats_per_word"][0].item()
    )
    for i, pairs in enumerate(TAGS):
        names = [[NAMES[t] if t < 4 else "B-new" for t in of] for of in (told[i, : len(pairs)].tolist(), [t for _, t in pairs])]
        said, marked = map(spans, names)
        assert measured["span_f1"][0][i] == 2 * len(said & marked)
        assert measured["span_f1"][1][i] == len(said) + len(marked)
    plain = Trainable(model.network, model.owned)
    plain.network.vocabulary = VOCABULARY.with_labels(("ADJ", "N", "V", "X"))
    assert list(objective.measure(plain, batch, RNG)) == ["accuracy", "nats_per_word"], (
        "tags that mark no spans have no F1 of them"
    )


def test_of_a_text_that_is_cut_the_words_behind_are_outside():
    objective = Tagging(read="first")
    short = [[3, 5], [7], [1, 2, 3, 4]]
    batch = batch_of(objective, short)
    assert batch["fits"].tolist() == [[True, False, False], [True, False, False], [True, False, False]]
    assert batch["weights"].tolist() == [[1, 0, 0], [1, 0, 0], [1, 0, 0]]
    model = trainable(objective)
    assert objective.told(model, batch)[0, 1:].tolist() == [3, 3], "O"
    assert objective.measure(model, batch, RNG)["accuracy"][1].tolist() == [3, 1, 2], "and they count"


@pytest.mark.parametrize("split", [[slice(0, 1), slice(1, 3)], [slice(i, i + 1) for i in range(3)]], ids=len)
def test_any_split_gives_the_same_gradient(split):
    objective = Tagging(read="last")
    gradients = []
    for parts in ([slice(0, 3)], split):
        model = trainable(objective)
        accumulate(model, objective, batch_of(objective), parts, seed=1, step=0)
        gradients.append({name: p.grad for name, p in model.named_parameters() if p.grad is not None})
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, atol=1e-5, rtol=1e-4)


SEQUENCES = {
    "B-A I-A O": {("A", 0, 1)}, "I-A I-A": {("A", 0, 1)}, "O I-A": {("A", 1, 1)}, "B-A B-A": {("A", 0, 0), ("A", 1, 1)},
    "B-A I-B": {("A", 0, 0), ("B", 1, 1)}, "S-A S-A": {("A", 0, 0), ("A", 1, 1)}, "B-A E-A I-A": {("A", 0, 1), ("A", 2, 2)},
    "U-A B-B L-B O": {("A", 0, 0), ("B", 1, 2)}, "O O": set(), "": set(),
}  # fmt: skip


@pytest.mark.parametrize("tags", SEQUENCES)
def test_spans_by_hand(tags):
    assert spans(tags.split()) == SEQUENCES[tags]


def test_spans_are_seqevals():
    labeling = pytest.importorskip("seqeval.metrics.sequence_labeling")
    draw = np.random.default_rng(1)
    for _ in range(500):
        tags = draw.choice(["O", "B-A", "I-A", "B-B", "I-B", "E-A", "S-B"], draw.integers(1, 12)).tolist()
        assert spans(tags) == {tuple(one) for one in labeling.get_entities(tags)}, tags


def test_which_tags_mark_spans():
    assert marks_spans(NAMES)
    assert not marks_spans(["O"])
    assert not marks_spans(["N", "V", "O"])
    assert not marks_spans(["B-PER", "N"])


def test_what_is_refused():
    with pytest.raises(TelosError) as error:
        Tagging().build(CAUSAL.build(VOCABULARY), VOCABULARY.with_labels(("O",)))
    assert (error.value.must, error.value.found) == ("tagging needs words with at least two tags", "1: O")
    with pytest.raises(TelosError) as error:
        Tagging().examples(Row(np.array([3]), 20, np.array([7]), 0), RNG, VOCABULARY)
    assert (error.value.must, error.value.found) == ("every document must have words with tags", "document 7 has none")
    with pytest.raises(TelosError) as error:
        Tagging().check(BagOfEmbeddings())
    assert error.value.must == "objective 'tagging' needs a model with a value for each token"
    assert error.value.found == "'bag_of_embeddings' reads a text as a whole and gives one for all"
