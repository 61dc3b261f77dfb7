"""How well words are tagged: precision, recall and F1 of each kind of span, beside each word's commonest tag.

    precision = right ÷ told          recall = right ÷ marked          F1 = 2 · right ÷ (told + marked)

Spans as `telos.objectives._tag_spans` reads them; where tags mark none, the same of each tag.  The baseline gives a word the tag
that it has most often in the training documents, and one that they have not the commonest of all (Manning and Schütze 1999,
"Foundations of Statistical Natural Language Processing", section 10.1).  Tests: tests/evaluate/test_tags.py.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from telos.evaluate.document_baselines import DocumentResult, against, shown, table
from telos.evaluate.documents import Measured
from telos.foundation.document import Document
from telos.objectives._tag_spans import marks_spans, spans

Tagged = Sequence[tuple[str, str]]
"""Words and their tags."""


def tagged(document: Document) -> list[tuple[str, str]]:
    return [(document.text[one["start"] : one["end"]], one["tag"]) for one in document.metadata.get("tags", [])]


class CommonestTags:
    """Each word's commonest tag; of equals the first by name."""

    def __init__(self, training: Iterable[Tagged]):
        counts: dict[str, Counter[str]] = {}
        whole: Counter[str] = Counter()
        for pairs in training:
            for word, tag in pairs:
                counts.setdefault(word, Counter())[tag] += 1
                whole[tag] += 1
        self.of_word = {word: _commonest(found) for word, found in counts.items()}
        self.of_all = _commonest(whole)

    def tags(self, words: Iterable[str]) -> list[str]:
        return [self.of_word.get(word, self.of_all) for word in words]


def _commonest(counts: Counter[str]) -> str:
    return min(counts, key=lambda tag: (-counts[tag], tag))


def f1_parts(marked: Sequence[Sequence[str]], told: Sequence[Sequence[str]]) -> tuple[np.ndarray, np.ndarray]:
    """(2 · right, told + marked) of each document."""
    pairs = [(spans(a), spans(b)) for a, b in zip(marked, told, strict=True)]
    return np.array([2.0 * len(a & b) for a, b in pairs]), np.array([float(len(a) + len(b)) for a, b in pairs])


def result(
    measured: Measured, marked: Sequence[Tagged], told: Sequence[Sequence[str]], training: Iterable[Tagged] | None
) -> DocumentResult:
    """``marked``: words and tags of each held-out document; ``training``: those of the training documents, None for no
    baseline."""
    tags = [[tag for _, tag in pairs] for pairs in marked]
    beside, tables = [], []
    if training is not None:
        commonest = CommonestTags(training)
        theirs = [commonest.tags(word for word, _ in pairs) for pairs in marked]
        right = [sum(a == b for a, b in zip(one, two, strict=True)) for one, two in zip(tags, theirs, strict=True)]
        beside.append(against("commonest_tag", "each word's commonest tag", "accuracy", measured.sums["accuracy"],
                              np.array(right, np.float64), measured.weights["accuracy"], higher_is_better=True))  # fmt: skip
        tables.append(table(measured.value("accuracy"), measured.interval("accuracy"), beside))
        if marks_spans([tag for one in tags for tag in one]):
            above, below = f1_parts(tags, theirs)
            ours = measured.value("span_f1")
            tables.append({"title": "F1 of spans", "columns": ["model", "F1"], "rows": [
                ["this model", shown(ours)],
                ["each word's commonest tag", shown(float(above.sum() / below.sum()) if below.sum() else None)]]})  # fmt: skip
    return DocumentResult(measured.headline(), beside, [*tables, by_kind(tags, told)])


def by_kind(marked: Sequence[Sequence[str]], told: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Precision, recall and F1 of each kind of span, or of each tag, where they are defined."""
    of_spans = marks_spans([tag for one in marked for tag in one])
    right, wanted, said = Counter[str](), Counter[str](), Counter[str]()
    for one, two in zip(marked, told, strict=True):
        a, b = (spans(one), spans(two)) if of_spans else (_each(one), _each(two))
        right.update(kind for kind, *_ in a & b)
        wanted.update(kind for kind, *_ in a)
        said.update(kind for kind, *_ in b)
    rows = [[kind, wanted[kind], shown(right[kind] / said[kind] if said[kind] else None),
             shown(right[kind] / wanted[kind] if wanted[kind] else None),
             shown(2 * right[kind] / (wanted[kind] + said[kind]))] for kind in sorted({*wanted, *said})]  # fmt: skip
    what = "spans" if of_spans else "words"
    return {"title": f"By kind of {what[:-1]}", "columns": ["kind", what, "precision", "recall", "F1"], "rows": rows}


def _each(tags: Sequence[str]) -> set[tuple[str, int, int]]:
    return {(tag, place, place) for place, tag in enumerate(tags)}
