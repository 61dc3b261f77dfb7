"""Differences between two texts: nothing is lost, what is marked differs, what is hidden cannot be read."""

from hypothesis import given, settings
from hypothesis import strategies as st

from telos.corpus.marking import CUT, differences, hidden

TEXT = st.text(st.sampled_from("ab1 月光。\n…é"), max_size=40)


def marked(runs):
    return [text for text, differs in runs if differs]


@settings(deadline=None)
@given(TEXT, TEXT)
def test_runs_are_the_texts_and_what_is_not_marked_is_common(one, other):
    left, right = differences(one, other)
    assert ("".join(t for t, _ in left), "".join(t for t, _ in right)) == (one, other)
    if not (one.endswith(CUT) and other.endswith(CUT)):
        assert "".join(t for t, differs in left if not differs) == "".join(t for t, differs in right if not differs)
    assert differences(one, one) == (([(one, False)] if one else []),) * 2


def test_words_in_english_and_characters_in_chinese():
    left, right = differences("the quick brown fox", "the quack brown fox")
    assert (marked(left), marked(right)) == (["quick"], ["quack"])
    left, right = differences("依法承担赔偿责任。", "依法承担补偿责任。")
    assert (marked(left), marked(right)) == (["赔"], ["补"])
    left, right = differences("甲。乙。丙。", "甲。丙。")
    assert ("".join(marked(left)), marked(right)) == ("乙。", [])


def test_where_a_text_was_cut_is_no_difference():
    left, right = differences("Mail [EMAIL] and then …", "Mail x@y.org and…")
    assert "then" not in "".join(marked(left))
    assert "x" in "".join(marked(right))
    left, _ = differences("one…", "two…")
    assert marked(left) == ["one"]


def test_long_texts_are_compared_in_bounded_time():
    left, right = differences("a " * 50_000 + "x", "b " * 50_000 + "x")
    assert len(left) == len(right) == 2


def test_hidden_shows_the_form_only():
    before = "Write to anna.b+x@mail.example.org or call +86 138 0013 8000 today, please, before noon."
    after = "Write to [EMAIL] or call [PHONE] today, please, before noon."
    shown = hidden(before, after)
    assert shown.startswith("Write to ••••.•+•@••••.•••••••.••• ")
    assert shown.endswith(" today, please, before noon.")
    assert len(shown) == len(before)
    for secret in ("anna", "example", "138", "8000"):
        assert secret not in shown
    assert hidden("身份证11010519491231002X，请核对", "身份证[RESIDENT_ID]，请核对").count("•") >= 18


@settings(deadline=None)
@given(st.text(st.sampled_from("abcdef0123@."), min_size=6, max_size=30), TEXT, TEXT)
def test_no_letter_of_what_was_taken_out_is_left(secret, ahead, behind):
    """None of its letters and digits stays in its place, whatever is around it, but for 12 in a row that the new text has."""
    before, after = f"{ahead} {secret} {behind}", f"{ahead} [EMAIL] {behind}"
    shown = hidden(before, after)
    assert len(shown) == len(before)
    assert not any(c.isalnum() for c in shown[len(ahead) + 1 : len(ahead) + 1 + len(secret)]) or len(secret) >= 12
