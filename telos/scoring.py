"""`telos score`: bits per byte of any text under any model folder, beside what general compressors need; of an encoder-decoder,
what the targets of pairs cost it and how often it answers with them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from telos.corpus.clean import CleanText
from telos.corpus.sources import RawDocument, Source
from telos.evaluate.compressors import gzip_bytes, joined, xz_bytes
from telos.evaluate.likelihood import Likelihood, unit_edges
from telos.evaluate.pairs import Pairs, score_pairs
from telos.evaluate.score import extent, network_nll
from telos.evaluate.verdict import against_number
from telos.foundation.errors import TelosError
from telos.foundation.overrides import apply
from telos.foundation.spec import Spec
from telos.generate.engine import Engine
from telos.generate.lanes import reads_source
from telos.held_out import token_sizes, unit_kind
from telos.models import Counting
from telos.result import Scored, ScoredPairs


class Windows(Spec):
    """``stride``: how far the scoring window moves, in tokens (None: half the context), as in `telos.evaluate.settings`."""

    stride: int | None = Field(None, ge=1)


class ScoreRecipe(Spec):
    """The part of a recipe that `telos score` reads."""

    corpus: Source
    clean: CleanText = CleanText()
    evaluate: Windows = Windows()


def score(load: Callable[[Path], tuple[Any, Any]], model: Path, text: Path, overrides: list[str]) -> Scored | ScoredPairs:
    """Score every document of a file or folder, cleaned as a corpus is but neither deduplicated nor split."""
    recipe = ScoreRecipe.parse(apply({"corpus": {"kind": "files", "path": str(text)}}, overrides))
    documents = [raw for item in recipe.corpus.inputs() for raw in recipe.corpus.read(item) if not raw.skipped]
    texts = [one for one in (recipe.clean.text(raw.text) for raw in documents) if one]
    if not texts:
        raise TelosError("a text to score must have at least one character", f"none in {text}", "give a file or folder with text")
    built, tokenizer = load(model)
    if reads_source(built):
        return ScoredPairs(model, text, _pairs(built, tokenizer, recipe, documents))
    end = built.vocabulary.end_of_text
    encoded = tokenizer.encode_batch(texts)
    tokens = np.concatenate([np.append(ids.astype(np.int64), end) for ids in encoded])
    sizes, leads = token_sizes(tokenizer)
    nll = built.nll(tokens) if isinstance(built, Counting) else _network(built, tokens, recipe.evaluate.stride)
    edges = unit_edges(np.array([len(one.encode()) for one in texts]))
    ours = Likelihood.of(nll, sizes[tokens], edges, leads[tokens])
    whole = joined(texts)
    total = float(ours.bytes.sum())
    rungs = [
        against_number(name, ours, 8 * size / total) for name, size in (("gzip", gzip_bytes(whole)), ("xz", xz_bytes(whole)))
    ]
    return Scored(model, text, ours, unit_kind(len(texts)), len(texts), len(tokens), [rung for rung in rungs if rung is not None])


def _pairs(network: Any, tokenizer: Any, recipe: ScoreRecipe, documents: list[RawDocument]) -> Pairs:
    """Each document is a source, and the text in its target column what it should be answered with."""
    import torch

    from telos.foundation import machine

    targets = [raw.metadata.get("target") for raw in documents]
    for raw, target in zip(documents, targets, strict=True):
        if target is None:
            raise TelosError(f"model '{network.spec.kind()}' is scored on pairs of source and target",
                             f"no target at line or row {raw.place}" if raw.place else "texts without a target",
                             "give a table, and name the target's column: corpus.target_field=NAME")  # fmt: skip
    torch.set_num_threads(machine.cores())
    clean = recipe.clean.text
    pairs = [(clean(raw.text), clean(str(target))) for raw, target in zip(documents, targets, strict=True)]
    return score_pairs(Engine(network, tokenizer), pairs, what="score")


def _network(network: Any, tokens: np.ndarray, stride: int | None) -> np.ndarray:
    import torch

    from telos.foundation import machine

    torch.set_num_threads(machine.cores())
    length, step = extent(network.spec, stride)
    return network_nll(network, tokens, context_length=length, stride=step, what="score")
