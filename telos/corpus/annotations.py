"""What a document has beside its text, as data files write it: class, paired text, number, tags of words, question and answers.

    label      a word                                 a class (``label_field``)
    target     a text                                 what the text is paired with (``target_field``)
    value      a number                               (``value_field``)
    weight     a number, or [{start, end, weight}, …] what the text, or some of its characters, count in training
                                                      (``weight_field``)
    tags       [{start, end, tag}, …]                 each word by its characters, end excluded (``tags_field``)
    question   a text                                 what is asked of the text (``question_field``)
    answers    [{text, start, end}, …]                where it is answered; what does not stand in the text has ``text`` alone
                                                      (``answers_field``)

Words and their tags come as two lists, or as two texts with white space between words; a list of words is joined to a text with
a space between any two, but none between Chinese or Japanese characters.  Spans of a text, each an object with its start, its
end and its kind, make tags too: B-KIND for the first word that lies in one, I-KIND for those after it, O for the others.  Answers
come as SQuAD writes them (Rajpurkar et al. 2016): {text, answer_start}, a list of such, or an object of two lists.  Places move
with the text when it is cleaned (`telos.corpus.spans`).
Tests: tests/corpus/test_annotations.py.
"""

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from telos.foundation.errors import TelosError


def annotation(name: str, value: Any, text: Any, place: str) -> dict[str, Any]:
    """``value`` under this name, or nothing where it is empty.  ``text``: the document's, or its words.

    `TelosError` that names the place where the value is none of this kind."""
    if value is None:
        return {}
    if name == "value":
        return _number(value, place)
    if name == "weight":
        return _weight(value, place)
    if name == "tags":
        return {"tags": tagged(text, value, place)[1]}
    if name == "answers":
        found = _answers(value, str(text), place)
        return {"answers": found} if found else {}
    if isinstance(value, (Mapping, list, tuple)):
        raise TelosError(f"{place} must have one {name}", f"a {type(value).__name__}: {str(value)[:60]}",
                         f"name a field that holds a word, a number or a text: corpus.{name}_field=NAME")  # fmt: skip
    said = str(value).lower() if isinstance(value, bool) else str(value)
    said = said.strip() if name == "label" else said
    return {name: said} if said.strip() else {}


def _number(value: Any, place: str) -> dict[str, float]:
    if isinstance(value, str) and not value.strip():
        return {}
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or isinstance(value, bool):
        raise TelosError(f"{place} must have a number for its value", f"{str(value)[:60]!r}",
                         "mend or remove it, or name another field: corpus.value_field=NAME")  # fmt: skip
    return {"value": number}


# -- weights ----------------------------------------------------------------------------------------------------------


def _weight(value: Any, place: str) -> dict[str, Any]:
    """A number, or spans: {start, end, weight} or [start, end, weight] each."""
    if not isinstance(value, (list, tuple)):
        if isinstance(value, str) and not value.strip():
            return {}
        return {"weight": _counts(value, value, place)}
    spans = []
    for one in value:
        parts: Any = [one.get(name) for name in ("start", "end", "weight")] if isinstance(one, Mapping) else one
        whole = isinstance(parts, (list, tuple)) and len(parts) == 3 and all(type(part) is int for part in parts[:2])
        if not whole or not 0 <= parts[0] < parts[1]:
            raise _no_weight(one, place)
        spans.append({"start": parts[0], "end": parts[1], "weight": _counts(parts[2], one, place)})
    return {"weight": spans}


def _counts(value: Any, shown: Any, place: str) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise _no_weight(shown, place)
    return number


def _no_weight(value: Any, place: str) -> TelosError:
    return TelosError(f"{place} must have a weight of at least 0, or a list of [start, end, weight] in characters",
                      f"{str(value)[:60]!r}", "mend or remove it, or name another field: corpus.weight_field=NAME")  # fmt: skip


# -- words and their tags ---------------------------------------------------------------------------------------------


def joined(words: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """(the text that the words make, each one's first character and the one behind its last)."""
    text, places = "", []
    for word in words:
        if text and word and not (unspaced(text[-1]) and unspaced(word[0])):
            text += " "
        places.append((len(text), len(text) + len(word)))
        text += word
    return text, places


def tagged(words: Any, tags: Any, place: str) -> tuple[str, list[dict[str, Any]]]:
    """(text, tags by characters) of words and their tags, each a list or a text; or of a text and its spans."""
    if isinstance(words, str) and isinstance(tags, list) and all(isinstance(tag, Mapping) for tag in tags):
        return words, _of_spans(words, [_span(tag, words, place) for tag in tags])
    names = tags.split() if isinstance(tags, str) else tags
    if isinstance(words, str):
        text, places, at = words, [], 0
        for word in words.split():
            at = words.index(word, at)
            places.append((at, at + len(word)))
            at += len(word)
    else:
        words = [str(word).strip() for word in words] if isinstance(words, (list, tuple)) else [None]
        if not all(words):
            raise TelosError(f"{place} must have a list of words, none of them empty", "something else",
                             "mend or remove it, or name the field with the words: corpus.text_field=NAME")  # fmt: skip
        text, places = joined(words)
    if not isinstance(names, (list, tuple)) or len(names) != len(places):
        found = f"{len(places)} words and {len(names)} tags" if isinstance(names, (list, tuple)) else str(tags)[:60]
        raise TelosError(f"{place} must have a tag for each word", found,
                         "mend or remove it, or name the field with the tags: corpus.tags_field=NAME")  # fmt: skip
    return text, [{"start": a, "end": b, "tag": str(tag)} for (a, b), tag in zip(places, names, strict=True)]


_NAMES = {"start": ("start", "start_position", "begin"), "end": ("end", "end_position", "stop"),
          "kind": ("kind", "tag", "label", "type", "entity_type", "entity")}  # fmt: skip
"""What others call the parts of a span."""


def _span(span: Mapping[str, Any], text: str, place: str) -> tuple[int, int, str]:
    found = [next((span[name] for name in names if name in span), None) for names in _NAMES.values()]
    start, end, kind = found
    if not (isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= len(text)) or kind is None:
        raise TelosError(f"{place} must have spans with a start and an end within the text, and a kind", str(dict(span))[:80],
                         'write {"start": …, "end": …, "label": …}, or name another field: corpus.tags_field=NAME')  # fmt: skip
    return start, end, str(kind)


def _of_spans(text: str, spans: list[tuple[int, int, str]]) -> list[dict[str, Any]]:
    """A tag for each word; of spans that overlap the one that begins first, and of those the longest."""
    ordered = sorted(spans, key=lambda span: (span[0], -span[1]))
    found, before = [], -1
    for start, end in words_of(text):
        inside = next((i for i, (a, b, _) in enumerate(ordered) if a < end and start < b), None)
        tag = "O" if inside is None else f"{'I' if inside == before else 'B'}-{ordered[inside][2]}"
        before = -1 if inside is None else inside
        found.append({"start": start, "end": end, "tag": tag})
    return found


_WORD = re.compile(r"[^\W_]+(?:['’\-.,][^\W_]+)*|\S")


def words_of(text: str) -> list[tuple[int, int]]:
    """Where the words of a text that nobody has parted start and end: runs of letters and digits, marks each alone, characters of
    scripts without spaces each alone."""
    found = []
    for match in _WORD.finditer(text):
        at = match.start()
        for place in range(match.start(), match.end()):
            if unspaced(text[place]):
                found += [(at, place)] * (at < place) + [(place, place + 1)]
                at = place + 1
        found += [(at, match.end())] * (at < match.end())
    return found


def unspaced(character: str) -> bool:
    """Whether its script writes no spaces between words; Hangul is wide, too, and does."""
    wide = unicodedata.east_asian_width(character) in ("W", "F")
    return wide and not ("\uac00" <= character <= "\ud7a3" or "\u1100" <= character <= "\u11ff")


# -- answers ----------------------------------------------------------------------------------------------------------


def _answers(value: Any, text: str, place: str) -> list[dict[str, Any]]:
    if isinstance(value, Mapping) and isinstance(value.get("text"), (list, tuple)):
        starts = value.get("answer_start") or [None] * len(value["text"])
        value = [{"text": said, "answer_start": at} for said, at in zip(value["text"], starts, strict=False)]
    each = value if isinstance(value, (list, tuple)) else [value]
    found = []
    for one in each:
        said = one.get("text") if isinstance(one, Mapping) else one
        start = one.get("answer_start", one.get("start")) if isinstance(one, Mapping) else None
        if not isinstance(said, str) or not (start is None or isinstance(start, int)):
            raise TelosError(f"{place} must have answers with a text and where it starts", str(one)[:80],
                             'write {"text": …, "answer_start": …}, or name another field: corpus.answers_field=NAME'
                             )  # fmt: skip
        if said.strip():
            found.append(_placed(said, start, text))
    return found


def _placed(said: str, start: int | None, text: str) -> dict[str, Any]:
    """Where the answer stands; of several such places the one that is nearest to where it should."""
    if start is not None and start >= 0 and text[start : start + len(said)] == said:
        return {"text": said, "start": start, "end": start + len(said)}
    places, at = [], text.find(said)
    while at >= 0:
        places.append(at)
        at = text.find(said, at + 1)
    if not places:
        return {"text": said}
    near = min(places, key=lambda found: abs(found - (start or 0)))
    return {"text": said, "start": near, "end": near + len(said)}


# -- questionnaires ---------------------------------------------------------------------------------------------------


def is_questionnaire(value: Any) -> bool:
    """Whether a JSON value is a file as SQuAD publishes them: articles with paragraphs with questions."""
    return isinstance(value, dict) and isinstance(value.get("data"), list) and all(
        isinstance(article, dict) and isinstance(article.get("paragraphs"), list) for article in value["data"]
    )  # fmt: skip


def questions(value: Any) -> list[dict[str, Any]]:
    """Its questions, each an object with ``context``, ``question``, ``answers`` and ``id``."""
    return [{"context": paragraph.get("context"), "question": asked.get("question"), "id": asked.get("id"),
             "answers": asked.get("answers", [])}
            for article in value["data"] for paragraph in article["paragraphs"]
            for asked in paragraph.get("qas", [])]  # fmt: skip
