"""Freed memory that stays with the process while work repeats itself.

glibc asks the system for every large block (above 32 MiB always) and gives it back when it is freed; the next step gets it anew,
a page fault for each 4 KiB and all of it zeroed.  A training step allocates the same blocks every time: uncompiled steps of a
small Transformer took a fifth less time without this, recurrent ones a tenth (docs/log.md).  Peak memory is the same.
Tests: tests/foundation/test_allocation.py.
"""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX = -1, -3, -4
"""Numbers of the settings in glibc's malloc.h."""
NORMALLY = {M_MMAP_MAX: 65_536, M_TRIM_THRESHOLD: 2**17, M_MMAP_THRESHOLD: 2**17}
"""What glibc begins with (mallopt(3))."""
MEANWHILE = {M_MMAP_MAX: 0, M_TRIM_THRESHOLD: 2**31 - 1}
"""No blocks of their own from the system; nothing given back below 2 GiB at the top of the heap."""

_depth = 0


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Inside, freed memory is used again instead of being given back; at the end it is given back.  Nothing changes where the C
    library is not glibc."""
    global _depth  # noqa: PLW0603 - the setting is the process's
    library = _glibc()
    if library is None:
        yield
        return
    _depth += 1
    if _depth == 1:
        _set(library, MEANWHILE)
    try:
        yield
    finally:
        _depth -= 1
        if _depth == 0:
            _set(library, NORMALLY)
            library.malloc_trim(0)


def _set(library: ctypes.CDLL, settings: dict[int, int]) -> None:
    for name, value in settings.items():
        library.mallopt(name, value)


def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if all(hasattr(library, name) for name in ("mallopt", "malloc_trim", "gnu_get_libc_version")) else None
