"""What a corpus hides must not stand in its own report.

Samples of dropped and changed documents are taken where they were met, so before the personal data in them was masked, or from
documents that never got so far.  Before they are written down, all of them pass the filters that conceal (`Filter.conceals`);
what such a filter took out is shown as dots.  Passwords in addresses and the seed of pseudonyms are left out of settings.
Test: tests/corpus/test_conceal.py.
"""

import re
from collections.abc import Iterator
from typing import Any

from telos.corpus.account import Account
from telos.corpus.passes import judged
from telos.corpus.texts import Texts
from telos.corpus.work import Work

_PASSWORD = re.compile(r"(?<=://)[^/@\s]+@")


def concealed(work: Work, facts: dict[str, Any]) -> dict[str, Any]:
    """The facts of corpus.json with every sample masked; as they are where no filter conceals."""
    filters = zip((*work.clean.filters, *work.clean.afterwards), (*work.filter_names, *work.afterwards_names), strict=True)
    rules = [(rule, name) for rule, name in filters if rule.conceals]
    places = list(_samples(facts))
    if not rules or not places:
        return facts
    sources = [str(n) for n in range(len(places))]
    texts = Texts.of([sample[key] for sample, key in places], id=sources, source=sources)
    for rule, name in rules:
        texts, dropped, _ = judged(rule, name, texts, work, Account())
        assert dropped is None, f"{name} conceals and drops"
    for (sample, key), text in zip(places, texts.text.to_pylist(), strict=True):
        sample[key] = text
    return facts


def _samples(facts: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    groups = [entry["samples"] for name in ("dropped", "changed") for entry in facts[name]]
    groups += [entry["pairs"] for entry in facts["pairs"]]
    for group in [*groups, facts["kept"]]:
        for sample in group:
            yield from ((sample, key) for key in ("text", "before", "after", "kept_text") if key in sample)


def without_secrets(settings: Any) -> Any:
    """Settings without user and password of addresses, and without the seed of pseudonyms."""
    if isinstance(settings, dict):
        secret = {"seed"} if settings.get("kind") == "personal_data" and settings.get("seed") else set()
        return {key: without_secrets(value) for key, value in settings.items() if key not in secret}
    if isinstance(settings, list):
        return [without_secrets(value) for value in settings]
    return _PASSWORD.sub("", settings) if isinstance(settings, str) else settings
