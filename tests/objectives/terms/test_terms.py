"""Each term against a plain transcription in NumPy and float64, its gradient against finite differences; what is refused."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from telos.foundation.errors import TelosError
from telos.models.bag_of_embeddings import BagOfEmbeddings
from telos.models.transformer import Transformer
from telos.objectives import Objective
from telos.objectives.causal import Causal
from telos.objectives.classification import Classification
from telos.objectives.masked import Masked
from telos.objectives.multi_token import MultiToken
from telos.objectives.replaced_token import ReplacedToken
from telos.objectives.span_corruption import SpanCorruption
from telos.objectives.terms import Rows, Term
from telos.objectives.terms.confidence_penalty import ConfidencePenalty
from telos.objectives.terms.focal import Focal
from telos.objectives.terms.label_smoothing import LabelSmoothing
from telos.objectives.terms.r_drop import RDrop
from telos.objectives.terms.unlikelihood import Unlikelihood
from telos.objectives.terms.z_loss import ZLoss

N, V = 9, 12
TARGETS = torch.tensor([0, 3, 11, 5, 5, 2, 7, 1, 0])
EARLIER = torch.tensor([[3, 5, 2, 7]] * N)
COUNTS = torch.arange(N)[:, None] > torch.arange(4)


def logits(seed=0):
    return (2 * torch.randn(N, V, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))).requires_grad_()


def rows_of(term, z, **beside):
    return Rows(z, TARGETS, term.reads, **beside)


def probabilities(z):
    """One row in plain Python: softmax."""
    shares = [np.exp(value) for value in z]
    return [share / sum(shares) for share in shares]


def by_hand(formula, z, *more):
    """``formula`` (logits, softmax, target, row number) of each row."""
    return [
        formula(row, probabilities(row), int(y), n, *more) for n, (row, y) in enumerate(zip(z.tolist(), TARGETS, strict=True))
    ]


def smoothed(z, p, y, n, amount):
    targets = [(1 - amount) * (v == y) + amount / V for v in range(V)]
    return (-sum(q * np.log(share) for q, share in zip(targets, p, strict=True)) + np.log(p[y])) / amount


def squared(z, p, y, n):
    return np.log(sum(np.exp(value) for value in z)) ** 2


def focal(z, p, y, n, gamma):
    return -((1 - p[y]) ** gamma) * np.log(p[y]) + np.log(p[y])


def negentropy(z, p, y, n):
    return sum(share * np.log(share) for share in p)


def unlikely(z, p, y, n):
    candidates = {int(c) for c, counted in zip(EARLIER[n], COUNTS[n], strict=True) if counted} - {y}
    return -sum(np.log(1 - p[c]) for c in candidates)


CASES = [
    (LabelSmoothing(amount=0.1), smoothed, (0.1,), 0.1),
    (LabelSmoothing(amount=0.4), smoothed, (0.4,), 0.4),
    (ZLoss(weight=0.01), squared, (), 0.01),
    (Focal(gamma=2.0), focal, (2.0,), 1.0),
    (Focal(gamma=0.5), focal, (0.5,), 1.0),
    (ConfidencePenalty(weight=0.3), negentropy, (), 0.3),
    (Unlikelihood(weight=0.7), unlikely, (), 0.7),
]


@pytest.mark.parametrize(("term", "formula", "settings", "coefficient"), CASES, ids=lambda value: getattr(value, "kind", str)())
def test_a_term_equals_its_formula(term, formula, settings, coefficient):
    z = logits()
    beside = {"earlier": (EARLIER, COUNTS)} if term.beside == "earlier" else {}
    found = term.of(rows_of(term, z, **beside))
    np.testing.assert_allclose(found.detach().numpy(), by_hand(formula, z, *settings), atol=1e-10)
    assert term.coefficient == coefficient
    assert torch.autograd.gradcheck(lambda z: term.of(rows_of(term, z, **beside)), (z,))


def test_label_smoothing_is_torchs():
    z = logits()
    rows = rows_of(LabelSmoothing(), z)
    ours = rows.statistics.nll + 0.1 * LabelSmoothing().of(rows)
    torch.testing.assert_close(ours, functional.cross_entropy(z, TARGETS, reduction="none", label_smoothing=0.1))


def test_focal_is_finite_where_the_target_is_certain():
    z = torch.tensor([[60.0, 0.0], [200.0, 0.0]], requires_grad=True)
    for gamma in (0.5, 1.0, 2.0):
        (gradient,) = torch.autograd.grad(Focal(gamma=gamma).of(Rows(z, torch.tensor([0, 0]))).sum(), z)
        assert torch.isfinite(gradient).all()


def test_unlikelihood_is_bounded_where_an_earlier_token_is_certain():
    z = torch.tensor([[90.0, 0.0, 0.0]], requires_grad=True)
    found = Unlikelihood().of(Rows(z, torch.tensor([1]), earlier=(torch.tensor([[0]]), torch.tensor([[True]]))))
    assert found.item() == pytest.approx(-np.log(1e-5), rel=1e-4)


def test_r_drop_is_half_of_both_divergences():
    a, b = logits(1), logits(2)
    found = RDrop(weight=0.2).of(rows_of(RDrop(), a, second=b))
    expected = []
    for one, other in zip(a.tolist(), b.tolist(), strict=True):
        p, q = probabilities(one), probabilities(other)
        expected.append(sum((x - y) * (np.log(x) - np.log(y)) for x, y in zip(p, q, strict=True)) / 2)
    np.testing.assert_allclose(found.detach().numpy(), expected, atol=1e-10)
    assert RDrop(weight=0.2).coefficient == 0.2
    assert torch.autograd.gradcheck(lambda a, b: RDrop().of(rows_of(RDrop(), a, second=b)), (a, b))


# -- what is refused --------------------------------------------------------------------------------------------------

TRANSFORMER = Transformer(num_layers=1, hidden_size=16, num_heads=2, context_length=32)


def refused(objective, model=TRANSFORMER):
    with pytest.raises(TelosError) as error:
        objective.fitted(model).check(model)
    return error.value


def test_an_objective_without_logits_is_refused():
    error = refused(ReplacedToken(terms=[ZLoss()]))
    assert (error.must, error.found) == ("term 'z_loss' needs an objective with logits", "'replaced_token' has none")
    assert error.fix == "take z_loss out of objective.terms, or choose another objective"


def test_tokens_are_not_classes():
    error = refused(Classification(terms=[Unlikelihood()]), BagOfEmbeddings())
    assert error.must == "term 'unlikelihood' needs an objective with logits over its vocabulary"
    assert error.found == "'classification' has logits over classes"
    Classification(terms=[LabelSmoothing(), Focal(), ConfidencePenalty(), ZLoss()]).check(BagOfEmbeddings())


def test_heads_of_an_objective_have_no_counterpart():
    error = refused(MultiToken(terms=[Unlikelihood()]))
    assert error.must == "term 'unlikelihood' needs an objective whose logits all come from the model itself"
    assert error.found == "'multi_token' has heads of its own"
    MultiToken(terms=[LabelSmoothing()]).check(TRANSFORMER)


def test_unlikelihood_reads_from_left_to_right():
    error = refused(Masked(terms=[Unlikelihood()]))
    assert error.must == "term 'unlikelihood' needs an objective that predicts a text from left to right"
    assert error.found == "'masked' with bidirectional attention"
    Causal(terms=[Unlikelihood()]).check(TRANSFORMER)
    SpanCorruption(terms=[Unlikelihood()]).fitted(TRANSFORMER).check(TRANSFORMER)


def test_r_drop_needs_dropout():
    error = refused(Causal(terms=[RDrop()]))
    assert error.must == "term 'r_drop' needs dropout, without which both passes are the same"
    assert error.found == "dropout=0, attention_dropout=0, stochastic_depth=0"
    assert error.fix == "set model.dropout=0.1, or take r_drop out of objective.terms"
    Causal(terms=[RDrop()]).check(TRANSFORMER.replace(attention_dropout=0.1))
    Classification(dropout=0.1, terms=[RDrop()]).check(TRANSFORMER)


def test_a_term_stands_once_and_is_one_that_there_is():
    with pytest.raises(TelosError) as error:
        Causal(terms=[ZLoss(), LabelSmoothing(), ZLoss(weight=1.0)])
    assert "must have each kind once; 'z_loss' is there 2 times" in str(error.value)
    with pytest.raises(TelosError) as error:
        Objective.parse({"kind": "causal", "terms": ["label_smooting"]})
    assert "write 'label_smoothing'" in str(error.value)
    with pytest.raises(TelosError):
        LabelSmoothing(amount=1.0)


def test_terms_are_part_of_what_an_objective_is():
    plain, smooth = Causal(), Causal(terms=["label_smoothing"])
    assert plain.hash() != smooth.hash() != Causal(terms=[LabelSmoothing(amount=0.2)]).hash()
    assert Objective.parse(smooth.dump()) == smooth
    assert set(Term.kinds()) >= {
        "label_smoothing",
        "z_loss",
        "focal",
        "confidence_penalty",
        "unlikelihood",
        "r_drop",
        "distillation",
    }
