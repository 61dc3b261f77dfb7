"""KenLM: its estimator's every probability and back-off weight, and its scores on the same files (see record_kenlm.py)."""

import importlib.util
import json
import math
from pathlib import Path

import numpy as np
import pytest

from telos.models.ngram import CountedNGram, NGram, from_arpa
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

HERE = Path(__file__).parent
spec = importlib.util.spec_from_file_location("record_kenlm", HERE / "record_kenlm.py")
record = importlib.util.module_from_spec(spec)
spec.loader.exec_module(record)
SCORES = json.loads((HERE / "kenlm" / "query.json").read_text(encoding="utf-8"))


def stream(words: list[str], sentences: list[list[str]]) -> np.ndarray:
    """Ids of the sentences, each ended; words that are not listed become <unk>."""
    ids = {word: token for token, word in enumerate(words)}
    return np.array([t for sentence in sentences for t in [*(ids.get(w, ids.get("<unk>")) for w in sentence), len(words)]])


def theirs(name: str, tmp_path: Path) -> tuple[list[str], CountedNGram]:
    if name != "hand_made":
        return from_arpa(HERE / "kenlm" / f"{name}.arpa.gz")
    (tmp_path / "hand_made.arpa").write_text(record.HAND_MADE)
    return from_arpa(tmp_path / "hand_made.arpa")


@pytest.mark.parametrize("name", SCORES)
def test_scores_are_those_of_kenlm_on_the_same_file(name: str, tmp_path: Path):
    words, model = theirs(name, tmp_path)
    sentences = [[word for word, _ in scored[:-1]] for scored in SCORES[name]]
    wanted = np.array([value for scored in SCORES[name] for _, value in scored])
    assert len(wanted) > 10
    np.testing.assert_allclose(model.nll(stream(words, sentences)), -wanted * math.log(10), atol=1e-5)


@pytest.mark.parametrize(("name", "min_counts"), [("whole", ()), ("pruned", (1, 1, 2, 3))])
def test_the_estimator_equals_lmplz(name: str, min_counts: tuple[int, ...], tmp_path: Path):
    """Vocabulary: the words, <unk> and the end, as KenLM has it; a sentence is a document."""
    words, lmplz = theirs(name, tmp_path)
    model = NGram(order=record.ORDER, min_counts=min_counts).build(Vocabulary(len(words), "", {END_OF_TEXT: len(words)}))
    model.fit(stream(words, [[record.WORDS[word] for word in sentence] for sentence in record.TRAIN]))
    assert model.back_off.order == lmplz.back_off.order == record.ORDER
    np.testing.assert_allclose(model.back_off.unigrams, lmplz.back_off.unigrams, rtol=2e-6)
    for ours, their in zip(model.back_off.keys, lmplz.back_off.keys, strict=True):
        np.testing.assert_array_equal(ours, their)
    for field in ("probabilities", "weights"):
        for ours, their in zip(getattr(model.back_off, field), getattr(lmplz.back_off, field), strict=True):
            np.testing.assert_allclose(ours, their, rtol=5e-6)
    text = stream(words, [[record.WORDS[word] for word in sentence] for sentence in record.TEST])
    assert math.exp(model.nll(text).mean()) == pytest.approx(math.exp(lmplz.nll(text).mean()), rel=1e-5)


def test_what_is_pruned_is_not_what_is_whole(tmp_path: Path):
    sizes = {name: [len(keys) for keys in theirs(name, tmp_path)[1].back_off.keys] for name in record.PRUNE}
    assert sizes["pruned"][0] == sizes["whole"][0]
    assert sizes["pruned"][1] < sizes["whole"][1] / 2
