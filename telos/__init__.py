"""Telos turns text that you own into a language model that you can trust.

The names of the public interface are loaded when they are first used, so that ``import telos`` and ``telos --help``
stay fast.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "Run": "telos.run",
    "Files": "telos.corpus.sources.files",
    "Installation": "telos.corpus.sources.installation",
    "Byte": "telos.tokens.tokenizers.byte",
    "Character": "telos.tokens.tokenizers.character",
    "BPE": "telos.tokens.tokenizers.bpe",
    "Transformer": "telos.models.transformer",
    "NGram": "telos.models.ngram",
    "HMM": "telos.models.hmm",
    "Causal": "telos.objectives.causal",
    "AdamW": "telos.optim.optimizers.adamw",
    "Muon": "telos.optim.optimizers.muon",
    "load": "telos.run",
    "compare": "telos.lab.comparing",
}

__all__ = ["__version__", *_HOME]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'telos' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
