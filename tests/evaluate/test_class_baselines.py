"""What a classifier must beat: scikit-learn's naive Bayes, the commonest class, and honest verdicts."""

import numpy as np
import pytest

from telos.evaluate import class_baselines
from telos.evaluate.class_baselines import against, commonest, naive_bayes
from telos.foundation.document import Document
from telos.tokens.store import TokenStore
from telos.tokens.tokenizers.byte import Byte


def written(folder, texts, labels, names):
    byte = Byte().train(lambda: iter(()), 0)
    documents = [Document(f"{i:032x}", text, "x", metadata={} if label is None else {"label": label})
                 for i, (text, label) in enumerate(zip(texts, labels, strict=True))]  # fmt: skip
    return TokenStore.write(folder, documents, byte, labels=names)


def made_up(seed, n):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    letters = [list("abcdefgh好坏"[2 * k : 2 * k + 6]) for k in labels]
    return ["".join(rng.choice(some, rng.integers(1, 12))) for some in letters], [str(k) for k in labels]


@pytest.mark.parametrize("at_once", [2**22, 40])
def test_naive_bayes_is_scikit_learns(tmp_path, monkeypatch, at_once):
    bayes = pytest.importorskip("sklearn.naive_bayes")
    monkeypatch.setattr(class_baselines, "TOKENS_AT_ONCE", at_once)
    texts, labels = made_up(1, 60)
    train = written(tmp_path / "train", [*texts, "zzz"], [*labels, None], ["0", "1", "2"])
    other_texts, other_labels = made_up(2, 40)
    other = written(tmp_path / "other", other_texts, other_labels, ["0", "1", "2"])

    def counts(texts):
        return np.stack([np.bincount(np.frombuffer(text.encode(), np.uint8), minlength=257) for text in texts])

    reference = bayes.MultinomialNB(alpha=1.0).fit(counts(texts), [int(label) for label in labels])
    documents = np.array([3, 0, 17, *range(20, 40)])
    found = naive_bayes(train, other, documents, 257)
    assert found.tolist() == reference.predict(counts([other_texts[i] for i in documents])).tolist()
    assert len(set(found.tolist())) == 3


def test_the_commonest_class(tmp_path):
    assert commonest(written(tmp_path / "s", "abcd", ["x", "y", "y", None], ["x", "y"])) == 1


def test_verdicts_are_of_differences_document_by_document():
    ours, theirs = np.array([1.0] * 90 + [0.0] * 10), np.array([1.0] * 60 + [0.0] * 40)
    found = against("commonest_class", "always the commonest class", ours, theirs)
    assert (found["accuracy"], found["difference"], found["verdict"]) == (pytest.approx(0.6), pytest.approx(0.3), "better")
    assert found["difference_ci95"][0] > 0
    assert against("a", "a", theirs, ours)["verdict"] == "worse"
    assert against("a", "a", ours, np.roll(ours, 3))["verdict"] == "no difference shown"
