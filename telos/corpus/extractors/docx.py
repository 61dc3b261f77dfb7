"""The text of a Word document (ECMA-376, part 1, section 17): paragraphs in their order, table rows as lines.

The main part is read as a stream of XML events by expat, in memory that does not grow with it.  A document type declaration,
which the standard forbids (part 2, section 9) and entity bombs need, refuses the file.  Headers, footers, notes, deleted text
and the second version of text boxes (``mc:Fallback``) are left out.  Test: tests/corpus/extractors/test_docx.py.
"""

from typing import Any
from xml.parsers import expat

from telos.corpus.extractors import Extracted, Refused, Request
from telos.corpus.extractors.archive import Parts

LIBRARIES: tuple[str, ...] = ()
_W = ("http://schemas.openxmlformats.org/wordprocessingml/2006/main", "http://purl.oclc.org/ooxml/wordprocessingml/main")
_BREAKS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "\u2011"}
_LEFT_OUT = frozenset({"Fallback", "instrText", "delText", "footnote", "endnote", "moveFrom"})
_MAIN_PART = "word/document.xml"


def extract(data: bytes, request: Request) -> Extracted:
    """Paragraphs parted by line ends, cells of a row by tabs; "title" and "date" from the document's properties."""
    parts = Parts(data)
    name = _MAIN_PART if _MAIN_PART in parts.names else _main_part(parts)
    reader = _Body(tables=request["tables"], most_characters=request["output_bytes"])
    parse(parts.read(name), reader)
    return reader.text(), _properties(parts)


def parse(data: bytes, handler: Any) -> None:
    """Feed XML to ``handler.start(namespace, name, attributes)``, ``.end(namespace, name)`` and ``.characters(text)``."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler = lambda tag, attributes: handler.start(*_parted(tag), attributes)
    parser.EndElementHandler = lambda tag: handler.end(*_parted(tag))
    parser.CharacterDataHandler = handler.characters
    try:
        parser.Parse(data, True)
    except expat.ExpatError:
        raise Refused("extraction_failed") from None


def _refuse(*declaration: Any) -> None:
    raise Refused("extraction_failed")


def _parted(tag: str) -> tuple[str, str]:
    namespace, _, name = tag.rpartition(" ")
    return namespace, name


class _Body:
    """Gathers the text of the main part."""

    def __init__(self, *, tables: bool, most_characters: int):
        self.tables, self.most_characters = tables, most_characters
        self.lines: list[str] = []
        self.line: list[str] = []
        self.size = 0
        self.left_out = self.in_table = self.in_text = 0

    def start(self, namespace: str, name: str, attributes: dict[str, str]) -> None:
        if name in _LEFT_OUT:
            self.left_out += 1
        elif namespace not in _W:
            return
        elif name == "tbl":
            self._end_line()
            self.in_table += 1
        elif name == "t":
            self.in_text += 1
        elif name in _BREAKS:
            self._add(_BREAKS[name])

    def end(self, namespace: str, name: str) -> None:
        if name in _LEFT_OUT:
            self.left_out -= 1
        elif namespace not in _W:
            return
        elif name == "t":
            self.in_text -= 1
        elif name == "tc":
            self._add("\t")
        elif name == "tbl":
            self.in_table -= 1
        elif name == "p":
            self._add(" ") if self.in_table else self._end_line()
        elif name == "tr":
            self._end_line()

    def characters(self, text: str) -> None:
        if self.in_text:
            self._add(text)

    def _add(self, text: str) -> None:
        if not self.left_out and (self.tables or not self.in_table):
            self.line.append(text)
            self.size += len(text)
            if self.size > self.most_characters:
                raise Refused("extraction_output")

    def _end_line(self) -> None:
        line = "".join(self.line)
        self.lines.append("\t".join(cell.strip() for cell in line.split("\t")).rstrip() if self.in_table else line.rstrip())
        self.line.clear()

    def text(self) -> str:
        self._end_line()
        return "\n".join(line for line in self.lines if line.strip())


class _Leaves:
    """Gathers the text of each element by its name, the first of a name, and the targets of relationships."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self.targets: dict[str, str] = {}
        self.name = ""

    def start(self, namespace: str, name: str, attributes: dict[str, str]) -> None:
        self.name = name if name not in self.found else ""
        if name == "Relationship":
            self.targets[attributes.get("Type", "").rpartition("/")[2]] = attributes.get("Target", "")

    def end(self, namespace: str, name: str) -> None:
        self.name = ""

    def characters(self, text: str) -> None:
        if self.name:
            self.found[self.name] = self.found.get(self.name, "") + text


def _main_part(parts: Parts) -> str:
    """Where the package says that the document is, if it is not in its usual place."""
    relationships = _Leaves()
    parse(parts.read("_rels/.rels"), relationships)
    return relationships.targets.get("officeDocument", _MAIN_PART).lstrip("/")


def _properties(parts: Parts) -> dict[str, str]:
    leaves = _Leaves()
    try:
        parse(parts.read("docProps/core.xml"), leaves)
    except Refused:
        return {}
    return {"title": leaves.found.get("title", "").strip(), "date": leaves.found.get("created", "")[:10]}
