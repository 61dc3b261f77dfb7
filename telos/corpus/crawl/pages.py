"""Pages as WARC records (ISO 28500): one file each while the crawl goes on, files of many, by address, when it is done."""

import hashlib
import io
import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PART_BYTES = 32 << 20
_FAILED_NAMED = 1000
_PASSED_ON = ("content-type", "last-modified", "content-language", "location")


def page_file(folder: Path, url: str) -> Path:
    return folder / "pages" / f"{hashlib.sha256(url.encode()).hexdigest()}.warc.gz"


def keep_page(folder: Path, url: str, headers: dict[str, str], body: bytes) -> None:
    """Write a page down, once: what a resumed crawl meets again keeps its date."""
    from warcio.statusandheaders import StatusAndHeaders
    from warcio.warcwriter import WARCWriter

    to = page_file(folder, url)
    if to.exists():
        return
    packed = io.BytesIO()
    writer = WARCWriter(packed, gzip=True)
    kept = [(name, value) for name, value in headers.items() if name.lower() in _PASSED_ON]
    head = StatusAndHeaders("200 OK", kept, protocol="HTTP/1.1")
    dated = {"WARC-Date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
    record = writer.create_warc_record(url, "response", payload=io.BytesIO(body), http_headers=head, warc_headers_dict=dated)
    writer.write_record(record)
    temporary = to.with_suffix(".part")
    temporary.write_bytes(packed.getvalue())
    os.replace(temporary, to)


def finish(folder: Path, outcomes: dict[str, str]) -> dict[str, Any]:
    """Join the pages in the order of their addresses into WARC files; what is said of the crawl in crawl.json."""
    kept = sorted(url for url, outcome in outcomes.items() if outcome == "page")
    parts: list[str] = []
    size = PART_BYTES
    file: Any = None
    try:
        for url in kept:
            record = page_file(folder, url).read_bytes()
            if size >= PART_BYTES:
                if file is not None:
                    file.close()
                parts.append(f"crawl-{len(parts):05d}.warc.gz")
                file, size = open(folder / parts[-1], "wb"), 0  # noqa: SIM115 (closed below)
            file.write(record)
            size += len(record)
    finally:
        if file is not None:
            file.close()
    failed = {url: outcome for url, outcome in sorted(outcomes.items()) if outcome != "page"}
    return {"parts": parts, "pages": len(kept), "outcomes": dict(sorted(Counter(outcomes.values()).items())),
            "failed": dict(list(failed.items())[:_FAILED_NAMED])}  # fmt: skip
