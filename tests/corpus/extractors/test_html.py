"""Pages: the text is trafilatura's own, on real pages and under every setting."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from telos.corpus.compression import Stream
from telos.corpus.extract import Extract
from telos.corpus.extractors.charset import decode_html
from telos.corpus.http_message import parse_response
from telos.corpus.sandbox import extracted
from telos.corpus.sources.files import Files
from telos.corpus.warc_records import records

ZH = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"
EN = "It was the best of times, it was the worst of times, it was the age of wisdom. "
PAGE = f"""<!DOCTYPE html><html lang="zh-CN"><head><meta charset="utf-8"><title>静夜思</title>
<meta property="article:published_time" content="2020-03-04T05:06:07Z"><link rel="canonical" href="https://example.org/poem">
</head><body><nav><a href="/">首页</a> <a href="/x">关于我们</a></nav><article><h1>静夜思</h1><p>{ZH * 4}</p><p>{EN * 4}
<a href="https://example.org/other">a link</a></p><table><tr><td>唐</td><td>李白</td></tr></table></article>
<footer>版权所有 &copy; 2020</footer><script>var x = "code";</script></body></html>"""


def read(path: Path, **settings: object) -> list:
    source = Files(path, **settings)
    return [document for item in source.inputs() for document in source.read(item)]


@pytest.mark.parametrize("name", ["a.html", "a.htm", "a.xhtml", "A.HTML"])
def test_a_page(fill: Callable[..., Path], name: str) -> None:
    found = read(fill("t", {name: PAGE}))
    assert len(found) == 1
    assert ZH * 4 in found[0].text
    assert EN.strip() in found[0].text
    assert "李白" in found[0].text
    for absent in ("关于我们", "版权所有", "var x", "<p>"):
        assert absent not in found[0].text
    assert found[0].metadata == {"title": "静夜思", "date": "2020-03-04", "url": "https://example.org/poem", "language": "zh-cn"}


def test_settings_reach_the_page(fill: Callable[..., Path]) -> None:
    root = fill("t", {"a.html": PAGE})
    assert "李白" not in read(root, extract={"tables": False})[0].text
    assert "https://example.org/other" in read(root, extract={"links": True})[0].text
    assert "https://example.org/other" not in read(root)[0].text


@pytest.mark.parametrize("codec", ["gb18030", "big5hkscs", "utf-16"])
def test_pages_in_other_encodings(fill: Callable[..., Path], codec: str) -> None:
    text = PAGE.replace("举头", "遥望") if codec != "big5hkscs" else PAGE
    traditional = text.translate(str.maketrans("举头乡静夜页关们权于李", "舉頭鄉靜夜頁關們權於李"))
    page = (traditional if codec == "big5hkscs" else text).replace("\xa9", "").encode(codec, "ignore")
    assert "低" in read(fill("t", {"a.html": page}))[0].text


def test_a_piece_of_a_page_and_an_empty_one(fill: Callable[..., Path]) -> None:
    assert read(fill("a", {"a.html": f"<p>{ZH}</p>"}))[0].text == ZH
    assert [d.skipped for d in read(fill("b", {"b.html": "<html><body></body></html>"}))] == ["no_text_found"]
    assert [d.skipped for d in read(fill("c", {"c.html": ""}))] == ["empty"]
    assert read(fill("b", {}))[0].size_bytes == 26


@pytest.mark.data
def test_equal_to_trafilatura_on_real_pages(shared_data: Path) -> None:
    """Every page of four web archives under six settings: the text of `trafilatura.extract`."""
    import trafilatura

    pages = []
    for file in sorted((shared_data / "warc").glob("*.warc.gz")):
        with Stream(str(file)) as stream:
            for record in records(stream, 1 << 27):
                if record.kind == "response":
                    response = parse_response(record.body, 1 << 27)
                    pages.append((response.body, response.charset))
    assert len(pages) == 82
    targets = re.compile(r"\]\([^)]*\)+")
    ways = [{}, {"favor": "precision"}, {"favor": "recall"}, {"tables": False}, {"comments": True}, {"links": True}]
    for number, way in enumerate(ways):
        extract = Extract.parse(way | {"deadline_seconds": 60})
        for body, charset in pages if number == 0 else pages[:: 3 + number]:
            found = extracted(body, "html", extract, charset)
            expected = trafilatura.extract(
                decode_html(body, charset), favor_precision=extract.favor == "precision", favor_recall=extract.favor == "recall",
                include_tables=extract.tables, include_comments=extract.comments, include_links=extract.links,
            )  # fmt: skip
            if extract.links:  # we know the page's own address, against which links are resolved
                assert targets.sub("", found.text) == targets.sub("", expected or "")
            else:
                assert found.text == (expected or "")
