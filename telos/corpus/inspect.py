"""What is in a corpus: counts, the funnel with its reasons, distributions, copies, personal data and a few samples, for
`telos corpus inspect`; the same facts as on the page (`telos.corpus.report`).  Test: tests/corpus/test_inspect.py."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from telos.corpus import shards
from telos.corpus.corpus import CARD, PAGE, Corpus
from telos.corpus.facts import personal_data, reasons, warnings
from telos.corpus.splits import SPLITS
from telos.corpus.steps import steps_of
from telos.corpus.timing import rates, timing_lines
from telos.foundation.random import generator
from telos.foundation.units import format_bytes, format_count

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
SAMPLE_BYTES = 4_000_000
"""Scripts are counted over about this much text, from documents drawn by a fixed seed."""
_SNIPPET_CHARACTERS = 200
_BAR, _ROWS = 30, 12
_TITLES = {"documents_by_characters": "documents by characters", "documents_by_language": "documents by language",
           "documents_by_language_confidence": "documents by confidence in the language",
           "documents_by_script": "documents by script", "documents_by_score": "documents by relevance",
           "by_source": "documents by source"}  # fmt: skip
BEFELL = (("repaired", "read as another encoding", "encoding"), ("skipped", "skipped", "reason"),
          ("quarantined", "could not be read", "reason"))  # fmt: skip
"""Lists of inputs in corpus.json: (its name, what befell them, the field that says more)."""
_SCRIPTS = {
    "latin": ((0x41, 0x5A), (0x61, 0x7A), (0xC0, 0x24F), (0x1E00, 0x1EFF)),
    "han": ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF)),
    "kana": ((0x3040, 0x30FF),),
    "hangul": ((0x1100, 0x11FF), (0xAC00, 0xD7A3)),
    "cyrillic": ((0x400, 0x52F),),
    "greek": ((0x370, 0x3FF),),
    "arabic": ((0x600, 0x6FF), (0x750, 0x77F)),
    "devanagari": ((0x900, 0x97F),),
}
"""Ranges of code points of letters (Unicode 15 blocks)."""


def summarize(folder: str | Path, samples: int = 3) -> dict[str, Any]:
    """Facts about a corpus folder, with units in their names.

    ``splits``: documents, bytes, characters of each.  ``length_characters``: quantile → characters of a training
    document.  ``scripts``: share of each script among the letters, 0–1.  ``language_hint``: "zh", "en or another language
    in Latin letters" and so on, from the scripts alone.  ``samples``: beginnings of training documents.  ``reasons``: documents
    dropped, by stage and reason.  ``described``: documents that stayed, before sampling, by what they are.  ``changed``,
    ``pairs``: as many samples of each rule.  ``seconds``: of work, by stage, where the command line noted them."""
    corpus = Corpus.open(folder)
    lengths = np.array([row["characters"] for row in shards.rows(corpus.folder / "train", ["characters"])])
    chosen = _draw(corpus, samples)
    scripts = script_shares(text for _, text in chosen)
    facts = corpus.facts
    at = np.quantile(lengths, QUANTILES, method="nearest").tolist() if len(lengths) else []
    return {
        "folder": str(folder), "hash": corpus.hash, "split_note": corpus.split_note,
        "splits": corpus.facts["splits"], "funnel": corpus.funnel,
        "length_characters": {f"{q:.0%}": int(n) for q, n in zip(QUANTILES, at, strict=False)},
        "scripts": scripts, "han_share": scripts.get("han", 0.0), "language_hint": _hint(scripts),
        "repaired": facts["repaired"], "skipped": facts["skipped"], "quarantined": facts["quarantined"],
        "notes": warnings(facts), "reasons": [asdict(reason) for reason in reasons(facts)], "described": _described(facts),
        "personal_data": personal_data(facts, steps_of(facts["settings"])), "counts": facts["counts"],
        "changed": [e | {"samples": e["samples"][:samples]} for e in facts["changed"]],
        "pairs": [e | {"pairs": e["pairs"][:samples]} for e in facts["pairs"]],
        "seconds": corpus.seconds, "documents_per_second": rates(corpus.funnel, corpus.seconds),
        "page": str(corpus.folder / PAGE), "card": str(corpus.folder / CARD),
        "samples": [{"source": source, "text": text[:_SNIPPET_CHARACTERS]} for source, text in chosen[:samples]],
    }  # fmt: skip


def script_shares(texts: Any) -> dict[str, float]:
    """Share of each script among the letters of some texts, the largest first; scripts without any are left out."""
    counts = dict.fromkeys(_SCRIPTS, 0)
    for text in texts:
        points = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        for name, ranges in _SCRIPTS.items():
            counts[name] += sum(int(((points >= low) & (points <= high)).sum()) for low, high in ranges)
    total = sum(counts.values())
    return {name: n / total for name, n in sorted(counts.items(), key=lambda pair: -pair[1]) if n}


def _described(facts: dict[str, Any]) -> dict[str, Any]:
    """Documents by characters, language, script, source, confidence and score; what nobody asked for is left out."""
    known = facts["described"]
    found: dict[str, Any] = {
        "documents_by_characters": [{"from_characters": 2**i, "to_characters": 2 ** (i + 1), "documents": n}
                                    for i, n in enumerate(known["characters"]) if n],
        "documents_by_language": known["languages"], "documents_by_script": known["scripts"],
        "by_source": [{"source": name, "documents": n, "bytes": size} for name, (n, size) in known["origins"].items()],
    }  # fmt: skip
    for name in ("language_confidence", "score"):
        found[f"documents_by_{name}"] = [{"from": i / len(known[name]), "to": (i + 1) / len(known[name]), "documents": n}
                                         for i, n in enumerate(known[name]) if n]  # fmt: skip
    return {name: value for name, value in found.items() if value}


def _hint(scripts: dict[str, float]) -> str:
    """A guess at the language from scripts; Japanese shows by its kana, whatever the share of Han characters."""
    if scripts.get("kana", 0) > 0.1:
        return "ja"
    for script, language in (("han", "zh"), ("hangul", "ko")):
        if scripts.get(script, 0) > 0.5:
            return language
    if scripts.get("han", 0) > 0.1 and scripts.get("latin", 0) > 0.1:
        return "zh and a language in Latin letters"
    first = next(iter(scripts), None)
    return "none: no letters" if first is None else f"a language in {first.capitalize()} letters"


def _draw(corpus: Corpus, at_least: int) -> list[tuple[str, str]]:
    """(source, text) of training documents drawn by a fixed seed, up to `SAMPLE_BYTES` of text."""
    count, size = corpus.count("train"), corpus.bytes("train")
    if not count:
        return []
    wanted = min(count, max(at_least, int(count * min(1.0, SAMPLE_BYTES / max(1, size)))))
    places = set(generator(1, "inspect").choice(count, wanted, replace=False).tolist())
    found = [(d.source, d.text[:SAMPLE_BYTES]) for n, d in enumerate(corpus.documents("train")) if n in places]
    return [found[i] for i in generator(1, "inspect order").permutation(len(found))]


def render(summary: dict[str, Any]) -> str:
    """A summary for the terminal: plain lines of at most 100 columns or so."""
    lines = [f"corpus {summary['folder']}  ({summary['hash']})", ""]
    lines += [f"  {'split':<12}{'documents':>12}{'characters':>14}{'bytes':>12}"]
    for name in SPLITS:
        facts = summary["splits"][name]
        lines.append(f"  {name:<12}{facts['documents']:>12,}{facts['characters']:>14,}{format_bytes(facts['bytes']):>12}")
    if summary["split_note"]:
        lines.append(f"  {summary['split_note']}")
    lines += ["", f"  {'stage':<20}{'documents in':>14}{'out':>10}{'bytes in':>12}{'out':>10}  dropped"]
    for stage in summary["funnel"]:
        dropped = ", ".join(f"{n:,} {reason}" for reason, n in stage["dropped"].items()) or "–"
        lines.append(f"  {stage['stage']:<20}{stage['documents_in']:>14,}{stage['documents_out']:>10,}"
                     f"{format_bytes(stage['bytes_in']):>12}{format_bytes(stage['bytes_out']):>10}  {dropped}")  # fmt: skip
    lengths = " · ".join(f"{name} {format_count(value)}" for name, value in summary["length_characters"].items())
    scripts = " · ".join(f"{name} {share:.1%}" for name, share in list(summary["scripts"].items())[:4])
    lines += [f"  {note}" for note in summary["notes"] if note != summary["split_note"]]
    if summary["seconds"]:
        lines += ["", *timing_lines(summary["funnel"], summary["seconds"])]
    lines += ["", f"  characters per training document: {lengths}", f"  letters: {scripts} → {summary['language_hint']}"]
    for kind, what, field in BEFELL:
        lines += named(what, summary[kind], field)
    lines += _distributions(summary["described"]) + _personal(summary["personal_data"]) + _copies(summary["pairs"])
    for sample in summary["samples"]:
        text = " ".join(sample["text"].split())
        lines += ["", f"  {sample['source']}", f"    {text[:90]}{'…' if len(text) > 90 else ''}"]
    examples = "examples of one rule: --reason NAME · why a document went: --why DOCUMENT"
    return "\n".join([*lines, "", f"  {examples}", f"  the same as a page: {summary['page']}"])


def _distributions(described: dict[str, Any]) -> list[str]:
    lines = []
    for name, title in _TITLES.items():
        found = described.get(name, ())
        if isinstance(found, dict):
            rows = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
        elif name == "by_source":
            rows = [(one["source"] or ".", one["documents"]) for one in found] if len(found) > 1 else []
        elif name == "documents_by_characters":
            rows = [(f"{format_count(one['from_characters'])} to {format_count(one['to_characters'])}", one["documents"])
                    for one in found]  # fmt: skip
        else:
            rows = [(f"{one['from']:.2f} to {one['to']:.2f}", one["documents"]) for one in found]
        lines += ["", f"  {title}", *bars(rows)] if rows else []
    return lines


def bars(rows: Sequence[tuple[str, int]]) -> list[str]:
    """A line a row, the longest bar `_BAR` cells wide; of many rows the first."""
    most = max(n for _, n in rows)
    lines = []
    for label, n in rows[:_ROWS]:
        eighths = max(1, round(8 * _BAR * n / most)) if n else 0
        bar = "█" * (eighths // 8) + (" ▏▎▍▌▋▊▉"[eighths % 8].strip())
        shown = label if len(label) <= 24 else f"{label[:11]}…{label[-12:]}"
        lines.append(f"    {shown:<24} {bar:<{_BAR}} {n:,}")
    return [*lines, f"    … and {len(rows) - _ROWS} more"] if len(rows) > _ROWS else lines


def _personal(found: list[dict[str, Any]]) -> list[str]:
    lines = []
    for part in found:
        masked = " · ".join(f"{n:,} {name} → {by}" for name, n, by in part["found"])
        lines.append(f"  {part['stage']}: {masked or 'nothing found'}")
    return ["", *lines] if lines else []


def _copies(found: list[dict[str, Any]]) -> list[str]:
    lines = []
    for entry in found:
        for pair in entry["pairs"]:
            alike = "" if pair["similarity"] is None else f", similarity {pair['similarity']:.2f}"
            lines.append(f"    {pair['source']} → {pair['keeper']} ({entry['rule']}{alike})")
    return ["", "  copies, and what stays in their place", *lines] if lines else []


def named(what: str, entries: list[dict[str, Any]], field: str) -> list[str]:
    """A line with the first sources of a list, each with what befell it; no line for none."""
    if not entries:
        return []
    names = ", ".join(f"{e['source']} ({e[field][:80]})" for e in entries[:5])
    return [f"  {what}: {names}{f' and {len(entries) - 5} more' if len(entries) > 5 else ''}"]
