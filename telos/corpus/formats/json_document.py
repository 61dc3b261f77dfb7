"""A JSON file: an array of objects (or strings), one object, or in truth JSON Lines under another name."""

import json
from collections.abc import Iterator

import orjson

from telos.corpus.compression import Stream
from telos.corpus.encoding import decode
from telos.corpus.formats.json_lines import broken, field_text, parse
from telos.corpus.sources import RawDocument
from telos.foundation.errors import TelosError

SUFFIXES = (".json",)


def read(stream: Stream, name: str, text_field: str) -> Iterator[RawDocument]:
    """A document for each element of an array, or one for an object; ``place`` is the element's number or the line."""
    text, repaired = decode(stream.read())
    if not text.strip():
        return
    try:
        value = parse(text.encode(), name)
    except TelosError:
        yield from _lines(text, name, text_field, repaired)
        return
    if isinstance(value, list):
        for number, element in enumerate(value, 1):
            yield RawDocument(field_text(element, text_field, f"{name}, element {number}"), number, repaired)
    else:
        yield RawDocument(field_text(value, text_field, name), repaired=repaired)


def _lines(text: str, name: str, text_field: str, repaired: str | None) -> Iterator[RawDocument]:
    lines = text.split("\n")
    first = next(line for line in lines if line.strip())
    try:
        orjson.loads(first)
    except orjson.JSONDecodeError:
        raise _broken_file(text, name) from None
    for number, line in enumerate(lines, 1):
        if line.strip():
            place = f"{name}:{number}"
            yield RawDocument(field_text(parse(line.encode(), place), text_field, place), number, repaired)


def _broken_file(text: str, name: str) -> TelosError:
    """The error of a JSON value over several lines, with the line where it breaks."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        line = text.split("\n")[error.lineno - 1]
        here = json.JSONDecodeError(error.msg, line, min(error.colno - 1, len(line)))
        return broken(f"{name}:{error.lineno}", line.encode(), here)
    except (ValueError, RecursionError) as error:
        return broken(name, b"", error)
    raise AssertionError("text that no parser takes was taken")
