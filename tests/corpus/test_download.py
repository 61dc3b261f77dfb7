"""Downloads from a server on the loopback address: resumed, whole, bounded, and errors in three parts."""

import hashlib
import http.server
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import pytest

from telos.corpus.download import USER_AGENT, Limits, download, is_kept, kept_path, size_of
from telos.foundation.errors import TelosError

CONTENT = bytes(range(256)) * 4096
FAST = Limits(attempts=3, pause_seconds=0.01, timeout_seconds=2)


class Site(http.server.BaseHTTPRequestHandler):
    """Serves `CONTENT` under names that say how."""

    asked: ClassVar[list[dict[str, Any]]] = []
    content = CONTENT
    etag = '"one"'

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        how = self.path.rpartition("/")[2].partition(".")[0]
        self.asked.append({"how": how, "method": self.command, **{k.lower(): v for k, v in self.headers.items()}})
        number = sum(a["how"] == how and a["method"] == "GET" for a in self.asked)
        if how.startswith("status-"):
            return self.refuse(int(how.removeprefix("status-")))
        if how.startswith("busy") and number < 3:
            return self.refuse(503, ("Retry-After", "0"))
        if how == "silent":
            time.sleep(5)
            return None
        if how == "redirect":
            return self.refuse(302, ("Location", "/whole.bin"))
        if how == "changed" and number == 2:
            type(self).etag, type(self).content = '"two"', CONTENT[::-1]
        return self.send(how, number)

    def refuse(self, status: int, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def send(self, how: str, number: int) -> None:
        wanted = self.headers.get("Range", "")
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.headers.get("If-Range") == self.etag else 0
        start = 0 if how == "norange" else start
        body = self.content[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        if how != "nolength":
            self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", self.etag)
        self.end_headers()
        if self.command == "HEAD":
            return
        breaks = {"breaks": number < 3, "norange": number < 2, "changed": number < 2, "truncated": True}.get(how, False)
        self.wfile.write(body[: len(body) // 3] if breaks else body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    Site.asked, Site.content, Site.etag = [], CONTENT, '"one"'
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/data"
    server.shutdown()
    server.server_close()


def refused(url: str, folder: Path, limits: Limits = FAST) -> tuple[str, str, str]:
    with pytest.raises(TelosError) as error:
        download(url, folder, limits)
    assert not is_kept(url, folder)
    return error.value.must.replace(url, "{}"), error.value.found, error.value.fix


@pytest.mark.parametrize("how", ["whole", "nolength", "busy", "breaks", "norange", "changed", "redirect", "月"])
def test_a_file_comes_whole(site: str, tmp_path: Path, how: str) -> None:
    url = f"{site}/{how}.bin?x=1"
    path = download(url, tmp_path, FAST)
    assert path.read_bytes() == Site.content
    assert path == kept_path(url, tmp_path)
    asked = len(Site.asked)
    assert download(url, tmp_path, FAST, expected_sha256=hashlib.sha256(Site.content).hexdigest()) == path
    assert len(Site.asked) == asked, "it was fetched once"
    assert {a["user-agent"] for a in Site.asked} == {USER_AGENT}
    assert sorted(p.name for p in path.parent.iterdir()) == sorted([".lock", path.name, f"{path.name}.json"])


def test_it_goes_on_where_it_broke_off(site: str, tmp_path: Path) -> None:
    download(f"{site}/breaks.bin", tmp_path, FAST)
    third = len(CONTENT) // 3
    assert [a.get("range") for a in Site.asked] == [None, f"bytes={third}-", f"bytes={third + (len(CONTENT) - third) // 3}-"]


def test_a_later_run_goes_on_as_well(site: str, tmp_path: Path) -> None:
    assert refused(f"{site}/breaks.bin", tmp_path, Limits(attempts=1))[0] == "{} must come whole"
    download(f"{site}/breaks.bin", tmp_path, FAST)
    assert Site.asked[1]["range"] == f"bytes={len(CONTENT) // 3}-"


def test_errors_have_three_parts(site: str, tmp_path: Path) -> None:
    there = "{} must be there for everyone to read"
    assert refused(f"{site}/status-403", tmp_path) == (
        there, "HTTP status 403 (Forbidden)", "the server forbids it: ask who runs it, or leave it out")  # fmt: skip
    assert refused(f"{site}/status-404", tmp_path) == (
        there,
        "HTTP status 404 (Not Found)",
        "check its spelling, or leave it out",
    )
    assert len(Site.asked) == 2, "these are not tried again"
    assert refused(f"{site}/status-500", tmp_path) == (there, "HTTP status 500 (Internal Server Error)", "try again later")
    assert refused(f"{site}/truncated.bin", tmp_path) == (
        "{} must come whole", f"the connection ended after {len(CONTENT) - (len(CONTENT) * 8 // 27) - 1} of {len(CONTENT)} bytes",
        "run the same command again: it goes on where it stopped")  # fmt: skip
    assert refused(f"{site}/silent", tmp_path, Limits(attempts=1, timeout_seconds=0.2)) == (
        "{} must be reachable", "the server is silent", "try again later")  # fmt: skip
    must, found, fix = refused("http://no-such-host.invalid/a.warc.gz", tmp_path)
    assert must == "{} must be reachable"
    assert found.startswith("the name of its host does not resolve")
    assert fix == "check its spelling and the network, or download it yourself and give the file's path"
    assert refused("http://127.0.0.1:9/a", tmp_path)[1] == "[Errno 111] Connection refused"
    assert refused("http://[bad/a", tmp_path)[0] == "{} must be reachable"


@pytest.mark.parametrize("how", ["whole", "nolength"])
def test_a_file_larger_than_allowed(site: str, tmp_path: Path, how: str) -> None:
    must, found, fix = refused(f"{site}/{how}.bin", tmp_path, Limits(max_bytes=1_000_000, attempts=1))
    assert must == "{} must have at most 1 MB"
    assert found.endswith("or more")
    assert fix == "raise corpus.max_download_mb, or leave it out"


def test_another_content_than_expected(site: str, tmp_path: Path) -> None:
    with pytest.raises(TelosError, match="must have the SHA-256 00"):
        download(f"{site}/whole.bin", tmp_path, FAST, expected_sha256="00")


def test_several_at_once_fetch_it_once(site: str, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        paths = set(pool.map(lambda _: download(f"{site}/whole.bin", tmp_path, FAST), range(8)))
    assert len(paths) == 1
    assert len(Site.asked) == 1


def test_sizes(site: str) -> None:
    assert size_of(f"{site}/whole.bin", FAST) == len(CONTENT)
    assert size_of(f"{site}/nolength.bin", FAST) == 0
    with pytest.raises(TelosError, match="must be there"):
        size_of(f"{site}/status-404", FAST)
