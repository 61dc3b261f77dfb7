from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from telos.corpus.corpus import Corpus
from telos.corpus.examples import examples
from telos.corpus.examples import render as show
from telos.corpus.inspect import bars, render, script_shares, summarize
from telos.foundation.errors import TelosError

ZH = "床前明月光，疑是地上霜。"


def test_summary(many: Path, build: Callable, fill: Callable) -> None:
    fill("many", {"gb.txt": (ZH * 30).encode("gb18030"), "x.rtf": b"{\\rtf"})
    corpus = build(many)
    summary = summarize(corpus.folder)
    lengths = sorted(len(d.text) for d in corpus.documents("train"))
    assert summary["length_characters"]["0%"] == lengths[0]
    assert summary["length_characters"]["100%"] == lengths[-1]
    assert summary["splits"]["train"]["documents"] == corpus.count("train")
    assert len(summary["samples"]) == 3
    assert summary == summarize(corpus.folder)
    text = render(summary)
    for part in (corpus.hash, f"{corpus.count('train'):,}", "1 unsupported_format", "gb.txt (gb18030)",
                 "x.rtf (unsupported_format)", "zh and a language in Latin letters",
                 summary["samples"][0]["source"]):  # fmt: skip
        assert part in text


def test_a_note_on_the_split_is_shown(fill: Callable, build: Callable) -> None:
    corpus = build(fill("t", {"a.txt": ZH * 100}))
    summary = summarize(corpus.folder)
    assert "the last 10 % of the only document is held out" in render(summary)
    assert (summary["language_hint"], summary["han_share"]) == ("zh", 1.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("abc床前 12，。", {"latin": 0.6, "han": 0.4}),
        ("これは本だ", {"kana": 0.8, "han": 0.2}),
        ("привет", {"cyrillic": 1.0}),
        ("123 !?", {}),
    ],
)
def test_scripts(text: str, expected: dict[str, float]) -> None:
    assert script_shares([text]) == expected


EN = "It was the best of times, it was the worst of times. "


@pytest.fixture
def rich(fill: Callable, build: Callable) -> Corpus:
    files = {f"{n % 3}/{n:02d}.txt": (ZH if n % 2 else EN) * (3 + n % 5) + f"\n第{n}篇 number {n}\n" for n in range(60)}
    files |= {"mail.txt": f"{EN * 4} anna.schmidt@nordwindpost.de {EN}", "copy.txt": files["0/00.txt"],
              "noise.txt": "|=+#$ " * 80, "near.txt": ZH * 9 + "甲", "near2.txt": ZH * 9 + "乙", "bad.jsonl": "{"}  # fmt: skip
    clean = {"filters": ["symbols", "personal_data"], "dedup": ["exact", "near"], "broken": "quarantine"}
    return build(fill("rich", files), clean=clean)


def test_everything_on_the_page_is_also_in_the_terminal(rich: Corpus) -> None:
    summary = summarize(rich.folder, 2)
    assert orjson.loads(orjson.dumps(summary)) == summary
    assert {(r["stage"], r["reason"]): r["documents"] for r in summary["reasons"]} == {
        (stage["stage"], reason): n for stage in rich.funnel for reason, n in stage["dropped"].items()
    }
    stayed = rich.funnel[-1]["documents_out"]
    assert sum(one["documents"] for one in summary["described"]["documents_by_characters"]) == stayed
    assert sum(summary["described"]["documents_by_script"].values()) == stayed
    assert sum(one["documents"] for one in summary["described"]["by_source"]) == stayed
    assert "documents_by_score" not in summary["described"]
    assert summary["personal_data"][0]["found"] == [["email", 1, "[EMAIL]"]]
    assert all(len(e["samples"]) <= 2 for e in summary["changed"])
    shown = render(summary)
    for part in ("documents by characters", "documents by script", "documents by source", "█", "1 email → [EMAIL]",
                 "copies, and what stays in their place", "near, similarity", "could not be read: bad.jsonl", "corpus.html",
                 "1 input could not be read"):  # fmt: skip
        assert part in shown
    assert "seconds" not in shown, "nobody noted them"


@pytest.mark.parametrize("name", ["near", "near_duplicate", "near:near_duplicate"])
def test_examples_of_one_rule(rich: Corpus, name: str) -> None:
    found = examples(rich, name, 3)
    assert [(e["stage"], e["reason"]) for e in found["dropped"]] == [("near", "near_duplicate")]
    assert found["dropped"][0]["documents"] == sum(rich.funnel[-1]["dropped"].values())
    assert 0 < len(found["dropped"][0]["samples"]) <= 3
    assert [e["rule"] for e in found["pairs"]] == ["near"]
    shown = show(found)
    assert "dropped by near for near_duplicate" in shown
    assert "copies that near found" in shown
    assert "[-" in shown


def test_examples_of_what_was_changed_and_of_nothing(rich: Corpus) -> None:
    shown = show(examples(rich, "personal_data", 3))
    assert "changed by personal_data" in shown
    assert "[-••••.•••••••@••••••••••••.••-]" in shown
    assert "{+[EMAIL]+}" in shown
    assert show(examples(rich, "clean", 3)) == "clean dropped and changed nothing"
    assert len(examples(rich, "near", 0)["dropped"][0]["samples"]) == 0


def test_a_rule_that_the_corpus_does_not_know(rich: Corpus) -> None:
    with pytest.raises(TelosError) as error:
        examples(rich, "neer_duplicate", 3)
    assert error.value.must == f"--reason must name a rule of {rich.folder}"
    assert error.value.found.startswith("'neer_duplicate'; dropped for exact_duplicate, near_duplicate, quarantined")
    assert error.value.fix == "write 'near_duplicate'"


def test_text_bars_are_to_scale() -> None:
    lines = bars([("all", 300), ("half", 150), ("one", 1), ("none", 0)])
    assert [line.count("█") for line in lines] == [30, 15, 0, 0]
    assert "▏" in lines[2]
    assert [line.rsplit(" ", 1)[1] for line in lines] == ["300", "150", "1", "0"]
    assert bars([(str(n), 1) for n in range(20)])[-1].strip() == "… and 8 more"
