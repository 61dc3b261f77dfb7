"""A document: the unit that is cleaned, split, weighed and held out."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Document:
    """One text with where it came from.

    ``id``: 32 hexadecimal digits, a hash of content and relative path.  ``source``: relative path, with ``:line`` or
    ``:row`` where a file holds several.  ``language``: ISO 639-1 code, or None where nobody asked.
    """

    id: str
    text: str
    source: str
    language: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
