"""The stratified split: exact shares of every label, copies together, from files with a label column."""

from collections import Counter

import numpy as np
import pytest

from telos.corpus.splits import Documents
from telos.corpus.splits.stratified import Stratified
from telos.foundation.errors import TelosError


def documents(labels, keys=None):
    n = len(labels)
    made = np.arange(n, dtype=np.uint64) * np.uint64(2**61 - 1) if keys is None else np.array(keys, np.uint64)
    return Documents(made, np.ones(n, np.int64), np.ones(n, np.int64), list(labels))


def test_every_label_has_its_share():
    labels = ["正"] * 200 + ["负"] * 100 + [None] * 40
    found = Stratified(validation_fraction=0.1, test_fraction=0.2).assign(documents(labels), 1).split
    counts = Counter(zip(labels, found.tolist(), strict=True))
    assert counts == {("正", 0): 140, ("正", 1): 20, ("正", 2): 40, ("负", 0): 70, ("负", 1): 10, ("负", 2): 20,
                      (None, 0): 28, (None, 1): 4, (None, 2): 8}  # fmt: skip
    assert not np.array_equal(found, Stratified(validation_fraction=0.1, test_fraction=0.2).assign(documents(labels), 2).split)


def test_what_is_tied_together_stays_together():
    found = Stratified(validation_fraction=0.3, test_fraction=0.3).assign(documents("ab" * 50, np.arange(100) // 4), 1).split
    assert all(len(set(found[i : i + 4].tolist())) == 1 for i in range(0, 100, 4))


def test_without_the_field():
    with pytest.raises(TelosError) as error:
        Stratified(field="mood").assign(Documents(*(np.ones(3, np.int64),) * 3), 1)
    assert error.value.must == "a stratified split needs documents with the field 'mood'"
    assert "corpus.keep=mood" in error.value.fix


def test_labels_come_from_files_and_stay_with_their_texts(fill, build):
    rows = "".join(f'{n % 3},"文本 number {n}"\n' for n in range(300))
    corpus = build(fill("t", {"a.csv": "label,text\n" + rows}), keep=["label"], split={"kind": "stratified"})
    for split, n in (("train", 90), ("validation", 5), ("test", 5)):
        found = list(corpus.documents(split))
        assert Counter(d.metadata["label"] for d in found) == {"0": n, "1": n, "2": n}
        assert all(int(d.text.split()[-1]) % 3 == int(d.metadata["label"]) for d in found)
