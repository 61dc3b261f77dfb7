"""The model card: README.md of a model folder, with the metadata header that the Hugging Face hub reads.

The licence is the user's to choose, so the header names none.  Tests: tests/evaluate/test_model_card.py.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import yaml  # the hub reads the header as YAML 1.1, where "no" needs its quotes

from telos.evaluate.report import Report
from telos.evaluate.verdict import sentence
from telos.foundation.files import write_file
from telos.foundation.page import templates

_UNSAFE = set("\"'$`\\!\n")
"""Characters that a shell or Python reads differently between quotes: a prompt with one of them is no example."""


def write_model_card(folder: Path, report: Report, languages: Sequence[str] = ()) -> None:
    """Write README.md into an existing model folder.  ``languages``: ISO 639-1 codes of the text, where known."""
    write_file(Path(folder) / "README.md", model_card(report, languages))


def model_card(
    report: Report, languages: Sequence[str] = (), *, library: Literal["transformers", "telos"] = "transformers"
) -> str:
    """The card's Markdown, from the same facts as the report; what is missing is left out.  ``library``: what loads the folder
    (telos loads those of transformers too)."""
    cards = templates("telos.evaluate", html=False)
    header: dict[str, Any] = {"language": list(languages)} if languages else {}
    header |= {"library_name": library, "pipeline_tag": "text-generation", "tags": ["telos", "causal-lm"]}
    judged, samples = report.get("baselines", []), report.get("samples", ())
    facts: dict[str, Any] = {"baselines": judged, "verdicts": [sentence(b) for b in judged]}
    if "bits_per_byte" in report.get("headline", {}):
        facts["headline"] = report["headline"]
    usual = "今天" if "zh" in languages else "The "
    prompt = next((p for s in samples if (p := s.get("prompt")) and not _UNSAFE & set(p)), usual)
    quoted = json.dumps(prompt, ensure_ascii=False)
    card = cards.get_template("model_card.md.jinja").render(
        card=report, header=yaml.safe_dump(header, sort_keys=False), prompt=quoted, library=library, **facts
    )
    return re.sub(r"\n{3,}", "\n\n", card).strip() + "\n"
