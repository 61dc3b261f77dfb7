"""Builders of small folders and corpora."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from telos.corpus.clean import Clean
from telos.corpus.corpus import Corpus
from telos.corpus.engines.native import Native
from telos.corpus.pipeline import build_corpus
from telos.corpus.sources.files import Files
from telos.corpus.split import Split


@pytest.fixture
def fill(tmp_path: Path) -> Callable[..., Path]:
    """Writes files (relative path → text or bytes) into a folder under the test's own, and returns it."""

    def write(name: str, files: dict[str, str | bytes]) -> Path:
        root = tmp_path / name
        root.mkdir(exist_ok=True)
        for relative, content in files.items():
            path = root / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return root

    return write


@pytest.fixture
def many(fill: Callable[..., Path]) -> Path:
    """A folder with 300 different documents in Chinese and English."""
    zh, en = "床前明月光，疑是地上霜。举头望明月，低头思故乡。", "It was the best of times, it was the worst of times. "
    return fill("many", {f"{n % 7}/{n:03d}.txt": (zh if n % 2 else en) * (1 + n % 5) + f"\n{n}\n" for n in range(300)})


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., Corpus]:
    """Builds a corpus of a path, with settings as plain data, in a folder under the test's own."""

    def run(path: Any, out: str = "corpus", clean: dict | None = None, split: Any = None, **options: Any) -> Corpus:
        settings = {name: options.pop(name) for name in ("text_field", "keep", "include", "exclude") if name in options}
        sources = [Files(path, **settings)]
        options.setdefault("engine", Native(workers=1))
        return build_corpus(sources, Clean(**(clean or {})), Split.parse(split or {}), tmp_path / out, **options)

    return run


class Documents:
    """Builds small documents of other formats byte by byte, so that tests say what is in them."""

    @staticmethod
    def zip(members: dict[str, str | bytes], **options: Any) -> bytes:
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, **options) as archive:
            for name, content in members.items():
                archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
        return made.getvalue()

    @classmethod
    def docx(cls, body: str, head: str = "", properties: str = "") -> bytes:
        """``body``: what stands in w:body."""
        space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
        members = {"word/document.xml": f'{head}<w:document xmlns:w="{space}"><w:body>{body}</w:body></w:document>'}
        if properties:
            names = 'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/"'
            members["docProps/core.xml"] = f"<cp:coreProperties xmlns:cp='x' {names}>{properties}</cp:coreProperties>"
        return cls.zip(members)

    @classmethod
    def epub(cls, chapters: list[str], head: str = "", title: str = "书", more: dict[str, str] | None = None) -> bytes:
        """``chapters``: whole XHTML pages, the spine in their order."""
        items = "".join(f'<item id="c{n}" href="text/c%20{n}.xhtml" media-type="application/xhtml+xml"/>'
                        for n in range(len(chapters)))  # fmt: skip
        spine = "".join(f'<itemref idref="c{n}"/>' for n in range(len(chapters)))
        package = (f'{head}<package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
                   f"<dc:title>{title}</dc:title><dc:language>zh</dc:language></metadata><manifest>{items}</manifest>"
                   f"<spine>{spine}</spine></package>")  # fmt: skip
        container = '<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>'
        pages = {f"OPS/text/c {n}.xhtml": page for n, page in enumerate(chapters)}
        return cls.zip({"META-INF/container.xml": container, "OPS/book.opf": package} | pages | (more or {}))

    @staticmethod
    def pdf(lines: list[str], encoding: str = "UniGB-UTF16-H", codec: str = "utf-16-be", ordering: str = "GB1") -> bytes:
        """A page of Chinese lines in one of Adobe's encodings; one that ends in V is set in columns from right to left."""
        vertical = encoding.endswith("V")
        content = "BT /F1 20 Tf "
        for number, line in enumerate(lines):
            x, y = (500 - 30 * number, 700) if vertical else (50, 700 - 30 * number)
            content += f"1 0 0 1 {x} {y} Tm <{line.encode(codec).hex()}> Tj "
        font = [
            f"<</Type/Font/Subtype/Type0/BaseFont/STSong-Light/Encoding/{encoding}/DescendantFonts[6 0 R]>>",
            f"<</Type/Font/Subtype/CIDFontType0/BaseFont/STSong-Light/CIDSystemInfo<</Registry(Adobe)/Ordering({ordering})"
            "/Supplement 2>>/FontDescriptor 7 0 R/DW 1000>>",
            "<</Type/FontDescriptor/FontName/STSong-Light/Flags 4/FontBBox[0 -200 1000 900]/ItalicAngle 0/Ascent 900"
            "/Descent -200/CapHeight 700/StemV 80>>",
        ]
        return Documents.pdf_of(content + "ET", font)

    @staticmethod
    def pdf_of(content: str, font: list[str] | None = None, pages: str = "<</Type/Pages/Kids[3 0 R]/Count 1>>") -> bytes:
        """A PDF of one page with that content; without a font, in Times."""
        objects = [
            "<</Type/Catalog/Pages 2 0 R>>",
            pages,
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
            f"<</Length {len(content)}>>stream\n{content}\nendstream",
            *(font or ["<</Type/Font/Subtype/Type1/BaseFont/Times-Roman>>"]),
        ]
        made, offsets = "%PDF-1.5\n", []
        for number, text in enumerate(objects, 1):
            offsets.append(len(made))
            made += f"{number} 0 obj\n{text}\nendobj\n"
        table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
        trailer = f"trailer<</Size {len(objects) + 1}/Root 1 0 R>>\nstartxref\n{len(made)}\n%%EOF\n"
        return (f"{made}xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}{trailer}").encode("latin-1")

    @staticmethod
    def record(kind: str, body: bytes, url: str = "http://example.org/", **headers: str) -> bytes:
        """One WARC record."""
        named = {"WARC-Type": kind, "WARC-Target-URI": url, "WARC-Date": "2024-04-25T09:00:00Z"} | headers
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in named.items()]
        head = "\r\n".join(["WARC/1.0", *lines, f"Content-Length: {len(body)}"])
        return head.encode() + b"\r\n\r\n" + body + b"\r\n\r\n"

    @classmethod
    def page(cls, html: bytes, url: str = "http://example.org/", status: str = "200 OK", **headers: str) -> bytes:
        """One WARC record with an HTTP response."""
        named = {"Content-Type": "text/html"} | {name.replace("_", "-"): value for name, value in headers.items()}
        head = "\r\n".join([f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in named.items())])
        return cls.record("response", head.encode() + b"\r\n\r\n" + html, url)


@pytest.fixture(scope="session")
def documents() -> type[Documents]:
    return Documents
