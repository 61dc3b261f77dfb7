"""A model of any family as a folder, and back.

A network that transformers knows is saved for transformers (`telos.models.hugging_face`).  Any other has a config.json

    {"model_type": "telos_<kind>", "spec": settings, "vocabulary": {…}}

beside model.safetensors, which holds its parameters and saved buffers by name: the folder is complete where
``build(vocabulary)`` is, and a new family of networks has nothing to write.  A family that counts writes the two files itself
(``save``), and its module reads them (``load``).  In either case the folder holds the tokenizer's files, README.md (the model
card), lineage.json and a manifest with the SHA-256 of each; it is written whole or not at all, and nothing in it is pickled.
Tests: tests/models/test_saved.py, tests/contracts/test_saved.py (every family).
"""

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import orjson

from telos.foundation.errors import SpecError, TelosError, nearest
from telos.foundation.files import MANIFEST, commit_folder, read_json, verify_folder, write_file, write_json
from telos.models import Counting, Model
from telos.models.saved.tensors import INDEX, WEIGHTS, check_readable, fill, read_tensors, stored
from telos.tokens.saved import BACKEND_FILE, CONFIG_FILE, OWN_FILE
from telos.tokens.tokenizers import TrainedTokenizer, load_tokenizer
from telos.tokens.vocabulary import Vocabulary

CONFIG = "config.json"
READ = (WEIGHTS, CONFIG, BACKEND_FILE, CONFIG_FILE, OWN_FILE)
"""The files that decide what the model says; the rest, the card above all, is the user's to edit."""
PREFIX = "telos_"
"""Begins the model_type of what only Telos loads; the kind of the family follows."""


def save_model(
    model: Any,
    tokenizer: TrainedTokenizer,
    folder: Path,
    *,
    card: str,
    lineage: Mapping[str, Any],
    generation: Mapping[str, Any] | None = None,
    dtype: Literal["float32", "bfloat16"] = "float32",
    also: Callable[[Path], None] | None = None,
) -> None:
    """Write the folder of a network or a counting model, replacing one that is there.

    ``card``: README.md.  ``lineage``: what this came from.  ``generation``: settings of generation_config.json in transformers'
    names.  bfloat16 halves the file and rounds a network's weights.  ``also``: writes more files into the folder, before it is
    sealed.  Raises `TelosError` where the tokenizer is another model's.
    """
    if is_known_to_transformers(model.spec):
        from telos.models import hugging_face

        hugging_face.save_model(
            model, tokenizer, folder, card=card, lineage=lineage, generation=generation, dtype=dtype, also=also
        )
        return
    _same_tokenizer(model.vocabulary, tokenizer)
    with commit_folder(Path(folder), what="model") as made:
        if isinstance(model, Counting):
            model.save(made)  # type: ignore[attr-defined]
        else:
            _write_network(model, made, generation or {}, dtype)
        tokenizer.save(made)
        write_file(made / "README.md", card)
        write_json(made / "lineage.json", dict(lineage))
        if also is not None:
            also(made)


def load_model(folder: Path) -> tuple[Any, TrainedTokenizer]:
    """(network in fp32 or counting model, tokenizer) of a folder that `save_model` wrote, or of an architecture of transformers'.

    Raises `TelosError` for a folder that is no model, for an architecture that is not known, for damaged files, pickles, and
    every setting or tensor that does not belong there, by name.
    """
    folder = Path(folder)
    if not (folder / CONFIG).is_file():
        raise TelosError("a model must be a folder with config.json and model.safetensors", f"no config.json in {folder}",
                         "give the folder that a run wrote as model/")  # fmt: skip
    config = read_config(folder)
    kind = str(config.get("model_type")).removeprefix(PREFIX)
    if not str(config.get("model_type")).startswith(PREFIX):
        from telos.models import hugging_face

        return hugging_face.load_model(folder)
    member = _member(kind)
    if (folder / MANIFEST).exists():
        verify_folder(folder, only=READ)
    tokenizer = load_tokenizer(folder)
    model = _counted(folder, kind) if member.learns_by == "counting" else _network(folder, config, member)
    _same_tokenizer(model.vocabulary, tokenizer)
    return model, tokenizer


def spec_of(folder: Path) -> Model:
    """The settings of the model in a folder, from its config.json alone."""
    config = read_config(Path(folder))
    model_type = str(config.get("model_type"))
    if not model_type.startswith(PREFIX):
        from telos.models import hugging_face

        return hugging_face.architecture(config).from_config(config)[0]
    return _member(model_type.removeprefix(PREFIX)).parse(config.get("spec"))


def read_config(folder: Path) -> dict[str, Any]:
    """config.json, which must be one JSON object."""
    again = "take it from the model's source again"
    try:
        config = read_json(folder / CONFIG)
    except orjson.JSONDecodeError as error:
        raise TelosError("config.json must be valid JSON", f"{error} ({folder})", again) from None
    if not isinstance(config, dict):
        raise TelosError("config.json must be a JSON object", f"{type(config).__name__} ({folder})", again)
    return config


def is_known_to_transformers(spec: Model) -> bool:
    """Whether the folder of a model of these settings is one that transformers loads."""
    from telos.models.transformer import Transformer

    if not isinstance(spec, Transformer):
        return False
    from telos.models.hugging_face import architecture_of

    return architecture_of(spec) is not None


def _member(kind: str) -> type[Model]:
    kinds = Model.kinds()
    if kind not in kinds:
        meant = nearest(kind, kinds)
        raise TelosError(f"config.json: model_type must be {PREFIX} and one of {', '.join(kinds)}", f"'{PREFIX}{kind}'",
                         f"is it '{PREFIX}{meant}'? Otherwise " * bool(meant) + "load it with the version of Telos that wrote it"
                         )  # fmt: skip
    return Model.member(kind)


# -- networks ---------------------------------------------------------------------------------------------------------


def _write_network(network: Any, folder: Path, generation: Mapping[str, Any], dtype: str) -> None:
    import torch
    from safetensors.torch import save_file

    tensors = {
        name: tensor.detach().to("cpu", getattr(torch, dtype) if tensor.is_floating_point() else None, copy=True).contiguous()
        for name, tensor in stored(network).items()
    }
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    facts = {"model_type": PREFIX + network.spec.kind(), "spec": network.spec.dump(), "vocabulary": network.vocabulary.facts()}
    write_json(folder / CONFIG, facts | {"dtype": dtype})
    end = network.vocabulary.end_of_text
    write_json(
        folder / "generation_config.json", {"bos_token_id": end, "eos_token_id": end, "pad_token_id": end} | dict(generation)
    )


def _network(folder: Path, config: Mapping[str, Any], member: type[Model]) -> Any:
    known = ("model_type", "spec", "vocabulary", "dtype")
    for name in config:
        if name not in known:
            raise TelosError(f"config.json must hold {', '.join(known)}", f"'{name}' = {config[name]!r}",
                             "remove it, or load it with the version of Telos that wrote it")  # fmt: skip
    try:
        network = member.parse(config.get("spec")).build(Vocabulary(**config["vocabulary"]))
    except SpecError as error:
        must, found, _ = error.parts
        place = ".".join(("spec", *error.path))
        raise TelosError(f"config.json: {place}: {must}", found, "take config.json from the model's source again") from None
    except (KeyError, TypeError):
        raise TelosError("config.json: vocabulary must be as a run wrote it", f"{config.get('vocabulary')!r:.80}",
                         "take config.json from the model's source again") from None  # fmt: skip
    fill(stored(network), read_tensors(folder))
    return network.eval()


# -- models that count ------------------------------------------------------------------------------------------------


def _counted(folder: Path, kind: str) -> Any:
    check_readable(folder)
    try:
        return importlib.import_module(f"telos.models.{kind}").load(folder)
    except SpecError as error:
        must, found, _ = error.parts
        place = ".".join(("spec", *error.path))
        raise TelosError(f"config.json: {place}: {must}", found, "take config.json from the model's source again") from None
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise TelosError("config.json and model.safetensors must be of one model", f"{type(error).__name__}: {error}",
                         "take both files from one model") from None  # fmt: skip


def _same_tokenizer(vocabulary: Vocabulary, tokenizer: TrainedTokenizer) -> None:
    if vocabulary.tokenizer_hash != tokenizer.vocabulary.tokenizer_hash:
        raise TelosError("a model and its tokenizer must belong together",
                         f"tokenizer {tokenizer.vocabulary.tokenizer_hash}, the model's is {vocabulary.tokenizer_hash}",
                         "give the tokenizer of the same run")  # fmt: skip


__all__ = [
    "CONFIG",
    "INDEX",
    "PREFIX",
    "READ",
    "WEIGHTS",
    "is_known_to_transformers",
    "load_model",
    "read_config",
    "save_model",
    "spec_of",
]
