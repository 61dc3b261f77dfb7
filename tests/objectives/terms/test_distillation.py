"""Distillation: both divergences and the likeliest tokens by hand, a teacher's folder and its hash, training, refusals."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from telos.foundation.errors import TelosError
from telos.foundation.files import MANIFEST
from telos.layers import cross_entropy
from telos.models import Inputs
from telos.models.lstm import LSTM
from telos.models.ngram import NGram
from telos.models.saved import save_model
from telos.models.transformer import Transformer
from telos.objectives import _saved, collate
from telos.objectives.causal import Causal
from telos.objectives.masked import Masked
from telos.objectives.multi_token import MultiToken
from telos.objectives.prefix import Prefix
from telos.objectives.terms import Rows
from telos.objectives.terms.distillation import Distillation
from telos.tokens.batches import Row
from telos.tokens.tokenizers.byte import Byte
from telos.tokens.tokenizers.pretrained import Pretrained
from telos.train.gradients import accumulate
from telos.train.terms import Terms
from telos.train.trainable import Trainable

STUDENT = Transformer(num_layers=1, hidden_size=16, num_heads=2, context_length=16)
N, V = 6, 9


@pytest.fixture(scope="module")
def tokenizer():
    return Byte().train(lambda: iter(()), 0)


def spread(network, seed=1):
    """Weights large enough that predictions are far from even."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0, 0.4, generator=torch.Generator().manual_seed(seed))
    return network


@pytest.fixture(scope="module")
def teachers(tokenizer, tmp_path_factory):
    """Folders: one as transformers knows it in a run, one that only Telos loads, one that counts, one for hidden tokens."""
    folder = tmp_path_factory.mktemp("teachers")
    run = STUDENT.replace(num_layers=2, hidden_size=24, num_heads=3, dropout=0.5)
    small, encoder = LSTM(num_layers=1, hidden_size=8), STUDENT.replace(architecture="encoder", initialization="normal")
    specs = {"run/model": run, "lstm": small, "masked": STUDENT, "short": run.replace(context_length=8), "encoder": encoder}
    for name, spec in specs.items():
        specials = Masked().special_tokens() if name == "masked" else ()
        network = spread(spec.build(tokenizer.vocabulary.with_specials(specials)), 2)
        save_model(network, tokenizer, folder / name, card="", lineage={})
    counting = NGram(order=2).build(tokenizer.vocabulary)
    counting.fit(np.array([1, 2, 3, 256]))
    save_model(counting, tokenizer, folder / "ngram", card="", lineage={})
    return folder


# -- the formula ------------------------------------------------------------------------------------------------------


def logits(seed):
    return (2 * torch.randn(N, V, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))).requires_grad_()


def softmax(z, temperature):
    shares = [np.exp(value / temperature) for value in z]
    return np.array([share / sum(shares) for share in shares])


@pytest.mark.parametrize("direction", ["forward", "reverse"])
@pytest.mark.parametrize(("temperature", "top_k"), [(1.0, None), (2.5, None), (1.0, 3), (2.5, 3), (1.0, 9)])
def test_the_term_equals_its_formula(direction, temperature, top_k):
    term = Distillation(teacher="x", direction=direction, temperature=temperature, top_k=top_k, weight=0.4)
    ours, theirs = logits(1), logits(2).detach()
    targets = torch.zeros(N, dtype=torch.int64)
    expected = []
    for z, teacher in zip(ours.tolist(), theirs.tolist(), strict=True):
        p, q = softmax(z, temperature), softmax(teacher, temperature)
        if top_k == 3:
            likeliest = np.argsort(q)[-3:]
            p, q = (np.append(share[likeliest], 1 - share[likeliest].sum()) for share in (p, q))
        first, second = (q, p) if direction == "forward" else (p, q)
        expected.append(temperature**2 * (first * np.log(first / second)).sum())
    found = term.of(Rows(ours, targets, teacher=theirs))
    np.testing.assert_allclose(found.detach().numpy(), expected, atol=1e-10)
    assert term.coefficient == 0.4
    assert torch.autograd.gradcheck(lambda z: term.of(Rows(z, targets, teacher=theirs)), (ours,))


def test_a_part_of_the_tokens_tells_less_than_all():
    ours, theirs, targets = logits(1), logits(2), torch.zeros(N, dtype=torch.int64)
    for direction in ("forward", "reverse"):
        whole, *parts = (Distillation(teacher="x", direction=direction, top_k=k).of(Rows(ours, targets, teacher=theirs))
                         for k in (None, 5, 2, 1))  # fmt: skip
        for smaller, larger in zip(parts, (whole, *parts), strict=False):
            assert (smaller <= larger + 1e-12).all()


def test_where_nothing_is_left_for_the_others_it_is_finite():
    z = torch.tensor([[90.0, 0.0, 0.0]], requires_grad=True)
    teacher = torch.tensor([[80.0, 0.0, 1.0]])
    for direction in ("forward", "reverse"):
        term = Distillation(teacher="x", direction=direction, top_k=1)
        (gradient,) = torch.autograd.grad(term.of(Rows(z, torch.tensor([0]), teacher=teacher)).sum(), z)
        assert torch.isfinite(gradient).all()


# -- in training ------------------------------------------------------------------------------------------------------


def prepared(teachers, tokenizer, name, objective=Causal, dtype=torch.float64, **settings):
    term = Distillation(teacher=str(teachers / name), **settings)
    objective = objective(terms=[term])
    objective.check(STUDENT)
    vocabulary = tokenizer.vocabulary.with_specials(objective.special_tokens())
    network = spread(STUDENT.build(vocabulary)).to(dtype)
    network.compute_dtype = dtype
    terms = Terms.of(objective, network, vocabulary)
    terms.teacher.to(dtype)
    draw = np.random.default_rng(3)
    rows = [Row(draw.integers(0, 256, 7 + i), 256, np.full(7 + i, i), i) for i in range(3)]
    batch = collate([objective.examples(row, np.random.default_rng(i), vocabulary) for i, row in enumerate(rows)])
    return objective, Trainable(network, None, terms=terms), batch


@pytest.mark.parametrize(("name", "kind"), [("run", Causal), ("lstm", Causal), ("masked", Masked)])
def test_the_teacher_reads_what_the_model_reads(teachers, tokenizer, name, kind, monkeypatch):
    pattern = "causal" if kind is Causal else "bidirectional"
    exact = 1e-5 if name == "lstm" else 1e-9  # its logits are of fp32
    objective, model, batch = prepared(teachers, tokenizer, name, kind, temperature=1.5, weight=0.6)
    model.train()
    assert not model.terms.teacher.training
    step = accumulate(model, objective, batch, [slice(0, 3)], seed=1, step=0)
    found = {name: p.grad.clone() for name, p in model.named_parameters()}
    chosen = batch["weights"] > 0
    inputs = Inputs(batch["tokens"], batch["segments"], pattern)
    z, teacher = (network.over_logits(network.hidden(inputs), lambda logits: logits)[chosen]
                  for network in (model.network, model.terms.teacher))  # fmt: skip
    log_p, log_q = (torch.log_softmax(logits / 1.5, -1) for logits in (z, teacher[:, : z.shape[1]]))
    apart = 1.5**2 * (log_q.exp() * (log_q - log_p)).sum(-1).mean()
    nats = torch.nn.functional.cross_entropy(z, batch["targets"][chosen])
    assert step.terms == pytest.approx({"nll": nats.item(), "distillation": apart.item()}, rel=exact)
    assert step.loss == pytest.approx((nats + 0.6 * apart).item(), rel=exact)
    own = [p for _, p in model.named_parameters()]
    for gradient, expected in zip(found.values(), torch.autograd.grad(nats + 0.6 * apart, own), strict=True):
        torch.testing.assert_close(gradient, expected, atol=exact, rtol=exact)
    assert all(p.grad is None for p in model.terms.teacher.parameters())
    assert not any("teacher" in name for name in model.state())

    monkeypatch.setattr(cross_entropy, "KEPT_VALUES", 0)
    monkeypatch.setattr(cross_entropy, "chunk_rows", lambda size: 4)
    for split in ([slice(0, 3)], [slice(0, 1), slice(1, 3)]):
        for parameter in own:
            parameter.grad = None
        again = accumulate(model, objective, batch, split, seed=1, step=0)
        assert again.terms == pytest.approx(step.terms, rel=exact)
        for gradient, parameter in zip(found.values(), own, strict=True):
            torch.testing.assert_close(parameter.grad, gradient, atol=exact, rtol=exact)


def test_a_model_comes_nearer_to_its_teacher(teachers, tokenizer):
    objective, model, batch = prepared(teachers, tokenizer, "run", dtype=torch.float32, weight=5.0)
    optimizer = torch.optim.Adam(model.network.parameters(), 0.01)
    apart = []
    for step in range(40):
        optimizer.zero_grad()
        apart.append(accumulate(model, objective, batch, [slice(0, 3)], seed=1, step=step).terms["distillation"])
        optimizer.step()
    assert apart[-1] < 0.7 * apart[0]


def test_the_hash_is_of_what_the_teacher_says(teachers, tokenizer, tmp_path):
    first, other = Distillation(teacher=str(teachers / "run")), Distillation(teacher=str(teachers / "lstm"))
    assert first.teacher_hash == Distillation(teacher=str(teachers / "run/model")).teacher_hash
    assert len({first.teacher_hash, other.teacher_hash, None}) == 3
    network = LSTM(num_layers=1, hidden_size=8).build(tokenizer.vocabulary)
    hashes = set()
    for seed in (1, 2, 3):
        save_model(spread(network, max(seed, 2)), tokenizer, tmp_path / "it", card=f"card {seed}", lineage={"seed": seed})
        hashes.add(Distillation(teacher=str(tmp_path / "it")).teacher_hash)
    assert len(hashes) == 2, "the card and the lineage are no part of it"
    assert other.teacher_hash in hashes
    (tmp_path / "it/manifest.json").unlink()
    assert Distillation(teacher=str(tmp_path / "it")).teacher_hash in hashes


# -- what is refused --------------------------------------------------------------------------------------------------


def refused(work):
    with pytest.raises(TelosError) as error:
        work()
    return error.value


def test_no_folder_and_another_teacher(teachers, tmp_path):
    error = refused(lambda: Causal(terms=[Distillation(teacher=str(tmp_path / "none"))]).check(STUDENT))
    assert error.must == "a teacher must be the folder of a run or of a model"
    assert error.found == f"no config.json in {tmp_path / 'none'}"
    named = Distillation(teacher=str(teachers / "run"), teacher_hash="0123456789abcdef")
    error = refused(lambda: Causal(terms=[named]).check(STUDENT))
    assert error.must == "the teacher must be the one that the recipe names (0123456789abcdef)"
    assert Distillation(teacher=str(teachers / "run")).teacher_hash in error.found


def test_another_tokenizer(teachers, tokenizer, tmp_path):
    save_model(LSTM(num_layers=1, hidden_size=8).build(tokenizer.vocabulary), tokenizer, tmp_path / "it", card="", lineage={})
    network = STUDENT.build(replace(tokenizer.vocabulary, tokenizer_hash="another"))
    error = refused(lambda: Distillation(teacher=str(tmp_path / "it")).build(network, network.vocabulary))
    assert error.must == "a teacher must have the model's tokenizer"
    assert error.found == f"{tokenizer.vocabulary.tokenizer_hash}, the model's is another"
    assert error.fix == f"train with the teacher's: tokenizer={{kind: pretrained, path: {tmp_path / 'it'}}}"


def test_the_teachers_tokenizer_is_the_same_where_it_is_taken(teachers, tokenizer):
    """What the error advises."""
    taken = Pretrained(path=str(teachers / "run/model")).train(lambda: iter(()), 0)
    assert taken.vocabulary == tokenizer.vocabulary
    Distillation(teacher=str(teachers / "run")).build(STUDENT.build(taken.vocabulary), taken.vocabulary)


def test_what_a_teacher_cannot_read(teachers, tokenizer):
    network = STUDENT.build(tokenizer.vocabulary.with_specials(Masked().special_tokens()))
    error = refused(lambda: Distillation(teacher=str(teachers / "run")).build(network, network.vocabulary))
    assert (error.must, error.found) == ("a teacher must know the special tokens of the objective", "it lacks <|mask|>")
    network = STUDENT.build(tokenizer.vocabulary)
    error = refused(lambda: Distillation(teacher=str(teachers / "short")).build(network, network.vocabulary))
    assert (error.must, error.found) == ("a teacher must read rows as long as the model's (16 tokens)", "8")
    error = refused(lambda: Distillation(teacher=str(teachers / "ngram")).build(network, network.vocabulary))
    assert (error.must, error.found) == ("a teacher must be a network that gives a likelihood of text", "'ngram'")
    objective = MultiToken(terms=[Distillation(teacher=str(teachers / "run"))])
    assert "'multi_token' has heads of its own" in refused(lambda: objective.check(STUDENT)).found


def test_a_teacher_must_see_as_the_objective_does(teachers, tokenizer):
    vocabulary = tokenizer.vocabulary
    objective = Causal(terms=[Distillation(teacher=str(teachers / "encoder"))])
    error = refused(lambda: Terms.of(objective, STUDENT.build(vocabulary), vocabulary))
    assert error.must == "a teacher must be a model with causal attention, as the objective asks it"
    assert "bidirectional" in error.found


def test_a_teacher_must_have_learned_to_see_as_the_objective_does(teachers, tokenizer, tmp_path):
    shutil.copytree(teachers / "masked", tmp_path / "it", ignore=shutil.ignore_patterns(MANIFEST))
    _saved.save(tmp_path / "it", Masked(), None, ())
    vocabulary = tokenizer.vocabulary.with_specials(Masked().special_tokens())
    student, term = STUDENT.build(vocabulary), Distillation(teacher=str(tmp_path / "it"))
    error = refused(lambda: Terms.of(Causal(terms=[term]), student, vocabulary))
    assert error.must == "a teacher must have been trained with causal attention, as the objective asks it"
    assert error.found == f"{tmp_path / 'it'} learned objective 'masked', with bidirectional attention"
    assert error.fix == "give another folder as the term's teacher, or set objective.kind=masked"
    assert Terms.of(Masked(terms=[term]), student, vocabulary).teacher is not None
    (tmp_path / "it" / _saved.FACTS).unlink()
    _saved.save(tmp_path / "it", Prefix(), None, ())
    assert Terms.of(Causal(terms=[term]), student, vocabulary).teacher is not None, "a beginning may be empty"
    assert "prefix" in refused(lambda: Terms.of(Masked(terms=[term]), student, vocabulary)).found
