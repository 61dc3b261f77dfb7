"""The data card: its header is the hub's, its facts the corpus's, its recipe builds the corpus again."""

import copy
import re

import pytest
import yaml

from telos import corpora
from telos.corpus.about import About
from telos.corpus.card import card, limits
from telos.corpus.corpus import Corpus
from telos.corpus.steps import citations, steps_of
from telos.foundation.files import verify_folder

ZH = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"
EN = "It was the best of times, it was the worst of times. "
SECTIONS = ["Motivation", "Composition", "Sources", "Processing", "Personal data", "Limits", "Distribution and maintenance"]


@pytest.fixture
def folder(fill):
    files = {f"{n % 3}/{n:02d}.txt": (ZH if n % 2 else EN) * (3 + n % 5) + f"\n第{n}篇 number {n}\n" for n in range(60)}
    files |= {
        "mail.txt": f"{EN * 3} anna.schmidt@nordwindpost.de",
        "noise.txt": "|=+#$ " * 80,
        "a|`b.txt": EN * 30,
        "x.bin": b"\0",
    }
    return fill("texts", files)


@pytest.fixture
def corpus(folder, build):
    about = About(title="诗与书: #1", license="cc-by-4.0", purpose="To try it.", contact="me@nowhere", languages=["zh", "no"])
    clean = {"filters": ["symbols", "personal_data"], "dedup": ["exact", "near"]}
    return build(folder, clean=clean, about=about)


def header(text):
    return yaml.safe_load(text.split("---\n")[1])


def test_header_and_sections(corpus):
    text = (corpus.folder / "README.md").read_text()
    assert text == card(corpus.facts)
    assert header(text) == {
        "pretty_name": "诗与书: #1", "language": ["zh", "no"], "license": "cc-by-4.0", "size_categories": ["n<1K"],
        "task_categories": ["text-generation"], "tags": ["telos"],
        "configs": [{"config_name": "default", "data_files": [{"split": s, "path": f"{s}/*.parquet"}
                                                              for s in ("train", "validation", "test")]}],
    }  # fmt: skip
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    assert "To try it." in text
    assert "_Not stated" not in text
    assert "fill in" not in text


def test_the_facts_are_the_corpus_s(corpus):
    text = (corpus.folder / "README.md").read_text()
    for split, facts in corpus.facts["splits"].items():
        assert f"| {split} | {facts['documents']:,} | {facts['bytes']:,} | {facts['characters']:,} |" in text
    for stage in corpus.funnel:
        lost = stage["documents_in"] - stage["documents_out"]
        name = stage["stage"].replace("_", " ")
        assert f"| {name} | {stage['documents_in']:,} | {lost:,} | {stage['documents_out']:,} | {stage['bytes_out']:,} |" in text
    assert "| symbols | symbols | 1 |" in text
    assert "| email | 1 | `[EMAIL]` |" in text
    assert "Looked for and not found: iban" in text
    assert "max_symbol_fraction=0.15" in text
    assert "Sources: Penedo et al. 2024, section 3.4; Lee et al. 2022, section 4.2." in text
    assert corpus.hash in text
    assert "0 inputs could not be read and 1 were passed over" in text


def test_what_nobody_said_is_to_be_filled_in(many, build):
    text = (build(many).folder / "README.md").read_text()
    assert header(text)["license"] == "unknown"
    assert "language" not in header(text)
    assert "recipe: about.license" in text
    assert "_Not stated: why was this corpus made" in text
    assert "Nothing was looked for and nothing was masked." in text


def test_a_card_may_be_edited(corpus):
    (corpus.folder / "README.md").write_text("---\nlicense: mit\n---\n")
    verify_folder(corpus.folder)
    assert Corpus.open(corpus.folder, verify=True).hash == corpus.hash
    (corpus.folder / "README.md").unlink()
    verify_folder(corpus.folder)


def test_identified_languages_stand_in_the_header(corpus):
    facts = copy.deepcopy(corpus.facts)
    facts["settings"]["about"]["languages"] = []
    facts["described"]["languages"] = {"en": 30, "zh": 969, "fr": 1}
    assert header(card(facts))["language"] == ["zh", "en"]


def test_limits_follow_from_the_settings(many, build, corpus):
    bare = build(many, out="bare", clean={"dedup": []})
    text = " ".join(limits(bare.facts, steps_of(bare.facts["settings"])))
    for limit in ("Near copies were not looked for", "Personal data and secrets were not looked for", "evaluation set"):
        assert limit in text
    text = " ".join(limits(corpus.facts, steps_of(corpus.facts["settings"])))
    assert "Near copies" not in text
    assert "not looked for" not in text
    chinese = build(many, out="chinese", clean={"filters": ["chinese_repetition"]})
    count = chinese.facts["described"]["scripts"]["spaced"]
    assert f"No filter judged the {count} documents in scripts other than Chinese." in limits(
        chinese.facts, steps_of(chinese.facts["settings"])
    )


def test_the_recipe_on_the_card_builds_the_same_corpus(corpus, tmp_path):
    text = (corpus.folder / "README.md").read_text()
    (tmp_path / "recipe.yaml").write_text(re.search(r"```yaml\n(.*?)```", text, re.DOTALL)[1])
    facts, _ = corpora.build([], ["engine.workers=1"], tmp_path / "again", tmp_path / "recipe.yaml")
    assert facts["hash"] == corpus.hash
    assert (tmp_path / "again" / "README.md").read_text() == text


def test_names_cannot_break_the_card(folder, build):
    corpus = build(folder, clean={"dedup": []}, about=About(title="a: 'b'\n---\n# c", purpose="p"))
    text = (corpus.folder / "README.md").read_text()
    assert header(text)["pretty_name"] == "a: 'b' --- # c"
    assert "`` a\\|`b.txt ``" in text


def test_the_hub_s_library_finds_the_splits(corpus, tmp_path):
    datasets = pytest.importorskip("datasets")
    found = datasets.load_dataset(str(corpus.folder), cache_dir=str(tmp_path / "cache"))
    assert {name: len(rows) for name, rows in found.items()} == {s: corpus.count(s) for s in ("train", "validation", "test")}
    assert found["train"][0]["text"] == next(corpus.documents("train")).text


def test_citations():
    text = """Rules of Rae et al. 2021, "Scaling …", and (Penedo et al. 2024,
    section 3.4); Bar-Yossef and Rajagopalan 2002; arXiv 2005.14165; FineWeb 15; Rae et al. 2021."""
    assert citations(text) == ("Rae et al. 2021", "Penedo et al. 2024, section 3.4", "Bar-Yossef and Rajagopalan 2002")


def test_a_rule_that_is_not_known_any_more(corpus):
    facts = copy.deepcopy(corpus.facts)
    facts["settings"]["clean"]["filters"].append({"kind": "of_somebody", "x": 1})
    assert "**of somebody**" in card(facts)
