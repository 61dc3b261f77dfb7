"""Texts that rules are tried on: real ones, bad ones made up on the spot, and strange ones from hypothesis."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from benchmarks import reference_rules
from telos.corpus.filters import Filter, Verdict
from telos.corpus.texts import Texts

ODD_TEXTS = st.lists(
    st.text(
        st.sampled_from("的了是在和中国人民，。！？；：…—·•●*-#|\n\n\n  　\t0123456789{登录广告ab\u0301Z²Ⅷ〇㐀𠀀😀\x00")
        | st.characters(codec="utf-8"),
        max_size=80,
    )
    | st.lists(
        st.sampled_from(["床前明月光，", "疑是地上霜。\n", "\n", "首页 ", "。", "加微信", "aaa ", "12345\n", "  \n"]), max_size=30
    ).map("".join),
    max_size=6,
)
"""A batch of short texts that meet the corners of rules."""


@pytest.fixture(scope="session")
def real_texts(root: Path, shared_data: Path) -> list[str]:
    """Some 500 real and bad texts, Chinese and English, none above 8,000 characters."""
    from benchmarks.bad_chinese import bad_texts, good_texts

    good = good_texts()
    english = [json.loads(line)["text"] for line in (shared_data / "llama-factory-demos/c4_demo.jsonl").read_text().splitlines()]
    some = {name: [text for text in texts if len(text) <= 8_000][:: max(1, len(texts) // 50)] for name, texts in good.items()}
    bad = bad_texts(good["zh-laws"] + good["cmrc"], count=12)
    return [text for texts in [*some.values(), *bad.values(), english[:40]] for text in texts]


@pytest.fixture
def reasons_of() -> Callable[..., list[str | None]]:
    """``reasons_of(rule, texts)``: why each text is dropped, or None."""

    def run(rule: Filter, texts: list[str], prepared: Any = None) -> list[str | None]:
        return names(rule, rule.judge(Texts.of(texts), prepared or {}))

    return run


def names(rule: Filter, verdict: Verdict) -> list[str | None]:
    return [rule.reasons[r - 1] if r else None for r in verdict.reasons.tolist()]


# -- English ----------------------------------------------------------------------------------------------------------


def records(path: Path) -> list[str]:
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as file:
        return [json.loads(line)["text"] for line in file]


@pytest.fixture(scope="session")
def english_texts(shared_data: Path) -> list[str]:
    """Some 900 documents: web pages, technical documents, chapters of novels, Chinese laws, and each of some kinds once more
    with other line ends."""
    web = records(shared_data / "llama-factory-demos/c4_demo.jsonl")
    web += [
        t for name in ("0091", "0174") for t in records(shared_data / f"dolma-web-sample/multiple_files/cc_en_head-{name}.jsonl")
    ]
    peps = [t[:20_000] for t in records(shared_data / "peps/peps.jsonl.gz")][::3]
    novels = [
        t[at : at + 4000] for t in records(shared_data / "litbank-novels/valid.jsonl.gz") for at in range(0, len(t), 40_000)
    ]
    laws = [t[:3000] for t in records(shared_data / "zh-laws/national.jsonl.gz")[:60]]
    dictionary = [t[:3000] for t in records(shared_data / "python-docs-en-zh/zh_documents.jsonl.gz")[:60]]
    return [*web, *peps, *novels, *laws, *dictionary, *(t.replace("\n", "\r\n") for t in (web + peps)[::10])]


def _line(words: list[str]) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(words), max_size=12).map(" ".join)


WORDS = [
    "the", "The", "and,", "to", "with", "cat", "sat.", "on", "U.S.", "J.", "Bach", '"Yes!"', "no?", "e.g.", "this...",
    "that…", "#", "##", "...", "....", "1999.", "[1]", "ends.[2]", "[edit]", "[citation needed]", "[", "-", "•", "* a",
    "JavaScript", "lorem ipsum", "Lorem Ipsum", "Cookie Policy", "use cookies.", "{", "}", "中文", "字。", "naïve",
    "ΣΊΣΥΦΟΣ", "🙂", "a\u00a0b", "x\u2003y", "”", "’", "(ok.)", "Éa.", "É.", "x" * 40, "\r", "\t", "\x0b", "\u2028",
    "\x85", '."', ".)”",
]  # fmt: skip
TEXTS = st.one_of(
    st.text(),
    st.lists(_line(WORDS), max_size=30).map("\n".join),
    st.lists(_line(["a", "b", "c d", "a.", "\r"]), max_size=30).map("\n".join),
    st.lists(st.lists(_line(["the cat", "and to", "sat."]), max_size=4).map("\n".join), max_size=12).map("\n\n".join),
)
"""Any text, and text of what the rules look at, with much that repeats."""


@pytest.fixture(scope="session")
def agree() -> Callable[..., list[str | None]]:
    """Ask that a rule and its transcription agree, in decision, reason and text, on documents judged in one batch."""

    def check(spec: Filter, documents: list[str], prepared: Any = None) -> list[str | None]:
        batch = Texts.of(documents)
        verdict = spec.judge(batch, prepared or {})
        ours = names(spec, verdict)
        plain = getattr(reference_rules, spec.kind())
        judged = batch.rows_in(spec.scope)
        wanted = [plain(text, spec) if inside else None for text, inside in zip(documents, judged, strict=True)]
        wanted_texts = [w[1] if isinstance(w, tuple) else t for w, t in zip(wanted, documents, strict=True)]
        wanted = [w[0] if isinstance(w, tuple) else w for w in wanted]
        different = [i for i, (a, b) in enumerate(zip(ours, wanted, strict=True)) if a != b]
        assert not different, [(ours[i], wanted[i], documents[i][:300]) for i in different[:3]]
        texts = verdict.columns.get("text", batch.text).to_pylist()
        for i in range(len(documents)):
            assert texts[i] == wanted_texts[i]
        assert set(verdict.details) <= set(verdict.reasons.nonzero()[0].tolist())
        return ours

    return check
