"""Web archives: WARC, WET and ARC files on disk, at URLs, or named by one of Common Crawl's path lists.

    {kind: warc, path: crawl/}                                             files and folders
    {kind: warc, path: "https://example.org/site.warc.gz"}                 downloaded once, resumed where it broke off
    {kind: warc, paths: wet.paths.gz, limit: 10}                           the first ten files of a Common Crawl

What a record gives is said in `telos.corpus.formats.warc`; how files come over the network in `telos.corpus.download`.
Test: tests/corpus/sources/test_warc.py.
"""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

from pydantic import Field, model_validator

from telos.corpus.compression import Stream, TooLarge, inner_name
from telos.corpus.download import Limits, cache_folder, download, is_kept, is_url, kept_path, size_of
from telos.corpus.extract import MEGABYTE, Extract
from telos.corpus.formats import warc
from telos.corpus.lines import utf8_lines
from telos.corpus.sources import Fields, Input, RawDocument, Source
from telos.corpus.sources.files import Files
from telos.foundation.errors import TelosError
from telos.foundation.spec import stable_hash

_SIZES_ASKED = 32
"""Of so many URLs the server is asked for their sizes; more would be a burden, and count as of unknown size."""


class Warc(Source):
    """``path``: files, folders (in which .warc, .wet and .arc files are read, also compressed) and URLs.  ``paths``: a file or
    URL that lists paths, one a line, each to be put behind ``prefix``.  ``limit``: the first so many of the list.
    ``downloads``: the folder for what is fetched (null: the user's cache folder); ``keep_downloads``: leave it there for the
    next run.  ``max_download_mb``: of one file.  ``attempts``: how often a transfer is begun or continued.
    ``extract``: how text is taken out of pages."""

    path: str | list[str] = Field(default_factory=list)
    paths: str | None = None
    prefix: str = "https://data.commoncrawl.org/"
    limit: int | None = Field(None, ge=1)
    downloads: str | None = None
    keep_downloads: bool = True
    max_download_mb: int = Field(16384, ge=1)
    attempts: int = Field(5, ge=1)
    extract: Extract = Extract()

    @model_validator(mode="after")
    def _something_to_read(self) -> "Warc":
        if not self.path and self.paths is None:
            raise ValueError("a WARC source needs path (files, folders, URLs) or paths (a list of them)")
        return self

    def inputs(self) -> list[Input]:
        """Every file, sorted by path; of URLs the server is asked whether they are there and how large, unless they are many
        or downloaded already."""
        urls = self._urls()
        asked = sum(not is_kept(url, self._folder) for url in urls) <= _SIZES_ASKED
        items = [*self._local(), *(self._remote(url, asked) for url in urls)]
        if not items:
            raise TelosError("the corpus must hold web archives", "no .warc, .wet or .arc file in its folders",
                             "choose another corpus.path")  # fmt: skip
        return sorted(items, key=lambda item: item.path)

    def read(self, item: Input) -> Iterator[RawDocument]:
        remote = is_url(item.location)
        file = download(item.location, self._folder, self._limits) if remote else Path(item.location)
        with Stream(str(file)) as stream:
            try:
                yield from warc.read(stream, item.location, Fields(extract=self.extract))
            except TooLarge:
                yield RawDocument("", skipped="too_large", size_bytes=item.size_bytes)
        if remote and not self.keep_downloads:
            file.unlink(missing_ok=True)

    def fingerprint(self) -> str:
        """Of files as always, of URLs by their names: no server is asked."""
        return stable_hash([[[i.path, i.size_bytes, i.modified_ns] for i in self._local()], self._urls()])

    @property
    def _folder(self) -> Path:
        return Path(self.downloads) if self.downloads else cache_folder()

    @property
    def _limits(self) -> Limits:
        return Limits(max_bytes=self.max_download_mb * MEGABYTE, attempts=self.attempts)

    def _local(self) -> list[Input]:
        roots = [path for path in self._several() if not is_url(path)]
        if not roots:
            return []
        return [item for item in Files(roots if len(roots) > 1 else roots[0]).inputs()
                  if Path(item.location).is_file() and _is_archive(item, roots)]  # fmt: skip

    def _urls(self) -> list[str]:
        listed = [urljoin(self.prefix, path) for path in self._listed()]
        return list(dict.fromkeys([*(path for path in self._several() if is_url(path)), *listed]))

    def _listed(self) -> list[str]:
        """The paths of the list, at most ``limit``."""
        if self.paths is None:
            return []
        file = download(self.paths, self._folder, self._limits) if is_url(self.paths) else Path(self.paths)
        found: list[str] = []
        with Stream(str(file)) as stream:
            for _, line, _ in utf8_lines(stream):
                path = line.decode().strip()
                if path and not path.startswith("#"):
                    found.append(path)
                if self.limit is not None and len(found) == self.limit:
                    break
        if not found:
            raise TelosError(f"{self.paths} must list paths, one a line", "an empty list", "choose another corpus.paths")
        return found

    def _remote(self, url: str, asked: bool) -> Input:
        path = url.partition("://")[2]
        if is_kept(url, self._folder):
            return Input(path, url, kept_path(url, self._folder).stat().st_size)
        return Input(path, url, size_of(url, self._limits) if asked else 0)

    def _several(self) -> list[str]:
        return [self.path] if isinstance(self.path, str) else list(self.path)


def _is_archive(item: Input, roots: list[str]) -> bool:
    """By its suffix in a folder; a file that was named itself is taken at its word."""
    named = any(Path(root) == Path(item.location) for root in roots)
    return named or Path(inner_name(item.path)).suffix.lower() in warc.SUFFIXES
