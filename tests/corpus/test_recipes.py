"""Each recipe of recipes/corpus loads, says what it is for, and builds a small corpus of texts that it is meant for."""

import random
import re
import shlex
from pathlib import Path

import pytest

from telos import corpora, recipe
from telos.corpus.corpus import Corpus
from telos.corpus.filters import Filter
from telos.corpus.steps import steps_of
from telos.foundation import yaml

RECIPES = sorted((Path(__file__).resolve().parents[2] / "recipes" / "corpus").glob("*.yaml"))
EN = (
    ["the old man", "a young doctor", "her brother", "the keeper of the bridge", "every child", "my neighbour", "that teacher",
     "a tired soldier"],
    ["remembered", "had never seen", "was looking for", "wrote about", "carried home", "asked about", "did not find", "spoke of"],
    ["the river after the flood", "a letter that came in winter", "the door of the white house", "three boats in the harbour",
     "the road to the mountains", "a song from the market", "the frost of that year", "an answer to that question"],
)  # fmt: skip
ZH = (
    ["那位老人", "年轻的医生", "她的哥哥", "守桥的人", "每个孩子", "我的邻居", "那位老师", "疲倦的士兵"],
    ["还记得", "从来没有见过", "正在寻找", "写下了", "带回家的是", "问起了", "一直找不到", "常常说起"],
    ["洪水退去以后的河流", "冬天里寄来的一封信", "白色房子的木门", "港口里停着的三条船", "通往山里的小路", "集市上听来的歌",
     "大雪封山的日子", "这个问题的答案"],
)  # fmt: skip
MEANT = {"web-en": ["en"], "web-zh": ["zh"], "books": ["en", "zh"], "code": ["code"]}


def written(kind, n):
    """A text like no other: prose in English or Chinese, or a module."""
    draw = random.Random(f"{kind} {n}")
    if kind == "code":
        names = [f"{draw.choice('abcdef')}{draw.randrange(10**6)}" for _ in range(12)]
        body = [f"def {name}(x, y={draw.randrange(99)}):\n    return x * {draw.random():.3f} + y\n" for name in names]
        return f'"""Module {n}."""\n\n' + "\n\n".join(body)
    parts, joint, also, end = (EN, " ", ", and ", ". ") if kind == "en" else (ZH, "", "，而", "。")
    halves = [joint.join(words) for words in zip(*(draw.sample(part, 8) for part in parts), strict=True)]
    return "\n".join(f"{one}{also}{other}{end.strip()}" for one, other in zip(halves[::2], halves[1::2], strict=True))


def test_there_are_four():
    assert [path.stem for path in RECIPES] == ["books", "code", "web-en", "web-zh"]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_it_says_what_it_is_for(path):
    head = path.read_text().split("\n\n")[0]
    assert re.match(r"# \S.{40}", head)
    for word in ("text", "rules", "hardware", "expected"):
        assert re.search(rf"^# {word} +\S", head, re.MULTILINE), word
    (line,) = re.findall(r"^#   (telos .*)$", head, re.MULTILINE)
    words = shlex.split(line)
    assert words[:3] == ["telos", "corpus", "build"]
    assert words[4:] == ["--recipe", f"recipes/corpus/{path.name}", "--out", f"corpora/{path.stem}"]
    assert words[3] == recipe.from_file(path)["corpus"]["path"]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_it_builds_a_corpus_of_what_it_is_meant_for(path, fill, tmp_path):
    suffix = ".py" if path.stem == "code" else ".txt"
    texts = {f"{k}-{n:03d}{suffix}": written(kind, n) for k, kind in enumerate(MEANT[path.stem]) for n in range(120)}
    texts[f"copy{suffix}"] = texts[f"0-000{suffix}"]
    texts[f"noise{suffix}"] = "|=+#$ 00 " * 300
    texts[f"mail{suffix}"] = written(MEANT[path.stem][0], 999) + "\n# write to anna.schmidt@nordwindpost.de, please.\n"
    facts, _ = corpora.build(
        [str(fill("texts", texts))], ["engine.workers=1", "split.kind=content", "clean.min_characters=50"], tmp_path / "out", path
    )
    corpus = Corpus.open(tmp_path / "out")
    kept = {document.source for split in ("train", "validation", "test") for document in corpus.documents(split)}
    lost = {e["stage"]: [s["source"] for s in e["samples"]] for e in corpus.facts["dropped"]}
    assert len(kept) > 0.9 * len(texts), lost
    assert not kept & {f"noise{suffix}"}
    assert len(kept & {f"copy{suffix}", f"0-000{suffix}"}) == 1
    assert facts["counts"]["personal_data"]["email"] == 1
    assert {"exact", "near", "personal_data"} <= {step.kind for step in steps_of(corpus.facts["settings"])}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_run_can_start_from_it(path):
    made, _ = recipe.resolve(recipe.for_path("texts/", None, path), [])
    assert made.clean.dedup[-1].kind() == "near"
    assert made.corpus.path == "texts/"


PAGES = [Path(__file__).resolve().parents[2] / "docs" / name for name in ("corpus.md", "zh/corpus.md")]


@pytest.mark.parametrize("path", PAGES, ids=["en", "zh"])
def test_what_the_page_shows_as_yaml_is_a_recipe(path):
    blocks = re.findall(r"^```yaml\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        corpora.CorpusRecipe.parse({"corpus": "installation", "split": {}, "engine": {}} | yaml.load(block))
    for inline in re.findall(r"`(\{kind: [^`…]+\})`", path.read_text()):
        Filter.parse(yaml.load(inline))


@pytest.mark.parametrize("path", PAGES, ids=["en", "zh"])
def test_pictures_are_there_and_small(path):
    pictures = re.findall(r"!\[[^\]]+\]\((\S+)\)", path.read_text())
    assert len(pictures) == 4
    for picture in pictures:
        assert 1000 < (path.parent / picture).stat().st_size < 200_000
