"""All the text of an (X)HTML page, its blocks as lines.  Test: tests/corpus/extractors/test_epub.py."""

import re
from typing import Any

_LINES = """address article aside blockquote body caption center dd details div dl dt fieldset figcaption figure footer form
    h1 h2 h3 h4 h5 h6 header hr li main ol p pre section summary table tbody tfoot thead tr ul"""
_NO_TEXT = "head script style template svg math noscript iframe object rt rp nav"
_BLOCKS, _LEFT_OUT = frozenset(_LINES.split()), frozenset(_NO_TEXT.split())
"""``rt`` and ``rp``: how to pronounce the characters beside them."""
_CELLS = frozenset({"td", "th"})
_HEAD = re.compile(r"\A\s*(?:<\?xml[^>]*\?>\s*)?(?:<!DOCTYPE[^\[>]*(?:\[[^\]]*\]\s*)?>)?", re.IGNORECASE)
"""Declarations of XML, and of a document type with its entities, which the HTML parser would take for text."""
_SPACES = re.compile(r"[ \t\n\r\f]+")


def text_of(page: str, *, tables: bool = True) -> str:
    """Blocks parted by line ends, white space within them single, as a browser shows it."""
    from lxml import etree

    page = _HEAD.sub("", page, count=1)
    if not page.strip():
        return ""
    parser = etree.HTMLParser(remove_comments=True, remove_pis=True, no_network=True, encoding="utf-8")
    tree = etree.fromstring(page.encode("utf-8", "replace"), parser)
    if tree is None:
        return ""
    left_out = _LEFT_OUT if tables else _LEFT_OUT | {"table"}
    lines: list[str] = []
    line: list[str] = []

    def end_line() -> None:
        text = _SPACES.sub(" ", "".join(line)).strip(" ")
        line.clear()
        if text:
            lines.append(text.replace("\v", "\n").replace("\x1f", "\t").strip("\t"))

    walk: Any = etree.iterwalk(tree, events=("start", "end"))
    for event, element in walk:
        name = element.tag if isinstance(element.tag, str) else ""
        if event == "start":
            if name in left_out:
                walk.skip_subtree()
                continue
            if name in _BLOCKS:
                end_line()
            line.append(element.text or "")
            if name == "br":
                line.append("\v")
        else:
            if name in _BLOCKS:
                end_line()
            elif name in _CELLS:
                line.append("\x1f")
            line.append(element.tail or "")
    end_line()
    return "\n".join(lines)
