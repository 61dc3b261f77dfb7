"""A polite crawl of given sites, run by Scrapy in a process of its own: what is fetched, and how it is kept.

settings.json    what this crawl is
http/            every response as it came: a crawl that was killed goes on from there and asks no page twice
pages/           each page as one WARC record
crawl-00000.warc.gz …, crawl.json    the finished crawl: pages by address, and what became of every address
"""

import contextlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson

from telos.foundation.errors import TelosError, require
from telos.foundation.files import lock_folder, read_json, write_json
from telos.foundation.progress import progress

DONE, SETTINGS = "crawl.json", "settings.json"


def same_hosts(host: str) -> list[str]:
    """The names of one site: with "www." and without, since the one commonly sends to the other."""
    bare = host.removeprefix("www.")
    return [bare, f"www.{bare}"]


def crawl(folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Crawl into ``folder``, going on from what lies there; what became of it: ``parts`` (file names), ``pages``, ``outcomes``
    (reason → count) and ``failed`` (address → reason, some of them).  `TelosError` where not a single page came."""
    for module in ("scrapy", "warcio"):
        require(module, extra="web", feature="corpus.kind=web")
    with lock_folder(folder):
        if not (folder / DONE).exists():
            write_json(folder / SETTINGS, settings)
            _run(folder, settings["max_pages"])
        facts = read_json(folder / DONE)
    if not facts["pages"]:
        shutil.rmtree(folder)
        raise _nothing(settings["start"], facts["failed"])
    return facts


def _run(folder: Path, max_pages: int) -> None:
    """The crawler's process ends with this one: it reads a pipe that closes when this process dies."""
    command = [sys.executable, "-m", "telos.corpus.crawl.process", str(folder)]
    with progress("crawl", max_pages, "pages") as advance:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            assert process.stdout is not None
            for line in process.stdout:
                advance(1, orjson.loads(line)["url"][:60])
            error = process.stderr.read().decode(errors="replace") if process.stderr else ""
            code = process.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.communicate()
    if code or not (folder / DONE).exists():
        last = (error.strip().splitlines() or [f"exit code {code}"])[-1]
        raise TelosError("the crawl must end by itself", last[:300], "run the same command again: it goes on from there")


def _nothing(start: list[str], failed: dict[str, str]) -> TelosError:
    reasons = [f"{url}: {failed[url]}" for url in start if url in failed] or [f"{u}: {r}" for u, r in failed.items()]
    forbidden = any("robots.txt" in reason for reason in reasons)
    fix = "ask the site's owner, or choose another site" if forbidden else "check the addresses and the network"
    return TelosError("a crawl must find pages", "; ".join(reasons[:3]) or f"no page at {', '.join(start[:3])}", fix)
