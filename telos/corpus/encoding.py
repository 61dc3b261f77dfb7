"""Bytes to text: which encoding a file is in, where nobody says.

The ladder: a byte order mark decides; else UTF-8; else UTF-8 with a few damaged bytes; else, where some lines surely are UTF-8,
those as they are and the others by the rest of the ladder; else GB18030 or Big5, if what comes out looks like Chinese; else
Windows-1252, else Latin-1, which reads any bytes.
Test: tests/corpus/test_encoding.py (the same text in every encoding comes back equal).
"""

import codecs

import numpy as np

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark is the first half of this one
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# A Chinese text has its high bytes in pairs, and most pairs stand for everyday characters, which GB 2312 and Big5 put on
# their "level 1" (first byte in these ranges) beside punctuation.  Accented Latin letters stand alone between ASCII ones.
_CHINESE = (
    ("gb18030", ((0xA1, 0xA3), (0xB0, 0xD7)), 0xA1),
    ("big5hkscs", ((0xA1, 0xA3), (0xA4, 0xC6)), 0x40),
)
_PAIRED_SHARE = 0.5
_EVERYDAY_SHARE = 0.5
_DAMAGED_SHARE = 0.1
_SURE_CHARACTERS = 3
"""Of three bytes each, in a line of sound UTF-8: in GB18030 and Big5 their first bytes begin rare characters.  None of
519,976 lines of laws and poems in these encodings is taken for UTF-8."""


def mark(head: bytes) -> tuple[bytes, str] | None:
    """The byte order mark at the start and the encoding that it stands for."""
    return next(((bom, name) for bom, name in BYTE_ORDER_MARKS if head.startswith(bom)), None)


def decode(data: bytes) -> tuple[str, str | None]:
    """(text without a byte order mark, None if it was whole UTF-8 and else how it was read, in a few words)."""
    bom, name = mark(data) or (b"", "utf-8")
    data = data[len(bom) :]
    if name != "utf-8":
        return data.decode(name, errors="replace"), name
    try:
        return data.decode(), None
    except UnicodeDecodeError:
        return _not_utf8(data)


def _not_utf8(data: bytes) -> tuple[str, str]:
    text = data.decode(errors="replace")
    damaged = text.count("\ufffd") - data.count("\ufffd".encode())
    sound = len(text) - len(text.encode("ascii", errors="ignore")) - text.count("\ufffd")
    if damaged < sound and damaged <= max(1, _DAMAGED_SHARE * sound):
        return text, f"utf-8 with {damaged} damaged place{'' if damaged == 1 else 's'}"
    return _by_lines(data) or _other(data)


def _by_lines(data: bytes) -> tuple[str, str] | None:
    """The text of a file that was put together from several encodings, if UTF-8 surely is among them."""
    lines = data.split(b"\n")
    sound = [_sound(line) for line in lines]
    if not any(sum(c > "\u07ff" for c in text) >= _SURE_CHARACTERS for text in sound if text):
        return None
    text, how = _other(b"\n".join(line for line, text in zip(lines, sound, strict=True) if text is None))
    others = iter(text.split("\n"))
    return "\n".join(next(others) if text is None else text for text in sound), f"utf-8 and {how}, line by line"


def _sound(line: bytes) -> str | None:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return None


def _other(data: bytes) -> tuple[str, str]:
    for name in [*chinese_candidates(data), "cp1252"]:
        try:
            return data.decode(name), name
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1"), "latin-1"


def chinese_candidates(data: bytes) -> list[str]:
    """The Chinese encodings that this may be in, the likeliest first."""
    if _paired_share(data) < _PAIRED_SHARE:
        return []
    shares = {name: _everyday_share(data, levels, low) for name, levels, low in _CHINESE}
    return sorted((name for name in shares if shares[name] >= _EVERYDAY_SHARE), key=lambda name: -shares[name])


def _paired_share(data: bytes) -> float:
    """Share of the high bytes that have a high neighbour."""
    high = np.frombuffer(data, np.uint8) >= 0x80
    beside = np.zeros_like(high)
    beside[1:] |= high[:-1]
    beside[:-1] |= high[1:]
    return float((high & beside).sum()) / max(1, int(high.sum()))


def _everyday_share(data: bytes, levels: tuple[tuple[int, int], ...], low: int) -> float:
    """Share of double-byte characters whose first byte lies in ``levels`` and whose second is at least ``low``."""
    values = np.frombuffer(data, np.uint8)
    starts = _pair_starts(values)
    first, second = values[starts], values[starts + 1]
    everyday = np.zeros(len(first), bool)
    for lowest, highest in levels:
        everyday |= (first >= lowest) & (first <= highest)
    return int((everyday & (second >= low)).sum()) / max(1, len(first))


def _pair_starts(values: np.ndarray) -> np.ndarray:
    """Positions of the first bytes of double-byte characters.

    Within a run of high bytes they are every second one from its start; the byte after a run of odd length is the
    second half of its last character, as it also is in GB18030 and Big5.
    """
    high = values >= 0x80
    position = np.arange(len(values))
    before = np.concatenate([[False], high[:-1]])
    run_start = np.maximum.accumulate(np.where(high & ~before, position, 0))
    starts = np.flatnonzero(high & ((position - run_start) % 2 == 0))
    return starts[starts + 1 < len(values)]
