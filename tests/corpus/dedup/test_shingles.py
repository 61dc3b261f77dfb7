"""Shingles and their hashes: as many, and as similar, as sets of tuples in plain Python."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from telos.corpus.dedup.near import Near
from telos.corpus.folding import ALONE, table
from telos.corpus.texts import HAN, Texts
from tests.corpus.dedup import jaccard as plain

MIXED = st.text(
    st.one_of(st.sampled_from("ab cd AB,.。，、“”—…1２ \n中文日月ひらがなไทยİßÀé\u0301\u3000_'’-"), st.characters(codec="utf-8")),
    max_size=60,
)


def sets(rule: Near, texts: Texts) -> list[set[int]]:
    from telos.corpus.kernels.shingles import shingle_sets

    counts = rule.observe(texts)["shingles"].to_numpy().astype(np.int64)
    ends = np.concatenate([[0], np.cumsum(counts)])
    out = np.zeros(ends[-1], np.uint64)
    sizes = shingle_sets(texts.data, texts.offsets, *rule._shingles(texts), ends[:-1], out)
    made = [out[start : start + size] for start, size in zip(ends[:-1], sizes, strict=True)]
    assert all(np.all(np.diff(one.astype(object)) > 0) for one in made)
    return [set(one.tolist()) for one in made]


def test_the_table_has_every_character_that_counts():
    folded = table()
    for c in (*range(0xD800), *range(0xE000, 0x110000)):
        character = chr(c)
        if not plain.counts(character):
            assert folded[c] == 0, hex(c)
        else:
            assert folded[c] & ~ALONE == ord(plain.lower(character)), hex(c)
            assert bool(folded[c] & ALONE) == plain.alone(character), hex(c)


@pytest.mark.parametrize("character", "，。！？；：、“”‘’（）《》【】—…·～,.!?;:'\"()[]-_/¿«»‐‑–―†‰※⁇⸺｡｢｣､･")
def test_punctuation_of_all_kinds_is_passed_over(character):
    rule = Near()
    for text in ("one two three four five six", "天地玄黄宇宙洪荒日月盈昃"):
        marked = text.replace(" ", f"{character} ") if " " in text else character.join(text)
        assert sets(rule, Texts.of([text])) == sets(rule, Texts.of([marked]))


@given(st.lists(MIXED, min_size=1, max_size=4), st.integers(1, 6), st.integers(1, 6))
@example(["a b c", "A. B! c?", "a b c d", "", " ，。", "天地玄", "天，地玄。", "天地玄黄宇"], 4, 5)
def test_as_sets_of_tuples(texts, words, characters):
    rule = Near(shingle_words=words, shingle_characters=characters)
    batch = Texts.of(texts)
    found = sets(rule, batch)
    expected = [
        plain.shingles(text, characters if script == HAN else words, script == HAN)
        for text, script in zip(texts, batch.scripts, strict=True)
    ]
    assert [len(one) for one in found] == [len(one) for one in expected]
    for i, a in enumerate(found):
        for j, b in enumerate(found):
            if batch.scripts[i] == batch.scripts[j]:
                assert len(a & b) == len(expected[i] & expected[j])


def test_texts_longer_than_a_block():
    """The kernels take shingles by blocks; what they find does not show where."""
    rng = np.random.default_rng(1)
    long = " ".join(str(n) for n in rng.integers(0, 5000, 20_000))
    chinese = "".join(chr(0x4E00 + n) for n in rng.integers(0, 3000, 20_000))
    batch = Texts.of([long, chinese])
    found = sets(Near(), batch)
    assert [len(one) for one in found] == [len(plain.shingles(long, 5, False)), len(plain.shingles(chinese, 5, True))]


@given(st.lists(MIXED, max_size=6), st.integers(0, 6))
def test_batches_change_nothing(texts, cut):
    whole = Near().observe(Texts.of(texts))
    parts = [Near().observe(Texts.of(part)) for part in (texts[:cut], texts[cut:])]
    import pyarrow as pa

    assert pa.concat_tables(parts).combine_chunks().equals(whole.combine_chunks())


def test_minima_by_the_formula():
    from telos.corpus.dedup.near import _functions
    from telos.corpus.kernels.hashing import mix
    from telos.corpus.kernels.minhash import lower_minima

    rng = np.random.default_rng(0)
    x = rng.integers(0, 2**32, 1000, dtype=np.uint32)
    a, b = _functions(112)
    assert np.all(a % 2 == 1)
    assert len(np.unique(a)) == len(np.unique(b)) == 112
    minima = np.full(112, 2**32 - 1, np.uint32)
    lower_minima(x, 999, a, b, minima)
    assert minima.tolist() == [min((int(p) * int(v) + int(q)) % 2**32 for v in x[:999]) for p, q in zip(a, b, strict=True)]
    assert mix(np.uint64(0)) == 0
    assert mix(np.uint64(1)) == 0x5692161D100B05E5


def test_signatures_estimate_the_similarity():
    """112 functions agree on a share J of pairs; over 400 pairs the mean lies within 4 standard errors and single estimates
    scatter as independent functions do (a chi-square mean of 1)."""
    rng = np.random.default_rng(5)
    rule = Near(bands=112, rows=1, shingle_words=1)
    for share in (0.3, 0.6, 0.9):
        texts, n = [], 400
        for _ in range(n):
            both, ours, theirs = (
                rng.integers(0, 10**9, k).astype(str) for k in (int(200 * share), *2 * [int(100 * (1 - share))])
            )
            texts += [" ".join([*both, *ours]), " ".join([*both, *theirs])]
        observed = rule.observe(Texts.of(texts)).drop_columns(["shingles"])
        keys = np.array([column.to_numpy() for column in observed.columns])
        agree = (keys[:, ::2] == keys[:, 1::2]).mean(0)
        j = int(200 * share) / (int(200 * share) + 2 * int(100 * (1 - share)))
        error = np.sqrt(j * (1 - j) / 112)
        assert abs(agree.mean() - j) < 4 * error / np.sqrt(n)
        assert 0.75 < ((agree - j) ** 2).mean() / error**2 < 1.3
