"""JSON Lines: one JSON object a line, its text in one field; blank lines are passed over."""

import json
from collections.abc import Iterator
from typing import Any

import orjson

from telos.corpus.compression import Stream
from telos.corpus.lines import utf8_lines
from telos.corpus.sources import Fields, RawDocument
from telos.foundation.errors import TelosError

SUFFIXES = (".jsonl", ".ndjson", ".jsonlines")


def read(stream: Stream, name: str, fields: Fields) -> Iterator[RawDocument]:
    """A document for each line: the field of an object, or the line itself where it is a JSON string."""
    for number, line, repaired in utf8_lines(stream):
        if line and not line.isspace():
            place = f"{name}:{number}"
            yield document(parse(line, place), fields, place, number, repaired)


def document(value: Any, fields: Fields, place: str, number: int | None, repaired: str | None) -> RawDocument:
    """The document of a JSON value; of an object's other fields those to keep, where it has them.  Where questions are asked
    for, one whose question is empty is none."""
    listed = isinstance(value, dict) and isinstance(value.get(fields.text), list)
    text = field_text(value | {fields.text: fields.joined(value[fields.text])} if listed else value, fields.text, place)
    kept = fields.metadata(value if isinstance(value, dict) else {}, place)
    if "question" in fields.annotations and "question" not in kept:
        return RawDocument("", number, skipped="without_question", size_bytes=len(text.encode()))
    return RawDocument(text, number, repaired, metadata=_whole_within(kept))


def parse(data: bytes, place: str) -> Any:
    """A JSON value; `TelosError` that names the place where it is broken.

    Python's own parser is asked where orjson refuses: it also takes half surrogate pairs, NaN and huge numbers."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise broken(place, data, error) from None


MEND_LINE = "mend or remove that line, or go on without what is broken: clean.broken=quarantine"


def broken(place: str, data: bytes, error: Exception) -> TelosError:
    at = getattr(error, "pos", 0)
    why = (
        f"{error.msg.lower().removesuffix(' at')} at column {error.colno}"
        if isinstance(error, json.JSONDecodeError)
        else str(error)
    )
    near = data.decode(errors="replace")[max(0, at - 20) : at + 20].replace("\n", " ")
    return TelosError(f"{place} must be valid JSON", f"{why}, near '{near}'", MEND_LINE)


def field_text(value: Any, field: str, place: str) -> str:
    """The text of a JSON value: a string itself, or an object's field (null is an empty text)."""
    if isinstance(value, str):
        return whole(value)
    if not isinstance(value, dict):
        raise TelosError(f"{place} must be a JSON object with a field '{field}', or a string",
                         f"{type(value).__name__}", "mend or remove that line")  # fmt: skip
    if field not in value:
        raise missing_field(place, field, {k: v for k, v in value.items() if isinstance(v, str)}, list(value))
    text = value[field]
    if text is None:
        return ""
    if not isinstance(text, str):
        raise TelosError(f"{place} must have text in its field '{field}'", f"{type(text).__name__}: {str(text)[:60]}",
                         "name a field that holds text: corpus.text_field=NAME")  # fmt: skip
    return whole(text)


def missing_field(place: str, field: str, texts: dict[str, str], found: list[str]) -> TelosError:
    """The error for a missing text field, with the field of the longest text as the proposal."""
    likely = max(texts, key=lambda name: len(texts[name] or ""), default="NAME")
    names = ", ".join(map(str, found[:20])) or "(none)"
    return TelosError(f"{place} must have the field '{field}'", f"fields {names}",
                      f"name it: corpus.text_field={likely}, or leave the file out: corpus.exclude=PATTERN")  # fmt: skip


def _whole_within(value: Any) -> Any:
    """`whole` of every text in a JSON value."""
    if isinstance(value, dict):
        return {name: _whole_within(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_whole_within(inner) for inner in value]
    return whole(value) if isinstance(value, str) else value


def whole(text: str) -> str:
    """The text with half surrogate pairs, which no encoding can hold, replaced by U+FFFD."""
    try:
        text.encode()
        return text
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
