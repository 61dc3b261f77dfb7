"""The data card: README.md of a corpus, with the metadata header that the Hugging Face hub reads.

Its questions are those of Gebru et al. 2021, "Datasheets for Datasets" (Communications of the ACM 64(12)), as far as facts answer
them; what only people know comes from the recipe's ``about``, and says so where it is missing.  The header names the splits, so
that ``datasets.load_dataset(FOLDER)`` finds them.  A pure function of the facts in corpus.json.  Test: tests/corpus/test_card.py.
"""

import re
from pathlib import Path
from typing import Any

import yaml as yaml_1_1  # the hub reads the header as YAML 1.1, where "no" needs its quotes

from telos import __version__
from telos.corpus.about import About
from telos.corpus.corpus import CARD
from telos.corpus.facts import personal_data, reasons, totals, warnings
from telos.corpus.report import percent, words
from telos.corpus.splits import SPLITS
from telos.corpus.steps import Step, steps_of
from telos.foundation import yaml
from telos.foundation.files import write_file
from telos.foundation.page import templates
from telos.foundation.units import format_count

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"), (10_000_000, "1M<n<10M"),
          (100_000_000, "10M<n<100M"), (1_000_000_000, "100M<n<1B"))  # fmt: skip
_LANGUAGE_SHARE = 0.01
"""Languages of at least this share of the documents stand in the header."""
_LONGEST_LIST = 8


def write_card(folder: Path, facts: dict[str, Any]) -> None:
    """Write README.md into a folder."""
    write_file(Path(folder) / CARD, card(facts))


def card(facts: dict[str, Any]) -> str:
    """The card's Markdown."""
    steps = steps_of(facts["settings"])
    cards = templates("telos.corpus", html=False)
    cards.filters |= {"percent": percent, "words": words, "code": _code, "one_line": _one_line}
    text = cards.get_template("data_card.md.jinja").render(
        header=_header(facts), facts=facts, total=totals(facts), splits=SPLITS,
        about=_said(About.parse(facts["settings"]["about"])),
        steps=[(step, _inline(step.settings)) for step in steps], personal=personal_data(facts, steps),
        limits=limits(facts, steps), reasons=reasons(facts), notes=warnings(facts), version=__version__,
        lengths=_lengths(facts["described"]["characters"]), recipe=_recipe(facts["settings"]),
        settings=_inline({k: v for k, v in facts["settings"]["clean"].items() if k not in ("filters", "dedup", "afterwards")}),
    )  # fmt: skip
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _said(about: About) -> dict[str, str | None]:
    """What only people know, as the card asks for it."""
    return {"title": about.title, "license": about.license, "purpose": about.purpose, "contact": about.contact}


def _header(facts: dict[str, Any]) -> str:
    about, known = About.parse(facts["settings"]["about"]), facts["described"]["languages"]
    found = [code for code, n in sorted(known.items(), key=lambda item: (-item[1], item[0]))
             if n >= _LANGUAGE_SHARE * sum(known.values())]  # fmt: skip
    header: dict[str, Any] = {"pretty_name": _one_line(about.title)} if about.title else {}
    if languages := about.languages or found:
        header["language"] = languages
    header["license"] = about.license or "unknown"
    rows = sum(part["documents"] for part in facts["splits"].values())
    header["size_categories"] = [next((name for limit, name in _SIZES if rows < limit), "n>1B")]
    header["task_categories"] = ["text-generation"]
    header["tags"] = ["telos"]
    files = [{"split": split, "path": f"{split}/*.parquet"} for split in SPLITS if facts["splits"][split]["documents"]]
    header["configs"] = [{"config_name": "default", "data_files": files}]
    return yaml_1_1.safe_dump(header, sort_keys=False, allow_unicode=True)


def limits(facts: dict[str, Any], steps: list[Step]) -> list[str]:
    """What this corpus does not promise, as far as its settings and figures tell."""
    kinds, scripts = {step.kind for step in steps}, facts["described"]["scripts"]
    found = []
    if "near" not in kinds:
        found.append("Near copies were not looked for: texts that differ by a few words may stand in it twice, also on both "
                     "sides of the split.")  # fmt: skip
    if not any(step.conceals for step in steps):
        found.append("Personal data and secrets were not looked for, and none was masked.")
    if "decontaminate" not in kinds:
        found.append("It was not compared with any evaluation set: results of models that were trained on it may be too good.")
    if not facts["described"]["languages"]:
        found.append("Languages were not identified.")
    judging = [step for step in steps if not step.compares and not step.conceals]
    for script, who in (("spaced", "in scripts other than Chinese"), ("han", "written in Chinese characters or kana")):
        if judging and scripts.get(script) and not any(step.scope in ("all", script) for step in judging):
            found.append(f"No filter judged the {scripts[script]:,} documents {who}.")
    if facts.get("routed"):
        found.append("Documents in other languages lie under routed/ as they were when their language was found out: no rule "
                     "after that judged or masked them.")  # fmt: skip
    found.append("Rules look at the form of a text. Whether it is true, lawful or fit to be read by everyone was not checked.")
    if any(stage["rewritten_bytes"] for stage in facts["funnel"] if stage["stage"] not in ("read", "clean", "sampled")):
        found.append("Parts of documents were taken out or replaced, so that a text may lack a line that it refers to.")
    return found


def _lengths(bins: list[int]) -> list[tuple[str, str, int]]:
    return [(format_count(2**i), format_count(2 ** (i + 1)), n) for i, n in enumerate(bins) if n]


def _inline(settings: dict[str, Any]) -> str:
    return ", ".join(f"{name}={_short(value)}" for name, value in settings.items())


def _short(value: Any) -> str:
    """A setting on a line: long lists are counted, members of families named by their kind."""
    if isinstance(value, list):
        shown = [_short(one["kind"]) if isinstance(one, dict) and "kind" in one else _short(one) for one in value]
        whole = len(shown) <= _LONGEST_LIST or all(isinstance(one, dict) for one in value)
        return f"[{', '.join(shown if whole else [*shown[:3], f'… {len(shown)} in all'])}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name}: {_short(inner)}' for name, inner in value.items())}}}"
    if isinstance(value, str):
        return value if len(value) <= 60 else f"{value[:40]}… ({len(value)} characters)"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)


def _recipe(settings: dict[str, Any]) -> str:
    """The recipe with which `telos corpus build` makes this corpus again; several sources are named in turn."""
    sources = settings["sources"]
    parts = {"corpus": sources[0]} if len(sources) == 1 else {"sources": sources}
    return yaml.dump(parts | {"clean": settings["clean"], "split": settings["split"], "about": settings["about"]})


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _code(text: str) -> str:
    """Text as code within a row of a table, whatever backticks and bars it holds."""
    plain = re.sub(r"[\x00-\x1f\x7f]", " ", text).replace("|", "\\|")
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", plain)), default=0))
    return f"{fence} {plain} {fence}" if "`" in plain or not plain.strip() else f"`{plain}`"
