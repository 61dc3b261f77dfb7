"""A polite crawl, against servers on the loopback address: robots.txt, pauses, scope, caps, feeds and sitemaps, resume."""

import http.server
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest

from telos.corpus.sources.web import Web
from telos.foundation.errors import TelosError

pytest.importorskip("scrapy")
TEXT = "It was the best of times, it was the worst of times, it was the age of wisdom and the age of foolishness. " * 4
ZH = "大学之道，在明明德，在亲民，在止于至善。知止而后有定，定而后能静，静而后能安，安而后能虑，虑而后能得。" * 4


def page(text, *links, charset="utf-8"):
    anchors = " ".join(f'<a href="{link}">{link}</a>' for link in links)
    head = f'<head><meta charset="{charset}"><title>t</title></head>'
    html = f"<html>{head}<body><article><p>{text}</p></article>{anchors}</body></html>"
    return html.encode(charset), f"text/html; charset={charset}"


class Site:
    """A web server in a thread.  ``pages``: path → (body, media type), or a status.  ``asked``: (path, time) of requests."""

    def __init__(self):
        site = self
        self.pages, self.asked, self.agents = {}, [], set()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                site.asked.append((self.path, time.monotonic()))
                site.agents.add(self.headers["User-Agent"])
                found = site.pages.get(self.path, 404)
                if isinstance(found, int):
                    self.send_error(found)
                    return
                body, media = found
                self.send_response(302 if media == "redirect" else 200)
                self.send_header(
                    "Location" if media == "redirect" else "Content-Type", body.decode() if media == "redirect" else media
                )
                self.send_header("Content-Length", "0" if media == "redirect" else str(len(body)))
                self.end_headers()
                if media != "redirect":
                    self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def counts(self):
        return Counter(path for path, _ in self.asked if path != "/robots.txt")


@pytest.fixture
def site():
    made = Site()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def pages(tmp_path):
    """``pages(start, **settings)``: address → text of what a crawl keeps."""

    def run(start, **settings):
        source = Web(start=start, folder=str(tmp_path / "crawl"), **({"delay_seconds": 0} | settings))
        found = [d for item in source.inputs() for d in source.read(item)]
        return {d.metadata["url"]: d.text for d in found if not d.skipped}

    return run


def test_a_site_is_crawled_within_its_scope(site, pages, tmp_path):
    other = Site()
    other.pages = {"/": page(TEXT)}
    elsewhere = other.url.replace("127.0.0.1", "localhost")
    site.pages = {
        "/": page(TEXT, "/a.html", "/zh.html", "/private/x.html", "/gone.html", elsewhere + "/", "/away", "/x.png", "/j"),
        "/robots.txt": (b"User-agent: *\nDisallow: /private/\n", "text/plain"),
        "/a.html": page(TEXT + "second", "/b.html", "/"),
        "/b.html": page(TEXT + "third", "/c.html"), "/c.html": page(TEXT + "fourth"),
        "/zh.html": page(ZH, charset="gbk"), "/private/x.html": page(TEXT),
        "/away": (f"{elsewhere}/".encode(), "redirect"), "/x.png": (b"\x89PNG", "image/png"), "/j": (b"{}", "application/json"),
    }  # fmt: skip
    found = pages(site.url + "/", max_depth=2)
    assert set(found) == {f"{site.url}/{name}" for name in ("", "a.html", "b.html", "zh.html")}
    assert ZH[:40] in found[f"{site.url}/zh.html"]
    assert max(site.counts().values()) == 1
    assert not {"/private/x.html", "/c.html"} & site.counts().keys()
    assert other.asked == []
    (agent,) = site.agents
    assert agent.startswith("telos/")
    facts = json.loads((tmp_path / "crawl" / "crawl.json").read_bytes())
    assert facts["failed"][f"{site.url}/private/x.html"] == "robots.txt forbids it"
    assert facts["failed"][f"{site.url}/gone.html"] == "the server answered 404"
    assert facts["failed"][f"{site.url}/j"] == "not a page: application/json"
    assert "/x.png" not in site.counts()
    again = len(site.asked)
    assert pages(site.url + "/", max_depth=2) == found
    assert len(site.asked) == again, "a finished crawl asks nobody"
    other.server.shutdown()
    other.server.server_close()


def test_pauses_caps_and_single_pages(site, pages):
    site.pages = {"/": page(TEXT, *(f"/{n}.html" for n in range(30)))} | {f"/{n}.html": page(f"{TEXT}{n}") for n in range(30)}
    site.pages["/robots.txt"] = (b"User-agent: *\nCrawl-delay: 0.3\n", "text/plain")
    assert len(pages(site.url + "/", max_pages=5)) == 5
    times = [at for path, at in site.asked if path != "/robots.txt"]
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert min(gaps) > 0.2, gaps  # when it answers, the site is a little late or early


def test_only_the_page(site, pages):
    site.pages = {"/d/": page(TEXT, "/d/1.html", "/e.html"), "/d/1.html": page(TEXT + "1"), "/e.html": page(TEXT)}
    assert set(pages(site.url + "/d/", scope="page")) == {site.url + "/d/"}


def test_only_the_folder(site, pages):
    site.pages = {"/d/": page(TEXT, "/d/1.html", "/e.html"), "/d/1.html": page(TEXT + "1"), "/e.html": page(TEXT)}
    assert set(pages(site.url + "/d/", scope="folder")) == {site.url + "/d/", site.url + "/d/1.html"}


@pytest.mark.parametrize(
    ("start", "scope", "inside", "outside"),
    [
        ("http://example.org", "host", ["https://www.example.org/a", "http://example.org/b"], ["https://blog.example.org/"]),
        ("https://www.example.org/", "host", ["https://example.org/a"], ["https://example.com/", "mailto:a@example.org"]),
        ("http://example.org/d/x", "folder", ["https://www.example.org/d/y"], ["http://example.org/e", "http://example.com/d/y"]),
        ("http://example.org", "folder", ["https://example.org/e/f"], ["https://example.com/", "http://example.org.cn/"]),
        ("https://example.org", "site", ["https://blog.example.org/", "http://www.example.org/"], ["https://notexample.org/"]),
    ],
)
def test_a_site_has_one_name_with_and_without_www(tmp_path, start, scope, inside, outside):
    from telos.corpus.crawl.spider import Pages

    spider = Pages({"start": [start], "scope": scope, "sitemap_urls": []}, tmp_path, [], {})
    assert [url for url in inside + outside if spider._in_scope(url)] == inside


def test_feeds_and_sitemaps(site, pages):
    feed = f"<rss version='2.0'><channel><item><link>{site.url}/f.html</link></item></channel></rss>"
    atom = f"<feed xmlns='http://www.w3.org/2005/Atom'><entry><link href='{site.url}/g.html'/></entry></feed>"
    sitemap = f"<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'><url><loc>{site.url}/s.html</loc></url></urlset>"
    site.pages = {
        "/robots.txt": (f"Sitemap: {site.url}/map.xml\n".encode(), "text/plain"), "/map.xml": (sitemap.encode(), "text/xml"),
        "/rss": (feed.encode(), "application/rss+xml"), "/atom": (atom.encode(), "application/atom+xml"),
        "/f.html": page(TEXT + "f"), "/g.html": page(TEXT + "g"), "/s.html": page(TEXT + "s"),
    }  # fmt: skip
    found = pages([site.url + "/rss", site.url + "/atom"], sitemaps=True, max_depth=1)
    assert set(found) == {site.url + path for path in ("/f.html", "/g.html", "/s.html")}


def test_killed_it_goes_on_and_asks_no_page_twice(site, pages, tmp_path):
    site.pages = {"/": page(TEXT, *(f"/{n}.html" for n in range(12)))} | {f"/{n}.html": page(f"{TEXT}{n}") for n in range(12)}
    settings = {"start": site.url + "/", "folder": str(tmp_path / "crawl"), "delay_seconds": 0.15}
    program = f"from telos.corpus.sources.web import Web\nWeb(**{settings!r}).inputs()"
    process = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(site.counts()) < 5 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(0.5)
    before = site.counts()
    assert 5 <= len(before) < 13, "it was killed on its way, and its crawler with it"
    time.sleep(0.5)
    assert site.counts() == before
    assert len(pages(site.url + "/", delay_seconds=0.15)) == 13
    assert sum(n > 1 for n in site.counts().values()) <= 1, "but for the one that was on its way"


@pytest.mark.parametrize(("case", "found"), [("forbids", "robots.txt forbids it"), ("gone", "the server answered 410"),
                                             ("nobody", "does not resolve"), ("closed", "refused")])  # fmt: skip
def test_nothing_to_be_had(site, pages, tmp_path, case, found):
    site.pages = {"/robots.txt": (b"User-agent: *\nDisallow: /\n", "text/plain"), "/": page(TEXT)}
    url = site.url + "/"
    if case == "gone":
        site.pages = {"/": 410}
    elif case == "nobody":
        url = "http://no-such-host.invalid/"
    elif case == "closed":
        url = "http://127.0.0.1:9/"
    with pytest.raises(TelosError) as error:
        pages(url)
    assert error.value.must == "a crawl must find pages"
    assert f"{url}: " in error.value.found
    assert found in error.value.found
    assert not (tmp_path / "crawl").exists()


def test_an_address_must_be_one():
    with pytest.raises(TelosError, match="must begin with http:// or https://"):
        Web(start="example.org")
