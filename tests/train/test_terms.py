"""Terms in training: with each kind of objective the loss and gradient of the whole, for any split, in chunks or not; what is
noted; what stands beside a place."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from telos.foundation.errors import TelosError
from telos.layers import cross_entropy
from telos.models import Inputs
from telos.models.lstm import LSTM
from telos.models.perceptron import Perceptron
from telos.models.softmax_regression import SoftmaxRegression
from telos.models.transformer import Transformer
from telos.objectives import Objective, collate
from telos.objectives.causal import Causal
from telos.objectives.classification import Classification
from telos.objectives.masked import Masked
from telos.objectives.masked_diffusion import MaskedDiffusion
from telos.objectives.mix import Mix
from telos.objectives.multi_token import MultiToken
from telos.objectives.sequence_to_sequence import SequenceToSequence
from telos.objectives.span_corruption import SpanCorruption
from telos.tokens.batches import Row
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary
from telos.train.gradients import accumulate
from telos.train.terms import Earlier, Terms
from telos.train.trainable import Trainable

PLAIN = Vocabulary(20, "test", {END_OF_TEXT: 20}, ("neg", "neutral", "pos"))
DECODER = Transformer(num_layers=1, hidden_size=16, num_heads=2, context_length=24)
PAIRS = DECODER.replace(architecture="encoder_decoder")
TERMS = ({"kind": "label_smoothing", "amount": 0.2}, {"kind": "z_loss", "weight": 0.05}, {"kind": "focal", "gamma": 1.5},
         {"kind": "confidence_penalty", "weight": 0.3})  # fmt: skip


def rows(count=4):
    draw = np.random.default_rng(5)
    found = []
    for number in range(count):
        tokens = draw.integers(0, 20, 9 + number)
        tokens[4], tokens[-1] = 20, 20
        documents = np.concatenate([np.zeros(5, np.int64), np.ones(len(tokens) - 5, np.int64)]) + 2 * number
        found.append(Row(tokens, 20, documents, number, label=number % 3, target=draw.integers(0, 20, 3 + number)))
    return found


def documents(count=4):
    return [Row(row.tokens[:4], 20, row.documents[:4], row.number, label=row.label, target=row.target) for row in rows(count)]


EXACT = 1e-9
CASES = {
    "causal": (Causal(), DECODER),
    "masked": (Masked(mask_fraction=0.5), DECODER),
    "masked_diffusion": (MaskedDiffusion(), DECODER),
    "multi_token": (MultiToken(tokens=3, weight=0.3), DECODER),
    "span_corruption": (SpanCorruption(noise_density=0.4, max_spans=8), PAIRS),
    "sequence_to_sequence": (SequenceToSequence(max_target_tokens=20), PAIRS),
    "classification": (Classification(), DECODER),
    "mix": (
        Mix(by="sum", parts=[{"objective": "causal"}, {"objective": {"kind": "masked", "mask_fraction": 0.5}, "weight": 0.3}]),
        DECODER,
    ),
    "causal on an lstm": (Causal(), LSTM(num_layers=1, hidden_size=12, embedding_size=8, context_length=24)),
    "causal on a perceptron": (Causal(), Perceptron(hidden_size=8, embedding_size=6)),
    "causal on softmax regression": (Causal(), SoftmaxRegression(window=2)),
}


def prepared(case, terms=TERMS, dtype=torch.float64):
    """(objective, trainable, batch), weights drawn anew and large enough that predictions are not even."""
    objective, spec = CASES[case]
    objective = objective.replace(terms=list(terms)).fitted(spec)
    objective.check(spec)
    vocabulary = PLAIN.with_specials(objective.special_tokens())
    network = spec.build(vocabulary, seed=3)
    owned = objective.build(network, vocabulary)
    model = Trainable(network, owned, terms=Terms.of(objective, network, vocabulary))
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for _, parameter in model.named_parameters():
            parameter.normal_(0, 0.5, generator=generator)
    for module in (network, owned):
        if module is not None:
            module.to(dtype)
    network.compute_dtype = dtype
    model.train()
    given = documents() if objective.unit == "document" else rows()
    examples = [objective.examples(row, np.random.default_rng(7 + row.number), vocabulary) for row in given]
    return objective, model, collate(examples)


class ByHand:
    """A model that gives what the terms make of a place written down with torch's plain functions, logits and all."""

    def __init__(self, model, added):
        self.model, self.added = model, added

    def __getattr__(self, name):
        return getattr(self.model, name)

    def hidden(self, inputs, state=None):
        return self.model.network.hidden(inputs, state)

    def nll(self, hidden, targets_BT):
        logits = self.model.network.over_logits(hidden, lambda logits: logits)
        return self.added(logits.flatten(0, 1), targets_BT.flatten()).view(targets_BT.shape)

    def class_nll(self, logits, classes):
        return self.added(logits.values_BTD, classes)


def four(z, y):
    """The loss of TERMS."""
    nll = functional.cross_entropy(z, y, reduction="none")
    smooth = functional.cross_entropy(z, y, reduction="none", label_smoothing=0.2) - nll
    log_p = torch.log_softmax(z, -1)
    focal = ((1 - (-nll).exp()) ** 1.5 - 1) * nll
    return nll + smooth + 0.05 * torch.logsumexp(z, -1) ** 2 + focal + 0.3 * (log_p.exp() * log_p).sum(-1)


def gradients(model):
    found = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    for _, parameter in model.named_parameters():
        parameter.grad = None
    return found


def assert_same(found, expected, tolerance=EXACT):
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, atol=tolerance, rtol=tolerance, msg=name)


@pytest.mark.parametrize("case", CASES)
def test_loss_and_gradient_are_those_of_the_whole(case, monkeypatch):
    objective, model, batch = prepared(case)
    # Networks but the Transformer, and heads over classes, make logits in fp32 whatever they are made from.
    exact = EXACT if CASES[case][1].kind() == "transformer" and case != "classification" else 1e-5
    step = accumulate(model, objective, batch, [slice(0, 4)], seed=1, step=0)
    found = gradients(model)
    loss = objective.loss(ByHand(model, four), batch, np.random.default_rng(0))
    weights = objective.weights(batch)
    whole = sum(coefficient * total / weights[name] for name, (total, coefficient) in loss.terms.items())
    whole.backward()
    assert step.loss == pytest.approx(whole.item(), rel=exact)
    assert_same(found, gradients(model), exact)
    # The nats by themselves, and each term by its name.
    with torch.no_grad():
        plain = objective.loss(Trainable(model.network, model.owned), batch, np.random.default_rng(0))
    for name, (total, _) in plain.terms.items():
        assert step.terms[name] == pytest.approx(total.item() / weights[name], rel=exact)
    assert step.terms.keys() == {*plain.terms, "label_smoothing", "z_loss", "focal", "confidence_penalty"}
    added = sum(term.coefficient * step.terms[term.kind()] for term in objective.terms)
    nats = sum(coefficient * total.item() / weights[name] for name, (total, coefficient) in plain.terms.items())
    assert step.loss == pytest.approx(nats + added, rel=exact)

    # In chunks of three places, whose logits are computed again.
    monkeypatch.setattr(cross_entropy, "KEPT_VALUES", 0)
    monkeypatch.setattr(cross_entropy, "chunk_rows", lambda size: 3)
    again = accumulate(model, objective, batch, [slice(0, 4)], seed=1, step=0)
    assert again.loss == pytest.approx(step.loss, rel=exact)
    assert_same(gradients(model), found, exact)

    # In any split.
    for split in ([slice(0, 1), slice(1, 4)], [slice(i, i + 1) for i in range(4)]):
        other = accumulate(model, objective, batch, split, seed=1, step=0)
        assert other.terms == pytest.approx(step.terms, rel=exact)
        assert_same(gradients(model), found, exact)


def test_what_is_measured_is_the_nats_alone():
    objective, model, batch = prepared("causal")
    with torch.no_grad():
        held = objective.loss(model, batch, np.random.default_rng(0)).terms["nll"][0]
        plain = objective.loss(model.network, batch, np.random.default_rng(0)).terms["nll"][0]
    assert held.item() == plain.item()
    coefficients = {"label_smoothing": 0.2, "z_loss": 0.05, "focal": 1.0, "confidence_penalty": 0.3}
    assert model.take_terms() == {kind: (0.0, coefficient) for kind, coefficient in coefficients.items()}


def test_without_terms_the_networks_own_nats_are_asked():
    objective, model, batch = prepared("causal", terms=())
    assert model.terms is None
    assert model.take_terms() == {}
    called = []
    own = model.network.nll
    model.network.nll = lambda *given: called.append(1) or own(*given)
    accumulate(model, objective, batch, [slice(0, 4)], seed=1, step=0)
    assert called == [1]


# -- beside a place ---------------------------------------------------------------------------------------------------


def test_earlier_tokens_by_a_loop():
    tokens = torch.tensor([[20, 3, 5, 3, 20, 5, 7, 5], [20, 1, 1, 20, 20, 22, 4, 1]])
    segments = torch.tensor([[0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 1, 2, 2, 2, 2]], dtype=torch.int32)
    vocabulary = PLAIN.with_specials(("<|a|>", "<|b|>"))
    earlier = Earlier(Inputs(tokens, segments), vocabulary, torch.arange(16).view(2, 8))
    picked = earlier[torch.tensor([[True] * 8, [False] * 4 + [True] * 4])][None]
    assert picked.places.tolist() == [[0, 1, 2, 3, 4, 5, 6, 7, 12, 13, 14, 15]]
    for place, ids, counts in zip(picked.places[0].tolist(), *earlier.at(picked.places[0]), strict=True):
        row, at = divmod(place, 8)
        expected = {int(tokens[row, j]) for j in range(at + 1) if segments[row, j] == segments[row, at]} - {20, 21, 22}
        found = ids[counts].tolist()
        assert sorted(found) == sorted(expected), (row, at)


@pytest.mark.parametrize("case", ["causal", "span_corruption"])
def test_unlikelihood_of_what_stood_before(case):
    objective, model, batch = prepared(case, terms=[{"kind": "unlikelihood", "weight": 0.5}])
    step = accumulate(model, objective, batch, [slice(0, 4)], seed=1, step=0)
    found = gradients(model)
    tokens, segments, chosen = batch["tokens"], batch["segments"], batch["weights"] > 0
    before = torch.tril(torch.ones(tokens.shape[1], tokens.shape[1], dtype=torch.bool))

    def by_hand(z, y):
        z = z.view(*batch["targets"].shape, -1) if case == "causal" else z
        log_p, nll = torch.log_softmax(z, -1), []
        for at, (b, t) in enumerate(chosen.nonzero().tolist()):
            p = (log_p[b, t] if case == "causal" else log_p[at]).exp()
            target = int(batch["targets"][b, t])
            candidates = {int(c) for c in tokens[b][before[t] & (segments[b] == segments[b, t])]}
            unlikely = -sum((1 - p[c]).log() for c in candidates - {target} if c < 20)
            nll.append(-p[target].log() + 0.5 * unlikely)
        losses = torch.stack(nll)
        if case == "causal":
            return torch.zeros(chosen.shape, dtype=z.dtype).masked_scatter(chosen, losses).flatten()
        return losses

    total = objective.loss(ByHand(model, by_hand), batch, np.random.default_rng(0)).terms["nll"][0] / batch["weights"].sum()
    total.backward()
    assert step.loss == pytest.approx(total.item(), rel=1e-9)
    assert_same(gradients(model), found)


# -- two passes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ["causal", "masked", "causal on an lstm"])
def test_r_drop_holds_two_passes_together(case, monkeypatch):
    terms = [{"kind": "r_drop", "weight": 0.7}, {"kind": "z_loss", "weight": 0.1}]
    monkeypatch.setitem(CASES, case, (CASES[case][0], CASES[case][1].replace(dropout=0.3)))
    objective, model, batch = prepared(case, terms=terms)
    exact = 1e-5 if "lstm" in case else EXACT
    passes = []
    own = model.network.hidden
    model.network.hidden = lambda *given: passes.append(own(*given)) or passes[-1]
    step = accumulate(model, objective, batch, [slice(0, 4)], seed=1, step=0)
    found = gradients(model)
    second, first = passes
    assert (first.values_BTD - second.values_BTD).abs().max() > 0.01

    chosen = batch["weights"] > 0
    torch.manual_seed(0)
    model.network.hidden = own
    passes.clear()
    with torch.no_grad():
        z, other = (model.network.over_logits(hidden, lambda logits: logits)[chosen] for hidden in (first, second))
    y = batch["targets"][chosen]
    log_p, log_q = torch.log_softmax(z, -1), torch.log_softmax(other, -1)
    apart = ((log_p.exp() - log_q.exp()) * (log_p - log_q)).sum(-1).mean() / 2
    nats = (functional.nll_loss(log_p, y) + functional.nll_loss(log_q, y)) / 2
    squares = (torch.logsumexp(z, -1) ** 2 + torch.logsumexp(other, -1) ** 2).mean() / 2
    assert step.terms == pytest.approx({"nll": nats.item(), "r_drop": apart.item(), "z_loss": squares.item()}, rel=exact)
    assert step.loss == pytest.approx((nats + 0.7 * apart + 0.1 * squares).item(), rel=exact)
    assert all(torch.isfinite(gradient).all() for gradient in found.values())
    # The same draws again, and the same in chunks.
    monkeypatch.setattr(cross_entropy, "KEPT_VALUES", 0)
    monkeypatch.setattr(cross_entropy, "chunk_rows", lambda size: 5)
    again = accumulate(model, objective, batch, [slice(0, 4)], seed=1, step=0)
    assert again.terms == pytest.approx(step.terms, rel=exact)
    assert_same(gradients(model), found, exact)


def test_r_drop_of_classes(monkeypatch):
    monkeypatch.setitem(CASES, "classification", (Classification(dropout=0.4), DECODER))
    objective, model, batch = prepared("classification", terms=[{"kind": "r_drop", "weight": 0.7}])
    made = []
    own = model.owned.forward
    model.owned.forward = lambda pooled: made.append(own(pooled)) or made[-1]
    step = accumulate(model, objective, batch, [slice(0, 4)], seed=1, step=0)
    assert len(made) == 2
    log_p, log_q = (torch.log_softmax(logits.detach(), -1) for logits in made)
    apart = ((log_p.exp() - log_q.exp()) * (log_p - log_q)).sum(-1).mean() / 2
    nats = (functional.nll_loss(log_p, batch["labels"]) + functional.nll_loss(log_q, batch["labels"])) / 2
    assert step.terms == pytest.approx({"nats_per_label": nats.item(), "r_drop": apart.item()}, rel=1e-6)
    assert apart > 1e-3


def test_the_second_pass_leaves_the_lanes_as_the_first_would():
    spec = LSTM(num_layers=1, hidden_size=12, embedding_size=8, context_length=24, dropout=0.2)
    objective = Causal(terms=[{"kind": "r_drop"}])
    network = spec.build(PLAIN, seed=3)
    model = Trainable(network, None, lanes=4, terms=Terms.of(objective, network, PLAIN))
    batch = collate([objective.examples(row, np.random.default_rng(0), PLAIN) for row in rows()])
    batch.columns["lengths"] = torch.tensor([9, 10, 11, 12])
    before = model.lanes_BS.clone()
    seen = []
    own = model._in_lanes
    model._in_lanes = lambda *given, keep: seen.append((keep, model.lanes_BS.clone())) or own(*given, keep=keep)
    accumulate(model, objective, batch, [slice(0, 4)], seed=1, step=0)
    assert [keep for keep, _ in seen] == [False, True]
    assert all(torch.equal(lanes, before) for _, lanes in seen)
    assert not torch.equal(model.lanes_BS, before)


def test_terms_stand_at_the_mix_and_fit_each_part():
    with pytest.raises(TelosError) as error:
        Mix(parts=[{"objective": "causal"}, {"objective": {"kind": "masked", "terms": ["z_loss"]}}])
    assert "terms must stand at the mix, for all of its parts: part 'masked' has some of its own" in str(error.value)
    with pytest.raises(TelosError) as error:
        Mix(parts=[{"objective": "causal"}, {"objective": "masked"}], terms=["unlikelihood"]).check(DECODER)
    assert error.value.found == "'masked' with bidirectional attention"


# -- the family -------------------------------------------------------------------------------------------------------


def test_every_objective_says_what_its_logits_are_over():
    for kind in Objective.kinds():
        objective = Objective.parse({"kind": kind} | ({"parts": [{"objective": "causal"}]} if kind == "mix" else {}))
        assert objective.logits_over in ("vocabulary", "classes", None)
        assert (objective.logits_over == "vocabulary") == objective.needs_likelihood, kind


@pytest.mark.parametrize("case", CASES)
def test_where_a_network_makes_logits_in_pieces_terms_are_the_same(case, monkeypatch):
    """Few enough to be kept for the gradient, and more than one piece."""

    def found():
        objective, model, batch = prepared(case)
        loss = accumulate(model, objective, batch, [slice(None)], seed=1, step=0)
        return loss, {name: p.grad for name, p in model.named_parameters() if p.grad is not None}

    whole, gradients = found()
    monkeypatch.setattr(cross_entropy, "CHUNK_VALUES", 1)
    parts, again = found()
    assert parts.loss == pytest.approx(whole.loss, rel=EXACT)
    assert parts.terms == pytest.approx(whole.terms, rel=EXACT)
    for name, gradient in gradients.items():
        torch.testing.assert_close(again[name], gradient, atol=1e-9, rtol=1e-9)
