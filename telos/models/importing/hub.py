"""A model's files from the Hugging Face hub, by one function.

Files go to huggingface_hub's cache (HF_HOME), whole or not at all; a transfer that broke off goes on where it stopped, and what
the cache holds is not fetched again.  ``HF_ENDPOINT`` names a mirror, ``HF_HUB_OFFLINE=1`` takes only what the cache holds.
Weights are taken in safetensors alone, and compared with the SHA-256 that the hub names them by.  No code of a model is run.
Tests: tests/models/importing/test_hub.py, against a server on the loopback address.
"""

import os
import re
from pathlib import Path
from typing import Any

from telos.foundation.errors import TelosError, require
from telos.foundation.files import sha256

FILES = ["config.json", "generation_config.json", "model.safetensors", "model-*-of-*.safetensors", "model.safetensors.index.json",
         "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja", "README.md", "LICENSE*",
         "tokenizer.model", "spiece.model", "vocab.txt", "vocab.json", "merges.txt"]  # fmt: skip
"""What is fetched."""
USUAL_ENDPOINT = "https://huggingface.co"
_NAME = re.compile(r"(?:hf://)?(?:models/)?([\w.-]+(?:/[\w.-]+)?)")


def name_of(text: str) -> str | None:
    """OWNER/NAME of a model on the hub, where a text can be one (``hf://OWNER/NAME`` too)."""
    found = _NAME.fullmatch(text)
    return found[1] if found and not text.startswith((".", "-")) else None


def fetch(name: str, revision: str | None = None) -> Path:
    """The folder of a model's files in the cache, fetched where they are not there.  ``revision``: branch, tag or commit.

    `TelosError` where there is no such model or revision, where the hub wants a login, cannot be reached and the cache does not
    hold it, where its weights are pickles, and where a file's content is not what the hub says.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    hub: Any = require("huggingface_hub", extra="hub", feature="importing from the hub")
    endpoint = os.environ.get("HF_ENDPOINT") or USUAL_ENDPOINT
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}
    try:
        found = hub.snapshot_download(name, revision=revision, endpoint=endpoint, local_files_only=offline, allow_patterns=FILES)
    except Exception as error:
        raise _explained(name, revision, error, endpoint, offline) from None
    folder = Path(found)
    if not any(folder.glob("*.safetensors")):
        raise TelosError(f"the weights of {name} must be in safetensors, which holds numbers and nothing that runs",
                         "none: they are pickled, or in another format",
                         f"take a revision that has them (--revision refs/pr/N), or if you trust it: hf download {name} "
                         "--local-dir DIR, and python -m telos.models.saved.unpickle DIR")  # fmt: skip
    for file in sorted(folder.glob("*.safetensors")):
        _check(file)
    return folder


def _check(file: Path) -> None:
    """The cache calls a large file by its SHA-256, as the hub told it before any byte came."""
    blob = file.resolve()
    if re.fullmatch(r"[0-9a-f]{64}", blob.name) and (found := sha256(blob)) != blob.name:
        blob.unlink()
        raise TelosError(f"{file.name} must have the SHA-256 that the hub says ({blob.name})", found,
                         "run the same command again: the damaged file was removed")  # fmt: skip


def _explained(name: str, revision: str | None, error: Exception, endpoint: str, offline: bool) -> TelosError:
    kinds = {kind.__name__ for kind in type(error).__mro__}
    told = next(iter(str(error).removeprefix("Got: ").splitlines()), type(error).__name__)[:200]
    if "GatedRepoError" in kinds:
        return TelosError(f"{name} must be a model that you may fetch", "the hub wants its terms accepted first",
                          f"accept them at {endpoint}/{name}, then: hf auth login")  # fmt: skip
    if "RepositoryNotFoundError" in kinds or "HFValidationError" in kinds:
        return TelosError(f"{name} must be a folder here or a model on the hub", f"there is neither ({endpoint})",
                          "check its spelling; for a private one: hf auth login")  # fmt: skip
    if "RevisionNotFoundError" in kinds:
        return TelosError(f"{name} must have the revision '{revision}'", "it has not", "name a branch, a tag or a commit of it")
    elsewhere = "fetch it on another machine (hf download) and give the folder's path"
    if offline:
        return TelosError(f"{name} must be in the cache while HF_HUB_OFFLINE is set", "it is not, or not all of it",
                          f"unset HF_HUB_OFFLINE, or {elsewhere}")  # fmt: skip
    if isinstance(error, OSError) and error.errno is not None and not kinds & {"LocalEntryNotFoundError", "HfHubHTTPError"}:
        return TelosError(
            "the cache must be a place that can be written to", told, "free some room, or set HF_HOME to another folder"
        )
    return TelosError(f"{name} must be a folder here, or be fetched from {endpoint}", f"that cannot be reached: {told}",
                      f"check the network and run it again; behind a mirror set HF_ENDPOINT; or {elsewhere}")  # fmt: skip
