"""A model as a folder that transformers loads, and back.

What each architecture is to our `Transformer` stands in one file of this folder; `ARCHITECTURES` has them by name.

A folder holds model.safetensors, config.json, generation_config.json, the tokenizer's files, README.md (the model card),
lineage.json, and a manifest with the SHA-256 of each; it is written whole or not at all.  Nothing in it is pickled.
Tests: tests/models/test_hugging_face.py, tests/models/hugging_face/.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import orjson

from telos.foundation.errors import TelosError
from telos.foundation.files import MANIFEST, commit_folder, read_json, verify_folder, write_file, write_json
from telos.models.hugging_face._architecture import Architecture, differences
from telos.models.hugging_face.bert import BERT
from telos.models.hugging_face.gpt2 import GPT2_LM
from telos.models.hugging_face.llama import LLAMA
from telos.models.hugging_face.mixtral import MIXTRAL
from telos.models.hugging_face.qwen3 import QWEN3
from telos.models.hugging_face.qwen3_moe import QWEN3_MOE
from telos.models.hugging_face.t5 import T5_CONDITIONAL
from telos.models.saved.tensors import WEIGHTS, check_names, check_types, read_tensors
from telos.models.transformer import Transformer
from telos.tokens.saved import BACKEND_FILE, CONFIG_FILE, OWN_FILE
from telos.tokens.tokenizers import TrainedTokenizer, load_tokenizer
from telos.tokens.vocabulary import Vocabulary

if TYPE_CHECKING:
    from torch import Tensor

    from telos.models.stacks.network import TransformerNetwork

ARCHITECTURES: dict[str, Architecture] = {
    known.name: known for known in (QWEN3, LLAMA, GPT2_LM, QWEN3_MOE, MIXTRAL, BERT, T5_CONDITIONAL)
}
"""Name in config.json → what knows its settings (`to_config`, `from_config`) and its tensors' names (`to_theirs`,
`to_ours`).  Where a network is several of them, the first is what it is saved as."""

TRAINING = "telos_training"
"""In config.json: settings of training that the architecture has no place for."""

CONFIG = "config.json"
READ = (WEIGHTS, CONFIG, BACKEND_FILE, CONFIG_FILE, OWN_FILE)
"""The files that decide what the model says."""


def save_model(
    network: "TransformerNetwork",
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

    vocabulary, spec = network.vocabulary, network.spec
    _same_tokenizer(vocabulary, tokenizer)
    known = architecture_of(spec)
    if known is None:
        nearest, other = _nearest(spec)
        raise TelosError(f"a model for transformers must be a {', '.join(ARCHITECTURES)}",
                         f"no {nearest.name}, the nearest: {', '.join(f'{name}={getattr(spec, name)!r}' for name in other)}",
                         "change these settings, or save it as our own")  # fmt: skip
    begin, end = vocabulary.begin_of_text, vocabulary.end_of_text
    ids = {"bos_token_id": begin, "eos_token_id": end, "pad_token_id": end}
    if spec.architecture == "encoder_decoder":
        ids["decoder_start_token_id"] = begin
    config = known.to_config(spec, vocabulary.size) | ids | {"dtype": dtype, "use_cache": True}
    if vocabulary.size > tokenizer.vocabulary.size:
        config["telos_special_tokens"] = vocabulary.specials
    back = known.from_config(config)[0]
    if lost := [name for name in Transformer.TRAINING_ONLY if getattr(back, name) != getattr(spec, name)]:
        config[TRAINING] = {name: getattr(spec, name) for name in lost}
    with commit_folder(Path(folder), what="model") as made:
        parameters = {name: value.detach().to("cpu", getattr(torch, dtype)) for name, value in network.named_parameters()}
        tensors = {name: value.contiguous() for name, value in known.to_theirs(parameters).items()}
        save_file(tensors, made / WEIGHTS, metadata={"format": "pt"})
        write_json(made / CONFIG, config)
        write_json(made / "generation_config.json", ids | dict(generation or {}))
        tokenizer.save(made)
        write_file(made / "README.md", card)
        write_json(made / "lineage.json", dict(lineage))
        if also is not None:
            also(made)


def load_model(folder: Path) -> "tuple[TransformerNetwork, TrainedTokenizer]":
    """The network (fp32) and tokenizer of a folder: one that `save_model` wrote, its weights, settings and tokenizer checked
    against the manifest, or one of `ARCHITECTURES` beside the files of one of our tokenizers.

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


def load_network(folder: Path, vocabulary: Vocabulary) -> "TransformerNetwork":
    """The network alone, over a vocabulary that has at most as many tokens as the model; the model's others become
    special tokens (named in config.json where we wrote it, otherwise ``<|unused_0|>`` …)."""
    import torch

    try:
        config = read_json(Path(folder) / CONFIG)
    except orjson.JSONDecodeError as error:
        raise TelosError(
            "config.json must be valid JSON", f"{error} ({folder})", "take it from the model's source again"
        ) from None
    known = architecture(config)
    spec, size = known.from_config(config)
    spec = spec.replace(**_training(config))
    network = spec.build(_widen(vocabulary, size, config.get("telos_special_tokens")))
    tensors = known.clean(read_tensors(Path(folder)))
    _take_copies(tensors, known.copies(spec))
    parameters = dict(network.named_parameters())
    wanted = known.to_theirs({name: torch.empty_like(parameter, device="meta") for name, parameter in parameters.items()})
    check_names({name: tuple(t.shape) for name, t in wanted.items()}, {name: tuple(t.shape) for name, t in tensors.items()})
    check_types(wanted, tensors)
    with torch.no_grad():
        for name, tensor in known.to_ours(tensors).items():
            parameters[name].copy_(tensor)
    return network.eval()


def architecture_of(spec: Transformer) -> Architecture | None:
    """The architecture of transformers' that a Transformer of these settings is; None where there is none."""
    nearest, other = _nearest(spec)
    return None if other else nearest


def _nearest(spec: Transformer) -> tuple[Architecture, list[str]]:
    """The architecture that the settings differ least from, and the settings in which they do."""
    found = []
    for known in ARCHITECTURES.values():
        try:
            back, _ = known.from_config(known.to_config(spec, 1))
        except TelosError:  # sizes that the architecture cannot have, or no encoder where it has one
            continue
        found.append((known, differences(spec, back)))
    return min(found, key=lambda pair: len(pair[1]), default=(QWEN3, ["head_size"]))


def architecture(config: Mapping[str, Any]) -> Architecture:
    """The architecture that a config.json names; `TelosError` where there is none."""
    named = (config.get("architectures") or [None])[0]
    if named not in ARCHITECTURES:
        raise TelosError(f"a model folder must be a {', '.join(ARCHITECTURES)}", f"config.json says {named}",
                         "choose a model of one of these")  # fmt: skip
    return ARCHITECTURES[named]


def _training(config: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of training that we wrote beside those of the architecture."""
    found = config.get(TRAINING, {})
    if not isinstance(found, dict) or not found.keys() <= set(Transformer.TRAINING_ONLY):
        raise TelosError(f"config.json: {TRAINING} must hold {', '.join(Transformer.TRAINING_ONLY)} alone", f"{found!r:.80}",
                         "remove what is not one of them")  # fmt: skip
    return found


def _take_copies(tensors: "dict[str, Tensor]", copies: Mapping[str, str]) -> None:
    """Remove tensors that repeat another; refuse them where they differ from it."""
    import torch

    for name, original in copies.items():
        copy = tensors.pop(name, None)
        if copy is not None and (original not in tensors or not torch.equal(copy, tensors[original])):
            raise TelosError(f"a model with tied embeddings must have no other {name}", "one that differs from the embedding",
                             "set tie_word_embeddings to false in config.json")  # fmt: skip


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
