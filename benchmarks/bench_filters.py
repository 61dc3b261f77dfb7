"""Gopher quality, Gopher repetition, C4, FineWeb and personal data on 40,000 web-like documents, beside datatrove.

    python benchmarks/bench_filters.py      # prints one JSON line; about 15 minutes on two cores, most of them datatrove's

Both read JSONL and write Parquet with two workers, in turn, ``RUNS`` times; the figure is the median.  Starting processes,
importing and compiling are taken out: each job runs on a handful of documents too, and that time is subtracted.  Ours runs
through the whole pipeline (cleaning, identities, split, report) and looks for every type of personal data that it knows;
datatrove's step looks for e-mail and IP addresses.  datatrove gets a virtual environment of its own in the temporary folder.

Besides: whether our rules equal their plain transcription (`reference_rules`) on every document; how often they agree with
datatrove, on every tenth document, each filter alone, with its thresholds; and the limits: the pipeline without a rule, and
each rule without the pipeline, on one core.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import orjson

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import reference_rules, web_documents  # noqa: E402
from telos.corpus.filters import Filter  # noqa: E402
from telos.corpus.texts import Texts  # noqa: E402
from telos.foundation import machine  # noqa: E402
from telos.foundation.progress import say  # noqa: E402

WORKERS, RUNS, EVERY, FEW, LEAST_RATIO = 2, 3, 10, 16, 20.0
CACHE = Path(tempfile.gettempdir()) / "telos-benchmark-filters"
RULES = ("gopher_repetition", "gopher_quality", "c4", "fineweb")
PEER_SETTINGS: dict[str, dict[str, Any]] = {
    "c4": {"min_line_words": 3, "min_sentences": 5, "terminal_marks": ".?!\"'"},
    "fineweb": {"duplicate_character_fraction": 0.01},
}
"""datatrove's thresholds where they differ from ours."""
PEER_PACKAGES = ("datatrove[io]", "spacy", "nltk", "pyarrow", "regex")


def documents() -> tuple[Path, dict[str, Any]]:
    """The folder of documents, made once a machine, and what they are."""
    folder, about = CACHE / "documents", CACHE / "documents.json"
    if not about.exists():
        say("making the documents …")
        about.write_text(json.dumps(web_documents.build(folder)))
    return folder, json.loads(about.read_text())


def few(folder: Path) -> Path:
    """As many files with hardly a document, to take the time of starting with."""
    small = CACHE / "few"
    small.mkdir(exist_ok=True)
    for path in sorted(folder.glob("*.jsonl")):
        (small / path.name).write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[: FEW // web_documents.SHARDS]))
    return small


def texts_in(folder: Path) -> list[str]:
    return [orjson.loads(line)["text"] for path in sorted(folder.glob("*.jsonl")) for line in path.open("rb")]


# -- speed ------------------------------------------------------------------------------------------------------------


def run_ours(folder: Path, out: Path, kinds: tuple[str, ...]) -> float:
    """Seconds of one job; in a process of its own, as the peer's."""
    command = [sys.executable, __file__, "ours", str(folder), str(out), *kinds]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    return float(done.stdout.splitlines()[-1])


def ours(folder: str, out: str, *kinds: str) -> None:
    from telos.corpus.clean import Clean
    from telos.corpus.engines.native import Native
    from telos.corpus.pipeline import build_corpus
    from telos.corpus.sources.files import Files

    clean = Clean(filters=[Filter.parse(kind) for kind in kinds], dedup=[])
    started = time.perf_counter()
    build_corpus(Files(path=folder), clean, out=out, engine=Native(workers=WORKERS))
    print(time.perf_counter() - started)


def run_peer(python: Path, folder: Path, out: Path) -> float:
    command = [python, ROOT / "benchmarks/datatrove_filters.py", "run", folder, out]
    return float(output_of(command).splitlines()[-1])


def output_of(command: list[Any]) -> str:
    """What a peer's command prints; what it logs is shown only where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def peer() -> Path:
    """The interpreter that has datatrove."""
    python = CACHE / "datatrove" / "bin" / "python"
    found = python.exists() and subprocess.run([python, "-c", "import datatrove, spacy"], check=False, capture_output=True)
    if not found or found.returncode:
        say("installing datatrove in a virtual environment of its own …")
        subprocess.run([sys.executable, "-m", "venv", "--clear", python.parent.parent], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEER_PACKAGES], check=True, stdout=sys.stderr)
    return python


def speeds(folder: Path, count: int) -> dict[str, Any]:
    """Documents per second of both, in turn, and of the pipeline without rules."""
    python, small, work = peer(), few(folder), CACHE / "out"
    kinds = (*RULES, "personal_data")
    jobs = {
        "ours": lambda source, out: run_ours(source, out, kinds),
        "peer": lambda source, out: run_peer(python, source, out),
        "no_rule": lambda source, out: run_ours(source, out, ()),
    }
    jobs["ours"](small, _fresh(work))  # compiles
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for turn in range(RUNS):
        for name, job in jobs.items():
            start = job(small, _fresh(work))
            seconds[name].append(job(folder, _fresh(work)) - start)
            say(f"turn {turn + 1}, {name}: {count / seconds[name][-1]:,.0f} documents/s")
    shutil.rmtree(work, ignore_errors=True)
    rates = {name: count / statistics.median(taken) for name, taken in seconds.items()}
    ratios = [p / o for o, p in zip(seconds["ours"], seconds["peer"], strict=True)]
    return {
        "documents_per_second": round(rates["ours"]), "peer_documents_per_second": round(rates["peer"]),
        "ratio": round(statistics.median(ratios), 1), "ratios": [round(ratio, 1) for ratio in ratios],
        "limit_documents_per_second": round(rates["no_rule"]), "workers": WORKERS, "runs": RUNS,
        "within_target": statistics.median(ratios) >= LEAST_RATIO,
    }  # fmt: skip


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def rule_speeds(texts: list[str]) -> dict[str, int]:
    """Documents per second on one core: each rule alone (the first finds the words for those that follow it), and all one
    after the other with the text that C4 leaves, dropping in between."""
    batch, rates = Texts.of(texts), {}
    rules = {kind: Filter.member(kind)() for kind in RULES}

    def together() -> None:
        left = Texts(batch.table)
        for rule in rules.values():
            verdict = rule.judge(left, {})
            left = (left.replace(**verdict.columns) if verdict.columns else left).take(verdict.reasons == 0)

    for name, work in {**{kind: lambda rule=rule: rule.judge(Texts(batch.table), {}) for kind, rule in rules.items()},
                       "together": together}.items():  # fmt: skip
        taken = []
        for _ in range(RUNS + 1):
            started = time.process_time()
            work()
            taken.append(time.process_time() - started)
        rates[name] = round(len(texts) / statistics.median(taken[1:]))
    return rates


# -- agreement --------------------------------------------------------------------------------------------------------


def decisions(rule: Filter, texts: list[str]) -> list[str | None]:
    names = (None, *rule.reasons)
    return [names[reason] for reason in rule.judge(Texts.of(texts), {}).reasons]


def equal_to_plain(texts: list[str]) -> tuple[int, Counter[str]]:
    """(decisions, those that differ from the plain transcription in reason or text, by rule)."""
    different: Counter[str] = Counter()
    batch = Texts.of(texts)
    for kind in RULES:
        rule = Filter.member(kind)()
        verdict = rule.judge(batch, {})
        names, judged = (None, *rule.reasons), batch.rows_in(rule.scope)
        after = verdict.columns.get("text", batch.text).to_pylist()
        for text, reason, inside, left in zip(texts, verdict.reasons, judged, after, strict=True):
            wanted = getattr(reference_rules, kind)(text, rule) if inside else None
            wanted, wanted_text = wanted if isinstance(wanted, tuple) else (wanted, text)
            different[kind] += names[reason] != wanted or left != wanted_text
    return len(texts) * len(RULES), different


def agreement(texts: list[str], folder: Path) -> dict[str, Any]:
    say("comparing with the plain transcription …")
    with ProcessPoolExecutor(WORKERS) as pool:
        parts = list(pool.map(equal_to_plain, [texts[at : at + 1000] for at in range(0, len(texts), 1000)]))
    asked, different = sum(part[0] for part in parts), sum((part[1] for part in parts), Counter())
    say("comparing with datatrove …")
    command = [peer(), ROOT / "benchmarks/datatrove_filters.py", "decide", folder, str(EVERY)]
    theirs = [orjson.loads(line) for line in output_of(command).splitlines()]
    with_peer = {}
    for kind in RULES:
        mine = decisions(Filter.member(kind)(**PEER_SETTINGS.get(kind, {})), texts[::EVERY])
        differ = Counter(f"{a or 'kept'}, peer {b[kind] or 'kept'}" for a, b in zip(mine, theirs, strict=True)
                         if (a is None) != (b[kind] is None))  # fmt: skip
        with_peer[kind] = {
            "share": round(1 - sum(differ.values()) / len(mine), 4), "documents": len(mine),
            "dropped": sum(a is not None for a in mine), "peer_dropped": sum(b[kind] is not None for b in theirs),
            "most_differ": dict(differ.most_common(3)),
        }  # fmt: skip
    return {"decisions": asked, "equal_to_plain": 1 - sum(different.values()) / asked, "agreement_with_peer": with_peer}


def main() -> None:
    folder, about = documents()
    texts = texts_in(folder)
    results = about | speeds(folder, len(texts)) | {"rules_per_core": rule_speeds(texts[::4])} | agreement(texts, folder)
    versions = output_of([peer(), "-m", "pip", "freeze"]).split()
    results["peer"] = next(line for line in versions if line.startswith("datatrove"))
    about_machine = {name: machine.describe()[name] for name in ("processor", "cores", "memory_bytes")}
    print(json.dumps({"benchmark": "filters"} | results | {"machine": about_machine}))


if __name__ == "__main__":
    if not web_documents.DATA.is_dir():
        raise SystemExit(f"the real text must be in {web_documents.DATA}: there is none")
    if sys.argv[1:2] == ["ours"]:
        ours(*sys.argv[2:])
    else:
        main()
