"""How well questions are answered with spans of a text: exact match, and F1 of the words, against the best of the true answers.

    exact match = [normal(told) = normal(true)]          F1 = 2 · shared ÷ (words told + words true)

Rajpurkar et al. 2016 (SQuAD), section 6.1, and its script: lower case, without punctuation, without a, an and the; words are
parted by white space.  Of scripts without spaces each character is a word (as the script of CMRC 2018 parts Chinese, whose F1 is
of the longest common piece; this is of what is shared, whatever its order).  A question without an answer has "" for its one.
Tests: tests/evaluate/test_answers.py.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

import numpy as np

from telos.corpus.annotations import unspaced
from telos.evaluate.document_baselines import DocumentResult, against, table
from telos.evaluate.documents import Measured

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_SENTENCE = re.compile(r"[^。！？!?\n]+?(?:[。！？!?\n]+|\.(?=\s|\Z)|\Z)", re.DOTALL)
SHOWN = 8
"""Questions that the report shows."""
SHOWN_CHARACTERS = 60


def words(text: str) -> list[str]:
    """The words of an answer, normalised."""
    kept = "".join(c for c in text.lower() if not unicodedata.category(c).startswith(("P", "S")))
    kept = _ARTICLES.sub(" ", kept)
    return "".join(f" {c} " if unspaced(c) else c for c in kept).split()


def exact_match(told: str, true: Sequence[str]) -> float:
    return float(any(words(told) == words(one) for one in true or [""]))


def f1(told: str, true: Sequence[str]) -> float:
    """Of the best of the true answers; where either has no word, whether both have none."""
    return max(_f1(words(told), words(one)) for one in true or [""])


def _f1(told: list[str], true: list[str]) -> float:
    if not told or not true:
        return float(told == true)
    return 2 * (Counter(told) & Counter(true)).total() / (len(told) + len(true))


def likeliest_sentence(question: str, context: str) -> str:
    """The sentence that shares most words with the question, of equals the first: an answer without having learned anything."""
    asked = Counter(words(question))
    sentences = [one.strip() for one in _SENTENCE.findall(context) if one.strip()] or [context]
    return max(sentences, key=lambda sentence: (Counter(words(sentence)) & asked).total())


def result(
    measured: Measured, questions: Sequence[tuple[str, str]], true: Sequence[Sequence[str]], told: Sequence[str], *,
    baselines: bool,
) -> DocumentResult:  # fmt: skip
    """``questions``: each question and its context.  The headline has F1 and exact match before what `measured` holds."""
    ours = np.array([f1(*one) for one in zip(told, true, strict=True)])
    exact = np.array([exact_match(*one) for one in zip(told, true, strict=True)])
    ones = np.ones(len(ours))
    both = Measured({"answer_f1": ours, "exact_match": exact}, {"answer_f1": ones, "exact_match": ones})
    beside, tables = [], []
    if baselines:
        theirs = np.array([f1(likeliest_sentence(*asked), one) for asked, one in zip(questions, true, strict=True)])
        beside.append(against("likeliest_sentence", "the sentence that shares most words with the question", "answer_f1", ours,
                              theirs, ones, higher_is_better=True))  # fmt: skip
        tables.append(table(both.value("answer_f1"), both.interval("answer_f1"), beside))
    rows = [[_short(asked), _short(" | ".join(one)), _short(said), "yes" if right else "no"]
            for (asked, _), one, said, right in list(zip(questions, true, told, exact, strict=True))[:SHOWN]]  # fmt: skip
    tables.append({"title": "The first questions", "columns": ["question", "answers", "told", "exact"], "rows": rows})
    return DocumentResult(both.headline() | measured.headline(), beside, tables)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN_CHARACTERS else f"{line[:SHOWN_CHARACTERS]} …"
