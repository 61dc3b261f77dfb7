"""Books: the spine's order, blocks as lines, and what is left out."""

import pytest

from telos.corpus.extract import Extract
from telos.corpus.extractors.markup import text_of
from telos.corpus.sandbox import extracted
from telos.corpus.sources import RawDocument


def read(data: bytes, **settings: object) -> RawDocument:
    return extracted(data, "epub", Extract.parse(settings))


def test_chapters_in_the_order_of_the_spine(documents: type) -> None:
    page = "<html><head></head><body><h1>第{}章</h1><p>It was <b>the</b>\n best.</p><script>no</script></body></html>"
    pages = ['<?xml version="1.0" encoding="utf-8"?>' + page.format(n) for n in "一二三"]
    found = read(documents.epub(pages))
    assert found.text == "\n\n".join(f"第{n}章\nIt was the best." for n in "一二三")
    assert found.metadata == {"title": "书", "language": "zh"}


def test_encrypted_and_broken_books(documents: type) -> None:
    lock = '<encryption><EncryptionMethod Algorithm="{}"/></encryption>'
    locked = {"META-INF/encryption.xml": lock.format("http://www.w3.org/2001/04/xmlenc#aes128-cbc")}
    fonts = {"META-INF/encryption.xml": lock.format("http://www.idpf.org/2008/embedding")}
    assert read(documents.epub(["<p>月</p>"], more=locked)).skipped == "encrypted"
    assert read(documents.epub(["<p>月</p>"], more=fonts)).text == "月"
    assert read(documents.epub([])).skipped == "no_text_found"
    assert read(documents.zip({"a": "b"})).skipped == "extraction_failed"
    assert read(b"no archive").skipped == "extraction_failed"


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p>a<br/>b</p>c", "a\nb\nc"),
        ("<div>a <i>b</i>  c<div>d</div>e</div>", "a b c\nd\ne"),
        ("<p><ruby>漢<rt>かん</rt>字<rp>(</rp><rt>じ</rt></ruby>だ</p>", "漢字だ"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>d", "a\tb\nc\nd"),
        ("<p>月&nbsp;光 &amp; &#x6708;</p>", "月\xa0光 & 月"),
        ("<div>a<style>x</style>b<!-- c -->d<nav>e</nav>f</div>", "abdf"),
        ("<pre>a\n  b</pre>", "a b"),
        ("", ""),
        ("  ", ""),
        ("<!DOCTYPE html [<!ENTITY x 'y'>]><p>a</p>", "a"),
    ],
)
def test_blocks_are_lines(page: str, text: str) -> None:
    assert text_of(page) == text


def test_tables_can_be_left_out() -> None:
    assert text_of("<p>a</p><table><tr><td>b</td></tr></table>c", tables=False) == "a\nc"
