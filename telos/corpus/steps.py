"""The steps that a corpus went through, from the settings in its corpus.json: what each is, and which papers it stands on.

Read from plain data, so that the page of a corpus can be made where a rule of it is not known any more.
Test: tests/corpus/test_card.py.
"""

import re
import sys
from dataclasses import dataclass
from typing import Any

from telos.corpus.dedup import Deduplication
from telos.corpus.filters import Filter
from telos.corpus.texts import Scope
from telos.corpus.work import numbered
from telos.foundation.errors import TelosError

_CITATION = re.compile(
    r"(?<!\w)[A-Z][\w’-]+(?:(?:, and |, | and )[A-Z][\w’-]+)*(?: et al\.)?,? \(?(?:19|20)\d\d(?!\d)(?:, section \d+(?:\.\d+)*)?"
)
"""Author and year, as docstrings of rules give their sources."""


@dataclass(frozen=True, slots=True)
class Step:
    """``name``: in the funnel.  ``summary``: the first sentence or line of its documentation.  ``sources``: papers that it names.
    ``conceals``: what it takes out is private.  ``compares``: documents with each other."""

    name: str
    kind: str
    settings: dict[str, Any]
    summary: str
    sources: tuple[str, ...]
    scope: Scope
    conceals: bool
    compares: bool


def steps_of(settings: dict[str, Any]) -> list[Step]:
    """Filters, deduplications and filters afterwards, in their order."""
    clean = settings["clean"]
    rules = [(rule, base) for part, base in (("filters", Filter), ("dedup", Deduplication), ("afterwards", Filter))
             for rule in clean[part]]  # fmt: skip
    names = numbered([rule["kind"] for rule, _ in rules])
    return [_step(name, rule, base) for name, (rule, base) in zip(names, rules, strict=True)]


def _step(name: str, rule: dict[str, Any], base: type[Filter] | type[Deduplication]) -> Step:
    try:
        member: Any = base.member(rule["kind"])
    except TelosError:
        member = None
    text = (sys.modules[member.__module__].__doc__ or "") if member is not None else ""
    settings = {key: value for key, value in rule.items() if key != "kind"}
    return Step(name, rule["kind"], settings, text.strip().split("\n")[0], citations(text), getattr(member, "scope", "all"),
                getattr(member, "conceals", False), base is Deduplication)  # fmt: skip


def citations(text: str) -> tuple[str, ...]:
    """Author and year of each paper that a docstring names, once, in their order."""
    found = (match.group().replace("(", "") for match in _CITATION.finditer(" ".join(text.split())))
    return tuple(dict.fromkeys(found))
