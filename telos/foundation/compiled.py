"""Functions compiled by Numba, kept compiled in a folder of the user's, so that only the first run on a machine waits.

A kernel is a plain function over NumPy arrays in a module of its own that is imported where it is called, since importing
Numba takes half a second.  It runs without the interpreter's lock.  Numba looks whether a kernel's own file has changed, not the
files of the kernels that it calls: so the folder is named by what all kernels beside it hold.
Test: tests/foundation/test_compiled.py.
"""

import functools
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


def cache_folder() -> Path:
    """Where compiled functions are kept: ``$XDG_CACHE_HOME/telos/numba``, by default in ``~/.cache``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "telos" / "numba"


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function in machine code; compiled at its first call with arguments of new types."""
    import numba

    if not os.environ.get("NUMBA_CACHE_DIR"):
        numba.config.CACHE_DIR = str(  # type: ignore[attr-defined]
            cache_folder() / _digest(Path(function.__code__.co_filename).parent)
        )
    return numba.njit(cache=True, nogil=True, error_model="numpy")(function)


@functools.cache
def _digest(folder: Path) -> str:
    """16 hexadecimal digits over the sources in a folder."""
    sources = b"".join(file.read_bytes() for file in sorted(folder.glob("*.py")))
    return hashlib.sha256(sources).hexdigest()[:16]
