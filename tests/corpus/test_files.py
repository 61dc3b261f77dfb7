import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from telos.corpus.extract import Extract
from telos.corpus.sources import RawDocument, Source
from telos.corpus.sources.files import Files

ZH = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"
EN = "It was the best of times, it was the worst of times. "
JSONL = '{"text": "月"}\n\n  \n"光"\n{"text": null, "n": 1}\n{"n": NaN, "text": "half \\ud83d pair"}'
CSV = '\ufefftitle,text\n一,"two\nlines, ""quoted"""\n\n二,月\n'
TSV = 'title\ttext\na\t"an open quotation mark\nb\t光\n'


def texts(path: Path, **settings: object) -> list[tuple[str, int | None]]:
    source = Files(path, **settings)
    return [(d.text, d.place) for item in source.inputs() for d in source.read(item)]


FORMATS = [
    ("a.txt", ZH, [(ZH, None)]),
    ("a.py", EN, [(EN, None)]),
    ("README", EN, [(EN, None)]),
    ("a.jsonl", JSONL, [("月", 1), ("光", 4), ("", 5), ("half \ufffd pair", 6)]),
    ("a.json", '[{"text": "月"}, "光"]', [("月", 1), ("光", 2)]),
    ("a.json", '{"text": "月"}', [("月", None)]),
    ("a.json", '{"text": "月"}\n\n{"text": "光"}\n', [("月", 1), ("光", 3)]),
    ("a.csv", CSV, [('two\nlines, "quoted"', 3), ("月", 5)]),
    ("a.csv", "title;text\n一;月\n", [("月", 2)]),
    ("a.csv", "\n \ntitle,text\n一,月\n", [("月", 4)]),
    ("a.tsv", TSV, [('"an open quotation mark', 2), ("光", 3)]),
]


@pytest.mark.parametrize("compression", ["", ".gz", ".zst"])
@pytest.mark.parametrize(("name", "content", "expected"), FORMATS)
def test_formats(fill: Callable[..., Path], name: str, content: str, expected: list, compression: str) -> None:
    data = content.encode()
    data = {"": data, ".gz": gzip.compress(data), ".zst": pa.compress(data, "zstd", asbytes=True)}[compression]
    assert texts(fill("t", {name + compression: data})) == expected


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "gb18030"])
@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.json", "a.csv", "a.tsv"])
def test_formats_in_other_encodings(fill: Callable[..., Path], name: str, codec: str) -> None:
    content = {
        "a.txt": ZH,
        "a.jsonl": f'{{"text": "{ZH}"}}\n' * 3,
        "a.json": f'["{ZH}"]',
        "a.csv": f"text\n{ZH}\n",
        "a.tsv": f"text\n{ZH}\n",
    }[name]
    source = Files(fill("t", {name: content.encode(codec)}))
    found = list(source.read(source.inputs()[0]))
    assert {d.text for d in found} == {ZH}
    assert {d.repaired for d in found} == {{"utf-8-sig": None, "utf-16": "utf-16-le", "gb18030": "gb18030"}[codec]}


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())])
@pytest.mark.parametrize("compressed", [False, True])
def test_parquet(tmp_path: Path, kind: pa.DataType, compressed: bool) -> None:
    table = pa.table({"n": [1, 2, 3], "body": pa.array(["月", None, "b"]).cast(kind)})
    pq.write_table(table, tmp_path / "a.parquet")
    if compressed:
        (tmp_path / "a.parquet.gz").write_bytes(gzip.compress((tmp_path / "a.parquet").read_bytes()))
        (tmp_path / "a.parquet").unlink()
    assert texts(tmp_path, text_field="body") == [("月", 1), ("", 2), ("b", 3)]


def test_parquet_that_is_not_the_utf_8_it_says(tmp_path: Path) -> None:
    binary = pa.array([(ZH * 3).encode("gb18030"), EN.encode(), None], pa.large_binary())
    text = pa.Array.from_buffers(pa.large_string(), 3, binary.buffers())
    pq.write_table(pa.table({"text": text}), tmp_path / "a.parquet", store_schema=False)
    source = Files(tmp_path)
    assert [(d.text, d.repaired) for d in source.read(source.inputs()[0])] == [(ZH * 3, "gb18030"), (EN, None), ("", None)]


def test_lines_across_blocks(fill: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f'{{"text": "{ZH[: n % 9]}{n}"}}' for n in range(500)]
    expected = [(f"{ZH[: n % 9]}{n}", n + 1) for n in range(500)]
    for codec, size in (("utf-8", 7), ("utf-8-sig", 100), ("utf-16", 64)):
        monkeypatch.setattr("telos.corpus.lines.BLOCK_BYTES", size)
        path = fill(f"{codec}{size}", {"a.jsonl": "\n".join(lines).encode(codec)})
        assert texts(path) == expected


def test_a_gzip_of_several_members(fill: Callable[..., Path]) -> None:
    assert texts(fill("t", {"a.txt.gz": gzip.compress(b"one ") + gzip.compress(b"two")})) == [("one two", None)]


def test_what_is_no_text_is_named(fill: Callable[..., Path]) -> None:
    files = {
        "a.bin": b"\x00\x01",
        "b.dat": b"\xfd\xfc" * 9,
        "c.rtf": b"{\\rt",
        "d.txt": b"a\x00b",
        "e.dat": b"\x07\x1b",
        "f.zip.gz": gzip.compress(b"x"),
    }
    source = Files(fill("t", files))
    found = {item.path: next(iter(source.read(item))) for item in source.inputs()}
    assert {path: d.skipped for path, d in found.items()} == {
        "a.bin": "binary", "b.dat": "binary", "c.rtf": "unsupported_format", "d.txt": "binary", "e.dat": "binary",
        "f.zip.gz": "nested_archive"}  # fmt: skip
    assert found["c.rtf"].size_bytes == 4
    assert found["d.txt"] == RawDocument("", skipped="binary", size_bytes=3)


def test_listing(fill: Callable[..., Path]) -> None:
    root = fill("t", {"b.txt": "b", "a/z.txt": "z", "a/.hidden": "h", ".git/x.txt": "x", "__pycache__/y.py": "y",
                      "诗/月.txt": "月"})  # fmt: skip
    os.mkfifo(root / "pipe.txt")
    (root / "gone.txt").symlink_to("nowhere")
    items = Files(root).inputs()
    assert [i.path for i in items] == ["a/z.txt", "b.txt", "诗/月.txt"]
    assert [i.size_bytes for i in items] == [1, 1, 3]
    assert [i.path for i in Files(root / "b.txt").inputs()] == ["b.txt"]


@pytest.mark.parametrize(
    "files",
    [
        ["run.json", "recipe.yaml", ".lock", "tokens/train/facts.txt"],
        ["corpus.json", "manifest.json", "train/part.txt"],
        ["config.json", "lineage.json"],
        ["tokenizer.json", "telos_tokenizer.json"],
    ],
    ids=["run", "corpus", "model", "tokenizer"],
)
def test_what_telos_made_is_passed_over(fill: Callable[..., Path], files: list[str]) -> None:
    root = fill("t", {"a.txt": "a", **{f"deep/我的/{name}": "{}" for name in files}})
    assert [i.path for i in Files(root).inputs()] == ["a.txt"]


@pytest.mark.parametrize("name", [".lock", "run.json", "recipe.yaml", "corpus.json", "manifest.json"])
def test_a_users_folder_that_holds_one_such_name_is_read(fill: Callable[..., Path], name: str) -> None:
    """A lock that a program left beside texts, or a data set called corpus.json, must not hide the texts."""
    root = fill("t", {"deep/月.txt": "月", f"deep/{name}": "{}"})
    assert "deep/月.txt" in [i.path for i in Files(root).inputs()]


def test_include_and_exclude(fill: Callable[..., Path]) -> None:
    root = fill("t", {"a.md": "a", "x/b.md": "b", "c.txt": "c", "drafts/d.md": "d"})
    assert [i.path for i in Files(root, include="*.md", exclude=["drafts/*"]).inputs()] == ["a.md", "x/b.md"]
    assert [i.path for i in Files(root, exclude="*.md").inputs()] == ["c.txt"]


def test_several_roots_keep_paths_apart(fill: Callable[..., Path]) -> None:
    root = fill("roots", {"one/a.txt": "1", "two/a.txt": "2", "c.txt": "3", "deep/one/a.txt": "4"})
    files = Files([str(root / "two"), str(root / "one"), str(root / "c.txt")])
    assert [i.path for i in files.inputs()] == ["c.txt", "one/a.txt", "two/a.txt"]
    both = Files([str(root / "one"), str(root / "deep/one")])
    assert len({i.path for i in both.inputs()}) == 2


def test_it_is_its_configuration(tmp_path: Path) -> None:
    for made in (
        Files("texts"),
        Files(path="texts"),
        Files(Path("texts")),
        Source.parse({"path": "texts"}),
        Source.parse({"kind": "files", "path": "texts"}),
    ):
        assert made == Files("texts")
        assert made.dump() == {
            "kind": "files",
            "path": "texts",
            "text_field": "text",
            "keep": [],
            "label_field": None,
            "target_field": None,
            "negative_field": [],
            "value_field": None,
            "weight_field": None,
            "tags_field": None,
            "question_field": None,
            "answers_field": None,
            "columns": [],
            "include": [],
            "exclude": [],
            "extract": Extract().dump(),
            "max_document_mb": 1024,
        }
    assert Files(["a", "b"]).path == ["a", "b"]


def test_the_fingerprint_follows_the_files(fill: Callable[..., Path]) -> None:
    root = fill("t", {"a.txt": "a", "b.txt": "b"})
    seen = [Files(root).fingerprint(), Files(root).fingerprint()]
    assert seen[0] == seen[1]
    os.utime(root / "a.txt", ns=(1, 1))
    seen.append(Files(root).fingerprint())
    fill("t", {"c.txt": "c"})
    seen.append(Files(root).fingerprint())
    (root / "a.txt").unlink()
    seen.append(Files(root).fingerprint())
    assert len(set(seen)) == 4


def test_our_own_output_is_not_read(fill: Callable[..., Path], build: Callable) -> None:
    root = fill("t", {"a.txt": EN * 50})
    first = build(root, out="t/corpus")
    again = build(root, out="t/corpus")
    assert first.hash == again.hash
    assert Files(root).inputs()[0].path == "a.txt"
    assert len(Files(root).inputs()) == 1
