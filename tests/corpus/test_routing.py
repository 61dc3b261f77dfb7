"""Documents in other languages: dropped, or written beside the corpus by language; never lost."""

from collections import Counter

import pytest

from telos.corpus import shards
from telos.corpus.whereabouts import find, render

TEXTS = {
    "en": "The committee will meet again next week to discuss what should be done about the old bridge over the river. ",
    "zh": "委员会将在下周再次开会，讨论应当如何处理河上的那座旧桥，并且听取当地居民的意见。",
    "de": "Der Ausschuss wird nächste Woche wieder zusammentreten, um über die alte Brücke über den Fluss zu beraten. ",
}


@pytest.fixture
def folder(fill):
    return fill("t", {f"{language}/{n}.txt": f"{text * 5}{n}" for language, text in TEXTS.items() for n in range(40)})


def test_routed_by_language(folder, build):
    pytest.importorskip("py3langid")
    corpus = build(folder, clean={"filters": [{"kind": "language", "keep": ["en"], "others": "route"}]})
    found = [d for split in ("train", "validation", "test") for d in corpus.documents(split)]
    assert {d.language for d in found} == {"en"}
    assert len(found) == 40
    assert corpus.facts["routed"] == {"de": 40, "zh": 40}
    for language in ("de", "zh"):
        rows = list(shards.rows(corpus.folder / "routed" / language, ["source", "text", "language"]))
        assert Counter(r["language"] for r in rows) == {language: 40}
        assert all(r["text"] == (folder / r["source"]).read_text() for r in rows)
    assert "dropped by language for other_language_routed" in render(find(corpus.folder, "zh/7.txt"))


def test_dropped(folder, build):
    pytest.importorskip("py3langid")
    corpus = build(folder, clean={"filters": [{"kind": "language", "keep": ["zh", "de"]}]})
    stage = next(stage for stage in corpus.funnel if stage["stage"] == "language")
    assert stage["dropped"] == {"other_language": 40}
    assert not (corpus.folder / "routed").exists()
    assert corpus.facts["routed"] == {}
