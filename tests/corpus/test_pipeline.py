import hashlib
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from telos.corpus import inputs, shards
from telos.corpus.clean import Clean, document_id
from telos.corpus.corpus import Corpus
from telos.corpus.pipeline import build_corpus
from telos.corpus.sources.files import Files
from telos.corpus.split import SPLITS
from telos.foundation.errors import TelosError

ZH = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"


def texts(corpus: Corpus) -> Counter[str]:
    return Counter(d.text for name in SPLITS for d in corpus.documents(name))


def contents(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()}


def check_sums(corpus: Corpus) -> None:
    before = None
    for stage in corpus.funnel:
        assert stage["documents_in"] == stage["documents_out"] + sum(stage["dropped"].values())
        assert stage["bytes_in"] + stage["rewritten_bytes"] == stage["bytes_out"] + sum(stage["dropped_bytes"].values())
        if before is not None:
            assert (stage["documents_in"], stage["bytes_in"]) == (before["documents_out"], before["bytes_out"])
        before = stage
    assert before is not None
    assert before["bytes_out"] == sum(corpus.bytes(name) for name in SPLITS)


def test_every_document_arrives_once(many: Path, build: Callable) -> None:
    corpus = build(many)
    assert texts(corpus) == Counter(p.read_text() for p in many.rglob("*.txt"))
    assert corpus.split_note is None
    for name in SPLITS:
        documents = list(corpus.documents(name))
        assert corpus.count(name) == len(documents) > 3
        assert corpus.bytes(name) == sum(len(d.text.encode()) for d in documents)
        assert corpus.characters(name) == sum(len(d.text) for d in documents)
        assert [d.source for d in documents] == sorted(d.source for d in documents)
        for d in documents:
            assert d.text == (many / d.source).read_text()
            assert d.id == document_id(d.source, d.text)
    check_sums(corpus)


def test_the_same_input_gives_the_same_bytes(
    many: Path, build: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where buckets hold a few inputs each, and from a copy of the folder under the same settings."""
    first = build(many, out="one")
    monkeypatch.setattr(inputs, "BUCKET_BYTES", 500)
    second = build(many, out="two")
    assert contents(first.folder) == contents(second.folder)
    shutil.copytree(many, tmp_path / "copy")
    third = build(tmp_path / "copy", out="three")
    changed = {name for name, sha in contents(third.folder).items() if contents(first.folder)[name] != sha}
    assert changed == {"corpus.json", "corpus.html", "README.md", "manifest.json"}  # the path in the settings
    assert third.hash == first.hash


def test_the_hash_follows_the_content(many: Path, build: Callable) -> None:
    hashes = [build(many).hash, build(many, seed=2).hash, build(many, split={"validation_fraction": 0.2}).hash]
    (many / "0" / "000.txt").write_text("another text")
    hashes.append(build(many).hash)
    assert len(set(hashes)) == 4


def test_growing_moves_no_document(many: Path, build: Callable, fill: Callable[..., Path]) -> None:
    def places(corpus: Corpus) -> dict[str, str]:
        return {d.text: name for name in SPLITS for d in corpus.documents(name)}

    before = places(build(many, split="content"))
    fill("many", {f"new/{n}.txt": f"{ZH}{n * n}" for n in range(100)})
    after = places(build(many, split="content"))
    assert len(after) == 400
    assert before.items() <= after.items()


def test_duplicates_keep_the_first_by_source(fill: Callable[..., Path], build: Callable) -> None:
    files = {"b.txt": f"{ZH}café", "a.txt": f"{ZH} cafe\u0301", "c/d.txt": f" {ZH}\ncafé\n", "e.txt": f"{ZH}\u3000café"}
    root = fill("t", files | {f"more/{n}.txt": f"{ZH * 20}{n}" for n in range(5)})
    corpus = build(root)
    check_sums(corpus)
    stage = next(s for s in corpus.funnel if s["stage"] == "exact")
    assert stage["dropped"] == {"exact_duplicate": 2}
    sources = {d.source for d in corpus.documents("train")}
    assert {"a.txt", "b.txt"} <= sources
    assert not {"c/d.txt", "e.txt"} & sources
    everything = build(root, clean={"dedup": []})
    assert everything.count("train") == 9
    ids = [d.id for name in SPLITS for d in everything.documents(name)]
    assert len(ids) == len(set(ids))


def test_no_copy_crosses_splits(fill: Callable[..., Path], build: Callable) -> None:
    lines = [f'{{"text": "{ZH}{n % 150}"}}\n' for n in range(600)]
    corpus = build(fill("t", {"a.jsonl": "".join(lines)}))
    assert sum(texts(corpus).values()) == 150
    assert max(texts(corpus).values()) == 1
    assert next(corpus.documents("train")).source == "a.jsonl:1"


def test_a_single_document_is_cut_exactly(fill: Callable[..., Path], build: Callable) -> None:
    text = "".join(f"{n} {ZH}\n" for n in range(400))
    corpus = build(fill("t", {"a.txt": text}), split={"validation_fraction": 0.1, "test_fraction": 0})
    cut = int(len(text) * 0.9)
    assert [d.text for name in SPLITS for d in corpus.documents(name)] == [text[:cut], text[cut:]]
    assert corpus.count("test") == corpus.bytes("test") == 0
    assert "the only document is held out" in (corpus.split_note or "")
    check_sums(corpus)
    assert len({d.id for name in SPLITS for d in corpus.documents(name)}) == 2


@pytest.mark.data
def test_tinyshakespeare_is_split_as_everybody_does(shared_data: Path, build: Callable) -> None:
    path = shared_data / "tinyshakespeare" / "input.txt"
    text = path.read_text()
    for kind in ("auto", "position"):
        corpus = build(path, split={"kind": kind, "validation_fraction": 0.1, "test_fraction": 0})
        assert next(corpus.documents("train")).text == text[:1_003_854]
        assert next(corpus.documents("validation")).text == text[1_003_854:]


def test_by_position_every_document_is_cut(many: Path, build: Callable) -> None:
    corpus = build(many, split={"kind": "position", "validation_fraction": 0.3, "test_fraction": 0.3})
    joined: dict[str, str] = {}
    for name in SPLITS:
        for d in corpus.documents(name):
            joined[d.source] = joined.get(d.source, "") + d.text
    assert joined == {str(p.relative_to(many)): p.read_text() for p in many.rglob("*.txt")}
    assert corpus.count("validation") == corpus.count("test") > 100
    check_sums(corpus)


def test_repaired_and_skipped_files_are_named(fill: Callable[..., Path], build: Callable) -> None:
    files = {"gb.txt": (ZH * 30).encode("gb18030"), "latin.txt": "Où est l'été? ".encode("latin-1") * 50, "a.bin": b"\0\0",
             "x.rtf": b"{\\rtf1{}}", "none.txt": "", "blank.md": " \n", "empty.jsonl": "\n",
             "good.txt": "\ufeff" + ZH * 30}  # fmt: skip
    corpus = build(fill("t", files))
    assert corpus.facts["repaired"] == [
        {"source": "gb.txt", "encoding": "gb18030"},
        {"source": "latin.txt", "encoding": "cp1252"},
    ]
    assert corpus.facts["skipped"] == [
        {"source": "a.bin", "reason": "binary", "bytes": 2}, {"source": "empty.jsonl", "reason": "empty", "bytes": 1},
        {"source": "x.rtf", "reason": "unsupported_format", "bytes": 9}]  # fmt: skip
    assert corpus.funnel[0]["dropped"] == {"binary": 1, "empty": 1, "unsupported_format": 1}
    assert corpus.funnel[1]["dropped"] == {"empty": 2}
    assert corpus.funnel[2]["dropped"] == {"exact_duplicate": 1}  # good.txt and gb.txt are one text
    check_sums(corpus)


def test_cleaning_that_changes_lengths_adds_up(fill: Callable[..., Path], build: Callable) -> None:
    corpus = build(fill("t", {"a.txt": f"{ZH}\r\n" * 30, "b.txt": "donâ€™t " * 100}))
    assert corpus.funnel[1]["rewritten_bytes"] == -30 - 100 * (len("â€™".encode()) - len("’".encode()))
    check_sums(corpus)


def test_parts_and_row_groups(many: Path, build: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = build(many, out="whole")
    monkeypatch.setattr(shards, "PART_BYTES", 5000)
    monkeypatch.setattr(shards, "ROW_GROUP_BYTES", 700)
    corpus = build(many, out="parts")
    assert [p.name for p in shards.parts(corpus.folder / "train")][:3] == [
        "part-00000.parquet",
        "part-00001.parquet",
        "part-00002.parquet",
    ]
    assert corpus.facts["splits"]["train"]["parts"] == len(shards.parts(corpus.folder / "train"))
    for part in shards.parts(corpus.folder / "train"):
        for number in range((file := pq.ParquetFile(part)).num_row_groups):
            sizes = file.read_row_group(number, columns=["bytes"])["bytes"].to_pylist()
            assert sum(sizes[:-1]) < 700
    assert list(corpus.documents("train")) == list(whole.documents("train"))
    assert corpus.hash == whole.hash


def test_several_sources(fill: Callable[..., Path], tmp_path: Path) -> None:
    one, two = fill("one", {"a.txt": ZH * 20, "b.txt": "b" * 400}), fill("two", {"a.txt": "z" * 400})
    corpus = build_corpus([Files(one), Files(two)], Clean(), out=tmp_path / "out")
    assert [d.source for d in corpus.documents("train")] == ["a.txt", "b.txt", "2/a.txt"]


def test_a_failed_build_leaves_nothing_and_the_old_corpus(many: Path, build: Callable, tmp_path: Path) -> None:
    before = build(many)
    (many / "zzz.jsonl").write_text("{")
    with pytest.raises(TelosError):
        build(many)
    assert Corpus.open(before.folder, verify=True).hash == before.hash
    assert {p.name for p in tmp_path.iterdir()} == {"many", "corpus"}


def test_only_a_corpus_is_replaced(many: Path, build: Callable, fill: Callable[..., Path]) -> None:
    with pytest.raises(TelosError) as error:
        build(many, out="many")
    assert error.value.must == f"{many} must be a new folder, an empty one, or an earlier corpus"
    assert error.value.found == "a folder with 0, 1, 2 …"
    assert len(list(many.rglob("*.txt"))) == 300
    fill("", {"file": "x"})
    with pytest.raises(TelosError, match="found: a file"):
        build(many, out="file")
    fill("empty", {})
    assert build(many, out="empty").count("train")


def test_opening(many: Path, build: Callable, tmp_path: Path) -> None:
    corpus = build(many)
    part = corpus.folder / "train" / "part-00000.parquet"
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(data)
    Corpus.open(corpus.folder)
    with pytest.raises(TelosError, match="SHA-256 differs"):
        Corpus.open(corpus.folder, verify=True)
    part.write_bytes(data[:-1])
    with pytest.raises(TelosError, match="missing or of another size"):
        Corpus.open(corpus.folder)
    for path, found in ((tmp_path / "nowhere", "no such folder"), (many, "no corpus.json in it")):
        with pytest.raises(TelosError) as error:
            Corpus.open(path)
        assert (error.value.must, error.value.found) == (f"{path} must be the folder of a corpus", found)
