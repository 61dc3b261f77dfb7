"""File formats, one per file: each states its ``SUFFIXES`` and reads a stream to documents.

A module has ``read(stream, name, fields) -> Iterator[RawDocument]``; ``name`` is what errors call the file.
"""

import functools
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import PurePath
from typing import Protocol, cast

from telos.corpus.compression import Stream, inner_name
from telos.corpus.sources import Fields, RawDocument

_OTHERS = """.doc .odt .rtf .mobi .azw3 .xls .xlsx .ppt .pptx .tar .tgz .rar .7z .wat .sqlite .db .arrow .feather .pickle .pkl
    .npy .npz .pt .safetensors .gguf .onnx"""
UNSUPPORTED = frozenset(_OTHERS.split())
"""Suffixes of formats that hold text, or might, and cannot be read as plain text: skipped by name, never as garbage."""


class Format(Protocol):
    SUFFIXES: tuple[str, ...]

    def read(self, stream: Stream, name: str, fields: Fields) -> Iterator[RawDocument]: ...


@functools.cache
def _by_suffix() -> dict[str, str]:
    names = [m.name for m in pkgutil.iter_modules(__path__)]
    modules = {name: cast(Format, importlib.import_module(f"{__name__}.{name}")) for name in names}
    return {suffix: name for name, module in modules.items() for suffix in module.SUFFIXES}


def format_of(name: str) -> Format | None:
    """The format that a file's name tells (a .gz, .zst, .bz2 or .xz at its end is passed over); None for an unsupported one.

    A suffix that nobody claims is plain text, if its content is."""
    suffix = PurePath(inner_name(name)).suffix.lower()
    if suffix in UNSUPPORTED:
        return None
    return cast(Format, importlib.import_module(f"{__name__}.{_by_suffix().get(suffix, 'text')}"))
