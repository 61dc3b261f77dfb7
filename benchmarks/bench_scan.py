"""SCAN: the recurrent encoder-decoder on the split that it learns, and on the split of longer answers, on which it fails.

    python benchmarks/bench_scan.py            # prints one JSON line; some six minutes on two cores

Lake and Baroni 2018, "Generalization without Systematicity": exact match on sequences of actions.  "simple" draws its test at
random; "length" tests answers of 24 to 48 actions after training on up to 22, where recurrent networks are known to fail (their
best: 20.8 %).  The figures are those of ``telos score`` after ``telos train recipes/models/seq2seq.yaml``, the recipe untouched.
"""

import gzip
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from telos.foundation import machine
from telos.foundation.progress import say

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared/data/scan"
PUBLISHED = {"simple": 0.998, "length": 0.208}
"""Their best networks (2-layer LSTM without attention, GRU with attention), trained on 100,000 commands each."""


def table(lines: list[str]) -> str:
    """Lines "IN: … OUT: …" as tab-separated values with the columns text and target."""
    pairs = [line.removeprefix("IN: ").split(" OUT: ") for line in lines]
    return "".join(f"{source}\t{target}\n" for source, target in [("text", "target"), *pairs])


def telos(*words: Any) -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-m", "telos.cli", *map(str, words), "--json"], stdout=subprocess.PIPE, text=True,
                          check=True, cwd=ROOT)  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def measure(split: str) -> dict[str, Any]:
    """Train on one split and score its test."""
    with tempfile.TemporaryDirectory() as folder:
        tables = {part: Path(folder) / f"{part}.tsv" for part in ("train", "test")}
        for part, path in tables.items():
            with gzip.open(DATA / f"tasks_{part}_{split}.txt.gz", "rt", encoding="utf-8") as file:
                path.write_text(table(file.read().splitlines()), encoding="utf-8")
        trained = telos("train", ROOT / "recipes/models/seq2seq.yaml", f"corpus.path={tables['train']}", "--out", f"{folder}/run")
        scored = telos("score", f"{folder}/run/model", tables["test"], "corpus.target_field=target")
    told = ("exact_match_fraction", "exact_match_fraction_ci95", "nats_per_target_token", "pairs")
    trial = {"train_seconds": trained["total_seconds"], "steps": trained["steps"], "parameters": trained["parameters"]}
    return {name: scored[name] for name in told} | trial | {"published_exact_match_fraction": PUBLISHED[split]}


def main() -> None:
    found = {}
    for split in PUBLISHED:
        found[split] = measure(split)
        say(f"{split}: {found[split]}")
    facts = {name: machine.describe()[name] for name in ("processor", "cores", "memory_bytes", "compiler")}
    print(json.dumps({"benchmark": "scan", **found, "machine": facts}))


if __name__ == "__main__":
    if not DATA.is_dir():
        raise SystemExit(f"the data must be in {DATA}: there is no such folder")
    main()
