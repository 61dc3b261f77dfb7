"""Mojibake: text that was UTF-8, was read in a single-byte encoding, and was saved like that ("â€™" for "’").

The repair is ftfy's (Speer 2019, doi 10.5281/zenodo.2591652), restricted to encodings: its other changes would turn
Chinese full-width punctuation and curly quotation marks into ASCII.  ftfy reads some 3 MB a second, so it gets only the
lines that can need it, by a necessary condition: for one of ftfy's encodings the line holds a character that stands for
the first byte of a UTF-8 sequence, followed by as many as it needs that stand for continuation bytes; or it holds a C1
control character.  As one regular expression in Arrow's engine (RE2, linear time) that test reads 700 MB a second, and
it passes 7 lines of Python's standard library, and none of 30 English novels or 57,603 Tang poems.
Test: tests/corpus/test_mojibake.py (equal to ftfy on every line).
"""

import functools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ftfy import TextFixerConfig

ENCODINGS = ("latin-1", "sloppy-windows-1252", "sloppy-windows-1251", "sloppy-windows-1250", "sloppy-windows-1253",
             "sloppy-windows-1254", "sloppy-windows-1257", "iso-8859-2", "macroman", "cp437")  # fmt: skip
"""Those that ftfy tries (ftfy.chardata.CHARMAP_ENCODINGS)."""


@functools.cache
def suspicion() -> str:
    """The necessary condition as a regular expression that Python's `re` and RE2 read alike."""
    import ftfy.bad_codecs

    ftfy.bad_codecs.ok()  # registers the "sloppy" encodings
    ways = {"[\x80-\x9f]"}
    for encoding in ENCODINGS:
        # ftfy also mends sequences whose byte A0 became a space, and those with one byte lost.
        lost = "\x1a\ufffd" if encoding == "macroman" else "\x1a\ufffd "
        after = _characters(encoding, range(0x80, 0xC0), lost)
        ways.add(_characters(encoding, range(0xC0, 0xE0)) + after)
        ways.add(_characters(encoding, range(0xE0, 0xF0)) + after + "{2}")
        ways.add(_characters(encoding, range(0xF0, 0xF5)) + after + "{3}")
    return "|".join(sorted(ways))


def _characters(encoding: str, values: range, more: str = "") -> str:
    """A character class of what these bytes stand for."""
    members = {bytes([value]).decode(encoding) for value in values} | set(more)
    return "[" + "".join(re.escape(c) if c in "[]\\^-&~" else c for c in sorted(members)) + "]"


@functools.cache
def _suspicion() -> re.Pattern[str]:
    return re.compile(suspicion())


@functools.cache
def _settings() -> "TextFixerConfig":
    from ftfy import TextFixerConfig

    return TextFixerConfig(
        unescape_html=False, remove_terminal_escapes=False, fix_latin_ligatures=False, fix_character_width=False,
        uncurl_quotes=False, fix_line_breaks=False, fix_surrogates=False, remove_control_chars=False,
        normalization=None, explain=False,
    )  # fmt: skip


def repair(text: str) -> str:
    """The text with every line repaired that needs it; lines end at ``\\n``."""
    from ftfy import fix_text

    pieces, done = [], 0
    while (match := _suspicion().search(text, done)) is not None:
        begin = text.rfind("\n", done, match.start()) + 1 or done
        end = text.find("\n", match.start()) + 1 or len(text)
        pieces += [text[done:begin], fix_text(text[begin:end], _settings())]
        done = end
    return "".join([*pieces, text[done:]])
