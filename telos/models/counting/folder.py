"""Folders of models that count: config.json (kind, settings, vocabulary, facts) and model.safetensors (named arrays)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from telos.foundation.errors import TelosError
from telos.foundation.files import read_facts, write_json
from telos.models import Counting, Model
from telos.tokens.vocabulary import Vocabulary


def save(
    folder: Path, model: Counting, arrays: dict[str, np.ndarray], facts: dict[str, Any], lineage: Mapping[str, Any] | None
) -> None:
    """Write a model's arrays and settings into a folder.  ``lineage``: what it came from, for lineage.json, by which a corpus
    knows a model's folder and passes it over."""
    from safetensors.numpy import save_file

    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, Path(folder) / "model.safetensors")
    own = {"model_type": f"telos_{model.spec.kind()}", "spec": model.spec.dump(), "vocabulary": model.vocabulary.facts()}
    write_json(Path(folder) / "config.json", own | facts)
    if lineage is not None:
        write_json(Path(folder) / "lineage.json", dict(lineage))


def read(folder: Path, kind: str) -> tuple[Any, dict[str, np.ndarray], dict[str, Any]]:
    """(a fresh model, arrays, facts) of a folder that `save` wrote for a model of this kind."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    facts = read_facts(Path(folder) / "config.json")
    if facts.get("model_type") != f"telos_{kind}":
        raise TelosError(f"{folder} must hold a model of kind {kind} (model_type 'telos_{kind}')",
                         f"model_type {facts.get('model_type')!r}", "name another folder")  # fmt: skip
    try:
        arrays = load_file(Path(folder) / "model.safetensors")
    except (SafetensorError, FileNotFoundError) as error:
        raise TelosError(f"{folder}/model.safetensors must be whole", str(error), "copy the folder again") from None
    return Model.parse(facts["spec"]).build(Vocabulary(**facts["vocabulary"])), arrays, facts


def contradiction(folder: Path, found: str) -> TelosError:
    """For arrays that do not fit the settings beside them."""
    return TelosError(f"model.safetensors and config.json of {folder} must belong together", found, "copy the folder again")


def checked(tokens: np.ndarray, vocabulary: Vocabulary) -> np.ndarray:
    """Tokens as int64; `TelosError` where one is no id of the vocabulary."""
    tokens = np.asarray(tokens, np.int64)
    if len(tokens) and not 0 <= tokens.min() <= tokens.max() < vocabulary.size:
        raise TelosError(f"tokens must be 0 to {vocabulary.size - 1}, the ids of this model's vocabulary",
                         f"{tokens.min()} to {tokens.max()}", "use the tokenizer that the model was made with")  # fmt: skip
    return tokens


def document(context: np.ndarray, end: int) -> np.ndarray:
    """The part of a context that is its last document's, without the end of text before it."""
    ends = np.flatnonzero(context == end)
    return context[ends[-1] + 1 :] if len(ends) else context
