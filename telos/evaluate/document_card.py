"""The model card of a model of whole documents: a classifier, or one that writes a target from a source.

Tests: tests/evaluate/test_document_card.py.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml  # the hub reads the header as YAML 1.1, where "no" needs its quotes

from telos.foundation.page import templates
from telos.foundation.units import figure

TASKS = {
    "vectors": "sentence-similarity",
    "value": "text-classification",
    "tags": "token-classification",
    "answers": "question-answering",
}
"""Annotation that was learned → the hub's name of the task (which has none of its own for numbers)."""


def document_card(
    report: Mapping[str, Any], labels: Sequence[str], languages: Sequence[str] = (), annotation: str | None = None
) -> str:
    """The card's Markdown, from the same facts as the report; what is missing is left out.  ``annotation``: what was learned."""
    header: dict[str, Any] = {"language": list(languages)} if languages else {}
    task = TASKS.get(annotation or "", "text-classification" if labels else "text2text-generation")
    header |= {"library_name": "telos", "pipeline_tag": task, "tags": ["telos"]}
    example = json.dumps("今天" if "zh" in languages else "What a film", ensure_ascii=False)
    card = templates("telos.evaluate", html=False).get_template("document_card.md.jinja")
    text = card.render(card=report, header=yaml.safe_dump(header, sort_keys=False), labels=list(labels), example=example,
                       annotation=annotation,
                       figures=figures(report.get("headline", {})))  # fmt: skip
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def figures(headline: Mapping[str, Any], what: str = "held-out documents") -> list[str]:
    """Each figure of a headline in words: accuracy 0.812 (95 % interval 0.790 to 0.833, 872 documents)."""
    found = []
    for name, value in headline.items():
        if name.endswith("_ci95") or not isinstance(value, float):
            continue
        interval = headline.get(f"{name}_ci95")
        spread = f"95 % interval {interval[0]:.3f} to {interval[1]:.3f}, " if interval else ""
        found.append(f"{figure(name, value)} ({spread}{headline.get('units', 0):,} {what})")
    return found
