"""Functions compiled by Numba, kept compiled in a folder of the user's, so that only the first run on a machine waits.

A kernel is a plain function over NumPy arrays in a module of its own that is imported where it is called, since importing
Numba takes half a second.  It runs without the interpreter's lock.  Test: tests/foundation/test_compiled.py.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


def cache_folder() -> Path:
    """Where compiled functions are kept: ``$XDG_CACHE_HOME/telos/numba``, by default in ``~/.cache``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "telos" / "numba"


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function in machine code; compiled at its first call with arguments of new types."""
    os.environ.setdefault("NUMBA_CACHE_DIR", str(cache_folder()))
    import numba

    return numba.njit(cache=True, nogil=True, error_model="numpy")(function)
