import re

import ftfy
import ftfy.chardata
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from telos.corpus import mojibake

SAMPLES = [
    "schön wäre das",
    "l’été à Orléans …",
    "“quoted” — naïve",
    "床前明月光，疑是地上霜。",
    "Ελληνικά",
    "Все счастливые",
    "日本語です",
    "😀 fine",
    "ﬁ ligature",
]
ENCODINGS = mojibake.ENCODINGS


def ftfy_on_every_line(text: str) -> str:
    return ftfy.fix_text(text, mojibake._settings())


def broken(text: str, encoding: str) -> str:
    return text.encode().decode(encoding, errors="replace")


def test_our_list_is_that_of_ftfy() -> None:
    assert list(ENCODINGS) == list(ftfy.chardata.CHARMAP_ENCODINGS)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_repairs_as_ftfy_does(encoding: str) -> None:
    text = "\n".join(["whole line", *(broken(sample, encoding) for sample in SAMPLES), "床前明月光。“未坏”，", ""])
    assert mojibake.repair(text) == ftfy_on_every_line(text)
    assert mojibake.repair(text) != text


@pytest.mark.parametrize(
    "text",
    [
        "床前明月光，疑是地上霜。",
        "“curly” quotes — ﬁne",
        "Ａ full width！",
        "naïve café",
        "&lt;not HTML&gt;",
        "ＬＯＵＤ　ＮＯＩＳＥＳ",
    ],
)
def test_sound_text_stays(text: str) -> None:
    assert mojibake.repair(text) == text


def test_known_repairs() -> None:
    assert mojibake.repair("voilÃ  un cafÃ©, oÃ¹") == "voilà un café, où"  # byte A0 became a space
    assert mojibake.repair("Ã  la") == "à la"
    assert mojibake.repair("lostâ€�") == "lost\ufffd"
    assert mojibake.repair("donâ€™t\nschÃ¶n\nåºŠå‰\x8dæ˜Žæœˆå…‰\nfine ’") == "don’t\nschön\n床前明月光\nfine ’"


ALPHABET = st.sampled_from("aé èÀ’“”—…ß€üñ的一，。яВжΩ\u00a0\u0085\u0093😀\ufffd\x1a\n ")


@given(st.text(ALPHABET, max_size=40), st.sampled_from(ENCODINGS), st.booleans())
@example("à la", "sloppy-windows-1252", True)
@example("â€�", "latin-1", False)
def test_the_cheap_test_is_necessary(text: str, encoding: str, break_it: bool) -> None:
    """Where it finds nothing, ftfy changes nothing."""
    text = broken(text, encoding) if break_it else text
    assert mojibake.repair(text) == ftfy_on_every_line(text)


def test_arrow_reads_the_pattern_as_python_does() -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = [broken(sample, encoding) for sample in SAMPLES for encoding in ENCODINGS] + SAMPLES + ["", "a\x85b", "plain"]
    found = pc.match_substring_regex(pa.array(texts), mojibake.suspicion()).to_pylist()
    assert found == [re.search(mojibake.suspicion(), text) is not None for text in texts]
    assert set(found) == {True, False}
