"""Text that grows: pieces joined are the whole, and no piece is a broken character or a part of a stop string."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from telos.generate.detokenize import Detokenizer

BYTES = [bytes([i]) for i in range(256)]


def pieces(data: bytes, stop: tuple[str, ...] = (), before: bytes = b"") -> list[str]:
    detokenizer = Detokenizer(BYTES, stop, before)
    return [*(detokenizer.add(byte) for byte in data), detokenizer.finish()]


@given(some.text())
def test_any_text_comes_back_whole_and_each_piece_is_whole(text):
    found = pieces(text.encode())
    assert "".join(found) == text
    assert all("\ufffd" not in piece for piece in found) or "\ufffd" in text


@given(some.binary())
def test_any_bytes_decode_as_a_whole_would(data):
    assert "".join(pieces(data)) == data.decode(errors="ignore")


@given(some.text(alphabet="ab的", max_size=30), some.lists(some.text(alphabet="ab的", min_size=1, max_size=4), max_size=3))
@settings(max_examples=300)
def test_text_ends_before_the_first_stop_string(text, stops):
    """The first to be complete, and of those that are complete with the same character the one that began first."""
    ends = [(n, min(at)) for n in range(len(text) + 1) if (at := [text[:n].find(s) for s in stops if s in text[:n]])]
    wanted = text[: ends[0][1]] if ends else text
    found = pieces(text.encode(), tuple(stops))
    assert "".join(found) == wanted
    for n in range(len(found)):  # what was shown is never taken back
        assert wanted.startswith("".join(found[:n]))


def test_text_is_shown_as_soon_as_it_is_certain():
    assert pieces("a中b".encode()) == ["a", "", "", "中", "b", ""]
    assert pieces(b"no, end.", ("ends",)) == ["n", "o", ",", " ", "", "", "", "end.", ""]


def test_after_a_stop_string_nothing_comes():
    detokenizer = Detokenizer(BYTES, ("。",))
    assert "".join(detokenizer.add(byte) for byte in "好。再".encode()) == "好"
    assert detokenizer.stopped
    assert detokenizer.finish() == ""


def test_bytes_that_never_become_a_character_are_left_out():
    assert pieces("中".encode()[:2]) == ["", "", ""]
    assert pieces("中".encode()[:2] + "文a".encode()) == ["", "", "", "", "文", "a", ""]


def test_the_character_that_stands_for_broken_ones_is_shown_where_the_model_wrote_it():
    assert "".join(pieces("a\ufffd".encode())) == "a\ufffd"


def test_a_prompt_that_ends_inside_a_character_is_completed():
    data = "中文".encode()
    assert "".join(pieces(data[2:], before=data[:2])) == "中文"


@pytest.mark.parametrize("stop", [(), ("x",)])
def test_an_id_without_bytes_gives_nothing(stop):
    assert Detokenizer([*BYTES, b""], stop).add(256) == ""
    assert Detokenizer([*BYTES, b""], stop).add(300) == ""
