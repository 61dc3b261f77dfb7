"""The report: all facts, escaped, self-contained, and nothing where a fact is missing."""

import re
from html.parser import HTMLParser

import numpy as np
import orjson
import pytest

from telos.evaluate.likelihood import Likelihood
from telos.evaluate.report import Report, headline, html, write_report
from telos.evaluate.verdict import against, against_number

VOID = {"meta", "br", "hr", "img", "input", "link", "path", "use", "rect", "circle"}
RNG = np.random.default_rng(1)
SIZE = RNG.integers(800, 4000, 50).astype(float)
OURS = Likelihood(SIZE * 1.0, SIZE, SIZE / 4, SIZE / 3)
WORSE = Likelihood(SIZE * 1.1 + RNG.normal(0, 20, 50), SIZE, SIZE / 4)


def full() -> Report:
    steps = np.arange(1.0, 101.0)
    return {
        "title": "唐诗 & <script>alert(1)</script>",
        "created": "2026-03-02",
        "language": "zh",
        "notes": ["One document was split by position."],
        "model": "runs/a/model",
        "parameters": 6_012_345,
        "headline": headline(OURS, "documents"),
        "baselines": [against_number("xz", OURS, 1.2), against("5_gram", OURS, WORSE)],
        "train": {"steps": steps, "tokens": steps * 8192, "seconds": steps / 5, "nats_per_token": 9 / steps + 3,
                  "learning_rate_scale": steps / steps[-1]},
        "validation": {"steps": [50], "tokens": [4e5], "seconds": [10.0], "nats_per_token": [3.5]},
        "samples": [{"prompt": "床前明月光", "text": "，疑是地上霜。\n  举头<b>望</b>", "settings": "temperature 0.8"},
                    {"text": "plain"}],
        "funnel": [{"step": "read", "documents": 1234, "bytes": 12_345_678},
                   {"step": "dropped: empty", "documents": 1, "bytes": 0}],
        "tables": [{"title": "By source", "columns": ["source", "bits per byte"], "rows": [["唐.txt", 1.25], ["b.md", None]]}],
        "machine": {"processor": "A processor", "cores": 2, "memory_bytes": 25_000_000_000, "instructions": ["avx2", "amx_bf16"]},
        "recipe": "model:\n  kind: transformer\n",
        "cost": {"seconds": {"corpus": 6.1, "train": 131.0}, "total_seconds": 176.2, "peak_memory_bytes": 1_900_000_000,
                 "steps": 620, "tokens": 5_079_040, "tokens_per_second": 38_800.0,
                 "train_tokens": 2_700_000, "epochs": 1.88, "flops": 1.8e14},
    }  # fmt: skip


FACTS = """
1.443 | bits per byte of held-out text | in 50 documents | 6.01M parameters | One document was split by position.
Better than 5-gram on all training text: | Worse than xz -9e: 0.243 bits per byte more
A baseline that has learned next to nothing | 1,234 | 12.3 MB | temperature 0.8
床前明月光 | ，疑是地上霜。 | 举头<b>望</b> | 唐诗 & <script>alert(1)</script> | 唐.txt | By source
A processor | 25 GB | avx2, amx_bf16 | 2m 56s | 1.9 GB | 5,079,040 | 38.8k | 1.88 | kind: transformer
"""


class Balanced(HTMLParser):
    """Checks that every element is closed, and gathers text and attributes."""

    def __init__(self, page: str):
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.feed(page)
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "xlink:href", "data")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "xlink:href", "data")]

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def test_the_whole_report():
    page = html(full())
    seen = Balanced(page)
    for fact in FACTS.strip().replace("\n", " | ").split(" | "):
        assert fact in seen.text, fact
    assert seen.tags.count("svg") == 4
    assert "script" not in seen.tags


def test_nothing_is_fetched():
    page = html(full())
    seen = Balanced(page)
    assert all(link.startswith("#") for link in seen.links)
    assert not {"link", "script", "iframe", "img", "object"} & set(seen.tags)
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)


def test_the_corpus_has_a_page_of_its_own():
    seen = Balanced(html(full() | {"corpus_report": "corpus/corpus.html"}))
    assert "corpus/corpus.html" in seen.links
    assert "what each rule dropped and changed" in seen.text.lower()
    assert "corpus.html" not in Balanced(html(full())).text


def test_an_empty_report_and_each_part_alone_are_whole_pages():
    assert "Report of a run" in Balanced(html({})).text
    report = full()
    for name in report:
        Balanced(html({name: report[name]}))
    only = Balanced(html({"title": "x"})).text
    for absent in ("Baselines", "Training", "Samples", "Corpus", "Cost", "Machine", "Recipe", "next", "None", "Undefined"):
        assert absent not in only


def test_files(tmp_path):
    write_report(tmp_path, full())
    assert {p.name for p in tmp_path.iterdir()} == {"report.html", "report.json"}
    told = orjson.loads((tmp_path / "report.json").read_bytes())
    assert told["headline"]["bits_per_byte"] == pytest.approx(1 / np.log(2))
    assert len(told["headline"]["bits_per_byte_ci95"]) == 2
    assert [b["verdict"] for b in told["baselines"]] == ["worse", "better"]
    assert told["summary"] == "The model beats 5-gram on all training text; it loses to xz -9e."
    assert told["next_steps"][0].startswith("A baseline that has learned next to nothing")
    assert (tmp_path / "report.html").read_text() == html(full())


def test_undefined_is_left_out_of_the_headline():
    one = headline(Likelihood(np.array([3.0]), np.array([2.0]), np.array([1.0])), "documents")
    assert set(one) == {"bits_per_byte", "nats_per_token", "perplexity", "test_bytes", "units", "unit_kind"}
    none = headline(Likelihood(np.zeros(0), np.zeros(0), np.zeros(0)), "documents")
    assert set(none) == {"test_bytes", "units", "unit_kind"}
    assert "95 % interval" not in Balanced(html({"headline": one})).text


def test_given_next_steps_are_kept(tmp_path):
    report = full() | {"next_steps": ["先加大预算。"]}
    assert "先加大预算。" in Balanced(html(report)).text
    write_report(tmp_path, report)
    assert orjson.loads((tmp_path / "report.json").read_bytes())["next_steps"] == ["先加大预算。"]
