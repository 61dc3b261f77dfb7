"""C4's rules: agreement with their plain transcription, in text too, and each rule's known answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telos.corpus.filters.c4 import C4
from telos.corpus.texts import Texts
from tests.corpus.filters.conftest import TEXTS

MOVED = [
    {}, {"terminal_marks": ""}, {"terminal_marks": ".…"}, {"min_line_words": 0}, {"min_line_words": 12}, {"min_sentences": 0},
    {"min_sentences": 12}, {"max_word_characters": 12}, {"remove_citations": False}, {"drop_curly_brackets": False},
    {"placeholder_phrases": ("that is", "中文")}, {"placeholder_phrases": ()}, {"line_phrases": ("TO", "ï")},
    {"line_phrases": ()},
    {"policy_phrases": ("the",)},
]  # fmt: skip
ONE = "The cat sat on the mat."
THREE = "\n".join([ONE, "Another one sat beside it!", '"Is there still room for me?"'])


@pytest.mark.data
@pytest.mark.parametrize("settings", MOVED, ids=str)
def test_it_agrees_on_real_text(settings, agree, english_texts):
    assert len(set(agree(C4(**settings), english_texts))) > 1


@given(st.lists(TEXTS, max_size=6), st.sampled_from(MOVED))
def test_it_agrees_on_any_text(agree, documents, settings):
    agree(C4(**settings), documents)
    agree(C4(**{"min_sentences": 1, "min_line_words": 1} | settings), documents)


@given(TEXTS)
def test_a_text_that_was_cleaned_stays(text):
    """But for citation marks around which another one closes."""
    spec = C4(min_sentences=1, min_line_words=1, remove_citations=False)
    once = spec.judge(Texts.of([text]), {})
    if not once.reasons[0]:
        cleaned = once.columns.get("text", Texts.of([text]).text)
        twice = spec.judge(Texts.of(cleaned.to_pylist()), {})
        assert (twice.reasons[0], "text" in twice.columns) == (0, False)


def judged(text, **settings):
    verdict = C4(**settings).judge(Texts.of([text]), {})
    return verdict.columns["text"].to_pylist()[0] if "text" in verdict.columns else text, verdict


def test_lines_go():
    more = "\n".join([
        "Menu", "This line has no end mark", "Three words only.", "Please enable Javascript to see this page.",
        "Read our Privacy  Policy before you go on.", "See the privacy policy before you go on.", "It trails off in the end...",
        "", "  This one stays, in spite of its spaces.  ", "As was shown.[12] It was shown here.[citation needed]",
    ])  # fmt: skip
    text, verdict = judged(f"{THREE}\n{more}")
    assert text == "\n".join([
        THREE, "Read our Privacy  Policy before you go on.", "This one stays, in spite of its spaces.",
        "As was shown. It was shown here.",
    ])  # fmt: skip
    assert verdict.counts == {
        "lines_without_a_terminal_mark": 3, "lines_of_few_words": 1, "lines_with_a_phrase": 1, "lines_of_notices": 1,
        "empty_lines": 1, "citation_marks": 2, "lines_kept": 6,
    }  # fmt: skip


def test_documents_go():
    texts = [THREE, THREE + "\nif (a) { b }", THREE + "\nLorem Ipsum dolor", "Menu\nAbout", f"{ONE}\n{ONE}", "床前明月光{"]
    verdict = C4().judge(Texts.of(texts), {})
    assert [(None, *C4.reasons)[r] for r in verdict.reasons] == [
        None, "curly_bracket", "lorem_ipsum", "no_lines", "few_sentences", None,
    ]  # fmt: skip
    assert verdict.details == {4: "2 sentences in the lines that stay"}
    assert "text" not in verdict.columns


@pytest.mark.parametrize(("line", "sentences"), [
    (ONE, 1), (f"{ONE} {ONE}", 2), ("It is (he said.) Now go on there.", 2), ("She read J. S. Bach and e.g. this one.", 1),
    ("Made in the U.S. Today it is not.", 1), ("Pi is 3.14 and no more. What?! Yes, that is all.", 3),
    ('He said "No." And he left.', 2),
])  # fmt: skip
def test_sentences(line, sentences):
    assert not judged(line, min_sentences=sentences)[1].reasons.any()
    assert judged(line, min_sentences=sentences + 1)[1].details == {0: f"{sentences} sentences in the lines that stay"}
