"""Words of a text that nobody has parted."""

import pytest

from telos.predicting import words_of


@pytest.mark.parametrize(("text", "words"), [
    ("Don't go to St. John's, please!", ["Don't", "go", "to", "St", ".", "John's", ",", "please", "!"]),
    ("我在New York工作3.5年。", ["我", "在", "New", "York", "工", "作", "3.5", "年", "。"]),
    ("  snake_case — x", ["snake", "_", "case", "—", "x"]),
    ("", []),
])  # fmt: skip
def test_words(text, words):
    assert [text[a:b] for a, b in words_of(text)] == words
