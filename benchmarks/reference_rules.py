"""The published rules on English text as plain Python: simple, slow, one document at a time.

The tests of `telos.corpus.filters` ask that the compiled rules agree with these on every document, in decision and reason; the
benchmark asks it again on its own documents.  ``s`` is the filter with its settings (`GopherQuality` …), whose docstring gives
paper and section.  A word is what `str.split` gives; a line is what stands between line feeds, stripped, if anything is left.
"""

import re
from collections import Counter
from typing import Any

FOLD = {capital: capital + 32 for capital in range(ord("A"), ord("Z") + 1)}
CITATION = re.compile(r"\[[0-9]*\]|\[edit\]|\[citation needed\]")


def lines_of(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip()]


def paragraphs_of(text: str) -> list[list[str]]:
    blocks: list[list[str]] = [[]]
    for line in text.split("\n"):
        if line.strip():
            blocks[-1].append(line.strip())
        elif blocks[-1]:
            blocks.append([])
    return [block for block in blocks if block]


def core(word: str) -> str:
    """Without what is no letter or digit at its ends."""
    inner = [place for place, c in enumerate(word) if c.isalnum()]
    return word[inner[0] : inner[-1] + 1] if inner else ""


def ends_in_ellipsis(line: str) -> bool:
    return line.endswith(("...", "…"))


def gopher_quality(text: str, s: Any) -> str | None:  # noqa: PLR0911
    words, lines = text.split(), lines_of(text)
    if s.min_words is not None and len(words) < s.min_words:
        return "gopher_short"
    if s.max_words is not None and len(words) > s.max_words:
        return "gopher_long"
    if words:
        mean = sum(len(word) for word in words) / len(words)
        if s.min_mean_word_characters is not None and mean < s.min_mean_word_characters:
            return "mean_word_length"
        if s.max_mean_word_characters is not None and mean > s.max_mean_word_characters:
            return "mean_word_length"
        ellipses = text.count("...") + text.count("…")
        if s.max_symbols_per_word is not None and max(text.count("#"), ellipses) / len(words) > s.max_symbols_per_word:
            return "symbol_ratio"
        bullets = sum(line.startswith(tuple(s.bullets)) for line in lines) / len(lines)
        if s.max_bullet_line_fraction is not None and bullets > s.max_bullet_line_fraction:
            return "bullet_lines"
        ended = sum(ends_in_ellipsis(line) for line in lines) / len(lines)
        if s.max_ellipsis_line_fraction is not None and ended > s.max_ellipsis_line_fraction:
            return "ellipsis_lines"
        with_letter = sum(any(c.isalpha() for c in word) for word in words) / len(words)
        if s.min_alphabetic_word_fraction is not None and with_letter < s.min_alphabetic_word_fraction:
            return "alphabetic_words"
    if len({core(word).translate(FOLD) for word in words} & set(s.stop_words)) < s.min_stop_words:
        return "stop_words"
    return None


def copies(items: list[Any], sizes: list[int]) -> tuple[int, int]:
    """(items that stood before, their characters)."""
    seen: set[Any] = set()
    count = characters = 0
    for item, size in zip(items, sizes, strict=True):
        if item in seen:
            count += 1
            characters += size
        seen.add(item)
    return count, characters


def repetition(text: str) -> list[tuple[str, float]]:
    """(reason, fraction) of each rule of Gopher's table A1, for a text with words."""
    words, lines, paragraphs = text.split(), lines_of(text), paragraphs_of(text)
    line_copies, line_characters = copies([tuple(line.split()) for line in lines], [len(line) for line in lines])
    block_copies, block_characters = copies(
        [tuple(tuple(line.split()) for line in block) for block in paragraphs], [len("\n".join(block)) for block in paragraphs]
    )
    found = [
        ("duplicate_line_fraction", line_copies / len(lines)),
        ("duplicate_paragraph_fraction", block_copies / len(paragraphs)),
        ("duplicate_line_characters", line_characters / len(text)),
        ("duplicate_paragraph_characters", block_characters / len(text)),
    ]
    for n in (2, 3, 4):
        grams = Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
        (gram, times), *_ = grams.most_common(1) or [((), 0)]
        found.append((f"top_{n}_gram", times * len(" ".join(gram)) / len(text) if times > 1 else 0.0))
    for n in range(5, 11):
        seen, characters, i = set(), 0, 0
        while i + n <= len(words):
            gram = tuple(words[i : i + n])
            if gram in seen:
                characters += len("".join(gram))
                i += n
            else:
                seen.add(gram)
                i += 1
        found.append((f"duplicate_{n}_gram", characters / len(text)))
    return found


def gopher_repetition(text: str, s: Any) -> str | None:
    if text.split():
        for (reason, fraction), most in zip(repetition(text), s.thresholds, strict=True):
            if most is not None and fraction > most:
                return reason
    return None


def sentences_in(line: str) -> int:
    """One for the line's end, and one for each word that ends a sentence with another behind it."""
    count = 1
    for space in re.finditer(r"\s+", line):
        before, after = line[: space.start()].rsplit(maxsplit=1)[-1].rstrip("\"')]}”’»"), line[space.end()]
        lone_capital = before.endswith(".") and before[-2:-1].isupper() and not before[-3:-2].isalnum()
        if before.endswith((".", "!", "?")) and not lone_capital and not after.islower():
            count += 1
    return count


def c4(text: str, s: Any) -> tuple[str | None, str]:
    """(reason or None, text)."""
    kept, sentences = [], 0
    for raw in text.split("\n"):
        if s.drop_curly_brackets and "{" in raw:
            return "curly_bracket", text
        line = (CITATION.sub("", raw) if s.remove_citations else raw).strip()
        folded = line.translate(FOLD)
        if any(phrase.translate(FOLD) in folded for phrase in s.placeholder_phrases):
            return "lorem_ipsum", text
        ending = "…" if line.endswith("...") else line[-1:]
        if (
            line
            and max(map(len, line.split())) <= s.max_word_characters
            and (not s.terminal_marks or ending in s.terminal_marks)
            and len(line.split()) >= s.min_line_words
            and not any(phrase.translate(FOLD) in folded for phrase in (*s.line_phrases, *s.policy_phrases))
        ):
            kept.append(line)
            sentences += sentences_in(line)
    if not kept:
        return "no_lines", text
    if sentences < s.min_sentences:
        return "few_sentences", text
    return None, "\n".join(kept)


def fineweb(text: str, s: Any) -> str | None:
    lines = lines_of(text)
    punctuated = sum(line.endswith(tuple(s.terminal_marks)) for line in lines) / len(lines) if lines else 0.0
    if s.punctuated_line_fraction is not None and punctuated <= s.punctuated_line_fraction:
        return "unpunctuated_lines"
    short = sum(len(line) < s.short_line_characters for line in lines) / len(lines) if lines else 0.0
    if s.short_line_fraction is not None and short >= s.short_line_fraction:
        return "short_lines"
    characters = len(text.replace("\n", ""))
    copied = copies([tuple(line.split()) for line in lines], [len(line) for line in lines])[1]
    copied_fraction = copied / characters if characters else 0.0
    if s.duplicate_character_fraction is not None and copied_fraction >= s.duplicate_character_fraction:
        return "duplicate_characters"
    feeds_per_word = text.count("\n") / len(text.split()) if text.split() else 0.0
    if s.line_feeds_per_word is not None and feeds_per_word > s.line_feeds_per_word:
        return "list_like"
    return None


def is_spaced_letter(c: str) -> bool:
    """A letter or digit of a script with spaces between words."""
    unspaced = ((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x3040, 0x30FF), (0xF900, 0xFAFF), (0x20000, 0x323AF),
                (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF))  # fmt: skip
    return c.isalnum() and not any(first <= ord(c) <= last for first, last in unspaced)


def word_list(text: str, s: Any) -> str | None:
    with open(s.path, encoding="utf-8-sig") as file:
        phrases = {" ".join(line.split()) for line in file.read().splitlines() if not line.lstrip().startswith("#")} - {""}
    plain = re.sub(r"\s+", " ", text.translate(FOLD))
    covered = [False] * len(plain)
    found = False
    for phrase in phrases:
        for spelling in {
            p.translate(FOLD) for p in (phrase, phrase.lower(), phrase.upper(), phrase.title(), phrase.capitalize())
        }:
            at = plain.find(spelling)
            while at >= 0:
                end = at + len(spelling)
                cut = (at and is_spaced_letter(plain[at - 1]) and is_spaced_letter(spelling[0])) or (
                    end < len(plain) and is_spaced_letter(plain[end]) and is_spaced_letter(spelling[-1])
                )
                if not cut:
                    found = True
                    covered[at:end] = [True] * len(spelling)
                at = plain.find(spelling, at + 1)
    listed = sum(len(c.encode()) for c, inside in zip(plain, covered, strict=True) if inside and c != " ")
    whole = sum(len(c.encode()) for c in plain if c != " ")
    return "listed_words" if found and listed > s.max_fraction * whole else None
