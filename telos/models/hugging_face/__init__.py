"""A model as a folder that transformers loads, and back.

The folder holds model.safetensors, config.json, generation_config.json, the tokenizer's files, README.md (the model card),
lineage.json, and a manifest with the SHA-256 of each; it is written whole or not at all.  Nothing in it is pickled.
Tests: tests/models/test_hugging_face.py.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import orjson

from telos.foundation.errors import TelosError
from telos.foundation.files import MANIFEST, commit_folder, read_json, verify_folder, write_file, write_json
from telos.models.hugging_face import qwen3
from telos.models.saved.tensors import WEIGHTS, read_tensors
from telos.tokens.saved import BACKEND_FILE, CONFIG_FILE, OWN_FILE
from telos.tokens.tokenizers import TrainedTokenizer, load_tokenizer
from telos.tokens.vocabulary import Vocabulary

if TYPE_CHECKING:
    from telos.models.transformer import Decoder, Transformer

ARCHITECTURES: dict[str, ModuleType] = {module.ARCHITECTURE: module for module in (qwen3,)}
"""Name in config.json → the module that knows its settings (`to_config`, `from_config`) and its tensors' names."""

CONFIG = "config.json"
READ = (WEIGHTS, CONFIG, BACKEND_FILE, CONFIG_FILE, OWN_FILE)
"""The files that decide what the model says."""


def save_model(
    network: "Decoder",
    tokenizer: TrainedTokenizer,
    folder: Path,
    *,
    card: str,
    lineage: Mapping[str, Any],
    generation: Mapping[str, Any] | None = None,
    dtype: Literal["float32", "bfloat16"] = "float32",
    also: Callable[[Path], None] | None = None,
) -> None:
    """Write the folder, replacing one that is there.

    ``card``: README.md.  ``lineage``: what this came from.  ``generation``: settings of generation_config.json in
    transformers' names, beside the token ids, which are added.  bfloat16 halves the file and rounds the weights.  ``also``:
    writes more files into the folder, before it is sealed.
    """
    import torch
    from safetensors.torch import save_file

    vocabulary = network.vocabulary
    _same_tokenizer(vocabulary, tokenizer)
    end = vocabulary.end_of_text
    ids = {"bos_token_id": end, "eos_token_id": end, "pad_token_id": end}
    config = qwen3.to_config(network.spec, vocabulary.size) | ids | {"dtype": dtype, "use_cache": True}
    if vocabulary.size > tokenizer.vocabulary.size:
        config["telos_special_tokens"] = vocabulary.specials
    with commit_folder(Path(folder), what="model") as made:
        tensors = {
            name: value.detach().to("cpu", getattr(torch, dtype)).contiguous() for name, value in network.named_parameters()
        }
        save_file(tensors, made / WEIGHTS, metadata={"format": "pt"})
        write_json(made / CONFIG, config)
        write_json(made / "generation_config.json", ids | dict(generation or {}))
        tokenizer.save(made)
        write_file(made / "README.md", card)
        write_json(made / "lineage.json", dict(lineage))
        if also is not None:
            also(made)


def load_model(folder: Path) -> "tuple[Decoder, TrainedTokenizer]":
    """The network (fp32) and tokenizer of a folder: one that `save_model` wrote, its weights, settings and tokenizer checked
    against the manifest, or a Qwen3ForCausalLM of transformers' beside the files of one of our tokenizers.

    Raises `TelosError` for a folder that is no model, for damaged files, and for every setting or tensor that our model does
    not have, by name.
    """
    folder = Path(folder)
    if not (folder / CONFIG).is_file():
        raise TelosError("a model must be a folder with config.json and model.safetensors", f"no config.json in {folder}",
                         "give the folder that a run wrote as model/")  # fmt: skip
    if (folder / MANIFEST).exists():
        verify_folder(folder, only=READ)  # the rest, the card above all, is the user's to edit
    tokenizer = load_tokenizer(folder)
    return load_network(folder, tokenizer.vocabulary), tokenizer


def load_network(folder: Path, vocabulary: Vocabulary) -> "Decoder":
    """The network alone, over a vocabulary that has at most as many tokens as the model; the model's others become
    special tokens (named in config.json where we wrote it, otherwise ``<|unused_0|>`` …)."""
    import torch

    try:
        config = read_json(Path(folder) / CONFIG)
    except orjson.JSONDecodeError as error:
        raise TelosError(
            "config.json must be valid JSON", f"{error} ({folder})", "take it from the model's source again"
        ) from None
    spec, size = architecture(config).from_config(config)
    network = spec.build(_widen(vocabulary, size, config.get("telos_special_tokens")))
    tensors = read_tensors(Path(folder))
    if spec.tie_embeddings and (head := tensors.pop("lm_head.weight", None)) is not None:
        embedding = tensors.get("model.embed_tokens.weight")
        if embedding is None or not torch.equal(head, embedding):
            raise TelosError(
                "a model with tied embeddings must have no other lm_head.weight",
                "one that differs from the embedding",
                "set tie_word_embeddings to false in config.json",
            )
    parameters = dict(network.named_parameters())
    qwen3.check_names(
        {name: tuple(p.shape) for name, p in parameters.items()}, {name: tuple(t.shape) for name, t in tensors.items()}
    )
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(tensors[name])
    return network


def architecture_of(spec: "Transformer") -> ModuleType | None:
    """The architecture of transformers' that a Transformer of these settings is; None where there is none."""
    return qwen3


def architecture(config: Mapping[str, Any]) -> ModuleType:
    """The module of the architecture that a config.json names; `TelosError` where there is none."""
    named = (config.get("architectures") or [None])[0]
    if named not in ARCHITECTURES:
        raise TelosError(f"a model folder must be a {', '.join(ARCHITECTURES)}", f"config.json says {named}",
                         "convert the model first")  # fmt: skip
    return ARCHITECTURES[named]


def _widen(vocabulary: Vocabulary, size: int, specials: Mapping[str, int] | None) -> Vocabulary:
    if specials is not None:
        vocabulary = vocabulary.with_specials(tuple(sorted(specials, key=specials.__getitem__)))
    if vocabulary.size > size:
        raise TelosError("a model must have a row for every token of its tokenizer", f"{size} rows, {vocabulary.size} tokens",
                         "put the model's own tokenizer into its folder")  # fmt: skip
    return vocabulary.with_specials(tuple(f"<|unused_{i}|>" for i in range(size - vocabulary.size)))


def _same_tokenizer(vocabulary: Vocabulary, tokenizer: TrainedTokenizer) -> None:
    if vocabulary.tokenizer_hash != tokenizer.vocabulary.tokenizer_hash:
        raise TelosError("a model must be saved with the tokenizer that it was trained with",
                         f"tokenizer {tokenizer.vocabulary.tokenizer_hash}, the model's is {vocabulary.tokenizer_hash}",
                         "give the tokenizer of the same run")  # fmt: skip
