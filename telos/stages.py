"""From a recipe to tokens on disk: corpus → tokenizer → token stores, each stage reused while its inputs are the same.

A stage is a folder of the run.  ``stages.json`` says for each by which key (hash of its inputs and settings) it was made and
what its manifest hashes to; a re-run reuses a stage whose key and files still agree and makes any other anew.  Runs that share
stages keep each in one folder, named by its key, whose files they have as hard links.  Tests: tests/test_stages.py.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from telos import __version__
from telos.corpus.corpus import Corpus
from telos.corpus.pipeline import build_corpus
from telos.corpus.splits import SPLITS
from telos.corpus.timing import note_timings
from telos.foundation import files, progress
from telos.foundation.errors import TelosError
from telos.foundation.spec import Spec, stable_hash
from telos.recipe import Run
from telos.tokens.annotations import NAMES as ANNOTATIONS
from telos.tokens.store import TokenStore
from telos.tokens.tokenizers import Tokenizer, TrainedTokenizer, load_tokenizer

SAMPLED_BYTES_PER_SECOND = 200_000
"""Text that a time budget leaves room for.  Cleaning, tokenizing and the n-gram baseline of a megabyte take some 0.7 s on two
cores, so this spends about a seventh of the budget on them; a network sees far less of it in the rest."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What training starts from.  ``seconds``: stage → time it took now (near 0 where it was reused)."""

    corpus: Corpus
    tokenizer: TrainedTokenizer
    stores: dict[str, TokenStore]
    seconds: dict[str, float]


def prepare(run: Run, folder: Path, shared: Path | None = None) -> Prepared:
    """Corpus, tokenizer and token stores of a run, made or reused in its folder.  ``shared``: a folder, on the same disk, of
    stages that other runs made and may take."""
    max_bytes, seconds = room_for_text(run), {}
    fingerprint = run.corpus.fingerprint()
    corpus_key = _key(run.corpus, run.clean, run.split, run.about, fingerprint, max_bytes)
    began = time.perf_counter()
    _stage(folder, "corpus", corpus_key, lambda to: _build(run, to, max_bytes), shared)
    corpus = Corpus.open(folder / "corpus")
    beside = run.corpus.annotations if run.objective.unit == "document" else frozenset[str]()
    if run.objective.unit == "document":
        _require_whole_documents(run, corpus)
    seconds["corpus"] = time.perf_counter() - began

    began = time.perf_counter()
    paired = bool({"target", "negative", "question"} & run.corpus.annotations)
    labelled = run.objective.annotation not in (None, "target")  # the text's own likelihood is not what is learned
    tokenizer_key = _key(run.tokenizer, corpus_key, *(["target"] if paired else []), *(["label"] if labelled else []))
    _stage(folder, "tokenizer", tokenizer_key,
           lambda to: train_tokenizer(run.tokenizer, corpus, to, targets=paired, labels=labelled), shared)  # fmt: skip
    tokenizer = load_tokenizer(folder / "tokenizer")
    seconds["tokenizer"] = time.perf_counter() - began

    began = time.perf_counter()
    stores: dict[str, TokenStore] = {}
    labels = corpus.labels("train") if "label" in beside else None
    noted = [name for name in run.objective.annotations if name in ANNOTATIONS]
    tags = corpus.tags("train") if "tags" in noted else []
    marks = run.objective.needs_marks
    weighted = run.corpus.annotations & {"weight"}
    for split in SPLITS:
        if corpus.count(split):
            name = f"tokens/{split}"
            write = partial(TokenStore.write, documents=corpus.documents(split), tokenizer=tokenizer,
                            total_bytes=corpus.bytes(split), labels=labels, targets="target" in beside, marks=marks,
                            negatives=run.corpus.num_negatives if "negative" in beside else 0, annotations=noted, tags=tags,
                            weighted=bool(weighted),
                            what=f"tokens ({split})")  # fmt: skip
            key = _key(tokenizer_key, split, *sorted({*beside, *noted, *weighted}), *(["marks"] if marks else []))
            _stage(folder, name, key, write, shared)
            stores[split] = TokenStore.open(folder / name)
    seconds["tokens"] = time.perf_counter() - began
    return Prepared(corpus, tokenizer, stores, seconds)


def room_for_text(run: Run) -> int | None:
    """Bytes of training text that the budget has time for; None where the budget is not a time."""
    budget = run.training.budget
    return int(budget.value * SAMPLED_BYTES_PER_SECOND) if budget.unit == "seconds" else None


def _stage(folder: Path, name: str, key: str, make: Callable[[Path], Any], shared: Path | None = None) -> None:
    record = folder / "stages.json"
    known = files.read_facts(record) if record.exists() else {}
    to = folder / name
    if known.get(name, {}).get("key") == key and _manifest_hash(to) == known[name]["manifest"]:
        try:
            files.verify_folder(to)
            return
        except TelosError as error:
            progress.say(f"{name} is made anew: {error.found}")
    to.parent.mkdir(parents=True, exist_ok=True)
    if shared is None:
        make(to)
    else:
        kept = shared / key
        _stage(kept, name, key, make)
        _link(kept / name, to)
    known[name] = {"key": key, "manifest": _manifest_hash(to)}
    files.write_json(record, known)


def _link(kept: Path, to: Path) -> None:
    """A committed folder at a second place: its files as links, which costs no room, or copies where a disk has no links."""
    shutil.rmtree(to, ignore_errors=True)
    try:
        shutil.copytree(kept, to, copy_function=os.link)
    except (OSError, shutil.Error):
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(kept, to)


def _manifest_hash(folder: Path) -> str | None:
    manifest = folder / files.MANIFEST
    return files.sha256(manifest) if manifest.exists() else None


def _key(*parts: Any) -> str:
    return stable_hash([__version__, *(part.dump() if isinstance(part, Spec) else part for part in parts)])


def _build(run: Run, to: Path, max_bytes: int | None) -> Corpus:
    began = time.perf_counter()
    corpus = build_corpus([run.corpus], run.clean, run.split, to, max_bytes=max_bytes, engine=run.engine, about=run.about)
    note_timings(corpus, time.perf_counter() - began)
    return corpus


def is_same_text(run: Run, folder: Path) -> bool:
    """Whether the run's inputs still give the corpus in its folder, whatever their times: it is built once more beside it."""
    kept = _manifest_hash(folder / "corpus")
    if kept is None:
        return False
    with tempfile.TemporaryDirectory(dir=folder, prefix=".same-text-") as scratch:
        _build(run, Path(scratch) / "corpus", room_for_text(run))
        return _manifest_hash(Path(scratch) / "corpus") == kept


def _require_whole_documents(run: Run, corpus: Corpus) -> None:
    if corpus.split_note is not None and corpus.split_note.startswith("split by position"):
        raise TelosError(f"objective '{run.objective.kind()}' needs whole documents to be held out", corpus.split_note,
                         "add documents, or choose split.kind=content with larger fractions")  # fmt: skip


def train_tokenizer(
    spec: Tokenizer, corpus: Corpus, to: Path, *, targets: bool = False, labels: bool = False
) -> TrainedTokenizer:
    """``targets``: also on the texts beside documents.  ``labels``: for telling their classes."""

    def texts() -> Iterator[str]:
        for document in corpus.documents("train"):
            yield document.text
            if targets:
                yield str(document.metadata.get("target", ""))
                yield str(document.metadata.get("question", ""))
                yield from document.metadata.get("negatives", [])

    trained = (spec.train_for_labels if labels else spec.train)(texts, corpus.bytes("train"))
    with files.commit_folder(to) as folder:
        trained.save(folder)
    return trained
