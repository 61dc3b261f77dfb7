import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telos.corpus.clean import Clean, document_id, fingerprint

TEXT = "a\r\nb\rc\x00\x07\ufeff e\u0301 donâ€™t ｆｕｌｌ　，。\x0c\t"


def test_defaults() -> None:
    assert Clean().text(TEXT) == "a\nb\nc é don’t ｆｕｌｌ　，。\x0c\t"


@pytest.mark.parametrize(
    ("moved", "expected"),
    [
        ({"repair_encoding": False}, "a\nb\nc é donâ€™t ｆｕｌｌ　，。\x0c\t"),
        ({"normalization": None}, "a\nb\nc e\u0301 don’t ｆｕｌｌ　，。\x0c\t"),
        ({"normalization": "NFKC"}, "a\nb\nc é don’t full ,。\x0c\t"),
        ({"normalization": "NFD"}, "a\nb\nc e\u0301 don’t ｆｕｌｌ　，。\x0c\t"),
        ({"unify_line_ends": False}, "a\r\nb\rc é don’t ｆｕｌｌ　，。\x0c\t"),
        ({"remove_control_characters": False}, "a\nb\nc\x00\x07\ufeff é don’t ｆｕｌｌ　，。\x0c\t"),
    ],
)
def test_each_setting_alone(moved: dict, expected: str) -> None:
    assert Clean(**moved).text(TEXT) == expected


@pytest.mark.parametrize(
    ("moved", "before", "after"),
    [
        ({"han": "simplified"}, "漢語水平考試，乾淨的頭髮。", "汉语水平考试，干净的头发。"),
        ({"han": "simplified"}, "汉语 plain", "汉语 plain"),
        ({"han": "traditional"}, "汉语的头发与发展。", "漢語的頭髮與發展。"),
        ({"han": None}, "漢語", "漢語"),
        ({"width": "half"}, "ＡＢＣ　ｘ１２％，。：（）！", "ABC x12%，。：（）！"),
        ({"width": "half_with_punctuation"}, "ＡＢＣ　ｘ１２％，。：（）！", "ABC x12%,。:()!"),
        ({"width": "half"}, "Ａ\u0301", "Á"),
        ({"width": None}, "ＡＢＣ　１", "ＡＢＣ　１"),
        ({"collapse_white_space": True}, "  a  b\tc \t\n\n\n\n\nd\u00a0e　\n", "  a b c\n\n\nd e\n"),
        ({"collapse_white_space": True}, "诗　句 \n  ", "诗　句\n"),
        ({"collapse_white_space": False}, "a  b \n", "a  b \n"),
    ],
)
def test_what_is_off_by_default(moved: dict, before: str, after: str) -> None:
    assert Clean(**moved).text(before) == after
    assert Clean(**moved).text(after) == after


@settings(deadline=None)  # the first call loads a dictionary
@given(
    st.text(st.sampled_from("aｂ１ \t\n　\u00a0漢汉後后，！\r\x00â€™") | st.characters(codec="utf-8"), max_size=30),
    st.sampled_from([
        {"han": "simplified"}, {"han": "traditional"}, {"width": "half"}, {"width": "half_with_punctuation"},
        {"collapse_white_space": True}, {"han": "simplified", "width": "half", "collapse_white_space": True},
    ]),
)  # fmt: skip
def test_options_need_no_suspicion(text: str, options: dict) -> None:
    """A text that the search in Arrow passes over is cleaned as any other; the search speaks of encodings only."""
    clean = Clean(**options)
    suspect = bool(pc.match_substring_regex(pa.array([text]), clean.suspicion())[0].as_py())
    assert clean.text(text, suspect) == clean.text(text)
    assert clean.suspicion() == Clean().suspicion()


@given(st.text(st.sampled_from("a月 \t\n\u00a0　"), max_size=40))
def test_collapsing_changes_white_space_only(text: str) -> None:
    found = Clean(collapse_white_space=True).text(text)
    assert "".join(found.split()) == "".join(text.split())
    assert "\n\n\n\n" not in found
    assert all(line == line.rstrip() for line in found.split("\n"))
    assert Clean(collapse_white_space=True).text(found) == found


def test_refusal() -> None:
    assert [Clean().refusal(t) for t in ("", " \n\u3000", "月")] == ["empty", "empty", None]
    assert [Clean(min_characters=3).refusal(t) for t in (" 月光 ", "明月光")] == ["too_short", None]


@given(
    st.text(st.sampled_from("aé\r\n\x00\x85\ufeff’â€™Ã©e\u0301月，") | st.characters(codec="utf-8"), max_size=30),
    st.booleans(),
    st.booleans(),
)
def test_a_text_without_suspicion_needs_no_second_look(text: str, repair: bool, controls: bool) -> None:
    clean = Clean(repair_encoding=repair, remove_control_characters=controls)
    suspect = bool(pc.match_substring_regex(pa.array([text]), clean.suspicion())[0].as_py())
    assert clean.text(text, suspect) == clean.text(text)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x85"), max_size=60))
def test_cleaning_without_repair_is_idempotent(text: str) -> None:
    once = Clean(repair_encoding=False).text(text)
    assert Clean(repair_encoding=False).text(once) == once


def test_fingerprint_ignores_composition_and_white_space_only() -> None:
    assert fingerprint(" café  au\nlait ") == fingerprint("cafe\u0301 au lait")
    assert fingerprint("明月　光") == fingerprint("明月 光") != fingerprint("明月光")
    assert fingerprint("Case") != fingerprint("case")


def test_ids_depend_on_source_and_text() -> None:
    ids = {document_id("a", "x"), document_id("b", "x"), document_id("a", "y"), document_id("a:1", "x")}
    assert len(ids) == 4
    assert document_id("诗.txt", "月") == "aa81137d12f64a3c6abd58caf6929342"
