"""The source of web archives: folders, URLs and Common Crawl's path lists, from a server on the loopback address."""

import functools
import gzip
import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from telos.corpus.sources import Source
from telos.corpus.sources.warc import Warc
from telos.foundation.errors import TelosError

ZH = "床前明月光，疑是地上霜。"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def crawl(fill: Callable[..., Path], documents: type) -> Path:
    files: dict[str, bytes] = {
        f"crawl-data/{n:02d}.warc.wet.gz": gzip.compress(documents.record("conversion", f"{ZH}{n}".encode())) for n in range(5)
    }
    files["wet.paths.gz"] = gzip.compress("".join(f"{name}\n" for name in files).encode())
    return fill("crawl", files)


@pytest.fixture
def site(crawl: Path) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(crawl)))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def texts(source: Warc) -> list[str]:
    return [d.text for item in source.inputs() for d in source.read(item)]


def test_a_folder(crawl: Path) -> None:
    source = Source.parse({"kind": "warc", "path": str(crawl)})
    assert isinstance(source, Warc)
    assert [i.path for i in source.inputs()] == [f"crawl-data/{n:02d}.warc.wet.gz" for n in range(5)]
    assert texts(source) == [f"{ZH}{n}" for n in range(5)]


@pytest.mark.parametrize("remote", [True, False])
def test_a_list_of_paths(site: str, crawl: Path, tmp_path: Path, remote: bool) -> None:
    listed = f"{site}wet.paths.gz" if remote else str(crawl / "wet.paths.gz")
    source = Warc(paths=listed, prefix=site, limit=3, downloads=str(tmp_path / "kept"))
    before = source.inputs()
    assert [i.path for i in before] == [f"{site[7:]}crawl-data/{n:02d}.warc.wet.gz" for n in range(3)]
    assert all(i.size_bytes > 0 for i in before)
    first = source.fingerprint()
    assert texts(source) == [f"{ZH}{n}" for n in range(3)]
    assert source.inputs() == before, "downloaded or not, it is the same list"
    assert source.fingerprint() == first
    assert source.replace(limit=2).fingerprint() != first


def test_urls_and_files_together_and_downloads_that_are_not_kept(site: str, crawl: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    source = Warc(path=[f"{site}crawl-data/00.warc.wet.gz", str(crawl / "crawl-data/04.warc.wet.gz")], downloads=str(kept),
                  keep_downloads=False)  # fmt: skip
    assert sorted(texts(source)) == [f"{ZH}0", f"{ZH}4"]
    assert not list(kept.rglob("*.gz"))


def test_errors(site: str, crawl: Path, tmp_path: Path, fill: Callable[..., Path]) -> None:
    def refused(**settings: object) -> tuple[str, str, str]:
        with pytest.raises(TelosError) as error:
            texts(Warc(**({"downloads": str(tmp_path / "kept"), "attempts": 1} | settings)))
        return error.value.must, error.value.found, error.value.fix

    assert refused()[0] == "recipe: a WARC source needs path (files, folders, URLs) or paths (a list of them)"
    assert refused(path=f"{site}missing.warc.gz") == (
        f"{site}missing.warc.gz must be there for everyone to read", "HTTP status 404 (File not found)",
        "check its spelling, or leave it out")  # fmt: skip
    assert refused(path="http://no-such-host.invalid/a.warc")[0] == "http://no-such-host.invalid/a.warc must be reachable"
    assert refused(path=str(fill("empty", {"a.txt": "x"})))[:2] == (
        "the corpus must hold web archives", "no .warc, .wet or .arc file in its folders")  # fmt: skip
    assert refused(paths=str(fill("list", {"none": "\n# x\n"}) / "none"))[1] == "an empty list"
    assert refused(paths=str(tmp_path / "nowhere"))[0] == f"{tmp_path / 'nowhere'} must be readable"
    (crawl / "bad.warc.gz").write_bytes(b"no archive")
    assert refused(path=f"{site}bad.warc.gz")[0].endswith("must be a whole gzip file")
