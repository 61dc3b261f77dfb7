"""How many threads Hugging Face `tokenizers` uses, which it reads from TOKENIZERS_PARALLELISM at each call.

Unless the user has set the variable it is set here on import, so that `tokenizers` does not warn at every fork; a forked
child has no thread pool, and waiting for one would hang, so there it is "false".  Tests: tests/tokens/test_saved.py.
"""

import contextlib
import os
from collections.abc import Iterator

VARIABLE = "TOKENIZERS_PARALLELISM"


@contextlib.contextmanager
def restored() -> Iterator[None]:
    """Whatever the block does to the variable ends with it."""
    before = os.environ[VARIABLE]
    try:
        yield
    finally:
        os.environ[VARIABLE] = before


def use_one_thread() -> None:
    os.environ[VARIABLE] = "false"


if VARIABLE not in os.environ:
    os.environ[VARIABLE] = "true"
    os.register_at_fork(after_in_child=use_one_thread)
