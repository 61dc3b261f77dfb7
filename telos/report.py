"""From a trained run to what is left behind: model folder, report.json, report.html."""

import datetime
import math
import time
from pathlib import Path
from typing import Any

import numpy as np

from telos import __version__, document_results
from telos.corpus.corpus import PAGE
from telos.corpus.splits import SPLITS
from telos.evaluate import report as pages
from telos.evaluate.document_card import document_card
from telos.evaluate.likelihood import Likelihood
from telos.evaluate.model_card import model_card
from telos.evaluate.verdict import starved
from telos.foundation import files, machine, record
from telos.foundation.units import counted, format_bytes
from telos.generate.engine import Engine
from telos.generate.sampling import Sampling
from telos.held_out import HeldOut
from telos.ladder import Ladder
from telos.models.saved import is_known_to_transformers, save_model
from telos.objectives import _saved as saved_objective
from telos.recipe import Run
from telos.result import Result
from telos.stages import Prepared
from telos.training import Trained

NAMED_FILES = 3
"""Of the files that something was done to, so many are named."""
PROMPT_TOKENS = 12
"""Held-out tokens that a sample begins with."""
VALIDATION = "validation_"
"""What stands before the names of an evaluation in metrics.jsonl."""
NATS = "nats_per_token"


def finish(recipe: Run, prepared: Prepared, held: HeldOut, trained: Trained, ladder: Ladder | None, *, out: Path,
           full: bool) -> Result:  # fmt: skip
    """Measure the model, save it, and write the report (``full``) or only report.json."""
    ended = time.perf_counter()
    compiling = trained.outcome.choices["facts"].get("compile_seconds") if trained.outcome is not None else None
    seconds = prepared.seconds | ({"compilation": compiling} if compiling else {}) | trained.seconds
    began = time.perf_counter()
    documents, ours = None, None
    if not recipe.objective.scores_text:
        documents = document_results.result(recipe.objective, prepared, held, trained.whole,
                                            baselines=full and recipe.evaluate.baselines)  # fmt: skip
    else:
        ours = held.likelihood(trained.nll(held.tokens, recipe.evaluate.stride))
    seconds["held-out text"] = time.perf_counter() - began

    began = time.perf_counter()
    climbed, facts = ladder.finish(ours, trained.seen()) if ladder is not None and ours is not None else ([], {})
    failed = [facts["failed"]] if "failed" in facts else []
    impossible = [ours.impossible] if ours is not None and ours.impossible else []
    seconds["waiting for baselines"] = time.perf_counter() - began

    began = time.perf_counter()
    told: dict[str, Any] = {
        "title": f"Telos run {out.name}",
        "created": datetime.date.today().isoformat(),
        "language": _language(held),
        "notes": impossible + _notes(prepared, held) + _few_steps(trained) + failed,
        "model": str(out / "model"),
        "headline": pages.headline(ours, held.unit_kind) if ours is not None else {},
        "baselines": climbed,
        "vocabulary_tokens": prepared.tokenizer.vocabulary.size,
        "funnel": _funnel(prepared),
        "corpus_report": f"corpus/{PAGE}",
        "machine": _machine(trained),
        "recipe": recipe.to_yaml(),
        "settings_hash": recipe.hash(),
        "full": full,
        **_curves(out / "metrics.jsonl"),
    }
    if trained.outcome is not None:
        told["parameters"] = sum(p.numel() for _, p in trained.whole.named_parameters())
        told["tables"] = [_by_length(held, ours)] if full and ours is not None else []
        if full and recipe.evaluate.samples and ours is not None:
            told["samples"] = _samples(recipe, prepared, held, trained)
    if documents is not None:
        told |= {"headline": documents.headline, "tables": documents.tables, _baselines_of(recipe): documents.baselines,
                 "classes": list(trained.model.vocabulary.labels)}  # fmt: skip
    told["cost"] = _cost(prepared, trained, seconds)
    told = {name: value for name, value in told.items() if value not in (None, [], {})}
    _save(trained, prepared, out, told, recipe)
    drawn = pages.draw(told) if full else {}  # type: ignore[arg-type]
    seconds["model and report"] = time.perf_counter() - began
    total = trained.spent_seconds + time.perf_counter() - ended
    if (rest := total - sum(seconds.values())) > 0:
        seconds["start of the process and everything else"] = rest
    told["cost"] |= {
        "seconds": seconds,
        "total_seconds": total,
        "peak_memory_bytes": machine.peak_memory_bytes() + facts.get("peak_memory_bytes", 0),
    }
    if full:
        pages.write_report(out, told, drawn)  # type: ignore[arg-type]
    else:
        files.write_json(out / "report.json", told)
    return Result(out, told)


def _save(trained: Trained, prepared: Prepared, out: Path, told: dict[str, Any], recipe: Run) -> None:
    lineage: dict[str, Any] = {
        "telos": __version__,
        "settings": recipe.dump(),
        "settings_hash": recipe.hash(),
        "corpus_hash": prepared.corpus.hash,
        "tokenizer_hash": prepared.tokenizer.vocabulary.tokenizer_hash,
        "versions": machine.versions(),
    }
    if trained.outcome is None:
        card = _COUNTING_CARD.format(kind=recipe.model.kind())
        save_model(trained.model, prepared.tokenizer, out / "model", card=card, lineage=lineage)
        return
    lineage |= {"steps": trained.outcome.step, "tokens": trained.outcome.tokens, "choices": trained.outcome.choices}
    languages = [told["language"]] if "language" in told else []
    if not recipe.objective.scores_text:
        labels = trained.model.vocabulary.labels
        card = document_card(told, labels, languages, recipe.objective.annotation)
        save_model(trained.model, prepared.tokenizer, out / "model", card=card, lineage=lineage,
                   also=lambda to: saved_objective.save(to, recipe.objective, trained.owned, labels))  # fmt: skip
        return
    card = model_card(told, languages,  # type: ignore[arg-type]
                      library="transformers" if is_known_to_transformers(recipe.model) else "telos")  # fmt: skip
    save_model(trained.model, prepared.tokenizer, out / "model", card=card, lineage=lineage,
               generation={"do_sample": True, "temperature": 0.8, "top_p": 0.95})  # fmt: skip


_COUNTING_CARD = """---
library_name: telos
pipeline_tag: text-generation
---

A model of kind `{kind}`, which counts instead of learning by gradient.  `telos score` and `telos generate` load this folder;
lineage.json says what it was made from.
"""


def _notes(prepared: Prepared, held: HeldOut) -> list[str]:
    notes = [prepared.corpus.split_note] if prepared.corpus.split_note else []
    for stage in prepared.corpus.funnel:
        if left_out := stage["dropped_bytes"].get("not_sampled"):
            notes.append(f"The text is larger than this budget has time for: {format_bytes(left_out)} of "
                         f"{format_bytes(stage['bytes_in'])} were left out, chosen by content hash.")  # fmt: skip
    unread = prepared.corpus.facts.get("unread", {"files": 0})
    if count := unread["files"]:
        notes.append(f"The text is far larger than this budget has time for: {counted(count, 'file')} "
                     f"({format_bytes(unread['bytes'])}) {_were(count)} not read, chosen by a hash of their names.")  # fmt: skip
    if repaired := prepared.corpus.facts.get("repaired"):
        notes.append(_repaired(repaired))
    if held.split != "test":
        notes.append("The recipe keeps no test text: the figures are of the validation text.")
    if held.part < 1:
        why = ": on this machine more would take too large a share of the budget" if held.for_time else ""
        notes.append(f"Of the {held.split} text {format_bytes(held.token_bytes.sum())} ({held.part:.0%}) are scored, "
                     f"documents chosen by hash{why}.")  # fmt: skip
    return notes


def _repaired(entries: list[dict[str, Any]]) -> str:
    """What was done to files that were not whole UTF-8: read in their own encoding, or with damaged places."""
    found: dict[str, list[str]] = {}
    for entry in sorted(entries, key=lambda entry: (entry["encoding"].startswith("utf-8"), entry["encoding"])):
        damaged = entry["encoding"].startswith("utf-8")
        how = "UTF-8 with damaged places, which � stands for" if damaged else f"read as {entry['encoding']}"
        found.setdefault(how, []).append(entry["source"])
    told = [f"{counted(len(names), 'file')} {_were(len(names))} {how} ({_first(names)})" for how, names in found.items()]
    more = any(len(names) > NAMED_FILES for names in found.values())
    return f"{'; '.join(told)}.{' corpus.json names them all.' * more}"


def _first(names: list[str]) -> str:
    return ", ".join(names[:NAMED_FILES]) + " …" * (len(names) > NAMED_FILES)


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _baselines_of(recipe: Run) -> str:
    """The place of what stands beside a model of whole documents: classifiers go by their accuracy."""
    return "class_baselines" if recipe.objective.annotation == "label" else "document_baselines"


def _few_steps(trained: Trained) -> list[str]:
    said = starved(trained.outcome.step) if trained.outcome is not None else None
    return [f"{said} A larger budget gives more."] if said else []


def _language(held: HeldOut) -> str | None:
    """zh or en by the share of Han characters, for the reader's fonts; None for text of neither."""
    sample = "".join(text[:2000] for text in held.texts[:50])
    han = sum("一" <= c <= "鿿" for c in sample)
    latin = sum(c.isascii() and c.isalpha() for c in sample)
    if not han + latin:
        return None
    return "zh" if han > latin else "en"


def _funnel(prepared: Prepared) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for stage in prepared.corpus.funnel:
        if not rows:
            rows.append({"step": "found", "documents": stage["documents_in"], "bytes": stage["bytes_in"]})
        for reason, count in stage["dropped"].items():
            rows.append(
                {
                    "step": f"dropped by {stage['stage']}: {reason}".replace("_", " "),
                    "documents": count,
                    "bytes": stage["dropped_bytes"][reason],
                }
            )
    corpus = prepared.corpus
    for split in SPLITS:
        rows.append({"step": split, "documents": corpus.count(split), "bytes": corpus.bytes(split)})
    return rows


def _machine(trained: Trained) -> dict[str, Any]:
    facts = machine.describe()
    facts["memory"] = format_bytes(facts.pop("memory_bytes"))
    facts["instructions"] = ", ".join(facts["instructions"])
    if trained.outcome is not None:
        choices = trained.outcome.choices
        facts |= {"threads": choices["threads"], "precision": choices["precision"], "compiled": choices["compile"]}
        for name, value in choices["facts"].items():
            facts[name.replace("_flops_per_second", "")] = f"{value / 1e9:.0f} GFLOP/s" if "flops" in name else f"{value:.1f}"
    return facts | machine.versions()


def _curves(metrics: Path) -> dict[str, Any]:
    """What was measured in training and on validation text, column by column; a figure goes by its name on validation text,
    such as nats per token, or per label and accuracy."""
    lines = list(record.read(metrics))
    figures = list(dict.fromkeys(n.removeprefix(VALIDATION) for line in lines for n in line if n.startswith(VALIDATION)))
    trained = [line for line in lines if not any(name.startswith(VALIDATION) for name in line)]
    in_training = [name for name in figures or [NATS] if any(_trained_on(line, name) is not None for line in trained)]
    curves: dict[str, dict[str, list[float]]] = {"train": {}, "validation": {}}
    for line in lines:
        validated = any(name.startswith(VALIDATION) for name in line)
        values = {name: line.get(VALIDATION + name) if validated else _trained_on(line, name)
                  for name in (figures or [NATS] if validated else in_training)}  # fmt: skip
        if None in values.values() or not values:
            continue
        columns = {"steps": line["step"], "tokens": line["tokens"], "seconds": line["seconds"], **values}
        if not validated:
            columns["learning_rate_scale"] = line["learning_rate_scale"]
        for name, value in columns.items():
            curves["validation" if validated else "train"].setdefault(name, []).append(value)
    return {name: curve for name, curve in curves.items() if curve}


def _trained_on(line: dict[str, Any], figure: str) -> float | None:
    """A figure of validation text as a line of training has it: under its own name, as a term of the loss, or, where it is nats
    of some of the tokens, as the loss over them."""
    return next((line[name] for name in (figure, f"loss_{figure}", NATS if figure.startswith("nats_per_") else "")
                 if name in line), None)  # fmt: skip


def _cost(prepared: Prepared, trained: Trained, seconds: dict[str, float]) -> dict[str, Any]:
    store = prepared.stores["train"]
    cost: dict[str, Any] = {"train_tokens": store.num_tokens, "seconds": seconds}
    if trained.outcome is not None:
        outcome = trained.outcome
        cost |= {"steps": outcome.step, "tokens": outcome.tokens, "epochs": outcome.epochs,
                 "tokens_per_second": outcome.tokens / max(1e-9, outcome.trained_seconds),
                 "flops": 3 * trained.model.flops_per_token(trained.model.context_length) * outcome.tokens}  # fmt: skip
    return cost


def _by_length(held: HeldOut, ours: Likelihood) -> dict[str, Any]:
    """Bits per byte of short and long units, in thirds."""
    groups: dict[str, np.ndarray] = {}
    for third in np.array_split(np.argsort(ours.bytes, kind="stable"), 3):
        if len(third) and ours.bytes[third].sum():
            low, high = format_bytes(ours.bytes[third].min()), format_bytes(ours.bytes[third].max())
            name = low if low == high else f"{low} to {high}"
            groups[name] = np.concatenate([groups.get(name, third[:0]), third])  # blocks are of nearly one length
    bits = {name: ours.nats[of].sum() / np.log(2) / ours.bytes[of].sum() for name, of in groups.items()}
    rows = [[name, len(of), f"{bits[name]:.3f}" if np.isfinite(bits[name]) else "infinite"] for name, of in groups.items()]
    return {"title": f"By length of {held.unit_kind}", "columns": ["bytes", held.unit_kind, "bits per byte"], "rows": rows}


def _samples(recipe: Run, prepared: Prepared, held: HeldOut, trained: Trained) -> list[dict[str, str]]:
    """The first tokens of some held-out documents, continued; the last sample begins a text of its own."""
    end = trained.model.vocabulary.end_of_text
    starts = np.concatenate([[0], np.flatnonzero(held.tokens[:-1] == end) + 1])
    longest = math.inf if trained.model.spec.carries_state else trained.model.context_length
    room = int(min(PROMPT_TOKENS, longest / 4))
    count = recipe.evaluate.samples - 1 if room else 0
    chosen = starts[np.linspace(0, len(starts) - 1, min(count, len(starts))).astype(int)] if count else []
    prompts = []
    for start in chosen:
        tokens = held.tokens[start : start + room]
        prompts.append(prepared.tokenizer.decode(tokens[: int(np.argmax(tokens == end))] if end in tokens else tokens))
    prompts = [prompt.rstrip("�") for prompt in prompts] + [""]
    most = int(max(1, min(recipe.evaluate.sample_tokens, longest - room - 2)))
    sampling = Sampling(temperature=0.8, top_p=0.95, max_tokens=most, seed=recipe.training.seed)
    made = Engine(trained.model, prepared.tokenizer).generate(prompts, sampling)
    return [{"prompt": prompt, "text": one.text, "settings": "temperature 0.8, top-p 0.95"}
            for prompt, one in zip(prompts, made, strict=True)]  # fmt: skip
