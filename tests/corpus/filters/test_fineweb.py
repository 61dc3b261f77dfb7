"""FineWeb's rules: agreement with their plain transcription, and each rule at its edge."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telos.corpus.filters.fineweb import FineWeb
from telos.corpus.texts import Texts
from tests.corpus.filters.conftest import TEXTS

MOVED = [
    {}, {"punctuated_line_fraction": 0.5}, {"punctuated_line_fraction": None}, {"short_line_fraction": 0.2},
    {"short_line_fraction": None}, {"short_line_characters": 60}, {"duplicate_character_fraction": 0.01},
    {"duplicate_character_fraction": None}, {"line_feeds_per_word": 0.05}, {"line_feeds_per_word": None}, {"terminal_marks": "e"},
]  # fmt: skip
OFF = {
    "punctuated_line_fraction": None,
    "short_line_fraction": None,
    "duplicate_character_fraction": None,
    "line_feeds_per_word": None,
}


@pytest.mark.data
@pytest.mark.parametrize("settings", MOVED, ids=str)
def test_it_agrees_on_real_text(settings, agree, english_texts):
    assert len(set(agree(FineWeb(**settings), english_texts))) > 1


@given(st.lists(TEXTS, max_size=6), st.sampled_from(list(OFF)), st.sampled_from([0, 0.1, 0.3, 0.5, 0.9]))
def test_it_agrees_on_any_text(agree, documents, name, limit):
    agree(FineWeb(**OFF | {name: limit}), documents)
    agree(FineWeb(), documents)


def test_each_rule():
    long, other = "This is a line of more than thirty characters", "And this is another one that is as long"
    texts = [
        "",
        f"{long}\n{other}",
        f"{long}.\nhome\nabout us",
        f"{long}.\n{long}.",
        "a.\n\nb.\n" + f"{long}.\n" + other + "\n" * 9,
    ]
    verdict = FineWeb().judge(Texts.of(texts), {})
    assert [(None, *FineWeb.reasons)[r] for r in verdict.reasons] == [
        "unpunctuated_lines", "unpunctuated_lines", None, "duplicate_characters", "list_like",
    ]  # fmt: skip
    assert verdict.details[3] == "share of characters in repeated lines: 0.500"


def test_the_edge_of_each_rule():
    """At most, at least, at least, above."""
    lines = ["One line that ends in a stop and is long."] + [f"Line {i} ends in none, and goes on for long" for i in range(3)]
    text = "\n".join(lines)
    for limit, goes in ((0.25, True), (0.24, False)):
        assert FineWeb(**OFF | {"punctuated_line_fraction": limit}).judge(Texts.of([text]), {}).reasons.any() == goes
    for limit, goes in ((0.5, True), (0.51, False)):
        assert (
            FineWeb(**OFF | {"short_line_fraction": limit}).judge(Texts.of(["x" * 29 + "\n" + "x" * 30]), {}).reasons.any()
            == goes
        )
        assert FineWeb(**OFF | {"duplicate_character_fraction": limit}).judge(Texts.of(["abc\nabc"]), {}).reasons.any() == goes
    for limit, goes in ((0.5, False), (0.49, True)):
        assert FineWeb(**OFF | {"line_feeds_per_word": limit}).judge(Texts.of(["a\nb"]), {}).reasons.any() == goes
