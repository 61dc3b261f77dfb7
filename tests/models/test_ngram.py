"""Interpolated modified Kneser-Ney against a plain dictionary implementation, written here from the formulas."""

import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from telos.foundation.errors import TelosError
from telos.foundation.files import read_json
from telos.models import Model
from telos.models.counting.counts import Counts, count
from telos.models.counting.kneser_ney import FALLBACK_DISCOUNTS, discounts
from telos.models.ngram import CountedNGram, NGram, load
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

ENGLISH = ["the cat sat on the mat and the cat ate the rat", "a cat and a rat sat", "the mat", "", "rat rat rat rat rat the cat"]
CHINESE = ["床前明月光，疑是地上霜。", "举头望明月，低头思故乡。", "明月几时有？把酒问青天。", "明月松间照，清泉石上流。", "月"]


class Plain:
    """The same model in dictionaries keyed by tuples; slow, and readable beside Chen & Goodman."""

    def __init__(self, documents: list[list[int]], order: int, size: int, end: int):
        self.order, self.size, self.end = order, size, end
        raw: dict[int, Counter] = defaultdict(Counter)
        for document in documents:
            padded = [end, *document]
            for i in range(1, len(padded)):
                for k in range(1, min(order, i + 1) + 1):
                    raw[k][tuple(padded[i - k + 1 : i + 1])] += 1
        self.counts = {order: dict(raw[order])}
        for k in range(1, order):
            before = defaultdict(set)
            for gram in raw[k + 1]:
                before[gram[1:]].add(gram[0])
            # An n-gram that opens a document has nothing before it: its raw count stands.
            self.counts[k] = {g: len(before[g]) if before[g] else n for g, n in raw[k].items()}
        self.discounts = {k: self._discounts(list(self.counts[k].values())) for k in self.counts}

    def _discounts(self, counts: list[int]) -> list[float]:
        n = [counts.count(i) for i in range(5)]
        if n[1] and n[2]:
            y = n[1] / (n[1] + 2 * n[2])
            if n[3] and n[4]:
                found = [0.0] + [i - (i + 1) * y * n[i + 1] / n[i] for i in (1, 2, 3)]
                if min(found[1:]) > 0:
                    return found
            return [0.0, y, y, y]
        return [0.0, 0.5, 1.0, 1.5]

    def probability(self, context: tuple[int, ...], token: int) -> float:
        lower = self.probability(context[1:], token) if context else 1 / self.size
        k = len(context) + 1
        following = {g[-1]: n for g, n in self.counts[k].items() if g[:-1] == context}
        total = sum(following.values())
        if not total:
            return lower
        d = self.discounts[k]
        gamma = sum(d[min(n, 3)] for n in following.values()) / total
        own = following.get(token, 0)
        return (own - d[min(own, 3)]) / total + gamma * lower

    def context(self, document: list[int]) -> tuple[int, ...]:
        return tuple([self.end, *document][-(self.order - 1) :]) if self.order > 1 else ()


def encode(texts: list[str]) -> tuple[list[list[int]], Vocabulary]:
    """Documents of character ids, each ended; two ids are never seen."""
    alphabet = {c: i for i, c in enumerate(sorted(set("".join(texts))))}
    vocabulary = Vocabulary(len(alphabet) + 2, "0" * 16, {END_OF_TEXT: len(alphabet) + 2})
    return [[*(alphabet[c] for c in text), vocabulary.end_of_text] for text in texts], vocabulary


def fitted(documents: list[list[int]], vocabulary: Vocabulary, order: int) -> CountedNGram:
    model = NGram(order=order).build(vocabulary)
    model.fit(np.array([t for d in documents for t in d], np.uint16))
    return model


def grams(tables: list[Counts], length: int, values: np.ndarray) -> dict[tuple[int, ...], int]:
    """{n-gram of tokens: its value} of one length, keys taken apart."""
    known = {token: (token,) for token in range(len(tables[0].keys))}
    for table in tables[1:length]:
        known = {
            rank: (*known[int(key) // len(tables[0].keys)], int(key) % len(tables[0].keys)) for rank, key in enumerate(table.keys)
        }
    return {gram: int(values[rank]) for rank, gram in known.items() if values[rank]}


@pytest.mark.parametrize("texts", [ENGLISH, CHINESE, ["ab"], ["aaaaaaaaaaaa"], [""]], ids=["en", "zh", "two", "same", "empty"])
@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
def test_counts_discounts_and_probabilities_equal_the_plain_implementation(order: int, texts: list[str]):
    documents, vocabulary = encode(texts)
    model, plain = fitted(documents, vocabulary, order), Plain(documents, order, vocabulary.size, vocabulary.end_of_text)
    tables = count(np.array([t for d in documents for t in d]), vocabulary.end_of_text, vocabulary.size, order)
    for k in range(1, order + 1):
        assert grams(tables, k, tables[k - 1].preceded) == plain.counts[k]
        np.testing.assert_allclose(discounts(tables[k - 1].preceded), plain.discounts[k], rtol=1e-14)
    unseen = vocabulary.size_ordinary - 1
    for context in ([], documents[0][:3], documents[-1][:1], [unseen], [unseen, *documents[0][:2]]):
        expected = [plain.probability(plain.context(context), w) for w in range(vocabulary.size)]
        np.testing.assert_allclose(np.exp(model.log_probabilities(np.array(context, int))), expected, rtol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_nll_equals_the_plain_implementation_on_text_that_it_has_not_seen(order: int):
    documents, vocabulary = encode(CHINESE)
    model, plain = fitted(documents[:3], vocabulary, order), Plain(documents[:3], order, vocabulary.size, vocabulary.end_of_text)
    expected = [-math.log(plain.probability(plain.context(d[:i]), d[i])) for d in documents for i in range(len(d))]
    np.testing.assert_allclose(model.nll(np.array([t for d in documents for t in d])), expected, rtol=1e-6)


streams = st.lists(st.integers(0, 6), max_size=60)  # 6 is the end of text, 5 is often unseen


@given(train=streams, test=streams, order=st.integers(1, 6))
def test_any_stream_sums_to_one_and_nll_equals_log_probabilities(train: list[int], test: list[int], order: int):
    vocabulary = Vocabulary(6, "0" * 16, {END_OF_TEXT: 6})
    model = NGram(order=order).build(vocabulary)
    model.fit(np.array(train, np.int64))
    nll = model.nll(np.array(test, np.int64))
    assert nll.shape == (len(test),)
    assert nll.dtype == np.float32
    for i, token in enumerate(test):
        log_p = model.log_probabilities(np.array(test[:i], np.int64))
        assert np.exp(log_p).sum() == pytest.approx(1, abs=1e-12)
        assert nll[i] == pytest.approx(-log_p[token], rel=1e-6, abs=1e-6)


def test_no_context_reaches_across_a_document():
    documents, vocabulary = encode(ENGLISH)
    model = fitted(documents, vocabulary, 5)
    forward = [model.nll(np.array(d)) for d in documents]
    joined = model.nll(np.array([t for d in reversed(documents) for t in d]))
    np.testing.assert_array_equal(joined, np.concatenate(forward[::-1]))
    in_other_order = fitted(documents[::-1], vocabulary, 5)
    np.testing.assert_array_equal(in_other_order.nll(np.array(documents[0])), forward[0])


def test_no_ngram_reaches_across_a_cut():
    """Raw counts of the longest n-grams of cut pieces, by a plain count over each piece: one that is whole has the end of
    text before it, one that was cut out has nothing that is known."""
    end, order = 6, 3
    pieces = [([1, 2, 1, 2, 6], False), ([2, 1, 2, 3], True), ([1, 2, 6], False), ([3, 1, 2, 1], True), ([4], True)]
    expected: Counter[tuple[int, ...]] = Counter()
    for piece, cut in pieces:
        known = piece if cut else [end, *piece]
        expected.update(zip(*(known[i:] for i in range(order)), strict=False))
    tokens = np.concatenate([np.array(piece) for piece, _ in pieces])
    starts = np.concatenate([(np.arange(len(piece)) == 0) * (2 if cut else 1) for piece, cut in pieces])
    tables = count(tokens, end, 7, order, starts)
    assert grams(tables, order, tables[-1].raw) == expected
    tables = count(tokens, end, 7, order)
    assert grams(tables, order, tables[-1].raw) != expected


def test_discounts_on_known_counts():
    # n1 … n4 = 4, 3, 2, 1: Y = 0.4, D1 = 1 − 0.8·3/4, D2 = 2 − 1.2·2/3, D3+ = 3 − 1.6·1/2
    np.testing.assert_allclose(discounts(np.array([1] * 4 + [2] * 3 + [3] * 2 + [4, 9])), [0, 0.4, 1.2, 2.2])
    np.testing.assert_allclose(discounts(np.array([1, 1, 2, 9])), [0, 0.5, 0.5, 0.5])  # no 3 and no 4: one discount
    np.testing.assert_allclose(discounts(np.array([1] * 2 + [2] + [3] * 9 + [4])), [0, 0.5, 0.5, 0.5])  # D2 would be below 0
    np.testing.assert_allclose(discounts(np.array([7, 7, 7])), [0, *FALLBACK_DISCOUNTS])
    np.testing.assert_allclose(discounts(np.array([], np.uint32)), [0, *FALLBACK_DISCOUNTS])


def test_reaches_the_entropy_of_a_markov_source():
    """Second-order source over 3 tokens: the 3-gram comes within 1 % of its entropy rate, the 2-gram cannot."""
    rng = np.random.default_rng(1)
    table = rng.dirichlet([0.3] * 3, size=(3, 3))
    tokens = [0, 1]
    for u in rng.random(60_000):
        tokens.append(min(2, int(np.searchsorted(np.cumsum(table[tokens[-2], tokens[-1]]), u))))
    stream, vocabulary = np.array(tokens), Vocabulary(3, "0" * 16, {END_OF_TEXT: 3})
    train, test = stream[:50_000], stream[50_000:]
    entropy = float(np.mean([-np.log(table[a, b, c]) for a, b, c in zip(test, test[1:], test[2:], strict=False)]))
    nats = {}
    for order in (2, 3, 5):
        model = NGram(order=order).build(vocabulary)
        model.fit(train)
        nats[order] = float(model.nll(test).mean())
    assert nats[3] == pytest.approx(entropy, rel=0.01)
    assert nats[2] > entropy * 1.05
    assert nats[5] < entropy * 1.02


def test_nothing_counted_is_uniform_and_fitting_anew_forgets():
    vocabulary = Vocabulary(6, "0" * 16, {END_OF_TEXT: 6, "<|mask|>": 7})
    model = NGram(order=3).build(vocabulary)
    np.testing.assert_allclose(model.nll(np.array([0, 5, 6])), math.log(8), rtol=1e-6)
    model.fit(np.array([1, 1, 1, 1, 6]))
    model.fit(np.array([0, 2, 6]))
    again = NGram(order=3).build(vocabulary)
    again.fit(np.array([0, 2, 6]))
    np.testing.assert_array_equal(model.log_probabilities(np.array([0])), again.log_probabilities(np.array([0])))


def test_saved_and_loaded_gives_the_same_numbers(tmp_path):
    documents, vocabulary = encode(CHINESE)
    model = fitted(documents[:4], vocabulary, 4)
    model.save(tmp_path)
    loaded = load(tmp_path)
    stream = np.array([t for d in documents for t in d])
    assert loaded.spec == model.spec
    assert loaded.vocabulary == vocabulary
    assert loaded.fitted_tokens == model.fitted_tokens > 0
    np.testing.assert_array_equal(loaded.nll(stream), model.nll(stream))
    assert {p.name for p in tmp_path.iterdir()} == {"config.json", "model.safetensors"}
    model.save(tmp_path, lineage={"corpus_hash": "月"})
    assert read_json(tmp_path / "lineage.json") == {"corpus_hash": "月"}
    np.testing.assert_array_equal(load(tmp_path).nll(stream), model.nll(stream))


def test_refuses_ids_of_another_vocabulary_and_other_folders(tmp_path):
    model = NGram().build(Vocabulary(3, "0" * 16, {END_OF_TEXT: 3}))
    with pytest.raises(TelosError, match="must be 0 to 3") as error:
        model.nll(np.array([0, 4]))
    assert error.value.found == "0 to 4"
    (tmp_path / "config.json").write_text('{"model_type": "qwen3"}')
    with pytest.raises(TelosError) as error:
        load(tmp_path)
    assert error.value.found == "model_type 'qwen3'"
    fitted(*encode(ENGLISH), 3).save(tmp_path)
    arrays = load_file(tmp_path / "model.safetensors")
    save_file(arrays | {"weights_2": arrays["weights_2"][1:]}, tmp_path / "model.safetensors")
    with pytest.raises(TelosError, match="must belong together") as error:
        load(tmp_path)
    assert error.value.found == "the tables of 3 tokens are missing or of other lengths"


def test_is_a_member_of_the_family():
    spec = Model.parse({"kind": "ngram", "order": 3})
    assert isinstance(spec, NGram)
    assert spec.learns_by == "counting"
    assert spec.has_likelihood


def test_settings_that_do_not_fit_together_are_refused():
    for settings, why in (
        ({"min_counts": [2]}, "min_counts must begin with 1, since every token stays, and never fall"),
        ({"min_counts": [1, 3, 2]}, "min_counts must begin with 1, since every token stays, and never fall"),
        ({"smoothing": "additive", "min_counts": [1, 2]}, "min_counts and prune_threshold need smoothing kneser_ney"),
        ({"smoothing": "maximum_likelihood", "prune_threshold": 0.1}, "min_counts and prune_threshold need smoothing kneser_ney"),
    ):
        with pytest.raises(TelosError, match=why):
            NGram(**settings)


@given(train=streams, order=st.integers(1, 5), least=st.lists(st.integers(1, 3), max_size=3).map(sorted))
def test_pruned_by_counts_sums_to_one_and_lists_what_is_frequent(train: list[int], order: int, least: list[int]):
    model = NGram(order=order, min_counts=(1, *least)).build(Vocabulary(6, "", {END_OF_TEXT: 6}))
    model.fit(np.array(train, np.int64))
    for context in ([], train[:3], train[-2:], [5, 5, 5]):
        assert np.exp(model.log_probabilities(np.array(context, int))).sum() == pytest.approx(1, abs=1e-12)
    padded, raw = [6, *train], Counter[tuple[int, ...]]()
    for k in range(2, model.back_off.order + 1):
        for i in range(len(padded) - k + 1):
            if 6 not in padded[i + 1 : i + k - 1]:
                raw[tuple(padded[i : i + k])] += 1
        wanted = {g for g, n in raw.items() if len(g) == k and n >= (1, *least)[min(k - 1, len(least))]}
        assert {tuple(g) for g in model.back_off.grams(k).tolist()} == wanted


@pytest.mark.data
def test_five_characters_on_tinyshakespeare(shared_data):
    """The figure that the project states for counting on this text: about 1.56 nats a character."""
    text = (shared_data / "tinyshakespeare" / "input.txt").read_text()
    alphabet = {c: i for i, c in enumerate(sorted(set(text)))}
    ids = np.array([alphabet[c] for c in text])
    cut = int(0.9 * len(ids))
    model = NGram(order=5).build(Vocabulary(len(alphabet), "0" * 16, {END_OF_TEXT: len(alphabet)}))
    model.fit(ids[:cut])
    assert model.nll(ids[cut:]).mean() == pytest.approx(1.56, abs=0.01)


@pytest.mark.parametrize("order", [2, 3, 5])
def test_pieces_cut_out_of_documents_give_probabilities_after_any_context(order):
    """Where nothing is known to stand before any n-gram of a context, its adjusted counts are all 0: it backs off."""
    rng, end = np.random.default_rng(4), 40
    pieces = [rng.integers(0, end, 6) for _ in range(9)]
    tokens = np.concatenate(pieces)
    starts = np.zeros(len(tokens), np.int8)
    starts[::6] = 2
    model = NGram(order=order).build(Vocabulary(end, "pieces", {END_OF_TEXT: end}))
    model.fit(tokens, starts)
    tables = count(tokens, end, end + 1, order, starts)
    totals = [np.bincount(table.keys // (end + 1), weights=table.preceded) for table in tables[1:-1]]
    seen = [np.bincount(table.keys // (end + 1)) for table in tables[1:-1]]
    assert order == 2 or any(((total == 0) & (n > 0)).any() for total, n in zip(totals, seen, strict=True))
    assert np.isfinite(model.nll(rng.integers(0, end + 1, 500))).all()
    for piece in pieces:
        for length in range(len(piece)):
            assert np.exp(model.log_probabilities(piece[:length])).sum() == pytest.approx(1)
            after = np.exp(model.log_probabilities(piece[3 : 3 + length]))
            assert after.sum() == pytest.approx(1)
            assert after.min() > 0
