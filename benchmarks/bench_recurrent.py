"""Training speed of `rnn`, `lstm` and `gru` beside the same models in Keras on TensorFlow, in turn.

10,000 words, embeddings of 256, 1,024 cells, 64 rows of 32 steps, Adam, a full softmax; tokens drawn as words are (Zipf).  Ours
goes through the training loop that `telos train` uses (lanes, carried state, clipping, fp32 masters, the precision that it
measures to be faster), Keras through `Model.fit` as it comes (fp32, a graph).  Keras is a process that runs between ours, A B A
B.

The limit is the time of the matrix products alone, at the shapes of a step and in the precision of ours, one after another.

TELOS_BENCH_TENSORFLOW: a Python that has tensorflow; without it one is made in a temporary folder (pip install tensorflow-cpu).
"""

import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from telos.foundation import machine
from telos.foundation.document import Document
from telos.foundation.progress import say
from telos.foundation.record import read
from telos.models import Model
from telos.objectives.causal import Causal
from telos.optim.optimizers.adamw import AdamW
from telos.optim.schedules.warmup_stable_decay import WarmupStableDecay
from telos.tokens.lanes import Lanes
from telos.tokens.store import TokenStore
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary
from telos.train.loop import train
from telos.train.precision import DTYPES
from telos.train.settings import Train

WORDS, EMBEDDING, CELLS, ROWS, STEPS = 10_000, 256, 1_024, 64, 32
KINDS = {"rnn": 1, "lstm": 4, "gru": 3}
"""Kind → gates."""
UPDATES, SKIPPED, RUNS = 12, 4, 3
"""Updates of one run, of which the first are not timed; runs of each side and kind."""
TARGET_RATIO = 3.0


class Words:
    """Stands in for a tokenizer: documents of a thousand words by their numbers."""

    vocabulary = Vocabulary(WORDS - 1, "benchmark", {END_OF_TEXT: WORDS - 1})

    def encode_batch(self, texts: list[str]) -> list[np.ndarray]:
        return [np.minimum(np.random.default_rng(int(text)).zipf(1.2, 999) - 1, WORDS - 2).astype(np.uint32) for text in texts]


# -- ours -------------------------------------------------------------------------------------------------------------


def ours(kind: str, store: TokenStore, folder: Path) -> tuple[float, str]:
    """Tokens per second of an update, median; and the precision."""
    network = Model.parse({"kind": kind, "hidden_size": CELLS, "embedding_size": EMBEDDING, "context_length": STEPS}).build(
        Words.vocabulary
    )
    settings = Train(budget=f"{UPDATES} steps", batch_tokens=ROWS * STEPS, checkpoint_every="0 steps", watchers=["metrics_jsonl"],
                     compile=False)  # fmt: skip
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    outcome = train(network, Causal(), optimizer=AdamW(learning_rate=1e-3, betas=(0.9, 0.999), weight_decay=0.0),
                    schedule=WarmupStableDecay(), settings=settings, batches=Lanes(store, STEPS, ROWS, 1),
                    vocabulary=Words.vocabulary, folder=folder, data_hash="benchmark")  # fmt: skip
    rates = [line["tokens_per_second"] for line in read(folder / "metrics.jsonl")][SKIPPED:]
    return statistics.median(rates), outcome.choices["precision"]


def limit(gates: int, dtype: torch.dtype) -> float:
    """Tokens per second of a step's matrix products alone, forward and backward."""
    rows, inner = ROWS * STEPS, gates * CELLS

    def made(*shape: int) -> torch.Tensor:
        return torch.randn(shape).to(dtype)

    x, w, h, u, values, e = (made(*s) for s in ((rows, EMBEDDING), (inner, EMBEDDING), (ROWS, CELLS), (inner, CELLS),
                                                (rows, CELLS), (WORDS, CELLS)))  # fmt: skip
    da, dstep, dz = made(rows, inner), made(ROWS, inner), made(rows, WORDS)
    taken = []
    for _ in range(4):
        began = time.perf_counter()
        _ = x @ w.t(), values @ e.t()
        for _ in range(STEPS):
            _ = h @ u.t(), dstep @ u
        _ = da @ w, da.t() @ x, da.t() @ values, dz @ e, dz.t() @ values
        taken.append(time.perf_counter() - began)
    return rows / min(taken)


# -- the peer ---------------------------------------------------------------------------------------------------------

PEER = """
import json, sys, time

import numpy as np
import tensorflow as tf
from tensorflow import keras

WORDS, EMBEDDING, CELLS, ROWS, STEPS, UPDATES, SKIPPED = map(int, sys.argv[1:])
LAYERS = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}
models = {}


class Times(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.ends = [time.perf_counter()]

    def on_train_batch_end(self, batch, logs=None):
        self.ends.append(time.perf_counter())


def go(kind):
    if kind not in models:
        model = keras.Sequential([keras.Input((STEPS,), batch_size=ROWS, dtype="int32"), keras.layers.Embedding(WORDS, EMBEDDING),
                                  LAYERS[kind](CELLS, return_sequences=True), keras.layers.Dense(WORDS)])
        model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        models[kind] = model
    tokens = np.minimum(np.random.default_rng(0).zipf(1.2, UPDATES * ROWS * (STEPS + 1)) - 1, WORDS - 1).astype(np.int32)
    tokens = tokens.reshape(-1, STEPS + 1)
    times = Times()
    models[kind].fit(tokens[:, :-1], tokens[:, 1:], batch_size=ROWS, epochs=1, shuffle=False, verbose=0, callbacks=[times])
    return ROWS * STEPS / float(np.median(np.diff(times.ends)[SKIPPED:]))


for line in sys.stdin:
    print("RESULT " + json.dumps({"rate": go(line.strip()), "version": tf.__version__}), flush=True)
"""


def peer_python(folder: Path) -> str:
    """A Python that has tensorflow; made where none is named."""
    named = os.environ.get("TELOS_BENCH_TENSORFLOW")
    if named:
        return named
    say("installing tensorflow-cpu into a temporary virtual environment …")
    subprocess.run([sys.executable, "-m", "venv", str(folder / "peer")], check=True)
    python = str(folder / "peer" / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "-q", "tensorflow-cpu"], check=True, stdout=subprocess.DEVNULL)
    return python


class Peer:
    """Keras in a process that waits for kinds to train."""

    def __init__(self, folder: Path):
        (folder / "peer.py").write_text(PEER)
        self.folder, self.log = folder, (folder / "peer.log").open("w")
        sizes = [str(n) for n in (WORDS, EMBEDDING, CELLS, ROWS, STEPS, UPDATES, SKIPPED)]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self.process = subprocess.Popen(
            [peer_python(folder), str(folder / "peer.py"), *sizes],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True,
            env=environment | {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "2"},
        )  # fmt: skip

    def go(self, kind: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(kind + "\n")
            self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("RESULT "):
                return json.loads(line.removeprefix("RESULT "))
        raise SystemExit(f"Keras ended:\n{(self.folder / 'peer.log').read_text()[-3000:]}")

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


# -- all of it --------------------------------------------------------------------------------------------------------


def compare(rates: list[float], peers: list[float], limit_rate: float) -> dict[str, float | list[float]]:
    """One kind's figures: medians over the runs, and what they are of each other."""
    own, peer = statistics.median(rates), statistics.median(peers)
    return {"tokens_per_second": round(own), "peer_tokens_per_second": round(peer), "ratio": round(own / peer, 2),
            "limit_tokens_per_second": round(limit_rate), "share_of_limit": round(own / limit_rate, 2),
            "all_tokens_per_second": [round(rate) for rate in rates],
            "peer_all_tokens_per_second": [round(rate) for rate in peers]}  # fmt: skip


def measure(folder: Path) -> dict[str, Any]:
    documents = (Document(f"{i:032x}", str(i), f"{i}") for i in range(200))
    store = TokenStore.write(folder / "store", documents, Words())  # type: ignore[arg-type]
    peer, found, precision, version = Peer(folder), {}, "", ""
    for kind, gates in KINDS.items():
        peer.go(kind)  # Keras compiles its graph
        rates, peers, limits = [], [], []
        for run in range(RUNS):
            rate, precision = ours(kind, store, folder / "run")
            answer = peer.go(kind)
            rates.append(rate)
            peers.append(answer["rate"])
            version = answer["version"]
            limits.append(limit(gates, DTYPES[precision]))  # type: ignore[index]
            say(f"{kind}, run {run + 1} of {RUNS}: ours {rate:,.0f} tokens/s, Keras {peers[-1]:,.0f}, limit {limits[-1]:,.0f}")
        found[kind] = compare(rates, peers, statistics.median(limits))
    peer.close()
    about = {name: machine.describe()[name] for name in ("processor", "cores", "memory_bytes")}
    return {"benchmark": "recurrent", "words": WORDS, "embedding_size": EMBEDDING, "cells": CELLS, "rows": ROWS, "steps": STEPS,
            "runs": RUNS, "precision": precision, "kinds": found, "peer": f"Keras on TensorFlow {version}",
            "within_target": all(one["ratio"] >= TARGET_RATIO for one in found.values()), "machine": about}  # fmt: skip


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="telos-bench-"))
    try:
        print(json.dumps(measure(folder)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
