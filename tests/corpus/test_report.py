"""The page of a corpus: every part where there are facts, none where there are not, escaped, self-contained, bounded."""

import copy
import re
from html.parser import HTMLParser

import orjson
import pytest

from telos.corpus import report
from telos.corpus.account import SAMPLES, SNIPPET_CHARACTERS
from telos.corpus.report import language, page, percent, short, visible

ZH = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"
EN = "It was the best of times, it was the worst of times. "
ATTACK = '<script>alert("1")</script><img src=x onerror=alert(1)>&amp;'
VOID = {"meta", "br", "img", "link", "path", "rect"}
PARTS = ["What became of the documents", "What was dropped, and why", "What was changed", "Copies", "Personal data and secrets",
         "What stayed", "What rules counted", "Inputs that need a look", "Settings"]  # fmt: skip


class Seen(HTMLParser):
    """Elements (all of them closed), attributes and text of a page."""

    def __init__(self, source):
        super().__init__()
        self.open, self.tags, self.attributes, self.words, self.headings = [], [], [], [], []
        self.feed(source)
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)
            if self.open[-1] == "h2":
                self.headings.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", "".join(self.words))


@pytest.fixture
def corpus(fill, build):
    """Something for each part of the page, with markup wherever a name or a text can hold it."""
    files = {
        f"{n % 3}/{n:02d}.txt": (ZH if n % 2 else EN) * (3 + n % 5) + f"\n第{n}篇 number {n}\n返回首页 Home\n" for n in range(60)
    }
    files |= {
        f"{ATTACK.replace('/', '∕')}.txt": f"{ATTACK} {EN * 4} write to anna.schmidt@nordwindpost.de\n{ATTACK}",
        "copy.txt": files["0/00.txt"],
        "near.txt": EN * 12 + "one",
        "near2.txt": EN * 12 + "two",
        "noise.txt": "|=+#$ " * 80 + ATTACK,
        "old.txt": (ZH * 9).encode("gb18030"),
        "x.bin": b"\0\1",
        "broken.jsonl": '{"text": "fine, and long enough to stay in the corpus"}\n{"text": \n',
    }  # fmt: skip
    clean = {"filters": ["symbols", "personal_data"], "broken": "quarantine",
             "dedup": ["exact", {"kind": "boilerplate", "min_documents": 3, "max_characters": 60},
                       {"kind": "near", "threshold": 0.7}]}  # fmt: skip
    return build(fill("texts", files), clean=clean)


def test_every_part_is_there(corpus):
    source = (corpus.folder / "corpus.html").read_text()
    assert source == page(corpus.facts)
    seen = Seen(source)
    assert seen.headings == PARTS
    facts = corpus.facts
    for stage in facts["funnel"]:
        assert stage["stage"].replace("_", " ") in seen.text
        for reason, n in stage["dropped"].items():
            assert f"{reason.replace('_', ' ')}{n:,} " in seen.text.replace(" ", " ")
    for entry in facts["dropped"]:
        for sample in entry["samples"]:
            assert re.sub(r"\s+", " ", sample["text"]) in seen.text
    for entry in (e for group in ("repaired", "skipped", "quarantined") for e in facts[group]):
        assert entry["source"] in seen.text
    for word in ("email", "[EMAIL]", "old.txt", "gb18030", "binary", corpus.hash, "near duplicate", "lines removed"):
        assert word in seen.text
    assert "kind: personal_data" in seen.text
    assert seen.tags.count("svg") == 4  # funnel, lengths, scripts, sources


def test_nothing_is_fetched_and_nothing_of_the_texts_becomes_markup(corpus):
    source = (corpus.folder / "corpus.html").read_text()
    seen = Seen(source)
    assert not {"script", "img", "link", "iframe", "object"} & set(seen.tags)
    assert not {"src", "href", "onerror", "onload"} & {name for name, _ in seen.attributes}
    assert "@import" not in source
    assert not re.search(r"url\(", source)
    assert 'alert("1")' in seen.text


def test_markup_in_every_fact_is_escaped(corpus):
    """Each text in the facts, one at a time, is replaced by an attack."""

    def attacked(value, path=()):
        if isinstance(value, dict):
            for key in list(value):
                if path[:2] == ("settings", "clean") and key == "kind":
                    continue
                yield from attacked(value[key], (*path, key))
        elif isinstance(value, list):
            for n in range(len(value[:2])):
                yield from attacked(value[n], (*path, n))
        elif isinstance(value, str):
            yield path

    places = list(attacked(corpus.facts))
    assert len(places) > 50
    facts = copy.deepcopy(corpus.facts)
    for path in places:
        inner = facts
        for key in path[:-1]:
            inner = inner[key]
        if path[0] == "funnel" or path[-1] in ("stage", "reason", "rule"):
            continue  # names of ours, which samples are found by
        inner[path[-1]] = ATTACK
    facts["counts"]["near"] = {ATTACK: 1}
    facts["described"]["languages"] = {ATTACK: 3}
    facts["described"]["origins"] = {ATTACK: [1, 1], "b": [1, 1]}
    seen = Seen(page(facts))
    assert not {"script", "img"} & set(seen.tags)
    assert not {"src", "onerror"} & {name for name, _ in seen.attributes}


def test_chinese_shows_with_its_language(corpus):
    source = (corpus.folder / "corpus.html").read_text()
    assert ZH in Seen(source).text
    assert ("lang", "zh") in Seen(source).attributes
    assert language("漢字かな") == "ja"
    assert language("plain") is None


def test_parts_without_facts_are_left_out(fill, build):
    corpus = build(fill("t", {f"{n}.txt": f"{EN * 3}{n}" for n in range(30)}), clean={"dedup": []}, split="content")
    seen = Seen((corpus.folder / "corpus.html").read_text())
    assert seen.headings == ["What became of the documents", "What stayed", "Settings"]
    assert "None" not in seen.text
    assert 'class="note"' not in (corpus.folder / "corpus.html").read_text()


def test_notes_stand_at_the_top(fill, build):
    corpus = build(fill("t", {"a.txt": EN * 200}))
    seen = Seen((corpus.folder / "corpus.html").read_text())
    assert corpus.split_note in seen.text
    assert "of text in 1 documents" in seen.text, "its three parts are of one document"
    assert "in 1 documents (" in (corpus.folder / "README.md").read_text()
    sampled = build(fill("u", {f"{n}.txt": f"{EN * 30}{n}" for n in range(60)}), out="sampled", max_bytes=9_000)
    assert "were left out, chosen by a hash of the text" in Seen((sampled.folder / "corpus.html").read_text()).text


def test_confidence_and_score_have_their_figures(corpus):
    facts = copy.deepcopy(corpus.facts)
    bins = [0] * 20
    bins[19] = 7
    facts["described"] |= {"language_confidence": bins, "score": bins, "languages": {"zh": 5, "en": 2}}
    source = page(facts)
    for title in ("Confidence in the language", "Relevance", "Language"):
        assert f"<h3>{title}</h3>" in source
    assert "5 · 71.4 %" in source


def test_documents_in_other_languages_are_named(corpus):
    seen = Seen(page(corpus.facts | {"routed": {"fr": 1234}}))
    assert "routed/fr/1,234" in re.sub(r"\s", "", seen.text)
    assert "In other languages" not in Seen(page(corpus.facts | {"routed": {}})).headings


def test_the_same_inputs_give_the_same_bytes(many, build):
    first, second = build(many, out="one"), build(many, out="two")
    for name in ("corpus.html", "README.md"):
        assert (first.folder / name).read_bytes() == (second.folder / name).read_bytes()
    assert (first.folder / "corpus.html").read_text() == page(orjson.loads((first.folder / "corpus.json").read_bytes()))


@pytest.mark.parametrize("text", ["\"'<>&" * 80, "霜" * 400, "a" * 400, "\0" * 400], ids=["quotes", "zh", "ascii", "nul"])
@pytest.mark.parametrize("groups", [1, 30, 400])
def test_the_page_stays_small_however_much_was_dropped(corpus, text, groups):
    facts = copy.deepcopy(corpus.facts)
    sample = {"id": "0", "source": "p" * 3000, "text": text[:SNIPPET_CHARACTERS], "characters": 9, "detail": "d" * 3000}
    names = [f"reason_{n}" for n in range(groups)]
    facts["funnel"][0]["dropped"] = dict.fromkeys(names, 10_000)
    facts["funnel"][0]["dropped_bytes"] = dict.fromkeys(names, 10_000)
    facts["dropped"] = [{"stage": "read", "reason": name, "samples": [sample] * SAMPLES} for name in names]
    facts["skipped"] = [{"source": "s" * 3000, "reason": "r", "bytes": 1}] * 1000
    source = page(facts)
    assert len(source.encode()) < 2_000_000
    assert Seen(source).text.count("read: reason ") == groups, "each reason has an example"
    assert len(source.encode()) > 200_000 or groups == 1, "what there is room for is used"


def test_all_examples_are_shown_where_there_is_room(corpus):
    facts = copy.deepcopy(corpus.facts)
    sample = {"source": "a", "keeper": "b", "similarity": 0.9, "from_character": 0, "text": "霜" * 400, "kept_text": "雪" * 400}
    facts["pairs"] = [{"rule": "near", "pairs": [sample] * SAMPLES}]
    assert f"near {SAMPLES} pairs" in Seen(page(facts)).text


def test_ten_thousand_dropped_documents(fill, build):
    lines = "".join(orjson.dumps({"text": f"{ATTACK}{'|=+' * 200}{n}"}).decode() + "\n" for n in range(10_000))
    kept = "".join(orjson.dumps({"text": f"{EN}{ZH}{n}"}).decode() + "\n" for n in range(200))
    corpus = build(fill("t", {"a.jsonl": lines + kept}), clean={"filters": ["symbols"]}, split="content")
    assert sum(corpus.funnel[2]["dropped"].values()) == 10_000
    assert (corpus.folder / "corpus.html").stat().st_size < 2_000_000


def test_what_a_reader_cannot_see_is_named():
    assert visible("a\0b\u202ec\u200bd\te\nf") == "a[U+0000]b[U+202E]c[U+200B]d\te\nf"
    assert len(short("x" * 5000)) == report._NAME_CHARACTERS + 1
    assert [percent(x) for x in (0, 0.00068, 0.0123, 0.5, 0.9999, 1)] == ["0 %", "0.068 %", "1.2 %", "50 %", "100 %", "100 %"]
