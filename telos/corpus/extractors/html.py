"""The main text of a web page: trafilatura (Barbaresi 2021, ACL demo, doi 10.18653/v1/2021.acl-demo.15) as it is.

The text equals that of `trafilatura.extract` with the same settings.  Test: tests/corpus/extractors/test_html.py.
"""

import functools
import re
import unicodedata
from typing import Any

from telos.corpus.extractors import Extracted, Refused, Request
from telos.corpus.extractors.charset import decode_html

LIBRARIES = ("trafilatura",)
_LANGUAGE = re.compile(r"""<html[^>]{0,400}?\slang\s{0,9}=\s{0,9}["']?([a-zA-Z-]{2,20})""", re.IGNORECASE)
_HEAD_CHARACTERS = 4096
_DATES = {"original_date": True, "extensive_search": False, "max_date": "2100-01-01"}
"""A date that the page declares, not one that stands somewhere in its text; no limit that moves with the day of the run."""


def extract(data: bytes, request: Request) -> Extracted:
    """Text, and of "title", "date", "url" and "language" what the page tells."""
    page = decode_html(data, request.get("charset"))
    found = _document(page, request)
    if found is None and "<html" not in page[:_HEAD_CHARACTERS].lower():
        found = _document(f"<html><body>{page}</body></html>", request)  # a piece of a page, which trafilatura refuses
    if found is None:
        raise Refused("no_text_found")
    text = f"{found.text}\n{found.comments or ''}" if request["comments"] else found.text
    language = _LANGUAGE.search(page[:_HEAD_CHARACTERS])
    metadata = {"title": found.title, "date": found.date, "url": found.url, "language": language[1].lower() if language else None}
    return unicodedata.normalize("NFC", text.strip()), {name: str(value) for name, value in metadata.items() if value}


def _document(page: str, request: Request) -> Any:
    """trafilatura's document of a page, or None."""
    import trafilatura

    return trafilatura.bare_extraction(
        page, favor_precision=request["favor"] == "precision", favor_recall=request["favor"] == "recall",
        include_tables=request["tables"], include_comments=request["comments"], include_links=request["links"],
        with_metadata=True, config=_settings(), date_extraction_params=_DATES,
    )  # fmt: skip


@functools.cache
def _settings() -> Any:
    """trafilatura's own, without its limit on a page's size: ours are memory and time."""
    from trafilatura.settings import use_config

    settings = use_config()
    settings.set("DEFAULT", "MAX_FILE_SIZE", str(1 << 40))
    return settings
