"""The spider: from start addresses, sitemaps and feeds to pages, within a scope, breadth first."""

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
from scrapy import Request, Spider
from scrapy.exceptions import CloseSpider, IgnoreRequest
from scrapy.http import HtmlResponse, Response, TextResponse
from scrapy.linkextractors import IGNORED_EXTENSIONS, LinkExtractor
from scrapy.spidermiddlewares.httperror import HttpError
from scrapy.utils.sitemap import Sitemap

from telos.corpus.crawl import same_hosts

_FEED_LINKS = ("//item/link/text()", "//entry/link/@href", "//*[local-name()='entry']/*[local-name()='link']/@href")
_PAGES = ("text/html", "application/xhtml+xml", "text/plain", "application/pdf")


class Pages(Spider):
    """``outcomes``: address → "page" or why it is none; filled as the crawl goes."""

    name = "telos"

    def __init__(self, settings: dict[str, Any], folder: Path, sitemaps: list[str], outcomes: dict[str, str], **kwargs: Any):
        super().__init__(**kwargs)
        self.wanted, self.folder, self.outcomes = settings, folder, outcomes
        self.sitemaps = [*settings["sitemap_urls"], *sitemaps]
        self.hosts = sorted({host for url in settings["start"] for host in same_hosts(urlsplit(url).hostname or "")})
        # Scrapy's own middleware then refuses other hosts, redirects to them included.
        self.allowed_domains = self.hosts if settings["scope"] != "page" else None
        self.links = LinkExtractor(deny_extensions=[ending for ending in IGNORED_EXTENSIONS if ending != "pdf"])
        self.pages = 0

    async def start(self) -> AsyncIterator[Any]:
        for url in self.wanted["start"]:
            yield self._request(url, 0)
        for url in self.sitemaps:
            yield Request(url, self.parse_sitemap, errback=self.failed, priority=10)

    def parse(self, response: Response, **kwargs: Any) -> Iterator[Any]:
        depth, media = response.meta["away"], _media_type(response)
        if media.endswith(("rss+xml", "atom+xml", "/xml")) and isinstance(response, TextResponse):
            response.selector.remove_namespaces()
            links = [link for path in _FEED_LINKS for link in response.xpath(path).getall()]
            yield from self._follow(response, [response.urljoin(link.strip()) for link in links], depth)
            return
        if media not in _PAGES:
            self.outcomes[response.url] = f"not a page: {media or 'no content type'}"
            return
        self._keep(response)
        if isinstance(response, HtmlResponse) and self.wanted["scope"] != "page":
            yield from self._follow(
                response, [link.url for link in self.links.extract_links(response) if not link.nofollow], depth
            )

    def parse_sitemap(self, response: Response) -> Iterator[Any]:
        from scrapy.utils.gz import gunzip, gzip_magic_number

        body = gunzip(response.body) if gzip_magic_number(response) else response.body
        sitemap = Sitemap(body)
        for entry in sitemap:
            if sitemap.type == "sitemapindex":
                yield Request(entry["loc"], self.parse_sitemap, errback=self.failed, priority=10)
            elif self._in_scope(entry["loc"]):
                yield self._request(entry["loc"], 0)

    def failed(self, failure: Any) -> None:
        """Why an address gave no page."""
        request, error = failure.request, failure.value
        if isinstance(error, HttpError):
            why = f"the server answered {error.response.status}"
        elif isinstance(error, IgnoreRequest):
            why = "robots.txt forbids it" if "robots" in str(error) else str(error) or "ignored"
        else:
            kind = type(error).__name__
            why = {
                "DNSLookupError": "its name does not resolve",
                "CannotResolveHostError": "its name does not resolve",
                "DownloadTimeoutError": "no answer in time",
                "TimeoutError": "no answer in time",
            }.get(kind, f"{kind}: {error}"[:200])
        self.outcomes[request.url] = why

    def _keep(self, response: Response) -> None:
        from telos.corpus.crawl.pages import keep_page

        if self.pages >= self.wanted["max_pages"]:
            raise CloseSpider("max_pages")
        headers = {name.decode("latin-1"): b", ".join(values).decode("latin-1") for name, values in response.headers.items()}
        keep_page(self.folder, response.url, headers, response.body)
        self.outcomes[response.url] = "page"
        self.pages += 1
        sys.stdout.buffer.write(orjson.dumps({"url": response.url}) + b"\n")
        sys.stdout.buffer.flush()
        if self.pages >= self.wanted["max_pages"]:
            raise CloseSpider("max_pages")

    def _follow(self, response: Response, urls: list[str], depth: int) -> Iterator[Request]:
        if depth >= self.wanted["max_depth"]:
            return
        for url in urls:
            if self._in_scope(url):
                yield self._request(url, depth + 1)

    def _request(self, url: str, depth: int) -> Request:
        return Request(url, errback=self.failed, meta={"away": depth}, priority=-depth)

    def _in_scope(self, url: str) -> bool:
        parts, scope = urlsplit(url), self.wanted["scope"]
        host = parts.hostname or ""
        if parts.scheme not in ("http", "https"):
            return False
        if scope == "site":
            return any(host == own or host.endswith(f".{own}") for own in self.hosts)
        if scope == "folder":
            return any(_address(url).startswith(_address(start).rpartition("/")[0] + "/") for start in self.wanted["start"])
        return host in self.hosts


def _address(url: str) -> str:
    """Host and path, however the site is called: with or without "www.", by http or https."""
    parts = urlsplit(url)
    return parts.netloc.lower().removeprefix("www.") + (parts.path or "/")


def _media_type(response: Response) -> str:
    return (response.headers.get("Content-Type") or b"").decode("latin-1").partition(";")[0].strip().lower()
