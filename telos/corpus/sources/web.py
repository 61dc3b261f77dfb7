"""Web pages: a polite crawl of given pages, sites, feeds and sitemaps.

robots.txt is obeyed (RFC 9309), with the pause between requests that it asks for; one request at a time goes to a host, under a
user agent that says who asks; links are followed within a scope, breadth first, up to caps on depth, pages and bytes.  A
crawl is kept in a folder as WARC files: it is resumed where it was killed, asks no page twice, and stays as it is until
``refresh`` or another folder asks for a new one.  Scrapy does the work.
Test: tests/corpus/sources/test_web.py, against a server on the loopback address.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from telos import __version__
from telos.corpus.compression import Stream
from telos.corpus.crawl import crawl
from telos.corpus.download import cache_folder
from telos.corpus.extract import Extract
from telos.corpus.formats import warc
from telos.corpus.sources import Fields, Input, RawDocument, Source
from telos.foundation.spec import stable_hash


class Web(Source):
    """``start``: addresses of pages or feeds.  ``sitemap_urls``: of sitemaps besides those that robots.txt names (which are
    read where ``sitemaps`` is on).  ``scope``: which links are followed: none ("page"), those below the start's folder, on its
    host (with or without "www."), or on its host and hosts under that ("site").  ``max_depth``: links from a start address;
    ``max_pages``; ``max_page_mb``: larger ones are left out.  ``delay_seconds``: between two requests to a host.
    ``timeout_seconds``: for one answer.  ``user_agent``: how it names itself; write where you can be reached.  ``folder``:
    where the crawl is kept (null: the user's cache folder, by settings).  ``refresh``: crawl anew.  ``extract``: how text is
    taken out of pages."""

    start: str | list[str]
    sitemap_urls: list[str] = Field(default_factory=list)
    sitemaps: bool = False
    scope: Literal["page", "folder", "host", "site"] = "host"
    max_depth: int = Field(3, ge=0)
    max_pages: int = Field(1000, ge=1)
    max_page_mb: int = Field(16, ge=1)
    delay_seconds: float = Field(1.0, ge=0)
    timeout_seconds: float = Field(30.0, gt=0)
    user_agent: str = f"telos/{__version__} (builds text corpora; obeys robots.txt)"
    folder: str | None = None
    refresh: bool = False
    extract: Extract = Extract()

    @field_validator("start")
    @classmethod
    def _addresses(cls, start: str | list[str]) -> str | list[str]:
        for url in [start] if isinstance(start, str) else start:
            if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
                raise ValueError("a start address must begin with http:// or https:// and name a host")
        return start

    def inputs(self) -> list[Input]:
        """The WARC files of the crawl, which is made now unless it is there; `TelosError` where it finds no page."""
        folder = self._folder()
        if self.refresh and folder not in _REFRESHED:
            shutil.rmtree(folder, ignore_errors=True)
            _REFRESHED.add(folder)
        facts = crawl(folder, self._settings())
        files = [folder / name for name in facts["parts"]]
        return [Input(file.name, str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files]

    def read(self, item: Input) -> Iterator[RawDocument]:
        """A document a page, as `telos.corpus.formats.warc` reads it."""
        with Stream(item.location) as stream:
            yield from warc.read(stream, item.location, Fields(extract=self.extract))

    def _settings(self) -> dict:
        starts = [self.start] if isinstance(self.start, str) else list(self.start)
        return {
            "start": starts, "sitemap_urls": self.sitemap_urls, "sitemaps": self.sitemaps, "scope": self.scope,
            "max_depth": self.max_depth, "max_pages": self.max_pages, "max_page_mb": self.max_page_mb,
            "delay_seconds": self.delay_seconds, "timeout_seconds": self.timeout_seconds, "user_agent": self.user_agent,
        }  # fmt: skip

    def _folder(self) -> Path:
        return Path(self.folder) if self.folder else cache_folder() / "web" / stable_hash(self._settings())


_REFRESHED: set[Path] = set()
"""Folders whose crawl this process has made anew: listing them again must not do it again."""
