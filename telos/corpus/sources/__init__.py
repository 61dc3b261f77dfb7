"""The family of sources: where text comes from.

A source lists its inputs (a file, a page …) without reading them, and reads one input to documents.  The pipeline asks
for the list once, sorts it, and reads inputs in any order and on any machine.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from telos.corpus import annotations
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
    metadata.  ``extract``: how text is taken out of HTML, PDF and the like.  ``annotations``: name of an annotation
    (`telos.corpus.annotations`) → the field that holds it.  ``negatives``: the fields with texts that a document is not to be
    taken for.  ``columns``: names of the columns of tables without a header line."""

    text: str = "text"
    keep: tuple[str, ...] = ()
    extract: Extract = field(default_factory=Extract)
    annotations: Mapping[str, str] = field(default_factory=dict)
    negatives: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    @property
    def beside(self) -> tuple[str, ...]:
        """Every field that is read but for the text, once."""
        return tuple(dict.fromkeys((*self.keep, *self.settings)))

    @property
    def settings(self) -> dict[str, str]:
        """Field that every document must have beside its text → the setting that names it."""
        named = {held: f"{name}_field" for name, held in self.annotations.items()}
        return named | dict.fromkeys(self.negatives, "negative_field")

    def metadata(self, values: Mapping[str, Any], place: str) -> dict[str, Any]:
        """Of a document's fields those that are carried along; annotations under their names, where they are not empty;
        "negatives" is a list of texts, "" for an empty one.  `TelosError` that names the place where a document lacks one of
        these fields."""
        found = {name: values[name] for name in self.keep if name in values}
        for wanted, setting in self.settings.items():
            if wanted not in values:
                names = ", ".join(map(str, list(values)[:20])) or "(none)"
                raise TelosError(f"{place} must have the field '{wanted}'", f"fields {names}",
                                 f"name it: corpus.{setting}=NAME, or leave the file out: corpus.exclude=PATTERN"
                                 )  # fmt: skip
        for name, wanted in self.annotations.items():
            found |= annotations.annotation(name, values[wanted], values.get(self.text), place)
        if self.negatives:
            told = [annotations.annotation("negative", values[wanted], None, place) for wanted in self.negatives]
            found["negatives"] = [one.get("negative", "") for one in told]
        return found

    def joined(self, words: Any) -> Any:
        """The text of a list of words, where documents have tags; anything else as it is."""
        if "tags" not in self.annotations or not isinstance(words, (list, tuple)):
            return words
        return annotations.joined([str(word).strip() for word in words])[0]


def several(value: str | list[str]) -> list[str]:
    """What a setting names, of which one alone may stand without a list."""
    return [value] if isinstance(value, str) else list(value)


class Source(Spec, family="telos.corpus.sources", default="files"):
    """Settings of a source, and its behaviour."""

    @property
    def annotation_fields(self) -> dict[str, str]:
        """Name of an annotation → the field that holds it, as the settings NAME_field say."""
        source: Any = self
        if "label_field" not in type(self).model_fields:
            return {}
        named = {"label": source.label_field, "target": source.target_field, "value": source.value_field,
                 "weight": source.weight_field, "tags": source.tags_field,
                 "question": source.question_field, "answers": source.answers_field}  # fmt: skip
        return {name: held for name, held in named.items() if held is not None}

    @property
    def annotations(self) -> frozenset[str]:
        """What its documents have beside their text: as `telos.corpus.annotations` names it, and "negative"."""
        return frozenset(self.annotation_fields) | ({"negative"} if self.num_negatives else set())

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
