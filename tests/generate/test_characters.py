"""Which tokens may follow, against Python's own decoder."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from telos.generate.characters import AUTOMATON, WHOLE, Characters

PREFIXES = [b"", "é".encode()[:1], "的".encode()[:1], "的".encode()[:2], "😀".encode()[:1], "😀".encode()[:2], "😀".encode()[:3],
            b"\xe0", b"\xed", b"\xf4", b"\xf1"]  # fmt: skip
TOKENS = [bytes([i]) for i in range(256)] + [
    "的".encode(), "的".encode()[1:], "的".encode()[2:], "人民".encode()[:4], "民".encode()[1:] + b"x", "😀a".encode(),
    b"\xed\xa0\x80",
    b"\xc0\x80", b"\xf4\x90", b"\xf0\x8f", b"\xe0\x9f", b"ab\xff", "é是😀".encode(), b"\xbf" * 4,
]  # fmt: skip


ENDS = [b"", b"\x80", b"\xa0\x80", b"\x80\x80", b"\x90\x80\x80", b"\x80\x80\x80"]
"""One of these completes whatever can be completed (Python's incremental decoder would also wait after half a surrogate)."""


def begins_text(data: bytes) -> bool:
    """Whether some text's bytes begin with these."""
    return any(is_text(data + end) for end in ENDS)


def needed(data: bytes) -> int:
    """How few more bytes make it whole."""
    return min(len(end) for end in ENDS if is_text(data + end))


def is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@pytest.fixture(scope="module")
def characters() -> Characters:
    return Characters([*TOKENS, b""], len(TOKENS) + 3, end_of_text=len(TOKENS))


@pytest.mark.parametrize("prefix", PREFIXES, ids=repr)
def test_every_token_is_judged_as_pythons_decoder_does(characters, prefix):
    state = characters.state(prefix)
    for left in (0, 1, 2, 3, 126, 127, 100_000):
        allowed = characters.allowed(state, left)
        for token, data in enumerate(TOKENS):
            fits = begins_text(prefix + data) and needed(prefix + data) <= left
            assert allowed[token] == fits, (data, left)


def test_a_text_ends_between_characters_alone(characters):
    end = len(TOKENS)
    assert characters.allowed(characters.state(b"ab"), 0)[end]
    assert not characters.allowed(characters.state(b"\xe7"), 3)[end]


def test_tokens_without_bytes_change_nothing(characters):
    state = characters.state(b"\xe7")
    assert characters.state([len(TOKENS) + 1, len(TOKENS) + 2, 5000], state) == state
    assert characters.allowed(state, 2)[len(TOKENS) + 2]


@given(some.text())
def test_after_any_text_a_character_may_begin(text):
    state = WHOLE
    for byte in text.encode():
        state = int(AUTOMATON[state, byte])
    assert state == WHOLE


@given(some.binary(max_size=8))
def test_the_automaton_accepts_what_python_decodes(data):
    state = WHOLE
    for byte in data:
        state = int(AUTOMATON[state, byte])
    assert (state != 8) == begins_text(data)
    assert (state == WHOLE) == is_text(data)


@given(some.binary(max_size=6), some.text(min_size=1))
def test_whatever_was_broken_before_a_whole_character_is_whole(before, text):
    characters = Characters([bytes([i]) for i in range(256)], 257, 256)
    assert characters.state([*before, *("a" + text).encode()]) == WHOLE


def test_the_table_has_every_state_and_token(characters):
    assert characters.after.shape == (8, len(TOKENS) + 3)
    assert np.array_equal(characters.after[:, len(TOKENS) + 1], np.arange(8))
