"""The crawler's own process: `python -m telos.corpus.crawl.process FOLDER`.

Prints a line of JSON for each page.  Ends when its standard input does, with the process that started it.
"""

import os
import sys
import threading
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from telos.corpus.crawl import DONE, SETTINGS, same_hosts
from telos.corpus.crawl.pages import finish
from telos.foundation.files import read_json, write_json

_ROBOTS_SECONDS = 20.0
_MOST_ROBOTS_BYTES = 1 << 19


def scrapy_settings(folder: Path, settings: dict[str, Any], robots: dict[str, Any]) -> dict[str, Any]:
    """Scrapy's settings for a polite crawl: robots.txt obeyed, one request at a time and host, breadth first."""
    user_agent, delay = settings["user_agent"], settings["delay_seconds"]
    delays = {name: max(delay, float(parsed.crawl_delay(user_agent) or 0))
              for host, parsed in robots.items() for name in same_hosts(host)}  # fmt: skip
    return {
        "USER_AGENT": user_agent, "ROBOTSTXT_OBEY": True, "ROBOTSTXT_USER_AGENT": user_agent.split("/")[0],
        "DOWNLOAD_DELAY": delay, "RANDOMIZE_DOWNLOAD_DELAY": False, "CONCURRENT_REQUESTS_PER_DOMAIN": 1,
        "DOWNLOAD_SLOTS": {host: {"delay": pause, "concurrency": 1, "randomize_delay": False} for host, pause in delays.items()},
        "DEPTH_LIMIT": 0, "DEPTH_PRIORITY": 1,
        "SCHEDULER_DISK_QUEUE": "scrapy.squeues.PickleFifoDiskQueue", "SCHEDULER_MEMORY_QUEUE": "scrapy.squeues.FifoMemoryQueue",
        "DOWNLOAD_MAXSIZE": settings["max_page_mb"] << 20, "DOWNLOAD_WARNSIZE": 0,
        "DOWNLOAD_TIMEOUT": settings["timeout_seconds"],
        "RETRY_TIMES": 2, "REDIRECT_MAX_TIMES": 8, "COOKIES_ENABLED": False, "TELNETCONSOLE_ENABLED": False,
        "HTTPCACHE_ENABLED": True, "HTTPCACHE_DIR": str(folder / "http"), "HTTPCACHE_EXPIRATION_SECS": 0,
        "HTTPCACHE_IGNORE_HTTP_CODES": [429, *range(500, 600)], "LOG_LEVEL": "ERROR",
    }  # fmt: skip


def read_robots(starts: list[str], user_agent: str) -> dict[str, Any]:
    """Host → its parsed robots.txt, for the pause that it asks for and the sitemaps that it names."""
    from protego import Protego

    found = {}
    for url in dict.fromkeys(f"{urlsplit(start).scheme}://{urlsplit(start).netloc}" for start in starts):
        try:
            request = urllib.request.Request(f"{url}/robots.txt", headers={"User-Agent": user_agent})
            with urllib.request.urlopen(request, timeout=_ROBOTS_SECONDS) as answer:
                text = answer.read(_MOST_ROBOTS_BYTES).decode(errors="replace")
        except (OSError, ValueError):
            text = ""
        found[urlsplit(url).hostname or ""] = Protego.parse(text)
    return found


def _end_with_parent() -> None:
    os.read(0, 1)  # not through sys.stdin, whose lock would be held when the interpreter ends
    os._exit(1)


def main(folder: Path) -> None:
    from scrapy.crawler import CrawlerProcess

    from telos.corpus.crawl.spider import Pages

    threading.Thread(target=_end_with_parent, daemon=True).start()
    settings = read_json(folder / SETTINGS)
    robots = read_robots(settings["start"], settings["user_agent"])
    (folder / "pages").mkdir(exist_ok=True)
    process = CrawlerProcess(scrapy_settings(folder, settings, robots))
    sitemaps = [sitemap for parsed in robots.values() for sitemap in parsed.sitemaps] if settings["sitemaps"] else []
    outcomes: dict[str, str] = {}
    process.crawl(Pages, settings=settings, folder=folder, sitemaps=sitemaps, outcomes=outcomes)
    process.start()
    write_json(folder / DONE, finish(folder, outcomes))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
