"""A process that has torch loaded and starts training runs as children of its own, which a test then kills.

    python training_server.py STORE STEPS CHECKPOINT_EVERY

Each line on standard input is a run folder; a child forked for it trains there (or goes on).  On standard output: ``started
PID``, and when the child has ended ``ended CODE`` (negative: the signal that killed it).  Loading torch once instead of in
every child is the only reason for this file; a child is a process of its own all the same, and dies as one.
"""

import os
import sys
from pathlib import Path

import torch

from telos.models.transformer import Transformer
from telos.objectives.causal import Causal
from telos.optim.optimizers.muon import Muon
from telos.optim.schedules.warmup_stable_decay import WarmupStableDecay
from telos.tokens.batches import Batches
from telos.tokens.store import TokenStore
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary
from telos.train.loop import train
from telos.train.settings import Train

CONTEXT = 32


def run(folder: Path, store_folder: Path, steps: str, checkpoint_every: str) -> int:
    """Train a small Transformer with Muon; the exit code of how it ended."""
    store = TokenStore.open(store_folder)
    vocabulary = Vocabulary(store.end_of_text, store.tokenizer_hash, {END_OF_TEXT: store.end_of_text})
    settings = Train(
        budget=f"{steps} steps",
        checkpoint_every=f"{checkpoint_every} steps",
        batch_tokens=8 * CONTEXT,
        micro_batch_tokens=4 * CONTEXT,
        precision="fp32",
        threads=1,
        compile=False,
        watchers=["metrics_jsonl"],
    )
    network = Transformer(num_layers=2, hidden_size=64, num_heads=2, context_length=CONTEXT).build(vocabulary)
    folder.mkdir(exist_ok=True)
    outcome = train(network, Causal(), optimizer=Muon(), schedule=WarmupStableDecay(), settings=settings, folder=folder,
                    batches=Batches(store, CONTEXT, settings.rows(CONTEXT), settings.seed), vocabulary=vocabulary,
                    data_hash="the store of this test")  # fmt: skip
    return outcome.exit_code


def main() -> None:
    store, steps, checkpoint_every = sys.argv[1:]
    torch.set_num_threads(1)
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = run(Path(line.strip()), Path(store), steps, checkpoint_every)
            finally:
                os._exit(code)
        print(f"started {child}", flush=True)
        status = os.waitpid(child, 0)[1]
        print(f"ended {os.waitstatus_to_exitcode(status)}", flush=True)


if __name__ == "__main__":
    main()
