"""What takes text out of one document, one format per file; runs in the process that `telos.corpus.sandbox` starts.

A module has ``LIBRARIES``, what it needs beyond the standard library, and ``extract(data, request) -> (text, metadata)``:
``request`` is `Extract.request` with what else is known of the document ("charset").  It may fail in any way, take all time
and memory, or raise `Refused` with the reason.  Nothing here imports pydantic, Arrow or torch: the process stays small.
"""

from typing import Any

Request = dict[str, Any]
Extracted = tuple[str, dict[str, str]]


class Refused(Exception):
    """No text can be taken; ``reason`` is one of those in `telos.corpus.extract`."""

    def __init__(self, reason: str):
        self.reason = reason
        super().__init__(reason)
