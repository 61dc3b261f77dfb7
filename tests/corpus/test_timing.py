"""Seconds of each stage: every stage has its own, none is in the corpus, and the command line tells them."""

import sys

import orjson
import pytest

from telos import cli, corpora
from telos.corpus.corpus import TIMINGS, Corpus
from telos.corpus.report import page
from telos.corpus.timing import rates, timing_lines
from telos.foundation.files import verify_folder


def test_every_stage_is_timed_and_nothing_of_it_is_in_the_corpus(many, build):
    clean = {"filters": ["symbols"], "dedup": ["exact", "boilerplate"], "afterwards": ["personal_data"]}
    corpus = build(many, clean=clean)
    stages = [stage["stage"] for stage in corpus.funnel]
    assert stages == ["read", "clean", "symbols", "exact", "boilerplate", "personal_data"]
    assert set(corpus.seconds) == {*stages, "work folder", "write"}
    assert all(seconds > 0 for seconds in corpus.seconds.values())
    for file in corpus.folder.rglob("*.json"):
        assert b'"seconds"' not in file.read_bytes()
    assert Corpus.open(corpus.folder).seconds == {}


def test_a_table_with_rates():
    funnel = [
        {"stage": "read", "documents_in": 1000},
        {"stage": "near", "documents_in": 10},
        {"stage": "sampled", "documents_in": 9},
    ]
    seconds = {"read": 0.5, "near": 0.0, "write": 0.25}
    assert rates(funnel, seconds) == {"read": 2000.0}
    lines = timing_lines(funnel, seconds)
    assert [line.split() for line in lines] == [
        ["stage", "documents", "seconds", "documents/s"], ["read", "1,000", "0.50", "2k"], ["near", "10", "0.00", "–"],
        ["write", "0.25"], ["work", "of", "all", "workers", "0.75"],
    ]  # fmt: skip
    assert timing_lines(funnel, {}) == []


def test_the_command_line_notes_them_beside_the_corpus(many, tmp_path):
    facts, told = corpora.build([str(many)], ["engine.workers=1"], tmp_path / "out")
    assert facts["seconds"]["read"] > 0
    assert facts["documents_per_second"]["read"] > 0
    assert facts["wall_seconds"] > 0
    assert "documents/s" in told
    assert str(tmp_path / "out" / "corpus.html") in told
    noted = orjson.loads((tmp_path / "out" / TIMINGS).read_bytes())
    assert noted["work_seconds"] == facts["seconds"]
    verify_folder(tmp_path / "out")  # it is no part of what is sealed
    assert Corpus.open(tmp_path / "out").seconds == facts["seconds"]


def test_the_page_of_a_built_corpus_tells_the_seconds_of_each_stage(many, tmp_path):
    out = tmp_path / "out"
    corpora.build([str(many)], ["engine.workers=1"], out)
    noted, shown = orjson.loads((out / TIMINGS).read_bytes()), (out / "corpus.html").read_text()
    assert '<th class="n">seconds</th>' in shown
    for stage in Corpus.open(out).funnel:
        row = next(line for line in shown.splitlines() if line.startswith(f"<tr><td>{stage['stage']}</td>"))
        assert row.endswith(f'<td class="n">{noted["work_seconds"][stage["stage"]]:.2f}</td></tr>')
    assert "By the clock: " in shown
    assert "seconds" not in page(Corpus.open(out).facts).partition("<h2>Settings")[0].partition("</style>")[2]


def test_build_and_inspect_from_the_command_line(many, tmp_path, monkeypatch, capsys):
    def call(*words):
        monkeypatch.setattr(sys, "argv", ["telos", "corpus", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 0
        return capsys.readouterr().out

    (many / "copy.txt").write_text((many / "0" / "000.txt").read_text())
    out = tmp_path / "out"
    told = orjson.loads(call("build", many, "--out", out, "engine.workers=1", "about.license=mit", "--json").splitlines()[-1])
    assert told["seconds"]["exact"] > 0
    assert "license: mit" in (out / "README.md").read_text()
    shown = call("inspect", out)
    assert "documents/s" in shown
    assert "documents by characters" in shown
    found = orjson.loads(call("inspect", out, "--reason", "exact_duplicate", "--samples", 1, "--json"))
    assert [sample["source"] for sample in found["dropped"][0]["samples"]] == ["copy.txt"]
    assert len(orjson.loads(call("inspect", out, "--samples", 5, "--json"))["samples"]) == 5
