"""Which words of `telos classify` are texts and which a file."""

import pytest

from telos.classifying import _texts
from telos.foundation.errors import TelosError


def test_words_are_texts_however_long_they_are():
    long = "很好。" * 200  # no name may be so long
    assert _texts([long], []) == ([long], [None])
    assert _texts(["a.b.c stands here", "and/or"], [])[0] == ["a.b.c stands here", "and/or"]


def test_one_word_that_is_there_is_a_file(tmp_path):
    (tmp_path / "some.csv").write_text("text,label\nfine,good\n")
    assert _texts([str(tmp_path / "some.csv")], ["corpus.label_field=label"]) == (["fine"], ["good"])


def test_names_are_no_texts(tmp_path):
    (tmp_path / "text.txt").write_text("a text")
    with pytest.raises(TelosError) as error:
        _texts(["a text", str(tmp_path / "text.txt")], [])
    assert error.value.must == "telos classify takes one file or folder, or texts"
    assert error.value.found == f"{tmp_path / 'text.txt'}, and 1 more"
    with pytest.raises(TelosError) as error:
        _texts(["revews.csv.gz"], [])
    assert (error.value.must, error.value.found) == ("a file to classify must be there", "no file revews.csv.gz")
