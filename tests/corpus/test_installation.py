import sys
import time
from pathlib import Path

from telos.corpus.pipeline import build_corpus
from telos.corpus.sources import Source
from telos.corpus.sources.installation import Installation


def test_it_lists_the_standard_library() -> None:
    items = Installation().inputs()
    paths = [item.path for item in items]
    assert 500 < len(items) < 1500
    assert 8e6 < sum(item.size_bytes for item in items) < 30e6
    assert paths == sorted(set(paths))
    assert {"argparse.py", "json/decoder.py", "pydoc_data/topics.py"} <= set(paths)
    assert not [p for p in paths if "site-packages" in p or p.startswith("test/") or "/tests/" in p]
    assert Source.parse({"kind": "installation"}) == Installation()
    assert Installation().fingerprint() == Installation().fingerprint()


def test_it_builds(tmp_path: Path) -> None:
    began = time.perf_counter()
    corpus = build_corpus(Installation(), out=tmp_path / "corpus")
    assert time.perf_counter() - began < 20  # some 1 s on a quiet machine with two cores
    assert corpus.split_note is None
    assert min(corpus.count(name) for name in ("train", "validation", "test")) >= 4
    found = {d.source: d.text for d in corpus.documents("train")}
    source = next(name for name in found if name.startswith("asyncio/"))
    assert found[source] == (Path(sys.modules["json"].__file__ or "").parent.parent / source).read_text()
