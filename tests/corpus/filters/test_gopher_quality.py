"""Gopher's quality rules: agreement with their plain transcription, and each rule at its edge."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telos.corpus.filters.gopher_quality import GopherQuality
from telos.corpus.texts import Texts
from tests.corpus.filters.conftest import TEXTS

MOVED = [
    {}, {"min_words": 3}, {"min_words": None}, {"max_words": 300}, {"max_words": None}, {"min_mean_word_characters": 4.7},
    {"min_mean_word_characters": None}, {"max_mean_word_characters": 5.0}, {"max_mean_word_characters": None},
    {"max_symbols_per_word": 0.001}, {"max_symbols_per_word": None}, {"max_bullet_line_fraction": 0.05},
    {"max_bullet_line_fraction": None}, {"max_ellipsis_line_fraction": 0.01}, {"max_ellipsis_line_fraction": None},
    {"min_alphabetic_word_fraction": 0.97}, {"min_alphabetic_word_fraction": None}, {"min_stop_words": 8}, {"min_stop_words": 0},
    {"bullets": "T•"}, {"stop_words": ("für", "we", "python")},
]  # fmt: skip
GOOD = "The quick brown fox wants to jump over that lazy dog and sleep with it."


@pytest.mark.data
@pytest.mark.parametrize("settings", MOVED, ids=str)
def test_it_agrees_on_real_text(settings, agree, english_texts):
    assert len(set(agree(GopherQuality(**settings), english_texts))) > 1


@given(st.lists(TEXTS, max_size=6), st.sampled_from(MOVED[1:]))
def test_it_agrees_on_any_text(agree, documents, settings):
    agree(GopherQuality(**settings), documents)
    agree(GopherQuality(**({"min_words": 2} | settings)), documents)


def test_each_rule():
    texts = {
        "gopher_short": "The end of it.",
        "mean_word_length": "a b c d e f " * 10,
        "symbol_ratio": (GOOD + " #1 #2 ") * 8,
        "bullet_lines": "\n".join(["- " + GOOD] * 10),
        "ellipsis_lines": "\n".join([GOOD[:-1] + "...", GOOD] * 10),
        "alphabetic_words": (GOOD + " 1984 2024 2001 1066 1492") * 8,
        "stop_words": "Colourless green ideas sleep furiously tonight again. " * 10,
    }
    verdict = GopherQuality().judge(Texts.of(list(texts.values())), {})
    assert [GopherQuality.reasons[r - 1] for r in verdict.reasons] == list(texts)
    assert verdict.details[0] == "4, must be at least 50"
    assert verdict.details[6] == "0, must be at least 2"


def test_edges_belong_to_the_good():
    """50 words, a ratio of just 0.1, and two stop words are enough."""
    fifty = " ".join(["word"] * 43 + ["#", "#", "#", "#", "#", "The", "(of)"])
    verdict = GopherQuality().judge(Texts.of([fifty, fifty.replace("The", "A"), fifty + " # #", "床前明月光"]), {})
    assert verdict.reasons.tolist() == [0, 8, 4, 0]
