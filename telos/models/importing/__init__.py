"""Other people's models: a folder in the Hugging Face layout, a name on the hub, or an ARPA file, made into a folder of ours.

What comes out is again in that layout: settings, tensors and tokenizer that we read and understood, each written anew, so that
whatever we do not have was refused before, by name.  The tokenizer is kept as it is (`telos.tokens.tokenizers.pretrained`), the
weights in their type (what is neither fp32 nor bf16 becomes fp32, which holds it).
Tests: tests/models/importing/test_importing.py (models of transformers: equal logits, equal ids, bit-identical tensors).
"""

import contextlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import orjson

from telos import __version__
from telos.foundation.errors import TelosError
from telos.foundation.files import MANIFEST, read_json, sha256, write_file
from telos.models.importing import hub
from telos.models.importing.arpa import ENDINGS, import_arpa, is_arpa
from telos.models.saved import CONFIG, load_model, read_config, save_model
from telos.models.saved.tensors import INDEX, WEIGHTS, read_index
from telos.tokens.saved import OWN_FILE
from telos.tokens.tokenizers import TrainedTokenizer
from telos.tokens.tokenizers.pretrained import Pretrained

KEPT = ("chat_template.jinja", "LICENSE*")
"""Files that are taken over as they are."""
LARGEST = 1e30
"""No weight of a trained model is near it."""
GENERATION = ("do_sample", "temperature", "top_k", "top_p", "min_p", "repetition_penalty")


def import_model(
    source: str | Path,
    out: str | Path,
    *,
    revision: str | None = None,
    end_of_text: str | None = None,
    begin_of_text: str | None = None,
    tokenizer: str | Path | None = None,
) -> dict[str, Any]:
    """Write the folder ``out`` from a folder, a name on the hub or an ARPA file; facts about it.

    ``end_of_text``, ``begin_of_text``: tokens that end and begin a document, where the folder does not say.  ``tokenizer``: of
    an ARPA file (`import_arpa`).  Raises `TelosError` where ``out`` is somebody's folder, and for whatever `load_model`, `fetch`,
    `Pretrained` and `import_arpa` refuse.
    """
    out = Path(out)
    _refuse_to_replace(out)
    options = {"--revision": revision, "--end-of-text": end_of_text, "--begin-of-text": begin_of_text}
    if Path(source).is_file() or str(source).endswith(ENDINGS):
        return _from_file(Path(source), out, tokenizer, [name for name, value in options.items() if value is not None])
    if tokenizer is not None:
        raise TelosError("--tokenizer goes with an ARPA file, whose words are its tokens", f"the model {source}",
                         "leave it out: a model's own tokenizer lies in its folder")  # fmt: skip
    folder = _folder(source, revision)
    if out.resolve() == folder.resolve():
        raise TelosError("a model must be imported to another folder than its own", str(out), "choose another --out")
    if (folder / OWN_FILE).is_file():
        network, trained = load_model(folder)
    else:
        network, trained = _foreign(folder, end_of_text, begin_of_text)
    _refuse_broken_numbers(network)
    config = read_config(folder)
    lineage = {"telos": __version__, "imported_from": str(source), "revision": revision or _commit(folder),
               "files": {path.name: sha256(path) for path in _weights(folder)}}  # fmt: skip
    dtype = _dtype(folder)
    save_model(network, trained, out, card=_card(folder, source), lineage=lineage, generation=_generation(folder), dtype=dtype,
               also=lambda made: _keep(folder, made))  # fmt: skip
    return {
        "model": str(out),
        "architecture": (config.get("architectures") or [config.get("model_type")])[0],
        "parameters": sum(p.numel() for p in network.parameters()) if hasattr(network, "parameters") else None,
        "vocabulary_size": network.vocabulary.size,
        "dtype": dtype,
        "source": str(folder),
        "writes": bool(network.spec.patterns & {"causal", "encoder_decoder"}),
    }


def describe(facts: Mapping[str, Any]) -> str:
    """The facts in a few lines for people."""
    size = "" if facts["parameters"] is None else f", {facts['parameters']:,} parameters in {facts['dtype']}"
    use = "telos generate {model} --prompt …" if facts["writes"] else 'in Python: network, tokenizer = telos.load("{model}")'
    return (f"{facts['architecture']}{size}, vocabulary of {facts['vocabulary_size']:,} tokens\nmodel:  {facts['model']}\n"
            f"try:    {use.format(model=facts['model'])}")  # fmt: skip


def _refuse_to_replace(out: Path) -> None:
    is_model = (out / MANIFEST).is_file() and (out / CONFIG).is_file()
    if out.exists() and not (is_model or (out.is_dir() and not any(out.iterdir()))):
        raise TelosError(f"{out} must be a new folder, an empty one, or a model's", "something else is there",
                         "choose another --out")  # fmt: skip


def _from_file(path: Path, out: Path, tokenizer: str | Path | None, options: list[str]) -> dict[str, Any]:
    """From an ARPA file; weights are taken with the folder that they lie in."""
    if not is_arpa(path):
        raise TelosError("a model to import must be a folder, a name on the hub (OWNER/NAME), or an ARPA file",
                         f"the file {path}", "give the folder that it lies in, with config.json and tokenizer.json")  # fmt: skip
    if options:
        raise TelosError(f"{options[0]} goes with a folder or a name on the hub", f"the ARPA file {path}", "leave it out")
    return import_arpa(path, out, tokenizer)


def _folder(source: str | Path, revision: str | None) -> Path:
    """Where the files lie."""
    path = Path(source)
    if path.exists():
        if not (path / CONFIG).is_file():
            raise TelosError("a model to import must be a folder with config.json, weights and tokenizer.json",
                             f"no config.json in {path}", "name its folder, or OWNER/NAME on the hub")  # fmt: skip
        if revision is not None:
            raise TelosError("--revision goes with a name on the hub", f"the folder {path}", "leave it out")
        return path
    name = hub.name_of(str(source))
    if name is None:
        raise TelosError("a model to import must be a folder, or a name on the hub (OWNER/NAME)", f"no folder {source}",
                         "check its spelling")  # fmt: skip
    return hub.fetch(name, revision)


def _foreign(folder: Path, end_of_text: str | None, begin_of_text: str | None) -> tuple[Any, TrainedTokenizer]:
    """Network and tokenizer of a folder that transformers, or somebody's tool, wrote."""
    from telos.models.hugging_face import architecture, load_network

    config = read_config(folder)
    architecture(config).from_config(config)  # refuse settings before anything large is read
    spec = Pretrained(path=str(folder), end_of_text=end_of_text, begin_of_text=begin_of_text)
    tokenizer = spec.read()
    start = config.get("decoder_start_token_id")
    if begin_of_text is None and isinstance(start, int):
        begins = tokenizer.backend.id_to_token(start)
        tokenizer = spec.replace(begin_of_text=begins, end_of_text=tokenizer.spec.end_of_text).read()
    return load_network(folder, tokenizer.vocabulary), tokenizer


def _refuse_broken_numbers(network: Any) -> None:
    """A flipped bit in an exponent makes NaN, infinity, or a number that no training gives."""
    parameters = network.named_parameters() if hasattr(network, "named_parameters") else ()
    for name, parameter in parameters:
        largest = float(parameter.detach().abs().max()) if parameter.numel() else 0.0
        if not largest <= LARGEST:  # NaN is not either
            raise TelosError("a model's weights must be ordinary numbers",
                             f"'{name}' holds NaN, infinity or more than {LARGEST:g}",
                             "copy the file again: it is damaged")  # fmt: skip


def _weights(folder: Path) -> list[Path]:
    index = read_index(folder)
    names = {WEIGHTS} if index is None else {INDEX, *index.values()}
    return [folder / name for name in sorted(names)]


def _dtype(folder: Path) -> Literal["float32", "bfloat16"]:
    """bf16 where all weights are, so that they come out as they went in."""
    from safetensors import safe_open

    types: set[str] = set()
    for path in _weights(folder):
        if path.name != INDEX:
            with safe_open(path, framework="pt") as file:
                types |= {file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118 - it is no mapping
    return "bfloat16" if types == {"BF16"} else "float32"


def _generation(folder: Path) -> dict[str, Any]:
    """Its settings of sampling."""
    with _readable(folder / "generation_config.json"):
        facts = read_json(folder / "generation_config.json") if (folder / "generation_config.json").is_file() else {}
        return {name: facts[name] for name in GENERATION if facts.get(name) is not None}


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (orjson.JSONDecodeError, AttributeError, TypeError):
        raise TelosError(f"{path} must be a JSON object", "damaged content", "copy it again, or remove it") from None


def _commit(folder: Path) -> str | None:
    """The commit of a folder in the hub's cache."""
    return folder.name if re.fullmatch(r"[0-9a-f]{40}", folder.name) else None


def _card(folder: Path, source: str | Path) -> str:
    """Its own card, whose licence stays with it; a line where it has none."""
    card = folder / "README.md"
    if card.is_file():
        return card.read_bytes().decode(errors="replace")
    return f"A model that was imported from {Path(source).name}; lineage.json says from which files.\n"


def _keep(folder: Path, made: Path) -> None:
    for pattern in KEPT:
        for path in sorted(folder.glob(pattern)):
            write_file(made / path.name, path.read_bytes())
    if not (made / "chat_template.jinja").exists() and (folder / "tokenizer_config.json").is_file():
        with _readable(folder / "tokenizer_config.json"):
            template = read_json(folder / "tokenizer_config.json").get("chat_template")
        if isinstance(template, str):
            write_file(made / "chat_template.jinja", template)
