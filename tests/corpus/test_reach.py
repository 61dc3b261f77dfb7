"""More text than a budget has time for: not all of it is even read."""

from telos.corpus import inputs
from telos.corpus.inputs import READ_AT_MOST
from telos.corpus.pipeline import build_corpus
from telos.corpus.sources.files import Files


def _texts(folder, count, size):
    folder.mkdir()
    for i in range(count):
        (folder / f"{i:03}.txt").write_text((f"text {i} 文本 " * size)[:size], encoding="utf-8")


def test_of_many_files_only_some_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(inputs, "READ_WHOLE_BYTES", 0)
    _texts(tmp_path / "texts", 200, 1000)
    corpus = build_corpus(Files(tmp_path / "texts"), out=tmp_path / "corpus", max_bytes=10_000)
    unread = corpus.facts["unread"]
    assert 100 < unread["files"] < 199
    assert corpus.funnel[0]["documents_in"] == 200 - unread["files"]
    assert corpus.funnel[0]["bytes_in"] <= READ_AT_MOST * 10_000
    again = build_corpus(Files(tmp_path / "texts"), out=tmp_path / "again", max_bytes=10_000)
    assert again.hash == corpus.hash


def test_what_is_within_reach_is_read_whole(tmp_path):
    _texts(tmp_path / "texts", 30, 1000)
    assert build_corpus(Files(tmp_path / "texts"), out=tmp_path / "a").facts["unread"] == {"files": 0, "bytes": 0}
    near = build_corpus(Files(tmp_path / "texts"), out=tmp_path / "b", max_bytes=1_000)
    assert near.facts["unread"]["files"] == 0
