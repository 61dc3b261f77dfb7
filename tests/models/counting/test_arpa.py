"""ARPA files: what is written reads back, bit for bit; what is no ARPA file is refused with its line."""

import gzip
import math
from pathlib import Path

import numpy as np
import pytest

from telos.foundation.errors import TelosError
from telos.models.counting.arpa import read_arpa, write_arpa
from telos.models.counting.spelling import spelled
from telos.models.ngram import CountedNGram, NGram, from_arpa, load
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

LINES = ["", "\\data\\", "ngram 1=4", "ngram 2=2", "", "\\1-grams:", "-99\t<s>\t-0.5", "-0.3\t</s>", "-0.4\t月\t-0.2",
         "-0.9\tb", "", "\\2-grams:", "-0.1\t<s> 月", "-0.2\t月 </s>", "", "\\end\\", ""]  # fmt: skip
SIZE = 30


def counted(order: int = 4, **settings) -> CountedNGram:
    rng = np.random.default_rng(order)
    tokens = np.minimum(rng.geometric(0.2, 3000) - 1, SIZE - 1)
    tokens[rng.random(3000) < 0.1] = SIZE
    model = NGram(order=order, **settings).build(Vocabulary(SIZE, "x", {END_OF_TEXT: SIZE}))
    model.fit(tokens)
    return model


def read(path: Path, lines: list[str]) -> TelosError:
    path.write_text("\n".join(lines))
    with pytest.raises(TelosError) as error:
        read_arpa(path)
    return error.value


@pytest.mark.parametrize("order", [1, 2, 5])
@pytest.mark.parametrize("name", ["model.arpa", "model.arpa.gz"])
def test_export_import_export_is_the_same_file_and_the_same_model(order: int, name: str, tmp_path: Path):
    model, text = counted(order), np.array([0, 1, 2, 29, SIZE, 3, 3, 3, SIZE, SIZE, 1])
    model.to_arpa(tmp_path / name, [*(spelled(f" {i}".encode()) for i in range(SIZE)), ""])
    words, again = from_arpa(tmp_path / name, "x")
    assert words[:2] == ["<0x20>0", "<0x20>1"]
    np.testing.assert_allclose(again.nll(text), model.nll(text), atol=1e-6)
    np.testing.assert_allclose(np.exp(again.log_probabilities(text[:3])).sum(), 1, atol=1e-7)
    (tmp_path / "again").mkdir()
    write_arpa(again.back_off, [*words, ""], tmp_path / "again" / name)
    assert (tmp_path / "again" / name).read_bytes() == (tmp_path / name).read_bytes()
    again.save(tmp_path)
    np.testing.assert_array_equal(load(tmp_path).nll(text), again.nll(text))
    assert load(tmp_path).spec.smoothing == "arpa"


def test_probability_zero_is_minus_99(tmp_path: Path):
    model = counted(2, smoothing="maximum_likelihood")
    model.to_arpa(tmp_path / "m.arpa", [*map(str, range(SIZE)), ""])
    assert "-99\t" in (tmp_path / "m.arpa").read_text()
    _, again = from_arpa(tmp_path / "m.arpa")
    text = np.array([29, 29, 29, 0, 1, SIZE])
    assert np.isinf(model.nll(text)).any()
    np.testing.assert_allclose(again.nll(text), model.nll(text), atol=1e-6)


def test_the_order_of_words_can_be_given(tmp_path: Path):
    (tmp_path / "m.arpa").write_text("\n".join(LINES))
    words, first = read_arpa(tmp_path / "m.arpa")
    assert words == ["月", "b"]
    other, second = read_arpa(tmp_path / "m.arpa", ["b", "月", "</s>"])
    assert other == ["b", "月"]
    np.testing.assert_array_equal(first.stream(np.array([0, 2, 1, 0])), second.stream(np.array([1, 2, 0, 1])))
    np.testing.assert_allclose(np.log10(first.stream(np.array([0, 2, 1, 0]))), [-0.1, -0.2, -1.4, -0.4])
    third = read_arpa(tmp_path / "m.arpa", ["</s>", "b", "月"])[1]  # an end of text that is not the last token
    assert third.end == 0
    np.testing.assert_array_equal(first.stream(np.array([0, 2, 1, 0])), third.stream(np.array([2, 0, 1, 2])))
    with pytest.raises(TelosError, match="must be the tokenizer's") as error:
        read_arpa(tmp_path / "m.arpa", ["b", "c"])
    assert error.value.found == "2 in one of them only: c, 月"


def test_a_context_that_is_not_listed_changes_nothing(tmp_path: Path):
    """The same file with and without the line that says what follows from the others: 月 月 = weight(月) · p(月)."""
    with_trigram = [
        *LINES[:3],
        "ngram 2=3",
        "ngram 3=1",
        *LINES[4:14],
        "-0.6\t月 月",
        "",
        "\\3-grams:",
        "-0.05\t月 月 b",
        "",
        "\\end\\",
    ]
    without = [line for line in with_trigram if line != "-0.6\t月 月"]
    without[3] = "ngram 2=2"
    text = np.array([0, 0, 1, 0, 0, 0, 2, 0, 0, 1])
    found = []
    for lines in (with_trigram, without):
        (tmp_path / "m.arpa").write_text("\n".join(lines))
        found.append(read_arpa(tmp_path / "m.arpa")[1].stream(text))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-12)
    assert math.log10(found[0][2]) == pytest.approx(-0.05)


@pytest.mark.parametrize(
    ("line", "instead", "must", "found"),
    [
        (1, "nothing", "\\data\\ must follow", "the end of the file in {}"),
        (3, "ngram 3=2", "ngram 2=… must follow", "'ngram 3=2' in {}, line 4"),
        (5, "\\2-grams:", "\\1-grams: must follow the sizes", "'\\\\2-grams:' in {}, line 6"),
        (
            8,
            "-0.4\t月\t-0.2\t1",
            "a line must have a number, 1 words and perhaps a number",
            "'-0.4\\t月\\t-0.2\\t1' in {}, line 9",
        ),
        (8, "x\t月", "a line must begin, and may end, with a number", "'x 月' in {}, line 9"),
        (8, "0.4\t月", "log10 p must be at most 0, and a weight finite", "0.4 and 0.0 in {}, line 9"),
        (8, "nan\t月", "log10 p must be at most 0, and a weight finite", "nan and 0.0 in {}, line 9"),
        (9, "-0.4\t月", "each word must be listed once", "'月' twice in {}, line 10"),
        (7, "-0.4\tc", "</s>, which ends a text, must be listed", "no such word in {}"),
        (12, "-0.1\t<s> d", "each word must be listed among the 1-grams", "'d' in {}, line 13"),
        (12, "-0.1\t月 <s>", "<s> must be first and </s> last in an n-gram", "'月 <s>' in {}, line 13"),
        (15, "-0.1\tb b", "\\end\\ must follow, as the sizes say", "'-0.1\\tb b' in {}, line 16"),
        (15, "", "\\end\\ must follow", "the end of the file in {}"),
    ],
)
def test_what_is_no_arpa_file_is_refused_with_its_line(line: int, instead: str, must: str, found: str, tmp_path: Path):
    path = tmp_path / "bad.arpa"
    error = read(path, [*LINES[:line], instead, *LINES[line + 1 :]])
    assert (error.must, error.found) == (f"{must} (ARPA format)", found.format(path))


def test_other_bad_files_and_words(tmp_path: Path):
    assert (
        read(tmp_path / "m.arpa", [*LINES[:13], LINES[12], *LINES[14:]]).must == "each n-gram of an ARPA file must be listed once"
    )
    (tmp_path / "cut.arpa.gz").write_bytes(gzip.compress("\n".join(LINES).encode())[:-20])
    with pytest.raises(TelosError, match="a gzipped file must be whole"):
        read_arpa(tmp_path / "cut.arpa.gz")
    (tmp_path / "latin.arpa").write_bytes("\n".join(LINES).replace("月", "é").encode("latin-1"))
    with pytest.raises(TelosError, match="words must be UTF-8"):
        read_arpa(tmp_path / "latin.arpa")
    with pytest.raises(TelosError, match="an ARPA file must exist"):
        read_arpa(tmp_path / "absent.arpa")
    with pytest.raises(TelosError, match="words of an ARPA file must be distinct and without white space") as error:
        write_arpa(counted(2).back_off, ["a b", *map(str, range(SIZE))], tmp_path / "m.arpa")
    assert error.value.found == "'a b'"
    with pytest.raises(TelosError, match="must be distinct") as error:
        write_arpa(counted(2).back_off, ["a", "a"], tmp_path / "m.arpa")
    assert error.value.found == "2 words, 1 of them distinct, for 31 tokens"
    _, model = from_arpa_of(tmp_path)
    with pytest.raises(TelosError, match="smoothing arpa, whose probabilities come from a file"):
        model.fit(np.array([0, 1]))


def from_arpa_of(tmp_path: Path) -> tuple[list[str], CountedNGram]:
    (tmp_path / "m.arpa").write_text("\n".join(LINES))
    return from_arpa(tmp_path / "m.arpa")
