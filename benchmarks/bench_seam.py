"""What the seam between objectives, data and trainer costs: `telos.train.loop.train` beside a loop written out by hand.

    python -m benchmarks seam           # prints one JSON line; about four minutes on two cores

Both train the same Transformer (the default recipe's: 4 layers of 128, context 256, 4,096 tokens a step) with the same optimizer
on rows of the same text, uncompiled, ``STEPS`` steps at a time, in turn, ``ROUNDS`` times.  The loop by hand reads rows from one
array, calls the network and its loss, clips and updates, and nothing else: no objective, no loader, no clock, no record.
``ratio``: the median over rounds of the seconds of `train` ÷ those of the loop by hand (1.02 is asked for), with the smallest and
the largest.  ``floor``: what the matrix products of a step take at the rate measured for the same type, as a share of a step.
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from telos.foundation import machine
from telos.foundation.allocation import freed_memory_kept
from telos.foundation.progress import say
from telos.models import Inputs, Model
from telos.objectives.causal import Causal
from telos.optim.optimizers import Optimizer
from telos.optim.schedules import Schedule
from telos.recipe import Run
from telos.stages import prepare
from telos.tokens.batches import Batches
from telos.train.loop import train
from telos.train.settings import Train

STEPS, ROUNDS, ROWS, CONTEXT = 40, 7, 16, 256
MODEL = {"kind": "transformer", "num_layers": 4, "hidden_size": 128, "num_heads": 2, "context_length": CONTEXT}
OPTIMIZER = {"kind": "muon", "learning_rate": 0.02}


def by_hand(network: Any, stream: np.ndarray, end: int, first: int) -> float:
    """Seconds of `STEPS` steps."""
    updater = Optimizer.parse(OPTIMIZER).build(network)
    parameters = list(network.parameters())
    order = np.random.default_rng(first).permutation(len(stream) // CONTEXT - 1)
    network.train()
    with freed_memory_kept():
        began = time.perf_counter()
        for step in range(STEPS):
            starts = order[step * ROWS : (step + 1) * ROWS] * CONTEXT
            rows = torch.from_numpy(stream[starts[:, None] + np.arange(CONTEXT + 1)].astype(np.int64))
            read, wanted = rows[:, :-1], rows[:, 1:]
            segments = (read == end).cumsum(1).int()
            hidden = network.hidden(Inputs(read, segments_BT=segments))
            loss = network.nll(hidden, wanted).mean()
            for parameter in parameters:
                parameter.grad = None
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            updater.step(1.0)
            float(loss.detach())
        return time.perf_counter() - began


def through(network: Any, prepared: Any, first: int, folder: Path) -> tuple[float, dict[str, Any]]:
    """Seconds of `STEPS` steps, and what was chosen."""
    done = train(
        network, Causal(), optimizer=Optimizer.parse(OPTIMIZER), schedule=Schedule.parse("warmup_stable_decay"),
        settings=Train(budget=f"{STEPS} steps", batch_tokens=ROWS * CONTEXT, seed=first, compile=False, precision="bf16"),
        batches=Batches(prepared.stores["train"], CONTEXT, ROWS, first), vocabulary=prepared.tokenizer.vocabulary, folder=folder,
        data_hash="",
    )  # fmt: skip
    return done.trained_seconds, done.choices


def main() -> int:
    ratios, choices = [], {}
    hand_seconds: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        prepared = prepare(Run.parse({"corpus": "installation", "tokenizer": {"kind": "bpe", "vocab_size": 4096}}), Path(folder))
        store, vocabulary = prepared.stores["train"], prepared.tokenizer.vocabulary
        stream = store.read(0, store.num_tokens)
        for place in range(ROUNDS + 1):
            ours = Model.parse(MODEL).build(vocabulary)
            seconds, choices = through(ours, prepared, place, Path(folder) / f"run-{place}")
            network = Model.parse(MODEL).build(vocabulary)
            network.compute_dtype = ours.compute_dtype
            network.use_attention(choices["attention"])
            hand = by_hand(network, stream, vocabulary.end_of_text, place)
            if place:  # the first round warms up
                ratios.append(seconds / hand)
                hand_seconds.append(hand)
                say(f"train {seconds:.2f} s, by hand {hand:.2f} s, ratio {ratios[-1]:.3f}")
    flops = 3 * network.flops_per_token(CONTEXT) * ROWS * CONTEXT
    rate = choices["facts"]["matrix_bfloat16_flops_per_second"] if "facts" in choices else None
    step = statistics.median(hand_seconds) / STEPS
    about = {name: machine.describe()[name] for name in ("processor", "cores", "memory_bytes")}
    print(json.dumps({
        "benchmark": "seam", "ratio": statistics.median(ratios), "smallest": min(ratios), "largest": max(ratios),
        "step_seconds": step, "floor": flops / rate / step if rate else None, "steps": STEPS, "rounds": ROUNDS, "machine": about,
    }))  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
