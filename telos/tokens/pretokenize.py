"""Where text is cut before byte-pair encoding: the standard pattern, the closer cut for learning, and safe places.

`PATTERN` is Qwen2's in the form that llama.cpp implements (src/llama-vocab.cpp, LLAMA_VOCAB_PRE_TYPE_QWEN2: the
contractions' letter cases written out instead of ``(?i:…)``), so a tokenizer with it goes to GGUF as ``pre = qwen2``.
Tests: tests/tokens/test_pretokenize.py.
"""

import re
from collections.abc import Iterator

PATTERN = (
    r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"  # contractions
    r"|[^\r\n\p{L}\p{N}]?\p{L}+"  # letters, with one space or sign before them
    r"|\p{N}"  # digits one by one
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*"  # signs, with the line breaks after them
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"  # white space
)

HAN = "々〇\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"
"""Han characters, as the inside of a character class (the blocks of CJK ideographs, planes 2 and 3, 々 and 〇)."""

PIECE_CHARACTERS = 32_768
"""Texts longer than this are encoded in pieces of about this many characters, where they have safe places."""

_HAN = re.compile(f"[{HAN}]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_SAFE = re.compile(r"(?<=[A-Za-z一-龥])(?=[\s.,;:!?()，。、；：！？（）])")


def han_run_pattern(longest: int) -> str:
    """The second cut for learning: runs of at most ``longest`` Han characters, with one sign before them.

    A clause of Chinese is one word to `PATTERN`, and almost every clause is a different word.
    """
    return rf"[^\p{{L}}\p{{N}}\s]?[{HAN}]{{1,{longest}}}"


def count_han(text: str) -> int:
    """How many characters of a text are Han."""
    return len(_HAN.findall(text))


def replace_surrogates(text: str) -> str:
    """The text with lone surrogates, which no UTF-8 file can hold, replaced by U+FFFD."""
    try:
        text.encode()
        return text
    except UnicodeEncodeError:
        return _SURROGATE.sub("\ufffd", text)


def safe_pieces(text: str, characters: int = PIECE_CHARACTERS) -> Iterator[str]:
    """Cut a text only where `PATTERN` ends a match whatever follows, so encoding the pieces equals encoding the whole.

    Such a place lies between a letter and white space or a sign: of the alternatives only the two of letters can end
    in a letter, neither goes on past it, and none looks back.  Where there is no such place the piece grows.
    """
    start = 0
    while len(text) - start > characters:
        place = _SAFE.search(text, start + characters)
        if place is None:
            break
        yield text[start : place.start()]
        start = place.start()
    if start < len(text):
        yield text[start:]


def rough_pieces(text: str, characters: int = PIECE_CHARACTERS) -> Iterator[str]:
    """As `safe_pieces`, but never longer than twice ``characters``: for counting, where one word cut wrong is nothing."""
    for piece in safe_pieces(text, characters):
        for start in range(0, len(piece), 2 * characters):
            yield piece[start : start + 2 * characters]
