import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telos.corpus.split import SPLITS, Documents, Split, by_content, cuts, pieces, uniform
from telos.foundation.errors import SpecError, TelosError


def documents(count: int, characters: int = 1000, seed: int = 0) -> Documents:
    keys = np.random.Generator(np.random.Philox(seed)).integers(0, 2**64, count, np.uint64)
    return Documents(keys, np.full(count, characters), np.full(count, characters))


def test_recipes_name_the_kind() -> None:
    assert [type(Split.parse(s)).__name__ for s in ("position", {"kind": "content"}, {})] == ["Position", "Content", "Auto"]
    assert Split.kinds() == ["auto", "content", "position", "stratified"]


def test_fractions_must_leave_training_text() -> None:
    with pytest.raises(SpecError, match="together must be less than 1"):
        Split.parse({"validation_fraction": 0.5, "test_fraction": 0.5})


def test_the_hash_is_uniform_and_keyed() -> None:
    keys = np.arange(100_000, dtype=np.uint64)
    u = uniform(keys, 1, "split")
    assert np.abs(np.histogram(u, 20, (0, 1))[0] / 5000 - 1).max() < 0.06  # 4.2 standard deviations
    for other in (uniform(keys, 2, "split"), uniform(keys, 1, "sample")):
        assert abs(np.corrcoef(u, other)[0, 1]) < 0.015


def test_shares_by_content() -> None:
    split = by_content(documents(50_000), Split.parse({"validation_fraction": 0.1, "test_fraction": 0.02}), seed=1)
    np.testing.assert_allclose(np.bincount(split) / 50_000, [0.88, 0.1, 0.02], atol=0.005)
    assert by_content(documents(1000), Split.parse({"test_fraction": 0}), 1).max() == 1


def test_growing_moves_no_document() -> None:
    few, many = documents(500), documents(5000)
    np.testing.assert_array_equal(few.keys, many.keys[:500])
    spec = Split.parse("content")
    small, large = spec.assign(few, 1).split, spec.assign(many, 1).split
    assert small is not None
    assert large is not None
    np.testing.assert_array_equal(small, large[:500])


def test_content_that_leaves_a_split_empty() -> None:
    with pytest.raises(TelosError) as error:
        Split.parse("content").assign(documents(3), 1)
    assert str(error.value) == (
        "a split by content must leave documents in train, validation, test\n"
        "  found: 2 in train, 0 in validation, 1 in test\n"
        "  to do: add documents, or cut each one by position: split.kind=position"
    )


def test_auto_chooses() -> None:
    auto = Split.parse({})
    assert auto.assign(documents(2000), 1).split is not None
    assert auto.assign(documents(2000), 1).note is None
    few = auto.assign(documents(5), 1)
    assert few.split is None
    assert (
        few.note
        == "split by position: the last 10 % of each document is held out (5 documents are too few to hold out whole ones)"
    )
    one = Split.parse({"validation_fraction": 0.1, "test_fraction": 0}).assign(documents(1), 1)
    assert (
        one.note
        == "split by position: the last 10 % of the only document is held out (1 document is too few to hold out whole ones)"
    )


def test_auto_looks_at_bytes_too() -> None:
    """Many documents, but the held-out ones hold next to nothing."""
    found = documents(400)
    split = by_content(found, Split.parse({}), 1)
    found.size_bytes[split == 1] = 1
    assert Split.parse({}).assign(found, 1).split is None


def test_position_says_how_many_are_too_short() -> None:
    found = documents(3)
    found.characters[0] = 10
    note = Split.parse("position").assign(found, 1).note
    assert note == "split by position: the last 10 % of each document is held out; 1 too short to be cut is train"


@pytest.mark.parametrize(
    ("characters", "validation", "test", "expected"),
    [
        (1_115_394, 0.1, 0, (1_003_854, 1_115_394)),
        (1000, 0.05, 0.05, (900, 950)),
        (1000, 0.1, 0.2, (700, 800)),
        (300, 0.05, 0.05, None),
        (320, 0.05, 0.05, (288, 304)),
    ],
)
def test_cuts_are_exact(characters: int, validation: float, test: float, expected: tuple[int, int] | None) -> None:
    """The first: int(n · 0.9), as nanoGPT cuts tinyshakespeare.  No float error: 1 − 0.05 − 0.05 is 0.9."""
    assert cuts(characters, Split.parse({"validation_fraction": validation, "test_fraction": test})) == expected


@given(
    st.text(st.sampled_from("ab月\n ，"), min_size=0, max_size=2000),
    st.booleans(),
    st.sampled_from([(0.05, 0.05), (0.1, 0.0), (0.3, 0.4)]),
)
def test_pieces_join_to_the_text(text: str, at_line_ends: bool, fractions: tuple[float, float]) -> None:
    split = Split.parse({"validation_fraction": fractions[0], "test_fraction": fractions[1]})
    parts = pieces(text, split, at_line_ends)
    assert "".join(parts) == text
    assert len(parts) == len(SPLITS)
    found = cuts(len(text), split)
    assert all(parts[:2]) == (found is not None) or not text
    if found is not None and not at_line_ends:
        assert [len(parts[0]), len(parts[0]) + len(parts[1])] == list(found)


def test_cuts_move_to_the_next_line() -> None:
    text = "".join(f"第{n:04d}行\n" for n in range(300))
    train, validation, test = pieces(text, Split.parse({"validation_fraction": 0.11, "test_fraction": 0.13}), at_line_ends=True)
    assert train.endswith("\n")
    assert validation.endswith("\n")
    assert validation.startswith("第")
    assert test.startswith("第")
    first, second = cuts(len(text), Split.parse({"validation_fraction": 0.11, "test_fraction": 0.13})) or (0, 0)
    assert 0 <= len(train) - first < 7
    assert 0 <= len(train + validation) - second < 7
