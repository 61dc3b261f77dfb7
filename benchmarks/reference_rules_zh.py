"""The Chinese rules and the rule on symbols once more in plain Python, a character at a time: what the kernels must equal.

Each function takes a text and a filter's settings and returns the reason why it is dropped, or None; `chinese_lines`
also returns the text that is left.  Tests: tests/corpus/filters/.
"""

import functools
import re
import unicodedata
from collections import Counter
from itertools import pairwise
from typing import Any


@functools.cache
def is_han(c: str) -> bool:
    return any(a <= ord(c) <= b for a, b in ((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x3040, 0x30FF), (0xF900, 0xFAFF),
                                              (0x20000, 0x323AF)))  # fmt: skip


@functools.cache
def is_other_letter(c: str) -> bool:
    return bool(re.match("[A-Za-z]", c)) or 0xC0 <= ord(c) < 0x2000 or 0xAC00 <= ord(c) < 0xD7B0


def is_chinese(text: str) -> bool:
    """Whether rules on characters judge the text."""
    han = sum(map(is_han, text))
    others = sum(map(is_other_letter, text))
    return han > 0 and han >= 0.3 * (han + others)


@functools.cache
def kind(c: str) -> str:
    if c.isspace():
        return "space"
    category = unicodedata.category(c)
    if category[0] in "LM" or category == "Nl":
        return "letter"
    return {"N": "digit", "P": "punctuation"}.get(category[0], "symbol")


def lines_of(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip()]


def bare(text: str) -> str:
    return "".join(c for c in text if not c.isspace())


def chinese_quality(text: str, settings: Any) -> str | None:
    from telos.corpus.filters.chinese_quality import BULLETS, ELLIPSIS, FEWEST_LINES, HASH, SENTENCE_ENDS, TERMINAL

    if not is_chinese(text):
        return None
    characters, lines = bare(text), lines_of(text)
    total, count = max(1, len(characters)), max(1, len(lines))
    kinds = Counter(map(kind, characters))
    han = [c for c in characters if is_han(c) and kind(c) == "letter"]
    function = [c for c in han if c in settings.function_characters]
    clauses = "".join(c if kind(c) in ("letter", "digit") else " " for c in text).split()
    sentences = len(re.findall(f"[{SENTENCE_ENDS}]+", text))
    with_end = sum(line[-1] in TERMINAL for line in lines)
    phrases = "|".join(re.escape(phrase) for phrase in settings.advertising)
    punctuation = kinds["punctuation"] / total
    rules = {
        "too_short": len(characters) < settings.min_characters,
        "too_long": len(characters) > settings.max_characters,
        "few_han": len(han) / total < settings.min_han_fraction,
        "short_lines": len(characters) / count < settings.min_mean_line_characters,
        "short_clauses": sum(map(len, clauses)) / max(1, len(clauses)) < settings.min_mean_clause_characters,
        "long_sentences": len(characters) / max(1, sentences) > settings.max_mean_sentence_characters,
        "punctuation": not settings.min_punctuation_fraction <= punctuation <= settings.max_punctuation_fraction,
        "digits": kinds["digit"] / total > settings.max_digit_fraction,
        "symbols": kinds["symbol"] / total > settings.max_symbol_fraction,
        "ellipses_and_hashes": sum(c in (ELLIPSIS, HASH) for c in characters) / total > settings.max_ellipsis_and_hash_fraction,
        "bullet_lines": sum(line[0] in BULLETS for line in lines) / count > settings.max_bullet_lines_fraction,
        "ellipsis_lines": sum(bare(line).endswith((ELLIPSIS, "...")) for line in lines) / count
        > settings.max_ellipsis_lines_fraction,
        "few_terminal_lines": len(lines) >= FEWEST_LINES and with_end / count < settings.min_terminal_lines_fraction,
        "few_function_words": len(set(function)) < settings.min_function_characters
        or len(function) / max(1, len(han)) < settings.min_function_fraction,
        "advertising": bool(phrases) and len(re.findall(phrases, text)) / count > settings.max_advertising_per_line,
    }
    return next((reason for reason, fails in rules.items() if fails), None)


def chinese_repetition(text: str, settings: Any) -> str | None:
    if not is_chinese(text):
        return None
    characters = bare(text)
    total = max(1, len(characters))
    lines = lines_of(text)
    blocks = "\n".join(line.strip() for line in text.split("\n")).strip("\n")
    paragraphs = [block for block in re.split("\n\n+", blocks) if block]
    rules = {
        "duplicate_lines": _again(lines)[0] / max(1, len(lines)) > settings.max_duplicate_lines,
        "duplicate_paragraphs": _again(paragraphs)[0] / max(1, len(paragraphs)) > settings.max_duplicate_paragraphs,
        "duplicate_line_characters": _again(lines)[1] / total > settings.max_duplicate_line_characters,
        "duplicate_paragraph_characters": _again(paragraphs)[1] / total > settings.max_duplicate_paragraph_characters,
        "top_n_gram": any(_top(characters, int(n)) / total > limit for n, limit in settings.max_top_n_gram.items()),
        "duplicate_n_grams": any(
            _covered_again(characters, int(n)) / total > limit for n, limit in settings.max_duplicate_n_grams.items()
        ),
    }
    return next((reason for reason, fails in rules.items() if fails), None)


def _again(parts: list[str]) -> tuple[int, int]:
    """(parts that occurred before, characters in them)."""
    seen: set[str] = set()
    count = size = 0
    for part in parts:
        if part in seen:
            count, size = count + 1, size + len(bare(part))
        seen.add(part)
    return count, size


def _top(characters: str, n: int) -> int:
    found = Counter(characters[i : i + n] for i in range(len(characters) - n + 1))
    most = max(found.values(), default=0)
    return n * most if most > 1 else 0


def _covered_again(characters: str, n: int) -> int:
    seen: set[str] = set()
    covered: set[int] = set()
    for i in range(len(characters) - n + 1):
        gram = characters[i : i + n]
        if gram in seen:
            covered.update(range(i, i + n))
        seen.add(gram)
    return len(covered)


def chinese_lines(text: str, settings: Any) -> tuple[str | None, str]:
    """(the reason why it is dropped or None, the text that is left)."""
    from telos.corpus.filters.chinese_quality import SENTENCE_ENDS, TERMINAL

    if not is_chinese(text):
        return None, text

    def refused(line: str) -> bool:
        size, low = len(bare(line)), line.lower()
        return size > 0 and (
            size < settings.min_line_characters
            or (line.strip()[-1] not in TERMINAL and size < settings.min_open_line_characters)
            or any(phrase.lower() in low for phrase in settings.boilerplate)
            or (size < settings.short_line_characters and any(phrase.lower() in low for phrase in settings.short_boilerplate))
        )

    lines = text.split("\n")
    left = [line for line in lines if not refused(line)]
    sentences = sum(len(re.findall(f"[{SENTENCE_ENDS}]+", line)) for line in left)
    if len(left) < len(lines):
        while left and not left[0].strip():
            del left[0]
        while left and not left[-1].strip():
            del left[-1]
        left = [a if a.strip() else "" for a, b in pairwise([*left, "."]) if a.strip() or b.strip()]
    reason = None
    if "lorem ipsum" in text.lower() and not settings.keep_lorem_ipsum:
        reason = "lorem_ipsum"
    elif "{" in text and not settings.keep_curly_brackets:
        reason = "curly_bracket"
    elif sentences < settings.min_sentences:
        reason = "too_few_sentences"
    return reason, "\n".join(left)


def symbols(text: str, settings: Any) -> str | None:
    characters, lines = bare(text), [bare(line) for line in lines_of(text)]
    total = max(1, len(characters))
    kinds = [kind(c) for c in characters]
    noise = sum(k in ("punctuation", "symbol") and c not in settings.usual_punctuation
                for k, c in zip(kinds, characters, strict=True))  # fmt: skip
    runs = "".join(" " if k == "letter" else "x" for k in kinds).split()
    of_numbers = sum(2 * sum(kind(c) == "digit" for c in line) > len(line) for line in lines)
    rules = {
        "symbols": noise / total > settings.max_symbol_fraction,
        "digits": kinds.count("digit") / total > settings.max_digit_fraction,
        "run_without_letters": max(map(len, runs), default=0) > settings.max_run_without_letters,
        "number_lines": of_numbers / max(1, len(lines)) > settings.max_number_lines_fraction,
    }
    return next((reason for reason, fails in rules.items() if fails), None)
