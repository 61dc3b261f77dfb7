"""The verbs `telos corpus build` and `telos tokenizer train`: a corpus or a tokenizer by itself, from paths and a recipe."""

import time
from pathlib import Path
from typing import Any

from telos import recipe
from telos.corpus.about import About
from telos.corpus.clean import Clean
from telos.corpus.corpus import CARD, PAGE, Corpus
from telos.corpus.engines import Engine
from telos.corpus.inspect import BEFELL, named
from telos.corpus.pipeline import build_corpus
from telos.corpus.sources import Source
from telos.corpus.splits import SPLITS, Split
from telos.corpus.timing import note_timings, rates, timing_lines
from telos.foundation.errors import TelosError
from telos.foundation.overrides import apply
from telos.foundation.spec import Spec
from telos.foundation.units import format_bytes, format_count, format_seconds
from telos.stages import train_tokenizer as train_on
from telos.tokens.tokenizers import Tokenizer

_OTHERS = {info.alias or name for name, info in recipe.Run.model_fields.items()}
"""Parts of a run's recipe; those that a corpus does not read are passed over, any other name is refused."""


class CorpusRecipe(Spec):
    """The part of a recipe that `telos corpus build` reads."""

    corpus: Source
    clean: Clean = Clean()
    split: Split
    engine: Engine
    about: About = About()


class TokenizerRecipe(CorpusRecipe):
    """The part of a recipe that `telos tokenizer train` reads."""

    tokenizer: Tokenizer


def build(paths: list[str], overrides: list[str], out: Path, file: Path | None = None) -> tuple[dict[str, Any], str]:
    """`telos corpus build`: (facts, lines for people).  What it took is noted beside the corpus and on its page."""
    began = time.perf_counter()
    made = CorpusRecipe.parse(_data(paths, overrides, file, CorpusRecipe))
    corpus = build_corpus([made.corpus], made.clean, made.split, out, engine=made.engine, about=made.about)
    clock = time.perf_counter() - began
    note_timings(corpus, clock)
    facts = {"corpus": str(out), "hash": corpus.hash, "funnel": corpus.funnel, "split_note": corpus.split_note,
             "counts": corpus.facts["counts"], "seconds": corpus.seconds, "wall_seconds": clock,
             "documents_per_second": rates(corpus.funnel, corpus.seconds), "report": str(out / PAGE), "card": str(out / CARD),
             "documents": {s: corpus.count(s) for s in SPLITS}, "bytes": {s: corpus.bytes(s) for s in SPLITS}}  # fmt: skip
    shown = [f"{s}: {corpus.count(s)} documents, {format_bytes(corpus.bytes(s))}" for s in SPLITS]
    note = [corpus.split_note] if corpus.split_note else []
    note += [line.strip() for kind, what, field in BEFELL for line in named(what, corpus.facts.get(kind, []), field)]
    return facts, "\n".join([f"corpus in {out}", *shown, *note, "", *timing_lines(corpus.funnel, corpus.seconds),
                             f"  {format_seconds(clock)} by the clock", "",
                             f"report in {out / PAGE}, data card in {out / CARD}"])  # fmt: skip


def train_tokenizer(paths: list[str], overrides: list[str], out: Path) -> tuple[dict[str, Any], str]:
    """`telos tokenizer train`: (facts, lines for people).  A folder that `telos corpus build` made is taken as it is."""
    made = TokenizerRecipe.parse(_data(paths, overrides, None, TokenizerRecipe))
    if out.exists() and not (out / "telos_tokenizer.json").exists() and (not out.is_dir() or any(out.iterdir())):
        raise TelosError(f"{out} must be a new folder, an empty one, or an earlier tokenizer", "something else is there",
                         "choose another --out")  # fmt: skip
    only = Path(paths[0]) if len(paths) == 1 else None
    if only is not None and (only / "corpus.json").exists():
        corpus = Corpus.open(only)
    else:
        to = out.parent / f"{out.name}-corpus"
        corpus = build_corpus([made.corpus], made.clean, made.split, to, engine=made.engine)
    trained = train_on(made.tokenizer, corpus, out, targets=bool({"target", "negative", "question"} & made.corpus.annotations))
    size = trained.vocabulary.size
    facts = {"tokenizer": str(out), "vocabulary_size": size, "hash": trained.vocabulary.tokenizer_hash}
    return facts, f"tokenizer in {out}: {format_count(size)} tokens"


def _data(paths: list[str], overrides: list[str], file: Path | None, spec: type[Spec]) -> dict[str, Any]:
    """Settings of ``spec``: defaults, the parts of a recipe file that it knows, the sources that were named, overrides."""
    given = recipe.over_file(recipe.source_of(paths, overrides), file)
    fields = {info.alias or name for name, info in spec.model_fields.items()}
    known = {name: value for name, value in given.items() if name in fields or not (name.startswith("#") or name in _OTHERS)}
    return apply({name: {} for name in fields if name not in ("clean", "about")} | known, overrides)
