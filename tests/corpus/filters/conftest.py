"""Texts that rules are tried on: real ones, bad ones made up on the spot, and strange ones from hypothesis."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

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
