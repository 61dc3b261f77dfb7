"""Examples of every self-supervised objective, in tokens a second of one core.

    python -m benchmarks examples       # prints one JSON line; about a minute

Rows are drawn from a token store of the training novels of ../shared/data/litbank-novels (else of this Python's documentation)
with as many of BPE's tokens as a context of 256 and of 1,024 holds; a figure is the median of ``ROUNDS`` rounds over the same
rows of what `examples` and `collate` take together, in processor time of the thread (what else the machine does counts little),
after one round that is not counted and compiles what is compiled.  ``causal`` is the least that there is to do.  ``least_ratio``:
the slowest objective beside 2 million tokens a second; infilling between characters encodes text anew, and is left out of it.
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from telos.foundation import machine
from telos.foundation.errors import TelosError
from telos.foundation.progress import say
from telos.foundation.random import generator
from telos.models import Model
from telos.objectives import Objective, collate
from telos.recipe import Run
from telos.stages import prepare
from telos.tokens.batches import Batches

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "litbank-novels"
CONTEXTS, ROWS, ROUNDS, WANTED = (256, 1024), 256, 5, 2e6
EXEMPT: dict[str, dict[str, Any]] = {"infill_character": {"kind": "infill", "level": "character"}}
ALSO: dict[str, dict[str, Any]] = {
    "masked_words": {"kind": "masked", "hide": "word"},
    "masked_spans": {"kind": "masked", "hide": "span"},
    "denoising_infilling": {"kind": "denoising_autoencoder", "deletion": 0.0, "infilling": 0.3},
}
MODELS = ({"kind": "transformer"}, {"kind": "transformer", "architecture": "encoder_decoder"})


def objectives() -> dict[str, Objective]:
    """Those that need nothing beside the text, fitted to the first model that can express them."""
    found: dict[str, Objective] = {}
    given = {kind: {"kind": kind} for kind in Objective.kinds()} | ALSO | EXEMPT
    for name, settings in given.items():
        try:
            objective = Objective.parse(settings)
        except TelosError:
            continue  # it has no settings of its own to be tried with
        if objective.unit != "stream" or objective.annotation is not None:
            continue
        for model in map(Model.parse, MODELS):
            try:
                objective.check(model)
            except TelosError:
                continue
            found[name] = objective.fitted(model)
            break
    return found


def main() -> int:
    import torch

    torch.set_num_threads(1)
    corpus = {"kind": "files", "path": str(DATA), "include": ["*.jsonl.gz"]} if DATA.is_dir() else {"kind": "installation"}
    marked = {"kind": "masked", "hide": "word"}  # whose store has what any of them needs
    run = Run.parse({"corpus": corpus, "tokenizer": {"kind": "bpe", "vocab_size": 4096}, "objective": marked})
    rates: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        stores = prepare(run, Path(folder))
        known = stores.tokenizer.vocabulary
        for name, objective in objectives().items():
            vocabulary = known.with_specials(objective.special_tokens()).with_tokenizer(stores.tokenizer)
            rates[name] = {}
            for context in CONTEXTS:
                batches = Batches(stores.stores["train"], objective.raw_length(context), ROWS, 1)
                rows = [batches.row_at(number) for number in range(ROWS)]
                seconds = []
                for _ in range(1 + ROUNDS):
                    began = time.thread_time()
                    for at in range(0, ROWS, 16):
                        collate([objective.examples(row, generator(1, "examples", 0, row.number), vocabulary)
                                 for row in rows[at : at + 16]])  # fmt: skip
                    seconds.append(time.thread_time() - began)
                rates[name][str(context)] = sum(len(row.tokens) for row in rows) / statistics.median(seconds[1:])
            say(f"{name}: {', '.join(f'{rate / 1e6:.2f} M' for rate in rates[name].values())} tokens/s at {CONTEXTS}")
    slowest = min(rate for name, by in rates.items() if name not in EXEMPT for rate in by.values())
    about = {name: machine.describe()[name] for name in ("processor", "cores", "memory_bytes")}
    print(json.dumps({"benchmark": "examples", "tokens_per_second": rates, "least_ratio": slowest / WANTED, "machine": about}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
