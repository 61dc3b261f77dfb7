"""First names, letter by letter: what each family says of names that it has not seen, on one split.

    python benchmarks/bench_names.py [FAMILY …]        # prints one JSON line; the n-gram is always among them

The 32,033 names of ../shared/data/names (github.com/karpathy/makemore), a document each, split 80/10/10 by a hash of the name, so
that a name that stands twice is on one side.  Figures are nats per character of the test part, the end of a name counted as one.
Each family is trained by ``telos train recipes/names.yaml`` in a process of its own, with the settings below over that recipe,
and set against the n-gram on the same names, pair by pair.
"""

import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from telos.evaluate.likelihood import Likelihood, unit_edges
from telos.evaluate.score import extent, network_nll
from telos.evaluate.verdict import against
from telos.foundation import machine
from telos.foundation.progress import say
from telos.models import Counting
from telos.run import load_likelihood
from telos.tokens.store import TokenStore

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared/data/names/names.txt"
RECIPE = ROOT / "recipes" / "names.yaml"
SETTINGS: dict[str, tuple[str, ...]] = {
    "ngram": ("model={kind: ngram, order: 6}",),
    "perceptron": (
        "model={kind: perceptron, window: 3, embedding_size: 16, hidden_size: 256}",
        "optimizer={kind: adamw, learning_rate: 0.01}",
        "train.batch_tokens=1024", "train.precision=fp32", "train.budget=3000 steps",
    ),
    "gru": (),
    "lstm": ("model={kind: lstm, num_layers: 1, hidden_size: 256, embedding_size: 64, context_length: 16, dropout: 0.3}",),
    "transformer": (
        "model={kind: transformer, num_layers: 4, hidden_size: 64, num_heads: 4, context_length: 32, dropout: 0.1}",
        "optimizer={kind: muon, learning_rate: 0.02}",
    ),
}  # fmt: skip


def likelihood(run: Path) -> Likelihood:
    """What the model of a run says of its test names, each a unit."""
    model, tokenizer = load_likelihood(run / "model")
    store = TokenStore.open(run / "tokens" / "test")
    tokens = np.concatenate([store.document(i) for i in range(store.num_documents)]).astype(np.int64)
    if isinstance(model, Counting):
        nll = model.nll(tokens)
    else:
        length, stride = extent(model.spec)
        nll = network_nll(model, tokens, context_length=length, stride=stride)
    sizes = np.array([len(piece) for piece in tokenizer.token_bytes])[tokens]
    return Likelihood.of(nll, sizes, unit_edges(np.asarray(store.document_bytes)))


def trained(family: str, folder: Path) -> dict[str, Any]:
    """The facts of one family; its likelihood is measured from what was saved."""
    command = [sys.executable, "-m", "telos.cli", "train", str(RECIPE), f"corpus.path={folder / 'names.tsv'}", *SETTINGS[family]]
    done = subprocess.run([*command, "--out", str(folder / family), "--json"], cwd=ROOT, stdout=subprocess.PIPE, text=True,
                          check=True)  # fmt: skip
    facts = json.loads(done.stdout.splitlines()[-1])
    return {name: facts.get(name) for name in ("parameters", "seconds", "steps", "settings_hash")}


def compared(ours: Likelihood, ngram: Likelihood) -> dict[str, Any]:
    """Nats per character with its interval, and the paired difference from the n-gram; below zero, ours says more."""
    difference = against("ngram", ours, ngram)
    assert difference is not None
    nats_per_bit = math.log(2) * float(ours.bytes.sum() / ours.tokens.sum())  # bits per byte → nats per character and end
    interval = difference["difference_interval"]
    return {
        "nats_per_character": ours.nats_per_token,
        "ci95": ours.nats_per_token_interval(),
        "difference": nats_per_bit * difference["difference"],
        "difference_ci95": None if interval is None else [nats_per_bit * end for end in interval],
        "verdict": difference["verdict"],
    }


def table(rows: list[dict[str, Any]]) -> str:
    """The rows for people, in Markdown."""
    shown = ["| family | nats per character | 95 % interval | less the 6-gram's | 95 % interval | parameters | seconds |",
             "|---|---|---|---|---|---|---|"]  # fmt: skip
    for row in rows:
        (low, high), (least, most) = row["ci95"], row["difference_ci95"]
        parameters = "" if row["parameters"] is None else f"{row['parameters']:,}"
        shown.append(
            f"| {row['family']} | {row['nats_per_character']:.3f} | {low:.3f} to {high:.3f} | {row['difference']:+.3f}"
            f" | {least:+.3f} to {most:+.3f} | {parameters} | {row['seconds']:.0f} |"
        )
    return "\n".join(shown)


def main(wanted: list[str]) -> int:
    unknown = [family for family in wanted if family not in SETTINGS]
    if unknown:
        say(f"error: a family must be one of {', '.join(SETTINGS)}\n  found: {', '.join(unknown)}\n  to do: name one of these")
        return 2
    rows, ngram = [], None
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "names.tsv").write_text("text\n" + DATA.read_text(encoding="utf-8"), encoding="utf-8")
        for family in dict.fromkeys(["ngram", *(wanted or SETTINGS)]):
            say(f"{family} …")
            facts = trained(family, folder)
            ours = likelihood(folder / family)
            ngram = ngram or ours
            rows.append({"family": family} | compared(ours, ngram) | facts)
    print(table(rows))
    about = {name: machine.describe()[name] for name in ("processor", "cores", "memory_bytes")}
    print(json.dumps({"benchmark": "names", "rows": rows, "machine": about}))
    return 0


if __name__ == "__main__":
    if not DATA.is_file():
        raise SystemExit(f"the data must be in {DATA}: there is no such file")
    sys.exit(main(sys.argv[1:]))
