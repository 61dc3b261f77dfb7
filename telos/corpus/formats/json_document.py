"""A JSON file: an array of objects (or strings), one object, or in truth JSON Lines under another name.

Where answers are asked for, a file as SQuAD publishes them is an array of questions (`telos.corpus.annotations`)."""

import json
from collections.abc import Iterator

import orjson

from telos.corpus.annotations import is_questionnaire, questions
from telos.corpus.compression import Stream
from telos.corpus.encoding import decode
from telos.corpus.formats.json_lines import broken, document, parse
from telos.corpus.sources import Fields, RawDocument
from telos.foundation.errors import TelosError

SUFFIXES = (".json",)


def read(stream: Stream, name: str, fields: Fields) -> Iterator[RawDocument]:
    """A document for each element of an array, or one for an object; ``place`` is the element's number or the line."""
    text, repaired = decode(stream.read())
    if not text.strip():
        return
    try:
        value = parse(text.encode(), name)
    except TelosError:
        yield from _lines(text, name, fields, repaired)
        return
    if is_questionnaire(value) and "answers" in fields.annotations:
        value = questions(value)
    if isinstance(value, list):
        for number, element in enumerate(value, 1):
            yield document(element, fields, f"{name}, element {number}", number, repaired)
    else:
        yield document(value, fields, name, None, repaired)


def _lines(text: str, name: str, fields: Fields, repaired: str | None) -> Iterator[RawDocument]:
    lines = text.split("\n")
    first = next(line for line in lines if line.strip())
    try:
        orjson.loads(first)
    except orjson.JSONDecodeError:
        raise _broken_file(text, name) from None
    for number, line in enumerate(lines, 1):
        if line.strip():
            place = f"{name}:{number}"
            yield document(parse(line.encode(), place), fields, place, number, repaired)


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
