"""Small files that want to be large, slow or somewhere else: each is refused or bounded.

Every one ends within 10 seconds as documents, skipped documents or a `TelosError`; its extraction process stays under 512 MB
and the reader's own memory grows by little.  Seconds are of processor time in both processes, since others may share the
machine.  Linux only: memory and time are read from /proc.
"""

import bz2
import contextlib
import gzip
import io
import lzma
import os
import struct
import sys
import threading
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from telos.corpus import sandbox
from telos.corpus.sources import RawDocument
from telos.corpus.sources.files import Files
from telos.foundation.errors import TelosError

MOST_SECONDS, MOST_WORKER_KB, MOST_GROWTH_KB = 10.0, 512 * 1024, 300 * 1024
ZH = "床前明月光，疑是地上霜。"
pytestmark = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="memory is read from /proc")


def kilobytes(name: str, process: int | str = "self") -> int:
    try:
        text = Path(f"/proc/{process}/status").read_text()
        return next((int(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name}:")), 0)
    except OSError:
        return 0


def processor_seconds(process: int) -> float:
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return 0.0


class Watch(threading.Thread):
    """The largest resident size of any extraction process, and the processor time that all of them used."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.ended, self.most = threading.Event(), 0
        self.before = {p.popen.pid: processor_seconds(p.popen.pid) for p in sandbox._all}
        self.used: dict[int, float] = {}

    def run(self) -> None:
        while not self.ended.wait(0.02):
            for process in [p.popen.pid for p in list(sandbox._all)]:
                self.most = max(self.most, kilobytes("VmHWM", process))
                self.used[process] = max(self.used.get(process, 0.0), processor_seconds(process) - self.before.get(process, 0.0))


@pytest.fixture
def defused(tmp_path: Path) -> Callable[..., tuple[list[RawDocument], TelosError | None]]:
    """``defused("a.html", data)``: what comes of reading that file, and the error that ended it, within all bounds."""

    def read(name: str, data: bytes | None, **settings: object) -> tuple[list[RawDocument], TelosError | None]:
        path = tmp_path / name
        if data is not None:
            path.write_bytes(data)
        del data
        source = Files(path, **settings)
        item = source.inputs()[0]
        documents, error = [], None
        Path("/proc/self/clear_refs").write_text("5")
        before, watch, began = kilobytes("VmRSS"), Watch(), time.thread_time()
        watch.start()
        try:
            documents.extend(source.read(item))
        except TelosError as found:
            error = found
        seconds = time.thread_time() - began
        watch.ended.set()
        watch.join()
        seconds += sum(watch.used.values())
        growth = kilobytes("VmHWM") - before
        print(f"{name}: {seconds:.1f} s, reader +{growth // 1024} MB, worker {watch.most // 1024} MB, "
              f"{[d.skipped or len(d.text) for d in documents[:3]]} {error and error.must[-60:]}", file=sys.stderr)  # fmt: skip
        assert seconds < MOST_SECONDS
        assert growth < MOST_GROWTH_KB
        assert watch.most < MOST_WORKER_KB
        assert documents or error, "nothing may be lost silently"
        return documents, error

    return read


def gzip_of_zeros(size: int) -> bytes:
    """A gzip file of ``size`` zero bytes, by repeating a block that ends at a byte's border."""
    packer, block = zlib.compressobj(9, zlib.DEFLATED, -15), bytes(1 << 24)
    first = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    count = size // len(block)
    return b"\x1f\x8b\x08" + bytes(7) + first + again * (count - 1) + b"\x03\0" + struct.pack("<II", 0, size & 0xFFFFFFFF)


@pytest.mark.parametrize("name", ["a.txt.gz", "a.html.gz", "a.jsonl.gz", "a.csv.gz", "a.warc.gz", "a.parquet.gz", "a.json.gz"])
def test_ten_gigabytes_of_zeros(defused: Callable, name: str) -> None:
    documents, error = defused(name, gzip_of_zeros(10 << 30))
    assert [d.skipped for d in documents] == ["too_large"] or (error and "must be a WARC" in error.must)


@pytest.mark.parametrize(("name", "pack"), [("a.txt.bz2", bz2.compress), ("a.txt.xz", lzma.compress),
                                            ("a.txt.zst", lambda data: pa.compress(data, "zstd", asbytes=True))])  # fmt: skip
def test_zeros_in_other_compressions(defused: Callable, name: str, pack: Callable) -> None:
    assert [d.skipped for d in defused(name, pack(bytes(1 << 28)))[0]] == ["too_large"]


def test_text_that_compresses_well_is_read(defused: Callable) -> None:
    """A file of the same sentence a million times is dull, and no bomb."""
    documents, _ = defused("a.txt.gz", gzip.compress((ZH * 600_000).encode()))
    assert len(documents[0].text) == len(ZH) * 600_000


def test_nested_archives(defused: Callable, documents: type) -> None:
    inner = documents.zip({f"{n}.txt": bytes(1 << 20) for n in range(16)})
    for _ in range(4):
        inner = documents.zip({f"{n}.zip": inner for n in range(16)})
    found, _ = defused("42.zip", inner)
    assert {d.skipped for d in found} == {"nested_archive"}
    assert len(found) == 16


def test_members_that_overlap_or_swell(defused: Callable, documents: type) -> None:
    """One member of 4 GB of zeros; and many, each under the limit, that are too much together."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("large.txt", "w", force_zip64=True) as file:
            for _ in range(64):
                file.write(bytes(1 << 24))
        for n in range(40):
            archive.writestr(f"{n}.txt", bytes(1 << 25))
        archive.writestr("poem.txt", ZH)
    found, _ = defused("a.zip", made.getvalue())
    assert found[0].skipped == "too_large"
    assert sum(d.skipped == "too_large" for d in found) > 25
    assert len(found) == 42


def test_paths_that_climb_out(defused: Callable, documents: type, tmp_path: Path) -> None:
    names = [
        "../../evil.txt",
        "/etc/evil.txt",
        "a/../../evil.txt",
        "C:\\evil.txt",
        "..\\evil.txt",
        "evil\n.txt",
        "evil.txt\0.exe",
    ]
    found, _ = defused("a.zip", documents.zip(dict.fromkeys(names[:-1], ZH)))
    assert {d.text for d in found} == {ZH}
    assert len({d.place for d in found}) == len(names) - 1
    assert not any("\n" in str(d.place) for d in found)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a.zip"]
    assert not list(tmp_path.parent.glob("evil*"))


@pytest.mark.parametrize("tag", ["div", "b", "table><tr><td", "ul><li", "blockquote"])
def test_html_of_depth_100_000(defused: Callable, tag: str) -> None:
    first = tag.partition(">")[0]
    page = f"<html><body><p>{ZH * 20}</p>" + f"<{tag}>x" * 100_000 + f"</{first}>" * 100_000
    defused("a.html", page.encode())


@pytest.mark.parametrize("attribute", ["colspan", "rowspan", "span"])
def test_a_table_9e15_columns_wide(defused: Callable, attribute: str) -> None:
    cell = f'<td {attribute}="9000000000000000">月</td>'
    row = f"<tr>{cell * 3}</tr>"
    page = f"<html><body><article><p>{ZH * 30}</p><table>{row * 3}</table></article></body></html>"
    defused("a.html", page.encode())


@pytest.mark.parametrize("name", ["a.html", "a.txt", "a.jsonl", "a.csv", "a.md"])
def test_a_line_of_50_megabytes(defused: Callable, name: str) -> None:
    line = ZH * (50_000_000 // len(ZH.encode()))
    text = {"a.html": f"<html><body><p>{line}", "a.jsonl": f'{{"text": "{line}"}}', "a.csv": f"text\n{line}"}.get(name, line)
    found, _ = defused(name, text.encode())
    assert name == "a.html" or len(found[0].text) == len(line)


@pytest.mark.parametrize(
    "bait",
    [
        "<!--" + "-" * 500_000, "<" * 1_000_000, "<html " + "a=" * 500_000, "&" * 1_000_000, "<meta charset" + " " * 1_000_000,
        "<a href='" + "/" * 1_000_000, "<p>" + ("a" * 30 + "! ") * 100_000, "<p>" + "1/1/" * 200_000, "<title>" + " \n" * 500_000,
        "<script type='application/ld+json'>" + '{"a":' * 100_000, "<p>" + "http://" * 200_000, "<style>" + "/*" * 500_000,
        "<p>" + " " * 1_000_000 + "x", "<meta name='date' content='" + "2020-" * 200_000 + "'>", "<br>" * 300_000,
    ],
    ids=range(15),
)  # fmt: skip
def test_bait_for_backtracking(defused: Callable, bait: str) -> None:
    defused("a.html", f"<html><head>{bait}</head><body>{bait}<p>{ZH * 20}</p></body></html>".encode())


def test_parquet_that_claims_too_much(defused: Callable, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": [ZH * 20] * 100}), path, compression="none", use_dictionary=False)
    whole = path.read_bytes()
    footer = int.from_bytes(whole[-8:-4], "little")
    claims = [
        whole[:-8] + struct.pack("<I", 0x7FFFFFFF) + b"PAR1",
        whole[:-8] + struct.pack("<I", 0xFFFFFFFF) + b"PAR1",
        b"PAR1" + b"\xff" * 1000 + struct.pack("<I", 1000) + b"PAR1",
        # a Thrift list, string and map of two thousand million elements
        *(b"PAR1" + bytes([0x15, 0x02, kind]) + b"\xff\xff\xff\xff\x07" * 2 + struct.pack("<I", 13) + b"PAR1" for kind in
          (0x19, 0x18, 0x1B)),
    ]  # fmt: skip
    for place in range(len(whole) - 8 - footer, len(whole) - 8, 3):  # each number of the footer in turn
        claims.append(whole[:place] + b"\xfe\xff\xff\xff\x0f" + whole[place + 5 :])
    for place in range(4, 60):  # the page header
        claims.append(whole[:place] + b"\xfe\xff\xff\xff\x0f" + whole[place + 5 :])
    for number, data in enumerate(claims[:6]):
        defused(f"{number}.parquet", data)
    began = time.thread_time()
    Path("/proc/self/clear_refs").write_text("5")
    before = kilobytes("VmRSS")
    for data in claims[6:]:
        path.write_bytes(data)
        with contextlib.suppress(TelosError):
            list(Files(path).read(Files(path).inputs()[0]))
    assert time.thread_time() - began < MOST_SECONDS
    assert kilobytes("VmHWM") - before < MOST_GROWTH_KB


NAMES = (
    "a.txt a.html a.jsonl a.json a.csv a.tsv a.parquet a.zip a.warc a.pdf a.docx a.epub a.gz a.txt.gz a.zst a.xz a.bz2 a a.dat"
)


@pytest.mark.parametrize("name", NAMES.split())
def test_a_sparse_file_of_ten_gigabytes(defused: Callable, tmp_path: Path, name: str) -> None:
    with open(tmp_path / name, "wb") as file:
        file.truncate(10 << 30)
    found, error = defused(name, None)
    assert error is not None or {d.skipped for d in found} <= {"too_large", "binary"}
    assert not any(d.text for d in found)


@pytest.mark.parametrize("name", ["a.html", "a.txt", "a.jsonl", "a.csv", "a.json", "a.xhtml"])
def test_what_is_no_utf_8(defused: Callable, name: str) -> None:
    rubbish = bytes(range(128, 256)) * 20_000 + b"\xff\xfe\xed\xa0\x80\xf5\x80" * 1000
    shell = {
        "a.html": b"<html><meta charset=utf-8><p>%s</p>",
        "a.jsonl": b'{"text": "%s"}',
        "a.csv": b"text\n%s",
        "a.json": b'["%s"]',
    }
    found, error = defused(name, shell.get(name, b"%s") % rubbish)
    assert error is None
    for document in found:
        document.text.encode()


def test_a_pdf_whose_page_tree_is_a_loop(defused: Callable, documents: type) -> None:
    for pages in ("<</Type/Pages/Kids[2 0 R]/Count 1>>", "<</Type/Pages/Kids[2 0 R 2 0 R]/Count 99999999/Parent 2 0 R>>",
                  "<</Type/Pages/Kids[3 0 R 2 0 R]/Count 2147483647>>"):  # fmt: skip
        found, _ = defused("a.pdf", documents.pdf_of("BT /F1 9 Tf (moon) Tj ET", pages=pages))
        assert found[0].skipped or found[0].text


LAUGHS = '<!DOCTYPE lolz [<!ENTITY a0 "ha">' + "".join(
    f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12)
) + "]>"  # fmt: skip


def test_a_billion_laughs_in_docx(defused: Callable, documents: type) -> None:
    found, _ = defused("a.docx", documents.docx("<w:p><w:r><w:t>&a11;</w:t></w:r></w:p>", head=LAUGHS))
    assert found[0].skipped == "extraction_failed"


def test_a_docx_that_unpacks_to_four_gigabytes(defused: Callable, documents: type) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("word/document.xml", "w") as file:
        for _ in range(100):
            file.write(bytes(1 << 24))
    found, _ = defused("a.docx", made.getvalue())
    assert found[0].skipped in ("extraction_memory", "extraction_failed")


def test_an_epub_that_reads_other_files(defused: Callable, documents: type, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the secret itself")
    bait = f'<!DOCTYPE package [<!ENTITY x SYSTEM "file://{secret}">]>'
    page = f"{bait}<html><body><p>{ZH}&x;</p></body></html>"
    for data in (documents.epub([page]), documents.epub([f"<html><p>{ZH}</p></html>"], head=bait, title="&x;"),
                 documents.epub([page], more={"META-INF/encryption.xml": bait + "<encryption>&x;</encryption>"}),
                 documents.epub([f'{LAUGHS.replace("lolz", "html")}<html><body><p>{ZH}&a11;</p></body></html>'])):  # fmt: skip
        found, _ = defused("a.epub", data)
        assert "secret itself" not in str(found)
        assert found[0].skipped or found[0].text.startswith(ZH)


def test_a_web_archive_of_claims(defused: Callable, documents: type) -> None:
    bodies = [
        b"WARC/1.0\r\nWARC-Type: response\r\nContent-Length: 9999999999999999\r\n\r\nHTTP/1.1 200 OK\r\n\r\nx",
        b"WARC/1.0\r\n" + b"A: b\r\n" * 500_000 + documents.page(b"<p>x"),
        b"WARC/1.0\r\nA: " + b"b" * 20_000_000 + b"\r\n\r\n",
        documents.page(b"FFFFFFF\r\nx", Transfer_Encoding="chunked"),
        documents.page(gzip_of_zeros(1 << 30), Content_Encoding="gzip"),
        documents.page(b"1\r\n<\r\n" * 1_000_000, Transfer_Encoding="chunked"),
    ]
    for body in bodies:
        found, error = defused("a.warc", body)
        assert error is None
        assert sum(len(d.text) for d in found) <= len(body)


def test_it_is_the_limits_that_hold(documents: type, tmp_path: Path) -> None:
    """Without them the same bytes would be read: the sandbox's address space is limited by the operating system."""
    (tmp_path / "a.html").write_bytes(b"<html><body><p>" + b"moon " * 10_000_000)
    source = Files(tmp_path / "a.html", extract={"memory_mb": 256, "deadline_seconds": 60})
    found = list(source.read(source.inputs()[0]))
    assert found[0].skipped in ("extraction_memory", "extraction_crash")
    assert os.getpid()
