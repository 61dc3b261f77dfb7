"""Labelled spans move with their text: where a stage changes a text, its spans are found again, or counted as lost.

A document's metadata may have the field "spans": a list of objects with ``start`` and ``end`` (characters, end excluded) and
whatever else; "tags", "answers" and "weight" may be such lists, too (`telos.corpus.annotations`). A span stays where its
characters stand unchanged and together in the new text, aligned by the longest common blocks (Ratcliff and Obershelp's
matching, difflib); one that is empty, or whose text was changed or masked, is lost; of an answer the text remains.
Test: tests/corpus/test_spans.py.
"""

import difflib
from collections import Counter
from typing import Any

import orjson
import pyarrow as pa

from telos.corpus.texts import Texts

FIELDS = ("spans", "tags", "answers", "weight")
_MARKS = tuple(f'"{field}":' for field in FIELDS)
_LONGEST = 20_000
"""Characters of the part that differs, up to which single characters are aligned; beyond it lines are."""


def follow(before: Texts, after: Texts, counts: Counter[str]) -> Texts:
    """``after`` with the spans of its documents where they stand in its texts; both hold the same documents.  ``counts``
    takes "spans_moved" and "spans_lost"."""
    metadata = before.table["metadata"].to_pylist() if "metadata" in before.table.column_names else []
    rows = [row for row, one in enumerate(metadata) if one and any(mark in one for mark in _MARKS)]
    changed = [row for row in rows if before.text[row] != after.text[row]]
    if not changed:
        return after
    for row in changed:
        data = orjson.loads(metadata[row])
        for field in FIELDS:
            if not isinstance(data.get(field), list):
                continue
            spans = data[field]
            kept = moved(spans, before.text[row].as_py(), after.text[row].as_py())
            counts.update({name: n for name, n in (("spans_lost", len(spans) - len(kept)), ("spans_moved", len(kept))) if n})
            data[field] = kept
            if field == "answers" and len(kept) < len(spans):
                data[field] = _with_texts(spans, kept)
        metadata[row] = orjson.dumps(data, option=orjson.OPT_SORT_KEYS).decode()
    return after.replace(metadata=pa.array(metadata, pa.string()))


def moved(spans: list[Any], old: str, new: str) -> list[dict[str, Any]]:
    """The spans of ``old`` that stand unchanged in ``new``, with their places there."""
    blocks = list(_blocks(old, new))
    found = []
    for span in spans:
        if not isinstance(span, dict) or not (isinstance(span.get("start"), int) and isinstance(span.get("end"), int)):
            continue
        start, end = span["start"], span["end"]
        shift = next((b - a for a, b, size in blocks if a <= start and end <= a + size), None)
        if shift is not None and 0 <= start < end <= len(old) and old[start:end] == new[start + shift : end + shift]:
            found.append(span | {"start": start + shift, "end": end + shift})
    return found


def _with_texts(answers: list[Any], kept: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The answers that were moved, and the texts alone of the others: what the answer is does not hang on where it stands."""
    left = Counter(str(one["text"]) for one in answers)
    left.subtract(Counter(str(one["text"]) for one in kept))
    return kept + [{"text": text} for text, n in left.items() for _ in range(n)]


def _blocks(old: str, new: str) -> list[tuple[int, int, int]]:
    """(place in old, place in new, length) of what both have in common, in order."""
    ahead = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    left = min(len(old), len(new)) - ahead
    behind = next((i for i in range(left) if old[-1 - i] != new[-1 - i]), left)
    middle_old, middle_new = old[ahead : len(old) - behind], new[ahead : len(new) - behind]
    blocks = [(0, 0, ahead)]
    if max(len(middle_old), len(middle_new)) <= _LONGEST:
        for a, b, size in difflib.SequenceMatcher(None, middle_old, middle_new, autojunk=False).get_matching_blocks():
            blocks.append((ahead + a, ahead + b, size))
    else:
        lines_old, lines_new = middle_old.splitlines(keepends=True), middle_new.splitlines(keepends=True)
        starts_old, starts_new = _starts(lines_old, ahead), _starts(lines_new, ahead)
        for a, b, size in difflib.SequenceMatcher(None, lines_old, lines_new, autojunk=False).get_matching_blocks():
            blocks.append((starts_old[a], starts_new[b], starts_old[a + size] - starts_old[a]))
    blocks.append((len(old) - behind, len(new) - behind, behind))
    return _joined([block for block in blocks if block[2]])


def _joined(blocks: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Blocks that follow each other in both texts, as one."""
    joined: list[tuple[int, int, int]] = []
    for a, b, size in blocks:
        if joined and joined[-1][0] + joined[-1][2] == a and joined[-1][1] + joined[-1][2] == b:
            joined[-1] = (*joined[-1][:2], joined[-1][2] + size)
        else:
            joined.append((a, b, size))
    return joined


def _starts(lines: list[str], first: int) -> list[int]:
    starts = [first]
    for line in lines:
        starts.append(starts[-1] + len(line))
    return starts
