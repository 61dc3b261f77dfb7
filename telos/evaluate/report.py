"""The report of a run: report.html, self-contained, and report.json, the same facts.

Every part that is missing is left out, never guessed.  Tests: tests/evaluate/test_report.py.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict

from telos.evaluate import plots
from telos.evaluate.document_card import figures
from telos.evaluate.likelihood import Interval, Likelihood
from telos.evaluate.plots import Curve
from telos.evaluate.verdict import Baseline, next_steps, sentence, summary
from telos.foundation.files import write_file, write_json
from telos.foundation.page import templates as page_templates

AXES: tuple[Literal["seconds", "tokens"], ...] = ("seconds", "tokens")
"""What curves are drawn over."""


class Headline(TypedDict, total=False):
    """The held-out result.  ``units``: how many documents or blocks (``unit_kind``) the intervals stand on."""

    bits_per_byte: float
    bits_per_byte_ci95: Interval | None
    nats_per_token: float
    perplexity: float
    nats_per_character: float
    impossible_tokens: int
    test_bytes: int
    units: int
    unit_kind: str


class Sample(TypedDict, total=False):
    """``settings``: how it was drawn, in words or as ``temperature=0.8`` …"""

    prompt: str
    text: str
    settings: str


class FunnelStep(TypedDict):
    """What is left, or was taken out, at one step of the corpus; ``step`` says which."""

    step: str
    documents: int
    bytes: int


class Table(TypedDict):
    """Any small table, for example bits per byte by source or by length."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


class Cost(TypedDict, total=False):
    """``seconds``: stage → seconds.  ``tokens``: seen in training, repeats included."""

    seconds: Mapping[str, float]
    total_seconds: float
    peak_memory_bytes: int
    steps: int
    tokens: int
    tokens_per_second: float
    train_tokens: int
    epochs: float
    flops: float


class Report(TypedDict, total=False):
    """All that a report may show.

    ``title``; ``created``: ISO date; ``language``: ISO 639-1 code of the corpus, for the reader's fonts; ``notes``: facts
    to be said at the top (the corpus was sampled, one document was split by position); ``parameters``,
    ``vocabulary_tokens``: how many there are; ``model``: its path; ``corpus_report``: path of the corpus's page from this one;
    ``baselines``: from `telos.evaluate.verdict`; ``train``, ``validation``: curves; ``recipe``: YAML; ``machine``:
    fact → value; ``next_steps``: by default from the verdicts.
    """

    title: str
    created: str
    language: str
    notes: Sequence[str]
    model: str
    parameters: int
    vocabulary_tokens: int
    headline: Headline
    baselines: list[Baseline]
    train: Curve
    validation: Curve
    samples: Sequence[Sample]
    funnel: Sequence[FunnelStep]
    corpus_report: str
    tables: Sequence[Table]
    machine: Mapping[str, Any]
    recipe: str
    cost: Cost
    next_steps: Sequence[str]


def headline(ours: Likelihood, unit_kind: str) -> Headline:
    """What a likelihood says, undefined and infinite values left out."""
    found = {
        "bits_per_byte": ours.bits_per_byte,
        "bits_per_byte_ci95": ours.bits_per_byte_interval(),
        "nats_per_token": ours.nats_per_token,
        "perplexity": ours.perplexity,
        "nats_per_character": ours.nats_per_character,
        "impossible_tokens": ours.impossible_tokens or None,
        "test_bytes": int(ours.bytes.sum()),
        "units": len(ours.nats),
        "unit_kind": unit_kind,
    }
    return {name: value for name, value in found.items() if value is not None}  # type: ignore[return-value]


def write_report(folder: Path, report: Report, drawn: dict[str, str] | None = None) -> None:
    """Write report.html and report.json into an existing folder, each replaced whole.  ``drawn``: from `draw`, where the time
    that it takes is to stand in the report."""
    judged = report.get("baselines", [])
    told: dict[str, Any] = {"next_steps": next_steps(judged, report.get("cost", {}).get("steps"))} | dict(report)
    if judged:
        told["summary"] = summary(judged)
    write_file(Path(folder) / "report.html", html(report, drawn))
    write_json(Path(folder) / "report.json", told)  # last: it tells that the report is whole


def html(report: Report, drawn: dict[str, str] | None = None) -> str:
    """The page: one file without any reference to another.  ``drawn``: its plots, from `draw`; None: drawn now."""
    judged, taken = report.get("baselines", []), report.get("cost", {}).get("steps")
    top = report.get("headline", {})
    page = page_templates("telos.evaluate", html=True).get_template("report.html.jinja")
    return page.render(report=report, verdicts=[(b["verdict"], sentence(b)) for b in judged], summary=summary(judged),
                       figures=[] if "bits_per_byte" in top else figures(top),
                       next_steps=report.get("next_steps", next_steps(judged, taken)),
                       plots=draw(report) if drawn is None else drawn)  # fmt: skip


def draw(report: Report) -> dict[str, str]:
    """Name → SVG of each plot that has its data."""
    found = {}
    top, judged = report.get("headline", {}), report.get("baselines", [])
    if judged and "bits_per_byte" in top:
        ours = ("this model", top["bits_per_byte"], top.get("bits_per_byte_ci95"), True)
        found["ladder"] = plots.ladder([ours, *((b["label"], b["bits_per_byte"], b.get("interval"), False) for b in judged)])
    train, validation = report.get("train"), report.get("validation")
    for place, name in enumerate(plots.figures(train) if train else ()):
        # The first figure over both axes; for another the second would tell nothing new.
        for over in AXES[: 2 if place == 0 else 1]:
            if train and over in train and len(train[name]) > 1:
                shown = validation if validation and over in validation and name in validation else None
                found[f"curve_{name}_{over}"] = plots.figure(train, shown, over, name)
    if train and "steps" in train and len(train.get("learning_rate_scale", ())) > 1:
        found["learning_rate_scale"] = plots.learning_rate_scale(train)
    return found
