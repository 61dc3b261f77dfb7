import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telos.corpus.clean import Clean, document_id, fingerprint

TEXT = "a\r\nb\rc\x00\x07\ufeff e\u0301 donâ€™t ｆｕｌｌ　，。\x0c\t"


def test_defaults() -> None:
    assert Clean().text(TEXT) == "a\nb\nc é don’t ｆｕｌｌ　，。\x0c\t"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"repair_encoding": False}, "a\nb\nc é donâ€™t ｆｕｌｌ　，。\x0c\t"),
        ({"normalization": None}, "a\nb\nc e\u0301 don’t ｆｕｌｌ　，。\x0c\t"),
        ({"normalization": "NFKC"}, "a\nb\nc é don’t full ,。\x0c\t"),
        ({"normalization": "NFD"}, "a\nb\nc e\u0301 don’t ｆｕｌｌ　，。\x0c\t"),
        ({"unify_line_ends": False}, "a\r\nb\rc é don’t ｆｕｌｌ　，。\x0c\t"),
        ({"remove_control_characters": False}, "a\nb\nc\x00\x07\ufeff é don’t ｆｕｌｌ　，。\x0c\t"),
    ],
)
def test_each_setting_alone(settings: dict, expected: str) -> None:
    assert Clean(**settings).text(TEXT) == expected


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
