"""Mixtures: shares by weight and temperature, caps, and the copies that a corpus then holds."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telos.corpus.engines.native import Native
from telos.corpus.mixing import epochs_of, shares
from telos.corpus.pipeline import build_corpus
from telos.corpus.sources import Source
from telos.corpus.split import Split
from telos.foundation.errors import TelosError


def test_shares():
    sizes = np.array([100.0, 400.0, 0.0])
    assert shares(sizes, None, 1.0) == pytest.approx([0.2, 0.8, 0])
    assert shares(sizes, None, 2.0) == pytest.approx([1 / 3, 2 / 3, 0])
    assert shares(sizes, [1, 1, 8], 5.0) == pytest.approx([0.5, 0.5, 0])


@given(st.lists(st.floats(1, 1e6), min_size=1, max_size=5), st.floats(0.1, 3), st.floats(1, 6), st.integers(0, 99))
def test_epochs_keep_total_and_cap(sizes, of_total, cap, seed):
    available = np.array(sizes)
    wanted = np.random.default_rng(seed).dirichlet(np.ones(len(sizes)))
    total = of_total * available.sum()
    found = epochs_of(available, wanted, total, cap)
    assert (found <= cap + 1e-9).all()
    assert (found * available).sum() == pytest.approx(min(total, cap * available.sum()), rel=1e-6)
    free = found < cap - 1e-9
    ratio = (found * available / wanted)[free & (wanted > 1e-9)]
    assert ratio == pytest.approx(np.full(len(ratio), ratio.mean() if len(ratio) else 0), rel=1e-6)


@pytest.fixture
def mixed(fill, tmp_path):
    def build(weights=(None, None), out="mixed", **settings):
        zh = fill("zh", {f"{n}.txt": f"床前明月光，疑是地上霜。第{n:03}篇。" * 3 for n in range(40)})
        en = fill("en", {f"{n}.txt": f"It was the best of times, number {n:03} of many. " * 3 for n in range(160)})
        parts = [{"name": name, "source": {"kind": "files", "path": str(path)}, "weight": weight}
                 for name, path, weight in (("诗", zh, weights[0]), ("en", en, weights[1]))]  # fmt: skip
        made = Source.parse({"kind": "mixture", "parts": parts, **settings})
        return build_corpus(made, split=Split.parse("content"), out=tmp_path / out, engine=Native(workers=1))

    return build


def test_a_corpus_of_a_mixture(mixed):
    corpus = mixed((1, 1))
    train = list(corpus.documents("train"))
    sizes = Counter()
    for document in train:
        sizes[document.source.split("/")[0]] += len(document.text.encode())
    assert sizes["诗"] / sizes.total() == pytest.approx(0.5, abs=0.03)
    counts = Counter(d.source for d in train)
    assert set(counts.values()) <= {0, 1, 2, 3, 4}
    assert len({d.id for d in train}) == len(train)
    last = corpus.funnel[-1]
    assert last["documents_in"] == last["documents_out"] + sum(last["dropped"].values())
    held_out = Counter(d.source for name in ("validation", "test") for d in corpus.documents(name))
    assert max(held_out.values()) == 1
    assert not held_out.keys() & counts.keys()


def test_the_sizes_own_proportions_repeat_nothing(mixed):
    assert set(Counter(d.source for d in mixed().documents("train")).values()) == {1}


def test_a_cap_holds(mixed):
    counts = Counter(d.source for d in mixed((99, 1), max_epochs=2).documents("train") if d.source.startswith("诗"))
    assert set(counts.values()) == {2}


def test_bad_mixtures(mixed):
    with pytest.raises(TelosError, match="a weight, or none"):
        mixed((1, None))
