"""Every training objective with every family of models: it trains, or is refused by the need that is not met.  New ones of both
are found, not named; an objective's text and what stands beside it are made from what it declares."""

import copy
import dataclasses
import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import numpy as np
import pytest
import torch

from telos import training
from telos.foundation.errors import TelosError
from telos.models import Model
from telos.objectives import Batch, Objective, collate
from telos.optim.optimizers.adamw import AdamW
from telos.recipe import Run
from telos.stages import Prepared, prepare
from telos.tokens.tokenizers import Tokenizer, load_tokenizer
from telos.train.clock import Clock
from telos.train.gradients import accumulate
from telos.train.loader import Loader
from telos.train.trainable import Trainable

STEPS, CONTEXT, ROWS = 20, 48, 4
SMALL = {"num_layers": 1, "hidden_size": 16, "embedding_size": 16, "num_heads": 2, "context_length": CONTEXT, "window": 4,
         "num_filters": 8, "buckets": 256, "dropout": 0.0}  # fmt: skip
"""Settings of a model, wherever it has one of that name."""
SHORT = {"max_spans": 8, "group": ROWS}
"""The same of an objective; lengths (``max_…_tokens``) are half a context."""
REQUIRED: dict[str, dict[str, Any]] = {"mix": {"parts": [{"objective": "causal"}, {"objective": "infill"}]}}
"""Kind → settings that it cannot do without."""


def models() -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, settings) of every family, and of each of its architectures."""
    for kind in Model.kinds():
        fields = Model.member(kind).model_fields
        own = {"kind": kind} | {name: value for name, value in SMALL.items() if name in fields}
        if "architecture" in fields:
            yield from ((f"{kind}-{one}", own | {"architecture": one}) for one in get_args(fields["architecture"].annotation))
        else:
            yield kind, own


MODELS = dict(models())
OBJECTIVES = Objective.kinds()


def objective(kind: str) -> dict[str, Any]:
    fields = Objective.member(kind).model_fields
    short = SHORT | {name: CONTEXT // 2 for name in fields if re.fullmatch("max_.*_tokens", name)}
    return {"kind": kind} | {name: value for name, value in short.items() if name in fields} | REQUIRED.get(kind, {})


# -- what is learned from -----------------------------------------------------------------------------------------------

NOUNS, VERBS = ("Cat", "Dog", "Ant", "Owl"), ("ran", "sat", "fell")


def documents() -> Iterator[dict[str, Any]]:
    """Sentences of which a row has several, with all that an objective may ask to stand beside a text."""
    for number in range(120):
        rng = np.random.default_rng(number)
        sentences = [f"{rng.choice(NOUNS)} {rng.choice(VERBS)}." for _ in range(4 + number % 3)]
        text, first = " ".join(sentences), sentences[0].split()[0]
        yield {
            "text": text,
            "label": first,
            "target": " ".join(word for word in text.split() if word in NOUNS),
            "negative": " ".join(reversed(text.split())),
            "value": len(sentences) + NOUNS.index(first),
            "tags": ["N" if word in NOUNS else "O" for word in text.split()],
            "question": "who?",
            "answers": [{"text": first, "answer_start": text.index(first)}],
        }


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Callable[[Run], Prepared]:
    """The training text as a recipe prepares it, once for each sort of token store."""
    folder, made = tmp_path_factory.mktemp("objectives"), {}

    def get(recipe: Run) -> Prepared:
        key = json.dumps([recipe.corpus.dump(), recipe.objective.unit, getattr(recipe.objective, "needs_marks", False)])
        if key not in made:
            found = prepare(recipe, folder / f"run{len(made)}")
            made[key] = dataclasses.replace(found, stores={"train": found.stores["train"]})
        return made[key]

    return get


@pytest.fixture(scope="module")
def texts(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "texts.jsonl"
    path.write_text("".join(json.dumps(document) + "\n" for document in documents()))
    return path


@dataclasses.dataclass
class Given:
    """What the training loop is given, and a batch."""

    objective: Objective
    model: Trainable
    loader: Loader
    batch: Batch


@dataclasses.dataclass
class Counted:
    """What has learned by counting, and some of what it has read."""

    model: Any
    tokens: np.ndarray


@pytest.fixture
def given(texts, prepared, tmp_path, monkeypatch) -> Callable[[str, str], "Given | Counted"]:
    """By `telos.training`, as a run of the recipe goes, up to the loop; what has learned by then, by counting, as it is.
    `TelosError` where it is refused."""

    def get(kind: str, family: str) -> "Given | Counted":
        chosen = Objective.parse(objective(kind))
        asked = getattr(chosen, "annotations", None) or [name for name in (chosen.annotation,) if name]
        recipe = Run.parse({
            "corpus": {"kind": "files", "path": str(texts)} | {f"{name}_field": name for name in asked},
            "split": "content", "tokenizer": "character", "model": MODELS[family], "objective": chosen,
            "train": {"budget": f"{STEPS} steps", "batch_tokens": ROWS * CONTEXT, "precision": "fp32"},
        })  # fmt: skip
        training.check(recipe)
        found: list[Given] = []

        def loop(network, objective, owned, **rest) -> SimpleNamespace:
            batches, settings = rest["batches"], rest["settings"]
            model = Trainable(network, owned, batches.rows if batches.in_lanes else None)
            loader = Loader(batches, objective, rest["vocabulary"], settings.seed, model.device, total_steps=STEPS)
            found.append(Given(objective, model, loader, loader.build(0)[1]))
            return SimpleNamespace(overhead_seconds=0.0, trained_seconds=0.0)

        monkeypatch.setattr(training, "train", loop)
        stores = prepared(recipe)
        trained = training.train_model(recipe, stores, None, tmp_path, Clock(recipe.training.budget))
        return found[0] if found else Counted(trained.model, stores.stores["train"].read(0, 1000).astype(np.int64))

    return get


def tried(given: Callable, kind: str, family: str) -> "Given | Counted | TelosError":
    try:
        return given(kind, family)
    except TelosError as error:
        return error


def some(given: Callable, kind: str) -> Given:
    """With the first family that it trains on."""
    for family in MODELS:
        if isinstance(found := tried(given, kind, family), Given):
            return found
    pytest.fail(f"no family of models trains on '{kind}'")


# -- the contracts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", MODELS)
@pytest.mark.parametrize("kind", OBJECTIVES)
def test_it_trains_or_is_refused_by_its_need(given, kind, family):
    """Twenty steps on one batch, by the loop's own gradient; the last losses are well below the first."""
    found = tried(given, kind, family)
    if isinstance(found, TelosError):
        assert re.search(r"\b(need|needs|must)\b", found.must), found
        assert kind in found.must or family.split("-")[0] in found.must + found.found, found
        assert found.fix
        return
    if isinstance(found, Counted):
        assert found.model.nll(found.tokens).mean() < 0.5 * math.log(found.model.vocabulary.size)
        return
    updater, losses = AdamW(learning_rate=0.01).build(found.model), []
    found.model.train()
    for step in range(STEPS):
        updater.zero_grad()
        losses.append(accumulate(found.model, found.objective, found.batch, [slice(None)], seed=1, step=step).loss)
        updater.step(1.0)
    assert np.isfinite(losses).all()
    assert np.mean(losses[-5:]) < 0.97 * np.mean(losses[:5]), losses


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_some_family_trains_on_it_and_is_told_its_names(given, kind):
    """Terms have weights of the same names, and figures of held-out rows one value a row."""
    found = some(given, kind)
    batch = found.objective.prepare(found.model, found.batch, np.random.default_rng(0))
    loss = found.objective.loss(found.model, batch, np.random.default_rng(0))
    weights = found.objective.weights(batch)
    assert set(loss.terms) == set(weights)
    assert all(weight > 0 for weight in weights.values())
    if found.objective.scores_text:
        assert found.objective.text_term in loss.terms
    if not getattr(found.objective, "measures_together", False):
        found.model.train(False)
        with torch.no_grad():
            measured = found.objective.measure(found.model, found.batch, np.random.default_rng(0))
        assert all(above.shape == below.shape == (found.batch.rows,) for above, below in measured.values())


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_a_batch_is_a_function_of_seed_and_step(given, kind):
    """Whatever was drawn before, and from wherever."""
    loader = some(given, kind).loader
    np.random.seed(0)
    first = loader.build(3)[1]
    loader.build(0)
    np.random.seed(1)
    again = loader.build(3)[1]
    assert first.columns.keys() == again.columns.keys()
    for name, column in first.columns.items():
        assert torch.equal(column, again[name]), name


def gradients(found: Given, batch: Batch, parts: int) -> dict[str, torch.Tensor]:
    """Of a copy in training mode, which has no dropout; each row from the beginning."""
    model = Trainable(copy.deepcopy(found.model.network), copy.deepcopy(found.model.owned))
    model.train()
    rows = batch.rows // parts
    accumulate(model, found.objective, batch, [slice(rows * i, rows * (i + 1)) for i in range(parts)], seed=1, step=0)
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def roughened(found: Given) -> Given:
    """With weights of ordinary size: where a head begins at zero, no gradient would reach what is below it."""
    made = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for _, parameter in found.model.named_parameters():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn(parameter.shape, generator=made))
    return found


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_the_gradient_is_the_same_for_any_split(given, kind):
    found = roughened(some(given, kind))
    groups = found.batch.rows // found.objective.rows_together
    rows = groups // 4 * 4 * found.objective.rows_together or found.batch.rows
    batch = Batch({name: column[:rows] for name, column in found.batch.columns.items()})
    whole = gradients(found, batch, 1)
    assert any(gradient.norm() > 0 for gradient in whole.values())
    for parts in (2, 4):
        if groups // 4:
            for name, gradient in gradients(found, batch, parts).items():
                assert (gradient - whole[name]).norm() <= 1e-4 * whole[name].norm() + 1e-7, name


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_padding_weighs_nothing(given, kind):
    """Zeros behind the longest row, as the loader puts them there, change weights and gradients by nothing but rounding."""
    found = roughened(some(given, kind))
    make = found.objective.at(found.loader._progress(0), np.random.default_rng(0))
    examples = [make(row, np.random.default_rng(row.number), found.loader.vocabulary) for row in found.loader.batches.batch_at(0)]
    batch = collate(examples)
    longer = Batch({name: torch.nn.functional.pad(column, (*[0, 0] * (column.ndim - 2), 0, 3))
                    if column.ndim > 1 and examples[0].get(name, column).ndim and name.split(".")[-1] != "parts" else column
                    for name, column in batch.columns.items()})  # fmt: skip
    assert found.objective.weights(longer) == pytest.approx(found.objective.weights(batch))
    plain, padded = gradients(found, batch, 1), gradients(found, longer, 1)
    for name, gradient in plain.items():
        assert (padded[name] - gradient).norm() <= 1e-4 * gradient.norm() + 1e-7, name


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_the_gradient_agrees_with_finite_differences(given, kind):
    """In float64, along random directions, of rows of a few tokens."""
    found = roughened(some(given, kind))
    model = Trainable(found.model.network, found.model.owned)  # each row from the beginning
    model.train(False)
    for module in (model.network, model.owned):
        if module is not None:
            module.double()
    model.network.compute_dtype = torch.float64
    rows = found.objective.rows_together * max(1, 2 // found.objective.rows_together)
    batch = Batch({name: column[:rows] for name, column in found.batch.columns.items()})
    learned = [parameter for _, parameter in model.named_parameters() if parameter.requires_grad]

    def loss() -> float:
        return accumulate(model, found.objective, batch, [slice(None)], seed=1, step=0).loss

    for parameter in learned:
        parameter.grad = None
    loss()
    gradient = [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in learned]
    made = torch.Generator().manual_seed(2)
    for _ in range(3):
        along = [torch.randn(p.shape, generator=made, dtype=torch.float64) for p in learned]
        slope = sum(float((g * a).sum()) for g, a in zip(gradient, along, strict=True))
        values = []
        for sign in (1, -2, 1):  # and back to where it was
            with torch.no_grad():
                for parameter, a in zip(learned, along, strict=True):
                    parameter.add_(a, alpha=sign * STEP)
            values.append(loss())
        # Heads that compute in fp32 whatever the network's type leave as much of it as this.
        assert (values[0] - values[1]) / (2 * STEP) == pytest.approx(slope, rel=1e-2, abs=2e-3)


STEP = 2e-4


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_rows_have_room_or_the_model_is_refused(given, monkeypatch, kind):
    """From a context of one token on: it is given what it asks for, or the context is said to be too short."""
    family = next(family for family in MODELS if isinstance(tried(given, kind, family), Given))
    if "max_question_tokens" in Objective.member(kind).model_fields:
        monkeypatch.setitem(SHORT, "max_question_tokens", 2)
    refused = []
    for context in (1, 2, 3, 4, 5, 6, 8, 12, CONTEXT):
        monkeypatch.setitem(MODELS, family, MODELS[family] | {"context_length": context})
        found = tried(given, kind, family)
        if isinstance(found, TelosError):
            assert "context_length" in found.must + found.found + found.fix, found
            refused.append(context)
        else:
            assert found.objective.raw_length(context) >= getattr(found.objective, "least_tokens", 1)
    assert CONTEXT not in refused


NAMES = dict.fromkeys(name for kind in OBJECTIVES for name in Objective.parse(objective(kind)).special_tokens())


@pytest.mark.parametrize("kind", ["bpe", "byte", "character", "word"])
def test_names_of_special_tokens_in_a_text_are_ordinary_text(kind, tmp_path):
    """In training, and where the tokenizer was saved beside a model that has them."""
    text = f"A text 一段文字 with {' '.join(NAMES)} in it."
    tokenizer = Tokenizer.parse({"kind": kind}).train(lambda: iter([text] * 20), 20 * len(text))
    vocabulary = tokenizer.vocabulary.with_specials(tuple(NAMES))
    assert len(NAMES) > 10
    assert max(tokenizer.encode(text)) < vocabulary.size_ordinary
    tokenizer.save(tmp_path)
    assert load_tokenizer(tmp_path).encode(text).tolist() == tokenizer.encode(text).tolist()


READS_ITS_TARGETS = {"replaced_token"}
"""What predicts something of each target, and so must be shown it."""


@pytest.mark.parametrize("kind", [kind for kind in OBJECTIVES if kind not in READS_ITS_TARGETS])
def test_what_is_not_predicted_weighs_exactly_nothing(given, kind):
    """Another target where the weight is 0 leaves every bit of loss and gradient."""
    found = roughened(some(given, kind))
    columns = dict(found.batch.columns)
    for name, weights in found.batch.columns.items():
        prefix, _, last = name.rpartition("weights")
        for target in ("targets", "labels", "tags"):
            known = columns.get(prefix + target)
            if not last and known is not None and known.shape == weights.shape:
                columns[prefix + target] = torch.where(weights == 0, (known + 1) % (int(known.max()) + 1), known)
    plain, changed = gradients(found, found.batch, 1), gradients(found, Batch(columns), 1)
    assert all(torch.equal(changed[name], gradient) for name, gradient in plain.items())
