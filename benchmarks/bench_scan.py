"""SCAN: two encoder-decoders on the split that they learn, and on the split of longer answers, on which they fail.

    python benchmarks/bench_scan.py [seq2seq | transformer]        # prints one JSON line

Lake and Baroni 2018, "Generalization without Systematicity": exact match on sequences of actions.  "simple" draws its test at
random; "length" tests answers of 24 to 48 actions after training on up to 22, where recurrent networks are known to fail (the
network that is best overall: 13.8 %; the best for this split: 20.8 %).  Figures are those of ``telos score`` after ``telos train
recipes/scan.yaml``, the recipe untouched, or with the settings below for a Transformer.
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
SETTINGS: dict[str, tuple[str, ...]] = {
    "seq2seq": (),
    "transformer": (
        "model={kind: transformer, architecture: encoder_decoder, num_layers: 2, hidden_size: 64, num_heads: 4,"
        " context_length: 64}",
        "optimizer={kind: muon, learning_rate: 0.02}",
    ),
}
PUBLISHED = {"simple": 0.998, "length": 0.208}
"""Their best recurrent networks (2-layer LSTM without attention, GRU with attention), trained on 100,000 commands each."""


def table(lines: list[str]) -> str:
    """Lines "IN: … OUT: …" as tab-separated values with the columns text and target."""
    pairs = [line.removeprefix("IN: ").split(" OUT: ") for line in lines]
    return "".join(f"{source}\t{target}\n" for source, target in [("text", "target"), *pairs])


def telos(*words: Any) -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-m", "telos.cli", *map(str, words), "--json"], stdout=subprocess.PIPE, text=True,
                          check=True, cwd=ROOT)  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def measure(kind: str, split: str) -> dict[str, Any]:
    """Train on one split and score its test."""
    with tempfile.TemporaryDirectory() as folder:
        tables = {part: Path(folder) / f"{part}.tsv" for part in ("train", "test")}
        for part, path in tables.items():
            with gzip.open(DATA / f"tasks_{part}_{split}.txt.gz", "rt", encoding="utf-8") as file:
                path.write_text(table(file.read().splitlines()), encoding="utf-8")
        settings = [f"corpus.path={tables['train']}", *SETTINGS[kind]]
        trained = telos("train", ROOT / "recipes/scan.yaml", *settings, "--out", f"{folder}/run")
        scored = telos("score", f"{folder}/run/model", tables["test"], "corpus.target_field=target")
    told = ("exact_match_fraction", "exact_match_fraction_ci95", "nats_per_target_token", "pairs")
    trial = {"train_seconds": trained["total_seconds"], "steps": trained["steps"], "parameters": trained["parameters"]}
    return {name: scored[name] for name in told} | trial


def main(wanted: list[str]) -> int:
    unknown = [kind for kind in wanted if kind not in SETTINGS]
    if unknown:
        say(f"error: a model must be one of {', '.join(SETTINGS)}\n  found: {', '.join(unknown)}\n  to do: name one of these")
        return 2
    found: dict[str, dict[str, Any]] = {}
    for kind in wanted or SETTINGS:
        found[kind] = {split: measure(kind, split) for split in PUBLISHED}
        say(f"{kind}: {found[kind]}")
    facts = {name: machine.describe()[name] for name in ("processor", "cores", "memory_bytes", "compiler")}
    published = {"exact_match_fraction": PUBLISHED, "of": "recurrent networks, Lake and Baroni 2018"}
    print(json.dumps({"benchmark": "scan", **found, "published": published, "machine": facts}))
    return 0


if __name__ == "__main__":
    if not DATA.is_dir():
        raise SystemExit(f"the data must be in {DATA}: there is no such folder")
    sys.exit(main(sys.argv[1:]))
