"""tinyshakespeare by characters: our time to at most 1.885 nats per character beside the reference recipe's, in turn.

    python benchmarks/bench_shakespeare.py            # prints one JSON line; some five minutes on two cores

Both run twice (A B A B), in processes of their own, timed from process start with raw text to the validation figure: the
first 90 % of the text train, the whole last 10 % validates, in windows of 64 characters that do not overlap.  The reference
is benchmarks/reference_shakespeare.py.  ``five_gram`` stands beside it because this measures speed, not quality: counting
reaches far less in seconds.  ``machine`` holds the measured rate of matrix products, the ceiling of both.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from telos.foundation import machine
from telos.foundation.progress import say

ROOT = Path(__file__).resolve().parent.parent
TEXT = ROOT.parent / "shared/data/tinyshakespeare/input.txt"
OURS = [
    sys.executable,
    "-m",
    "telos.cli",
    "train",
    str(ROOT / "recipes/shakespeare-char-cpu.yaml"),
    f"corpus.path={TEXT}",
    "--json",
]
PEER = [sys.executable, str(ROOT / "benchmarks/reference_shakespeare.py"), str(TEXT)]
MOST_NATS_PER_CHAR, MOST_RATIO = 1.885, 0.25
ROUNDS = 2


def measure(command: list[str]) -> tuple[float, dict[str, Any]]:
    """(seconds of the whole process, the JSON object on the last line of its output)."""
    began = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT)
    return time.perf_counter() - began, json.loads(done.stdout.splitlines()[-1])


def ours() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as out:
        seconds, answer = measure([*OURS, "--out", f"{out}/run"])
    return {"seconds": round(seconds, 2), "nats_per_char": round(answer["nats_per_character"], 4), "steps": answer["steps"],
            "parameters": answer["parameters"]}  # fmt: skip


def peer() -> dict[str, Any]:
    seconds, answer = measure(PEER)
    return answer | {"seconds": round(seconds, 2)}


def five_gram() -> dict[str, float]:
    """Nats per character of an interpolated 5-gram by characters on the same split, and how long counting and scoring took."""
    import numpy as np

    from telos.models.ngram import NGram
    from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

    text = TEXT.read_text(encoding="utf-8")
    began = time.perf_counter()
    alphabet = {character: i for i, character in enumerate(sorted(set(text)))}
    ids, cut = np.array([alphabet[character] for character in text]), int(0.9 * len(text))
    model = NGram(order=5).build(Vocabulary(len(alphabet), "characters", {END_OF_TEXT: len(alphabet)}))
    model.fit(ids[:cut])
    nats = float(model.nll(ids[cut:]).mean())
    return {"nats_per_char": round(nats, 4), "seconds": round(time.perf_counter() - began, 2)}


def compare(runs: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Medians of both, their ratio, and whether the targets are met."""
    middle = {name: {"seconds": statistics.median(run["seconds"] for run in found),
                     "nats_per_char": statistics.median(run["nats_per_char"] for run in found),
                     "runs": found} for name, found in runs.items()}  # fmt: skip
    ratio = middle["ours"]["seconds"] / middle["peer"]["seconds"]
    met = ratio <= MOST_RATIO and max(run["nats_per_char"] for run in runs["ours"]) <= MOST_NATS_PER_CHAR
    return middle | {"ratio_seconds": round(ratio, 4), "within_target": met}


def main() -> None:
    runs: dict[str, list[dict[str, Any]]] = {"ours": [], "peer": []}
    for turn in range(ROUNDS):
        for name, run in (("ours", ours), ("peer", peer)):
            runs[name].append(run())
            say(f"{name}, {turn + 1} of {ROUNDS}: {runs[name][-1]}")
    facts = {name: machine.describe()[name] for name in ("processor", "cores", "memory_bytes", "compiler")}
    rates = {dtype: machine.matrix_rate(dtype) for dtype in ("float32", "bfloat16")}
    print(json.dumps({"benchmark": "shakespeare_characters", **compare(runs), "five_gram": five_gram(),
                      "machine": facts | {"matrix_flops_per_second": rates}}))  # fmt: skip


if __name__ == "__main__":
    if not TEXT.is_file():
        raise SystemExit(f"the text must be {TEXT}: there is none")
    main()
