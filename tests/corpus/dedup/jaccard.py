"""Shingles and their similarity in plain Python, as `near` defines them."""

import unicodedata


def counts(character: str) -> bool:
    """Letters, marks and digits, but for variation selectors."""
    selector = "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
    return unicodedata.category(character)[0] in "LMN" and not selector


def lower(character: str) -> str:
    return character.lower() if len(character.lower()) == 1 else character


def alone(character: str) -> bool:
    """Of a script without spaces between words."""
    name = unicodedata.name(character, "")
    starts = (
        "CJK",
        "HIRAGANA",
        "KATAKANA",
        "BOPOMOFO",
        "THAI",
        "LAO",
        "KHMER",
        "MYANMAR",
        "TIBETAN",
        "NEW TAI LUE",
        "HENTAIGANA",
    )
    return name.startswith(starts) or "\u3005" <= character <= "\u312f" or "\u31a0" <= character <= "\u33ff"


def words(text: str) -> list[str]:
    spaced = "".join(" " if not counts(c) else f" {lower(c)} " if alone(c) else lower(c) for c in text)
    return spaced.split()


def characters(text: str) -> list[str]:
    return [lower(c) for c in text if counts(c)]


def shingles(text: str, n: int, han: bool) -> set[tuple[str, ...]]:
    units = characters(text) if han else words(text)
    if len(units) < n:
        return {tuple(units)} if units else set()
    return {tuple(units[i : i + n]) for i in range(len(units) - n + 1)}


def jaccard(a: set, b: set) -> float:
    return len(a & b) / len(a | b) if a or b else 0.0
