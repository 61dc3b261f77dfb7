"""One run, from text to report; and what one does with its model: score, generate.

    text → corpus → tokenizer → token stores → training (the baselines beside it) → held-out measurement → model and report

A run is a folder.  Running it again continues it, or shows its result where all is done; a folder that holds a run of other
settings, or of texts that have changed since, is left alone (files with other times are read again: they may hold the same).
Tests: tests/test_run.py, tests/end_to_end/test_run.py.
"""

import shutil
import time
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from telos import __version__
from telos.foundation import files, machine, progress
from telos.foundation.errors import TelosError
from telos.recipe import Run
from telos.result import Result, Scored, ScoredPairs, Stopped

if TYPE_CHECKING:
    from telos.generate.engine import Generation

if TYPE_CHECKING:
    import numpy as np

    from telos.evaluation import Evaluated
    from telos.measuring import Yardsticks

DISK_BYTES_PER_TEXT_BYTE = 4
"""Corpus, token stores and the baselines' files for a byte of text; the loop asks for the room of its checkpoints itself."""


def run(recipe: Run, out: str | Path, started: float | None = None) -> Result:
    """Text to measured model and report.  ``started``: when the budget began, on the clock of `time.time`; None: now."""
    return _run(recipe, Path(out), time.time() if started is None else started, full=True)


def train(recipe: Run, out: str | Path, started: float | None = None, shared: Path | None = None) -> Result:
    """Text to trained model and its held-out figure: no baselines, no samples, no report page.  ``shared``: a folder of stages
    that several runs have in common (`telos.stages.prepare`)."""
    return _run(recipe, Path(out), time.time() if started is None else started, full=False, shared=shared)


def _run(recipe: Run, out: Path, started: float, full: bool, shared: Path | None = None) -> Result:
    _refuse_to_mix(out)
    new = not out.exists()
    with files.lock_folder(out):
        try:
            done = _begin(recipe, out, full)
            return done or _go(recipe, out, started, full, shared)
        except BaseException:
            if new and [p.name for p in out.iterdir()] == [".lock"]:  # refused before anything was written
                shutil.rmtree(out, ignore_errors=True)
            raise


def _refuse_to_mix(out: Path) -> None:
    """What a run writes may replace what has the same name: never somebody's own folders."""
    there = sorted(p.name for p in out.iterdir() if p.name != ".lock") if out.is_dir() else []
    if (there and "run.json" not in there) or (out.exists() and not out.is_dir()):
        found = f"it holds {', '.join(there[:3])}{' …' if len(there) > 3 else ''}" if there else "it is a file"
        raise TelosError(f"{out} must be a new folder, an empty one, or a run's", found, "choose another --out")


def _begin(recipe: Run, out: Path, full: bool) -> Result | None:
    """Write what this run is, or check that the folder holds this very run; its result where it is finished."""
    facts = {"telos": __version__, "settings": recipe.dump(), "text_fingerprint": recipe.corpus.fingerprint(),
             "seed": recipe.training.seed, "machine": machine.describe(), "versions": machine.versions()}  # fmt: skip
    record = out / "run.json"
    if not record.exists() or not _has_begun(out):
        from telos import training

        training.check(recipe)
        if record.exists() and _changed(files.read_facts(record)["settings"], facts["settings"]):
            (out / "checkpoints/choices.json").unlink(missing_ok=True)  # measured for another recipe
        text_bytes = sum(item.size_bytes for item in recipe.corpus.inputs())
        files.require_free(out, text_bytes * DISK_BYTES_PER_TEXT_BYTE, "this run")
        files.write_file(out / "recipe.yaml", recipe.to_yaml())
        files.write_json(record, facts)
        return None
    known = files.read_facts(record)
    changed = _changed(known["settings"], facts["settings"])
    if changed:
        shown = ", ".join(f"{name} {old!r} → {new!r}" for name, old, new in changed[:3])
        remedy = "choose another --out, or remove that folder"
        if [name for name, _, _ in changed] == ["train.budget"]:
            remedy += ": the learning rate of its steps was planned for its budget, so that another budget is another run"
        raise TelosError(
            f"{out} must be a new folder, or one of the same run", f"it holds a run of other settings: {shown}", remedy
        )
    if known["text_fingerprint"] != facts["text_fingerprint"]:
        from telos.stages import is_same_text

        progress.say("files of the text have other times or sizes than when this run began: is it the same text?")
        if is_same_text(recipe, out):
            known["text_fingerprint"] = facts["text_fingerprint"]
            files.write_json(record, known)
            return _finished(out, full)
        raise TelosError(f"{out} must be a new folder, or one of the same run", "the texts have changed since it began",
                         "choose another --out, or remove that folder")  # fmt: skip
    return _finished(out, full)


def _finished(out: Path, full: bool) -> Result | None:
    if (out / "report.json").exists() and files.read_facts(out / "report.json")["full"] >= full:
        progress.say(f"{out} is finished; this is its result")
        return Result.read(out)
    return None


def _has_begun(out: Path) -> bool:
    """Whether there is anything that another recipe would lose: stages are keyed, and made anew where they must be."""
    return (out / "report.json").exists() or any((out / "checkpoints").glob("step-*"))


def _changed(old: Any, new: Any, path: str = "") -> list[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        names = [*old, *(name for name in new if name not in old)]
        return [c for name in names for c in _changed(old.get(name), new.get(name), f"{path}.{name}".strip("."))]
    return [] if old == new else [(path, old, new)]


def _go(recipe: Run, out: Path, started: float, full: bool, shared: Path | None = None) -> Result:
    from telos import ladder, report, stages, training
    from telos.train.clock import Clock

    clock = Clock(recipe.training.budget, started, reserve_seconds=training.closing_seconds(recipe.training.budget))
    prepared = stages.prepare(recipe, out, shared)
    held = training.hold_out(recipe, prepared, out, clock)
    climbing = None
    if full and recipe.evaluate.baselines and recipe.objective.scores_text:
        climbing = ladder.start(out / "baselines", held, corpus=prepared.corpus, train_tokens=prepared.stores["train"],
                                vocabulary=prepared.tokenizer.vocabulary, order=recipe.evaluate.ngram_order)  # fmt: skip
    try:
        clock.waiting = climbing.waiting_seconds if climbing is not None else None
        trained = training.train_model(recipe, prepared, held, out, clock)
        if trained.outcome is not None:
            files.write_json(out / "run.json", files.read_facts(out / "run.json") | {"choices": trained.outcome.choices})
            if trained.outcome.stopped_by:
                raise Stopped(trained.outcome.stopped_by, trained.outcome.step, trained.outcome.exit_code, out)
        return report.finish(recipe, prepared, held, trained, climbing, out=out, full=full)
    finally:
        if climbing is not None:
            climbing.stop()


# -- with a model -----------------------------------------------------------------------------------------------------


class Loaded(tuple[Any, Any]):
    """(model, tokenizer) of a model ``folder``: a network, or a model that counts."""

    folder: Path

    @classmethod
    def of(cls, folder: Path) -> "Loaded":
        from telos.models.saved import load_model

        made = cls(load_model(folder))
        made.folder = folder
        return made

    def embed(self, texts: Sequence[str], size: int | None = None) -> "np.ndarray":
        """The vectors of texts (texts, size), float32, under a model that was trained with objective=contrastive; see
        `telos.embedding.Embedder.embed`."""
        from telos.embedding import Embedder

        return Embedder.of(self.folder, self).embed(texts, size)


def load(folder: str | Path) -> Loaded:
    """(model, tokenizer) of a model folder."""
    return Loaded.of(Path(folder))


def load_likelihood(folder: str | Path) -> tuple[Any, Any]:
    """`load`, of a model that says how probable a text is; `TelosError` for one that cannot, or was not taught to."""
    from telos.models import no_likelihood
    from telos.objectives import _saved

    loaded = load(folder)
    if not loaded[0].spec.has_likelihood:
        raise no_likelihood(loaded[0].spec)
    learned = _saved.read(Path(folder))
    if learned is not None and learned[0].writes not in ("on", "answers"):
        kind, annotation = learned[0].kind(), learned[0].annotation
        tells = {"label": "ask it for classes (telos classify)"} | dict.fromkeys(
            ("value", "tags", "answers"), "ask it for what it learned (telos predict)"
        )
        other = tells.get(annotation or "", "let it write (telos generate)" if learned[0].writes else "")
        other = "ask it for vectors (telos embed)" if learned[0].gives_vectors else other
        other = other or f"measure it (telos evaluate {folder} --yardsticks all --texts FILE)"
        raise TelosError("a model must have learned the likelihood of text to be scored or to write",
                         f"{folder} was trained with objective={kind} alone", f"{other}, or train a model with objective=causal"
                         )  # fmt: skip
    return loaded


def classify(model: str | Path, words: list[str], overrides: list[str] | None = None) -> tuple[dict[str, Any], str]:
    """(facts, lines for people): the class of each text, or of each document of a file or folder.  ``overrides``: settings of
    `Files` and `CleanText`, as ``corpus.label_field=label``."""
    from telos import classifying

    return classifying.classify(Path(model), _fast(load(model)), words, overrides or [])


def predict(model: str | Path, words: list[str], overrides: list[str] | None = None) -> tuple[dict[str, Any], str]:
    """(facts, lines for people): what a model tells of each text, or of each document of a file or folder: its class, number,
    tags or answer.  ``overrides``: settings of `Files` and `CleanText`, as ``corpus.value_field=score``."""
    from telos import predicting

    return predicting.predict(Path(model), _fast(load(model)), words, overrides or [])


def embed(
    model: str | Path, words: list[str], overrides: list[str] | None = None, *, out: Path | None = None, size: int | None = None
) -> tuple[dict[str, Any], str]:
    """(facts, lines for people): the vector of each text, or of each document of a file or folder.  ``overrides``: settings of
    `Files` and `CleanText`, as ``corpus.target_field=other``; ``out``: a file; ``size``: of their first values."""
    from telos import embedding

    return embedding.embed(Path(model), _fast(load(model)), words, overrides or [], out=out, size=size)


def score(model: str | Path, text: str | Path, overrides: list[str] | None = None) -> Scored | ScoredPairs:
    """Bits per byte of a file or folder under a model.  ``overrides``: settings of `Files`, `Clean` and `Evaluate`, as
    ``corpus.text_field=body``."""
    from telos import scoring

    return scoring.score(load_likelihood, Path(model), Path(text), overrides or [])


def evaluate(model: str | Path, pairs: str | Path) -> "Evaluated":
    """Accuracy on a JSON Lines file of minimal pairs: ``sentence_good``, ``sentence_bad``, and ``UID`` where there are groups."""
    from telos import evaluation

    return evaluation.evaluate(load, Path(model), Path(pairs))


def measure(model: str | Path, yardsticks: list[str], overrides: list[str] | None = None, **material: Any) -> "Yardsticks":
    """A model on yardsticks (names, or "all"); ``material``: texts, pairs, labelled, judge, seed … of
    `telos.evaluate.yardsticks.Context`, the texts as a path."""
    from telos import measuring

    return measuring.measure(Path(model), yardsticks, overrides or [], **material)


def generate(model: str | Path, prompts: list[str], settings: dict[str, Any]) -> dict[str, Any]:
    """Continue each prompt, or answer it; ``settings`` are those of `Sampling`.  "continued": whether a text goes on from its
    prompt, or is an encoder-decoder's answer to it."""
    began = time.perf_counter()
    writer, sampling = _writer(Path(model), settings)
    loaded = time.perf_counter()
    made = writer.generate(prompts, sampling)
    told = [_told(prompt, one) for prompt, one in zip(prompts, made, strict=True)]
    return _timed(told, sampling.dump(), loaded - began, time.perf_counter() - loaded) | {"continued": writer.continues}


def _writer(model: Path, settings: dict[str, Any]) -> tuple[Any, Any]:
    """What writes with a model, and its settings: from left to right, or by unmasking where the model learned that."""
    from telos.generate.engine import Engine
    from telos.generate.sampling import Sampling
    from telos.generate.unmasking import Unmasker, Unmasking
    from telos.objectives import _saved, masked

    learned = _saved.read(model)
    if learned is not None and learned[0].writes == "by unmasking":
        network, tokenizer = _fast(load(model))
        return Unmasker(network, tokenizer, network.vocabulary.specials[masked.MASK]), Unmasking(**settings)
    loaded = load_likelihood(model)
    for name in ("steps", "order"):
        if name in settings:
            raise TelosError(f"--{name} is for a model that writes by unmasking", f"{model} writes from left to right",
                             f"leave --{name} out, or train with objective=masked_diffusion")  # fmt: skip
    sampling = Sampling(**settings)
    return Engine(*_fast(loaded)), sampling


def beam_search(model: str | Path, prompts: list[str], settings: dict[str, Any]) -> dict[str, Any]:
    """The most probable continuations of each prompt, best first; ``settings`` are those of `Beam`."""
    from telos.generate.beam import Beam
    from telos.generate.engine import Engine

    beam = Beam(**settings)
    began = time.perf_counter()
    engine = Engine(*_fast(load_likelihood(model)))
    loaded = time.perf_counter()
    made = engine.beam_search(prompts, beam)
    told = [_told(prompt, one) | {"score": score} for prompt, best in zip(prompts, made, strict=True) for one, score in best]
    return _timed(told, beam.dump(), loaded - began, time.perf_counter() - loaded)


def _told(prompt: str, one: "Generation") -> dict[str, Any]:
    return {"prompt": prompt, "text": one.text, "finish_reason": one.finish_reason, "tokens": len(one.tokens)}


def _timed(told: list[dict[str, Any]], settings: dict[str, Any], load_seconds: float, seconds: float) -> dict[str, Any]:
    tokens = sum(one["tokens"] for one in told)
    return {"generations": told, "settings": settings, "load_seconds": load_seconds, "seconds": seconds,
            "tokens_per_second": tokens / max(1e-9, seconds)}  # fmt: skip


def stream(model: str | Path, prompt: str, settings: dict[str, Any]) -> Iterator[str]:
    """One prompt and its continuation in pieces, as they become certain; of an encoder-decoder the answer alone, by unmasking
    the whole at once."""
    writer, sampling = _writer(Path(model), settings)
    if not hasattr(writer, "stream"):
        return iter([prompt, writer.generate([prompt], sampling)[0].text])
    pieces = writer.stream(prompt, sampling)  # which checks the prompt
    return chain([prompt], pieces) if writer.continues else pieces


def _fast(loaded: tuple[Any, Any]) -> tuple[Any, Any]:
    """All cores for the products of a network."""
    import torch

    torch.set_num_threads(machine.cores())
    return loaded
