"""The family of sources: where text comes from.

A source lists its inputs (a file, a page …) without reading them, and reads one input to documents.  The pipeline asks
for the list once, sorts it, and reads inputs in any order and on any machine.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from telos.corpus.extract import Extract
from telos.foundation.errors import TelosError
from telos.foundation.spec import Spec, stable_hash

ADD_TEXT = "put .txt, .md, .jsonl, .csv, .parquet or source files into it, or choose another corpus.path"
"""What to do where there is no text."""


@dataclass(frozen=True, slots=True)
class Input:
    """``path``: relative, with ``/``, unique in its source; names documents and stays the same where a folder moves.
    ``location``: where to read it (a file's path).  ``size_bytes`` as it lies there.  ``modified_ns``: nanoseconds."""

    path: str
    location: str
    size_bytes: int
    modified_ns: int = 0


@dataclass(frozen=True, slots=True)
class RawDocument:
    """One document as it was found.

    ``place``: where in its input (a line or row from 1, a name in an archive) if that holds several.  ``repaired``: how the
    bytes were read, if they were not whole UTF-8.  ``skipped``: the reason why this is not text (``text`` is then empty and
    ``size_bytes`` what was passed over).  ``metadata``: fields to carry along, as JSON values: labels, "date", "url" …"""

    text: str
    place: int | str | None = None
    repaired: str | None = None
    skipped: str | None = None
    size_bytes: int = 0
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fields:
    """What a format reads.  ``text``: the field or column with the text.  ``keep``: fields that are carried along as
    metadata.  ``extract``: how text is taken out of HTML, PDF and the like.  ``label`` and ``target``: the fields with a
    document's class and with the text that it is paired with; ``negatives``: those with texts that it is not to be taken for.
    ``columns``: names of the columns of tables without a header line."""

    text: str = "text"
    keep: tuple[str, ...] = ()
    extract: Extract = field(default_factory=Extract)
    label: str | None = None
    target: str | None = None
    negatives: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    @property
    def beside(self) -> tuple[str, ...]:
        """Every field that is read but for the text, once."""
        return tuple(dict.fromkeys((*self.keep, *self.settings)))

    @property
    def settings(self) -> dict[str, str]:
        """Field that every document must have beside its text → the setting that names it."""
        named = {self.label: "label_field", self.target: "target_field"} | dict.fromkeys(self.negatives, "negative_field")
        return {name: setting for name, setting in named.items() if name is not None}

    def metadata(self, values: Mapping[str, Any], place: str) -> dict[str, Any]:
        """Of a document's fields those that are carried along; the label and the target under these names, as text, where
        they are not empty; "negatives" is a list of texts, "" for an empty one.  `TelosError` that names the place where a
        document lacks one of these fields."""
        found = {name: values[name] for name in self.keep if name in values}
        for wanted, setting in self.settings.items():
            if wanted not in values:
                names = ", ".join(map(str, list(values)[:20])) or "(none)"
                raise TelosError(f"{place} must have the field '{wanted}'", f"fields {names}",
                                 f"name it: corpus.{setting}=NAME, or leave the file out: corpus.exclude=PATTERN"
                                 )  # fmt: skip
        for name, wanted in (("label", self.label), ("target", self.target)):
            if wanted is not None:
                found |= _annotation(name, values[wanted], place)
        if self.negatives:
            told = [_annotation("negative", values[wanted], place) for wanted in self.negatives]
            found["negatives"] = [one.get("negative", "") for one in told]
        return found


def _annotation(name: str, value: Any, place: str) -> dict[str, str]:
    if isinstance(value, (Mapping, list, tuple)):
        raise TelosError(f"{place} must have one {name}", f"a {type(value).__name__}: {str(value)[:60]}",
                         f"name a field that holds a word, a number or a text: corpus.{name}_field=NAME")  # fmt: skip
    if value is None:
        return {}
    text = str(value).lower() if isinstance(value, bool) else str(value)
    text = text.strip() if name == "label" else text
    return {name: text} if text.strip() else {}


def several(value: str | list[str]) -> list[str]:
    """What a setting names, of which one alone may stand without a list."""
    return [value] if isinstance(value, str) else list(value)


class Source(Spec, family="telos.corpus.sources", default="files"):
    """Settings of a source, and its behaviour."""

    @property
    def annotations(self) -> frozenset[str]:
        """What its documents have beside their text: of "label", "target" and "negative"."""
        found = {name for name in ("label", "target") if getattr(self, f"{name}_field", None) is not None}
        return frozenset(found | ({"negative"} if self.num_negatives else set()))

    @property
    def num_negatives(self) -> int:
        """How many texts come with each document that it is not to be taken for."""
        return len(several(getattr(self, "negative_field", [])))

    def inputs(self) -> list[Input]:
        """What there is to read, sorted by path; `TelosError` where the place does not exist or holds nothing."""
        raise NotImplementedError

    def read(self, item: Input) -> Iterator[RawDocument]:
        """The documents of one input, in their order; `TelosError` that names file and line where one is broken."""
        raise NotImplementedError

    def fingerprint(self) -> str:
        """16 hexadecimal digits that change when an input appears, goes, or changes in size or time; nothing is read."""
        return stable_hash([[i.path, i.size_bytes, i.modified_ns] for i in self.inputs()])
