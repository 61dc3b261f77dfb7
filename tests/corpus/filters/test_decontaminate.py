"""`decontaminate`: equal to sets of n-grams in plain Python; short texts; cutting; files and fields; errors."""

import json
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.reference_rules_zh import is_chinese
from telos.corpus.filters.decontaminate import Decontaminate
from telos.corpus.texts import Texts
from telos.foundation.errors import TelosError
from tests.corpus.filters.conftest import names
from tests.corpus.filters.test_relevance import plain_tokens

QUESTION = "Which statement best explains why photosynthesis is the foundation of most food webs on this planet?"
SHORT, TINY = "What is the capital city of France today?", "the lead apron"
ZH_QUESTION = "百老汇剧院是指包括在美国纽约曼克顿剧院区域以及林肯中心一带的剧院所演出的戏剧。"


@pytest.fixture
def against(tmp_path):
    path = tmp_path / "test.jsonl"
    path.write_text("".join(json.dumps({"text": t}, ensure_ascii=False) + "\n" for t in (QUESTION, SHORT, TINY, ZH_QUESTION)))
    return str(path)


def judged(rule, texts):
    return rule.judge(Texts.of(texts), rule.prepare(None))


def test_what_is_shared(against):
    loud = QUESTION.upper().replace(" ", " - ")
    texts = [
        f"Some text before. {loud} Some text after.", " ".join(QUESTION.split()[:13]), " ".join(QUESTION.split()[:12]),
        f"He asked: {SHORT.lower()} I said so.", "What is the capital city of France?", TINY.upper(), f"{TINY} is heavy",
        "资料：百老汇剧院，是指包括在美国\n纽约曼克顿剧院区域，等等", "百老汇剧院是指包括在美国纽约曼克顿剧", "",
    ]  # fmt: skip
    rule = Decontaminate(against=against)
    verdict = judged(rule, texts)
    expected = [True, True, False, True, False, True, False, True, False, False]
    assert (verdict.reasons > 0).tolist() == expected
    assert verdict.counts["overlapping_documents"] == 5
    assert verdict.details[0] == "shares 73% with test.jsonl:1"
    assert verdict.details[7].endswith("with test.jsonl:4")


def test_settings(against):
    text = " ".join(QUESTION.split()[:13])
    for moved, dropped in [
        ({}, True), ({"words": 14}, False), ({"words": 5}, True), ({"max_overlap": 0.9}, True),
    ]:  # fmt: skip
        assert judged(Decontaminate(against=against, **moved), [text]).reasons.any() == dropped
    mostly_new = text + " and" * 40
    assert not judged(Decontaminate(against=against, max_overlap=0.5), [mostly_new]).reasons.any()
    assert judged(Decontaminate(against=against, max_overlap=0.1), [mostly_new]).reasons.any()
    assert judged(Decontaminate(against=against, fewest_words=3), [f"{TINY} is heavy"]).reasons.any()
    assert judged(Decontaminate(against=against, han_characters=18), ["百老汇剧院是指包括在美国纽约曼克顿剧"]).reasons.any()
    few = Decontaminate(against=against, han_characters=100, fewest_han_characters=30)
    assert judged(few, [f"说：{ZH_QUESTION}！"]).reasons.any()
    assert not judged(few.replace(fewest_han_characters=50), [f"说：{ZH_QUESTION}！"]).reasons.any()


def test_passages_are_cut(against):
    texts = [f"前文。{ZH_QUESTION}后文。", f"{QUESTION}", "clean", "a" * 30 + " " + QUESTION + " " + "b " * 30]
    rule = Decontaminate(against=against, action="cut", margin_characters=0)
    verdict = judged(rule, texts)
    assert verdict.columns["text"].to_pylist() == ["前文。\n。后文。", "?", "clean", "a" * 30 + "\n? " + ("b " * 30).strip()]
    assert names(rule, verdict) == [None] * 4
    assert verdict.counts["documents_cut"] == 3
    wide = judged(rule.replace(margin_characters=20), texts)
    assert wide.columns["text"].to_pylist() == ["", "", "clean", "a" * 11 + "\n" + ("b " * 21).strip()]
    assert names(rule, wide) == ["contaminated", "contaminated", None, None]


def plain(rule, evaluation, text):
    """Whether any n-gram is shared, by sets of tuples."""
    tokens = [t for t in plain_tokens(text) if t]
    for other in evaluation:
        theirs = [t for t in plain_tokens(other) if t]
        n, fewest = (rule.han_characters, rule.fewest_han_characters) if is_chinese(other) else (rule.words, rule.fewest_words)
        n = min(n, len(theirs))
        ours = {tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)} if n else set()
        if len(theirs) < fewest:
            if theirs and tokens == theirs:
                return True
        elif ours & {tuple(theirs[i : i + n]) for i in range(len(theirs) - n + 1)}:
            return True
    return False


PIECES = st.lists(st.sampled_from(["a ", "B ", "c, ", "中", "国", "。", "d-", "\n", "é ", "7"]), max_size=14).map("".join)


@settings(deadline=None)
@given(texts=st.lists(PIECES, max_size=5), evaluation=st.lists(PIECES, min_size=1, max_size=4))
def test_equal_to_sets_of_n_grams(texts, evaluation, tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluation")
    for i, text in enumerate(evaluation):
        (folder / f"{i}.txt").write_text(text)
    rule = Decontaminate(against=str(folder), words=3, han_characters=4, fewest_words=2, fewest_han_characters=2)
    if not any(t for text in evaluation for t in plain_tokens(text)):
        with pytest.raises(TelosError, match="must hold evaluation texts"):
            rule.prepare(None)
        return
    assert (judged(rule, texts).reasons > 0).tolist() == [plain(rule, evaluation, text) for text in texts]


@pytest.mark.data
def test_planted_passages_are_found(shared_data, tmp_path):
    """Of real evaluation sets in both languages: every planted passage is found, and nothing in clean text."""
    arc = [json.loads(line) for line in (shared_data / "eval-en/arc_easy.jsonl").read_text().splitlines()]
    cmrc = json.loads((shared_data / "cmrc2018/cmrc2018_trial.json").read_text())["data"]
    paragraphs = [p["context"] for d in cmrc for p in d["paragraphs"]]
    rng = random.Random(1)
    english = [q["query"] for q in arc if len(q["query"].split()) >= 14][:100]
    (tmp_path / "zh.jsonl").write_text("".join(json.dumps({"query": text, "choices": []}) + "\n" for text in paragraphs))
    rule = Decontaminate(against=[str(shared_data / "eval-en/arc_easy.jsonl"), str(tmp_path)], fields=["query", "choices"])
    planted = [f"Notes. {text} More notes." for text in english]
    planted += [f"笔记：{text[at : at + 120]}。完" for text in paragraphs for at in [rng.randrange(len(text) - 120)]]
    clean = ["".join(rng.sample(text, len(text))) for text in paragraphs[:50]] + [" ".join(sorted(q.split())) for q in english]
    found = judged(rule, planted + clean).reasons > 0
    assert found[: len(planted)].all()
    assert not found[len(planted) :].any()


def test_chinese_paragraphs_in_a_text_file(tmp_path):
    (tmp_path / "eval.txt").write_text(ZH_QUESTION)
    rule = Decontaminate(against=[str(tmp_path)])
    assert rule.files() == [str(tmp_path / "eval.txt")]
    assert judged(rule, [ZH_QUESTION[3:30]]).reasons.tolist() == [1]


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("", ("decontaminate.against must hold evaluation texts: {path}", "no text",
              "name other files, or their field: decontaminate.fields=[NAME]")),
        ("?!\n", ("decontaminate.against must hold evaluation texts: {path}", "no letter or digit",
                  "name other files, or their field: decontaminate.fields=[NAME]")),
        (None, ("decontaminate.against must be files or folders that exist", "there is no {path}", "check its spelling")),
    ],
)  # fmt: skip
def test_an_empty_evaluation_set(tmp_path, content, parts):
    path = tmp_path / "eval.txt"
    if content is not None:
        path.write_text(content)
    with pytest.raises(TelosError) as error:
        Decontaminate(against=str(path)).prepare(None)
    assert [error.value.must, error.value.found, error.value.fix] == [part.format(path=path) for part in parts]


def test_a_field_that_evaluation_texts_lack(fill):
    folder = fill("evaluation", {"a.jsonl": '{"query": "a question of some length", "gold": 1}\n'})
    for call in (lambda rule: rule.prepare(None), lambda rule: list(rule._texts())):
        with pytest.raises(TelosError) as error:
            call(Decontaminate(against=str(folder)))
        assert error.value.must == f"{folder}/a.jsonl:1 must have the field 'text'"
        assert error.value.fix == "name it: decontaminate.fields=[query], or leave the file out of decontaminate.against"


def test_an_empty_folder_of_evaluation_sets(tmp_path):
    with pytest.raises(TelosError) as error:
        Decontaminate(against=str(tmp_path)).files()
    assert error.value.must == f"decontaminate.against must hold text: {tmp_path}"
    assert error.value.fix.endswith("or choose another decontaminate.against")


def test_batches_change_nothing(against):
    texts = [f"x {QUESTION}", "clean", ZH_QUESTION, SHORT]
    rule = Decontaminate(against=against)
    prepared = rule.prepare(None)
    together = rule.judge(Texts.of(texts), prepared).reasons
    assert np.array_equal(together, np.concatenate([rule.judge(Texts.of([t]), prepared).reasons for t in texts]))
