"""Pages: self-contained HTML and Markdown from templates beside the code, with the words for numbers that all of them share.

Everything is escaped in HTML, nothing is fetched; what is missing in the data is left out or refused, never guessed.
Tests: tests/evaluate/test_report.py, tests/corpus/test_report.py.
"""

import functools
from typing import TYPE_CHECKING, Any

from telos.foundation.units import format_bytes, format_count, format_seconds

if TYPE_CHECKING:
    from jinja2 import Environment


@functools.cache
def templates(package: str, *, html: bool) -> "Environment":
    """The templates in a package's folder, and ``page.css`` of this one.  ``html``: escape all that is put in."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    loader = ChoiceLoader([PackageLoader(package, ""), PackageLoader("telos.foundation", "")])
    made = Environment(loader=loader, autoescape=html, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
                       keep_trailing_newline=not html)  # fmt: skip
    made.filters |= {"size": format_bytes, "count": format_count, "duration": format_seconds, "fact": fact, "cell": cell}
    return made


def fact(value: Any) -> str:
    """A value of a table, for people."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.3f}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(fact, value))
    return str(value)


def cell(text: str) -> str:
    """Text that cannot break a row of a Markdown table."""
    return text.replace("|", "\\|").replace("\n", " ")
