"""The text of an EPUB book (W3C EPUB 3.3; also 2.0): the pages of its spine in their order.

A chapter is all text, so nothing is taken for boilerplate: `markup` writes its blocks as lines.  Pages are read by an HTML
parser, which knows no external entities, and the package's own files by expat, which opens none.
Test: tests/corpus/extractors/test_epub.py.
"""

import posixpath
from urllib.parse import unquote

from telos.corpus.extractors import Extracted, Refused, Request
from telos.corpus.extractors.archive import Parts
from telos.corpus.extractors.charset import decode_html
from telos.corpus.extractors.docx import parse
from telos.corpus.extractors.markup import text_of

LIBRARIES = ("lxml",)
_PAGES = ("application/xhtml+xml", "text/html", "text/x-oeb1-document", "application/xml")
_FONTS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
_FACTS = ("title", "date", "language")


def extract(data: bytes, request: Request) -> Extracted:
    """Chapters parted by blank lines; "title", "date" and "language" from the package."""
    parts = Parts(data)
    if "META-INF/encryption.xml" in parts.names and _is_locked(parts):
        raise Refused("encrypted")
    container = _Package()
    parse(parts.read("META-INF/container.xml"), container)
    package = _Package()
    parse(parts.read(container.root), package)
    folder, chapters, size = posixpath.dirname(container.root), [], 0
    for reference in package.spine:
        target, kind, properties = package.manifest.get(reference, ("", "", ""))
        name = posixpath.normpath(posixpath.join(folder, unquote(target.partition("#")[0])))
        if kind not in _PAGES or "nav" in properties.split() or name not in parts.names:
            continue
        text = text_of(decode_html(parts.read(name)), tables=request["tables"])
        size += len(text)
        if size > request["output_bytes"]:
            raise Refused("extraction_output")
        if text:
            chapters.append(text)
    return "\n\n".join(chapters), {name: value.strip() for name, value in package.facts.items()}


class _Package:
    """What container.xml, a package document and encryption.xml say."""

    def __init__(self) -> None:
        self.root = ""
        self.manifest: dict[str, tuple[str, str, str]] = {}
        self.spine: list[str] = []
        self.facts: dict[str, str] = {}
        self.algorithms: set[str] = set()
        self.fact = ""

    def start(self, namespace: str, name: str, attributes: dict[str, str]) -> None:
        if name == "rootfile":
            self.root = self.root or attributes.get("full-path", "")
        elif name == "item":
            place = tuple(attributes.get(key, "") for key in ("href", "media-type", "properties"))
            self.manifest[attributes.get("id", "")] = place  # type: ignore[assignment]
        elif name == "itemref":
            self.spine.append(attributes.get("idref", ""))
        elif name == "EncryptionMethod":
            self.algorithms.add(attributes.get("Algorithm", ""))
        self.fact = name if name in _FACTS and name not in self.facts and "dc/" in namespace else ""

    def end(self, namespace: str, name: str) -> None:
        self.fact = ""

    def characters(self, text: str) -> None:
        if self.fact:
            self.facts[self.fact] = self.facts.get(self.fact, "") + text


def _is_locked(parts: Parts) -> bool:
    """Whether more than fonts is encrypted."""
    encryption = _Package()
    parse(parts.read("META-INF/encryption.xml"), encryption)
    return bool(encryption.algorithms.difference(_FONTS))
