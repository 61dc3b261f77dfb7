"""PDF pages made byte by byte: Chinese encodings, vertical columns, hyphens, damage."""

from collections.abc import Callable
from pathlib import Path

import pytest

from telos.corpus.extract import Extract
from telos.corpus.sandbox import extracted
from telos.corpus.sources import RawDocument
from telos.corpus.sources.files import Files

SIMPLIFIED = ["床前明月光，", "疑是地上霜。", "举头望明月，", "低头思故乡。"]
TRADITIONAL = ["床前明月光，", "疑是地上霜。", "舉頭望明月，", "低頭思故鄉。"]


def read(data: bytes, **settings: object) -> RawDocument:
    return extracted(data, "pdf", Extract.parse(settings))


GB, BIG5 = (SIMPLIFIED, "GB1"), (TRADITIONAL, "CNS1")
ENCODINGS = [("GBK-EUC", "gbk", GB), ("GB-EUC", "gbk", GB), ("GBK2K", "gb18030", GB), ("UniGB-UCS2", "utf-16-be", GB),
             ("UniGB-UTF16", "utf-16-be", GB), ("ETen-B5", "big5", BIG5), ("UniCNS-UTF16", "utf-16-be", BIG5)]  # fmt: skip


@pytest.mark.parametrize("direction", ["H", "V"])
@pytest.mark.parametrize("encoding", ENCODINGS, ids=lambda e: e[0])
def test_chinese_without_an_embedded_font_across_and_down(documents: type, encoding: tuple, direction: str) -> None:
    """Vertical columns are read from right to left, each from top to bottom."""
    name, codec, (lines, ordering) = encoding
    assert read(documents.pdf(lines, f"{name}-{direction}", codec, ordering)).text == "\n".join(lines)


def test_english_kerned_and_hyphenated(documents: type) -> None:
    shown = ("BT /F1 10 Tf 50 700 Td [(The)-333(quic)28(k)-333(bro)28(wn)-333(fo)28(x)-250(jumps)-333(o)28(v)28(er)-333(the)-333"
             "(lazy)-333(dog.)] TJ 0 -12 Td [(And)-333(a)-333(hy-)] TJ 0 -12 Td [(phenated)-333(line.)] TJ ET")  # fmt: skip
    assert read(documents.pdf_of(shown)).text == "The quick brown fox jumps over the lazy dog.\nAnd a hyphenated line."


def test_a_file_among_others(fill: Callable[..., Path], documents: type) -> None:
    root = fill(
        "t", {"诗.pdf": documents.pdf(SIMPLIFIED), "scan.PDF": documents.pdf_of("q Q"), "bad.pdf": b"%PDF-1.4 and no more"}
    )
    source = Files(root)
    found = {item.path: next(iter(source.read(item))) for item in source.inputs()}
    assert found["诗.pdf"].text == "\n".join(SIMPLIFIED)
    assert {name: d.skipped for name, d in found.items() if d.skipped} == {
        "scan.PDF": "no_text_found", "bad.pdf": "extraction_failed"}  # fmt: skip
    assert found["bad.pdf"].size_bytes == 20


def test_a_truncated_file_gives_text_or_a_reason(documents: type) -> None:
    whole = documents.pdf(SIMPLIFIED)
    for end in range(0, len(whole), 40):
        found = read(whole[:end])
        assert bool(found.text) != bool(found.skipped)
