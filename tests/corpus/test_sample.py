from collections.abc import Callable
from pathlib import Path

import pytest

from telos.corpus.corpus import Corpus
from telos.corpus.sample import cut_to


def train(corpus: Corpus) -> dict[str, str]:
    return {d.source: d.text for d in corpus.documents("train")}


def test_about_that_many_bytes_and_more_is_a_superset(many: Path, build: Callable) -> None:
    whole = build(many, out="whole")
    previous: dict[str, str] = {}
    for limit in (4_000, 12_000, 20_000, 10**9):
        corpus = build(many, max_bytes=limit)
        kept = train(corpus)
        assert previous.items() <= kept.items() <= train(whole).items()
        assert min(limit, whole.bytes("train")) - 400 <= corpus.bytes("train") <= limit
        for name in ("validation", "test"):
            assert list(corpus.documents(name)) == list(whole.documents(name))
        previous = kept
    assert previous == train(whole)


def test_the_funnel_says_so(many: Path, build: Callable) -> None:
    corpus, whole = build(many, max_bytes=5_000), build(many, out="whole")
    stage = corpus.funnel[-1]
    assert stage["stage"] == "sampled"
    assert stage["dropped"] == {"not_sampled": whole.count("train") - corpus.count("train")}
    assert stage["dropped_bytes"] == {"not_sampled": whole.bytes("train") - corpus.bytes("train")}
    assert stage["bytes_out"] == sum(corpus.bytes(name) for name in ("train", "validation", "test"))
    assert corpus.facts["settings"]["max_bytes"] == 5_000
    assert [s["stage"] for s in whole.funnel] == ["read", "clean", "exact"]


def test_it_does_not_favour_the_first_files(many: Path, build: Callable) -> None:
    assert {source[0] for source in train(build(many, max_bytes=12_000))} == set("0123456")


def test_exactly_enough_is_enough(many: Path, build: Callable) -> None:
    whole = build(many, out="whole")
    assert train(build(many, max_bytes=whole.bytes("train"))) == train(whole)
    assert len(train(build(many, max_bytes=whole.bytes("train") - 1))) == whole.count("train") - 1


def test_a_single_long_document_is_cut(fill: Callable[..., Path], build: Callable) -> None:
    text = "".join(f"{n} 明月光\n" for n in range(2000))
    root = fill("t", {"a.txt": text})
    whole, corpus = build(root, out="whole"), build(root, max_bytes=1_000, out="cut")
    kept = train(corpus)["a.txt"]
    assert len(kept.encode()) in range(997, 1001)
    assert train(whole)["a.txt"].startswith(kept)
    assert list(corpus.documents("validation")) == list(whole.documents("validation"))
    assert corpus.funnel[-1]["dropped"] == {"not_sampled": 0}
    assert corpus.funnel[-1]["dropped_bytes"] == {"not_sampled": whole.bytes("train") - corpus.bytes("train")}


def test_a_long_document_among_short_ones_is_cut_where_it_must_be(fill: Callable[..., Path], build: Callable) -> None:
    root = fill("t", {f"{n}.txt": f"{n} 明月光\n" * 5000 for n in range(100)})
    corpus = build(root, max_bytes=1_000)
    assert corpus.count("train") == 1
    assert corpus.bytes("train") in range(997, 1001)


@pytest.mark.parametrize(("size", "expected"), [(0, ""), (2, ""), (3, "月"), (5, "月"), (6, "月光"), (99, "月光")])
def test_cuts_are_whole_characters(size: int, expected: str) -> None:
    assert cut_to("月光", size) == expected
