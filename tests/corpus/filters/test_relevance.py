"""`relevance`: features equal to n-grams counted in plain Python, what is kept, thresholds, determinism, errors."""

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings

from benchmarks.reference_rules_zh import is_chinese, is_han, kind
from telos.corpus.filters.relevance import BUCKETS, Relevance, features, scores
from telos.corpus.texts import Texts
from telos.foundation.errors import TelosError
from tests.corpus.filters.conftest import ODD_TEXTS

WORDS = (*"法院条款权利义务刑罚", *"山水花鸟风雨云月江河")


def plain_tokens(text):
    low = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    bare = (c if kind(o) in ("letter", "digit") else " " for o, c in zip(text, low, strict=True))
    marked = (f" {c} " if is_han(c) else c for c in bare)
    return "".join(marked).split(" ")


def plain_counts(text):
    tokens = [token for token in plain_tokens(text) if token]
    longest = 3 if is_chinese(text) else 2
    return Counter(tuple(tokens[i : i + n]) for n in range(1, longest + 1) for i in range(len(tokens) - n + 1))


def documents(seed, legal, count):
    rng = random.Random(seed)
    words = WORDS[:10] if legal else WORDS[6:]
    return [" ".join(rng.choice(words) for _ in range(30)) + f" {seed}-{i}" for i in range(count)]


@settings(deadline=None)  # the first call may compile
@given(ODD_TEXTS)
def test_features_are_scaled_counts_of_n_grams(texts):
    rows = features(Texts.of(texts))
    for i, text in enumerate(texts):
        expected = np.log1p(sorted(plain_counts(text).values()))
        found = np.sort(rows.values[rows.ends[i] : rows.ends[i + 1]])
        if len(found) == len(expected):  # but where two n-grams share a bucket
            np.testing.assert_allclose(found, expected / max(1e-300, np.linalg.norm(expected)))
        assert len(expected) - 2 <= len(found) <= len(expected)
        assert rows.buckets[rows.ends[i] : rows.ends[i + 1]].max(initial=0) < BUCKETS


def test_punctuation_and_case_make_no_difference():
    pairs = [("Hello, World!", "hello world"), ("中国，人民。ABC", "中国人民 abc")]
    for a, b in pairs:
        first, second = features(Texts.of([a])), features(Texts.of([b]))
        assert first.buckets.tolist() == second.buckets.tolist()


def test_the_share_that_is_asked_for_stays():
    pool = documents(1, True, 150) + documents(2, False, 450)
    rule = Relevance(positives=documents(3, True, 40), keep_fraction=0.25)
    prepared = rule.prepare(lambda n: pool[:: len(pool) // n or 1])
    fresh = Texts.of(documents(4, True, 100) + documents(5, False, 300))
    verdict = rule.judge(fresh, prepared)
    kept = verdict.reasons == 0
    assert kept[:100].mean() > 0.9
    assert kept[100:].mean() < 0.1
    found = verdict.columns["score"].to_numpy()
    assert ((found >= 0) & (found <= 1)).all()
    assert verdict.details[int(np.flatnonzero(~kept)[0])].startswith("score 0.")


def test_an_absolute_score():
    pool = documents(1, True, 60) + documents(2, False, 60)
    loose, strict = (Relevance(positives=documents(3, True, 20), min_score=s) for s in (0.0, 1.0))
    texts = Texts.of(documents(4, True, 10))
    assert not loose.judge(texts, loose.prepare(lambda n: pool)).reasons.any()
    assert strict.judge(texts, strict.prepare(lambda n: pool)).reasons.all()


def test_the_order_of_examples_and_sample_changes_nothing():
    pool, wanted = documents(1, True, 60) + documents(2, False, 60), documents(3, True, 20)
    one = Relevance(positives=wanted).prepare(lambda n: pool)
    other = Relevance(positives=wanted[::-1]).prepare(lambda n: pool[::-1])
    assert all(np.array_equal(one[name], other[name]) for name in ("weights", "least"))
    smoother = Relevance(positives=wanted, regularization=10).prepare(lambda n: pool)
    assert np.linalg.norm(smoother["weights"]) < np.linalg.norm(one["weights"])


def test_batches_change_nothing():
    rule = Relevance(positives=documents(3, True, 20))
    prepared = rule.prepare(lambda n: documents(2, False, 60))
    texts = [*documents(4, True, 5), *documents(5, False, 5), "", "法律"]
    together = scores(Texts.of(texts), prepared)
    assert np.array_equal(together, np.concatenate([scores(Texts.of([text]), prepared) for text in texts]))


@pytest.mark.data
def test_laws_are_found_among_other_chinese(root, shared_data):
    from benchmarks.bad_chinese import good_texts

    good = good_texts()
    laws, rest = good["zh-laws"][::10], [t for name in ("python-docs", "cmrc", "song_ci") for t in good[name][:240]]
    rule = Relevance(positives=laws[:20], keep_fraction=0.2)
    prepared = rule.prepare(lambda n: laws[20:60] + rest[::2])
    verdict = rule.judge(Texts.of(laws[60:] + rest[1::2]), prepared)
    kept = verdict.reasons == 0
    assert kept[: len(laws) - 60].mean() > 0.95
    assert kept[len(laws) - 60 :].mean() < 0.15


def test_examples_from_files(fill):
    folder = fill("wanted", {"a.jsonl": "".join(f'{{"body": "{t}"}}\n' for t in documents(3, True, 9)), "b.txt": "court law act"})
    rule = Relevance(examples=str(folder), text_field="body")
    assert [path.rpartition("/")[2] for path in rule.files()] == ["a.jsonl", "b.txt"]
    assert rule.prepare(lambda n: documents(2, False, 60))["weights"].shape == (BUCKETS + 1,)


@pytest.mark.parametrize(
    ("settings", "corpus", "parts"),
    [
        ({}, 50, ("relevance needs at least 10 different examples of what is wanted", "none",
                  "give more in relevance.examples (files or folders) or relevance.positives (texts)")),
        ({"positives": ["a", "b", "b", " "]}, 50,
         ("relevance needs at least 10 different examples of what is wanted", "2",
          "give more in relevance.examples (files or folders) or relevance.positives (texts)")),
        ({"examples": "nowhere/x"}, 50, ("relevance.examples must be files or folders that exist", "there is no nowhere/x",
                                         "check its spelling")),
        ({"positives": [str(n) for n in range(20)]}, 3,
         ("relevance needs a corpus of at least 20 different documents to tell examples from", "3",
          "add documents, or leave the filter 'relevance' out")),
    ],
)  # fmt: skip
def test_errors(settings, corpus, parts):
    with pytest.raises(TelosError) as error:
        Relevance(**settings).prepare(lambda n: [f"document {i}" for i in range(corpus)])
    assert (error.value.must, error.value.found, error.value.fix) == parts


@pytest.mark.parametrize(
    ("files", "parts"),
    [
        ({}, ("relevance.examples must hold text: {}", "an empty folder",
              "put .txt, .md, .jsonl, .csv, .parquet or source files into it, or choose another relevance.examples")),
        ({"a.jsonl": '{"query": "what is wanted", "gold": 1}\n'},
         ("{}/a.jsonl:1 must have the field 'text'", "fields query, gold",
          "name it: relevance.text_field=query, or leave the file out of relevance.examples")),
        ({"a.jsonl": '"open'}, ("{}/a.jsonl:1 must be valid JSON", "unterminated string starting at column 1, near '\"open'",
                                "mend or remove that line")),
    ],
)  # fmt: skip
def test_errors_in_files_of_examples_name_the_filters_settings(fill, files, parts):
    folder = fill("wanted", files)
    rule = Relevance(examples=str(folder))
    with pytest.raises(TelosError) as error:
        rule.prepare(lambda n: documents(2, False, 60))
    found = (error.value.must, error.value.found, error.value.fix)
    assert tuple(part.replace(str(folder), "{}") for part in found) == parts
