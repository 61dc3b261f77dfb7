"""Span extraction: loss and gradient in NumPy float64, the best span by loops, no answer, any split, what is refused."""

import numpy as np
import pytest
import torch

from telos.foundation.errors import TelosError
from telos.models import Inputs
from telos.models.convolution import Convolution
from telos.models.lstm import LSTM
from telos.models.transformer import Transformer
from telos.objectives import collate
from telos.objectives.span_extraction import SpanExtraction
from telos.tokens.batches import Row
from telos.tokens.vocabulary import BEGIN_OF_TEXT, END_OF_TEXT, Vocabulary
from telos.train.gradients import accumulate
from tests.objectives.heads import with_drawn_head

VOCABULARY = Vocabulary(20, "test", {END_OF_TEXT: 20})
CAUSAL = LSTM(hidden_size=16, context_length=24)
BOTH_SIDES = Transformer(num_layers=1, hidden_size=16, num_heads=2, context_length=24)
QUESTIONS, TEXTS = [[3, 5], [7], [1, 2, 3, 4], [9]], [[6, 5, 4, 3, 2], [1, 2, 3], [8, 8, 8, 8, 8, 8, 9], [4, 4]]
ANSWERS = [[(1, 3)], [(-1, -1), (0, 0)], [(5, 6), (0, 9)], [(1, 2)]]
"""The second's first answer stands nowhere, the third's second ends behind what is read, and so does the fourth's only one."""
RNG = np.random.default_rng(0)
OBJECTIVE = SpanExtraction(max_question_tokens=4)


def row(i, answers=None):
    found = ANSWERS[i] if answers is None else answers
    beside = {"question": np.array(QUESTIONS[i], np.uint16), "answers": np.array(found, np.int32).reshape(-1, 2)}
    return Row(np.array(TEXTS[i], np.uint16), 20, np.full(len(TEXTS[i]), i), i, beside=beside)


def batch_of(objective, **answers):
    return collate([objective.examples(row(i, answers.get(f"of_{i}")), RNG, VOCABULARY) for i in range(4)])


def trainable(objective, spec=CAUSAL):
    return with_drawn_head(objective, spec, VOCABULARY)


def test_a_row_is_the_question_and_the_text():
    example = OBJECTIVE.examples(row(1), RNG, VOCABULARY.with_specials((BEGIN_OF_TEXT,)))
    assert example["tokens"].tolist() == [21, 7, 20, 1, 2, 3]
    assert example["context"].tolist() == [False] * 3 + [True] * 3
    assert example["types"].tolist() == [0] * 3 + [1] * 3
    assert (example["answers"].tolist(), example["fits"].tolist()) == ([[3, 3], [0, 0]], [True, False]), "what fits comes first"
    cut = SpanExtraction(max_question_tokens=2).examples(row(2), RNG, VOCABULARY)
    assert cut["tokens"].tolist() == [20, 1, 2, 20, *TEXTS[2]]
    assert OBJECTIVE.raw_length(24) == 18
    assert len(QUESTIONS[2]) + 2 + 18 == 24


@pytest.mark.parametrize("spec", [CAUSAL, BOTH_SIDES], ids=["causal", "both_sides"])
@pytest.mark.parametrize("unanswerable", [False, True])
def test_loss_and_gradient_are_the_formulas(spec, unanswerable):
    objective = OBJECTIVE.replace(unanswerable=unanswerable)
    model = trainable(objective, spec)
    weight, bias = (p.detach().double().numpy() for p in (model.owned.linear.weight, model.owned.linear.bias))
    targets = [(1, 3), (0, 0), (5, 6), None]
    loss, by_weight = 0.0, np.zeros_like(weight)
    for question, text, target in zip(QUESTIONS, TEXTS, targets, strict=True):
        if target is None:
            continue
        tokens, begins = [20, *question, 20, *text], len(question) + 2
        with torch.no_grad():
            hidden = model.network.hidden(Inputs(torch.tensor([tokens]), pattern=objective.pattern(spec)))
        places = [*([0] if unanswerable else []), *range(begins, len(tokens))]
        values = hidden.values_BTD[0].double().numpy()[places]
        for end in (0, 1):
            logits = values @ weight[end] + bias[end]
            p = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
            at = places.index(begins + target[end])
            loss -= np.log(p[at])
            by_weight[end] += (p - np.eye(len(p))[at]) @ values
    batch = batch_of(objective)
    total, coefficient = objective.loss(model, batch, RNG).terms["nats_per_answer"]
    total.backward()
    assert (coefficient, objective.weights(batch)) == (1.0, {"nats_per_answer": 3.0})
    assert total.item() == pytest.approx(loss, rel=1e-5)
    np.testing.assert_allclose(model.owned.linear.weight.grad, by_weight, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("longest", [1, 2, 30])
@pytest.mark.parametrize("unanswerable", [False, True])
def test_the_best_span_by_loops(longest, unanswerable):
    objective = OBJECTIVE.replace(longest_answer=longest, unanswerable=unanswerable)
    batch = batch_of(objective)
    draw = torch.Generator().manual_seed(5)
    nowhere = 0
    for _ in range(30):
        logits = torch.randn(*batch["context"].shape, 2, generator=draw).masked_fill(~batch["context"][..., None], -torch.inf)
        found = objective._best(logits, batch)[0].tolist()
        for i, one in enumerate(logits.tolist()):
            begins = int(batch["begins"][i])
            pairs = [(a, b) for a in range(begins, len(one)) for b in range(a, min(a + longest, len(one)))]
            best = max(pairs, key=lambda ab: one[ab[0]][0] + one[ab[1]][1])
            if unanswerable and one[0][0] + one[0][1] > one[best[0]][0] + one[best[1]][1]:
                best, nowhere = (0, 0), nowhere + 1
            assert found[i] == list(best)
    assert (nowhere > 0) == unanswerable


def test_what_is_told_counts_from_the_text():
    objective = OBJECTIVE.replace(unanswerable=True)
    model, batch = trainable(objective), batch_of(objective)
    logits = torch.full((*batch["context"].shape, 2), -torch.inf)
    for i, (a, b) in enumerate([(5, 7), (0, 0), (6, 6), (3, 4)]):
        logits[i, a, 0] = logits[i, b, 1] = 0.0
    objective_logits = SpanExtraction.logits
    try:
        SpanExtraction.logits = lambda self, model, batch: logits
        assert objective.told(model, batch).tolist() == [[1, 3], [-1, -1], [0, 0], [0, 1]]
        right, ones = objective.measure(model, batch, RNG)["exact_span"]
    finally:
        SpanExtraction.logits = objective_logits
    assert (right.tolist(), ones.tolist()) == ([1, 0, 0, 0], [1] * 4)


def test_what_is_measured():
    model, batch = trainable(OBJECTIVE), batch_of(OBJECTIVE)
    measured = OBJECTIVE.measure(model, batch, RNG)
    assert list(measured) == ["exact_span", "nats_per_answer"]
    nats, weights = measured["nats_per_answer"]
    assert weights.tolist() == [1, 1, 1, 0]
    assert nats[3] == 0
    assert nats.sum().item() == pytest.approx(OBJECTIVE.loss(model, batch, RNG).terms["nats_per_answer"][0].item(), rel=1e-6)


def test_a_question_without_an_answer():
    objective = OBJECTIVE.replace(unanswerable=True)
    example = objective.examples(row(0, []), RNG, VOCABULARY)
    assert (example["answers"].tolist(), example["fits"].tolist(), float(example["weights"])) == ([[0, 0]], [True], 1.0)
    assert example["context"][0]
    with pytest.raises(TelosError) as error:
        OBJECTIVE.examples(row(0, []), RNG, VOCABULARY)
    assert (error.value.must, error.value.found) == ("every question must have an answer", "that of document 0 has none")
    assert "objective.unanswerable=true" in error.value.fix


@pytest.mark.parametrize("split", [[slice(0, 1), slice(1, 4)], [slice(i, i + 1) for i in range(4)]], ids=len)
def test_any_split_gives_the_same_gradient(split):
    gradients = []
    for parts in ([slice(0, 4)], split):
        model = trainable(OBJECTIVE)
        accumulate(model, OBJECTIVE, batch_of(OBJECTIVE), parts, seed=1, step=0)
        gradients.append({name: p.grad for name, p in model.named_parameters() if p.grad is not None})
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, atol=1e-5, rtol=1e-4)


def test_what_is_refused():
    with pytest.raises(TelosError) as error:
        OBJECTIVE.check(Convolution())
    assert error.value.must == "objective 'span_extraction' needs a model with a value for each token"
    with pytest.raises(TelosError) as error:
        SpanExtraction().check(CAUSAL)
    assert error.value.must == "model.context_length must have room for a question, what stands around it, and a text"
    assert error.value.found == "24 tokens, 64 of them for the question"
    with pytest.raises(TelosError) as error:
        OBJECTIVE.examples(Row(np.array([3]), 20, np.array([7]), 0), RNG, VOCABULARY)
    assert (error.value.must, error.value.found) == ("every document must have a question", "document 7 has none")
