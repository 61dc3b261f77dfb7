"""The ladder of baselines beside a run: started in a process of its own, collected when the model is trained."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from telos.corpus.corpus import Corpus
from telos.evaluate.baselines import RESULT_FILE, Counted, Request, compressed_bits_per_byte, counted
from telos.evaluate.compressors import PRIMING_BYTES, joined
from telos.evaluate.likelihood import Likelihood
from telos.evaluate.verdict import Baseline, against, against_number
from telos.foundation import machine
from telos.foundation.files import read_facts, write_file, write_json
from telos.held_out import HeldOut, tail
from telos.tokens.store import TokenStore
from telos.tokens.vocabulary import Vocabulary

NICE = 5
"""Low priority: Linux weighs it a third of an ordinary process.  A tenth, as at 10, is starved where there is other work."""
SECONDS_PER_TOKEN, SECONDS_PER_BYTE = 2e-7, 7e-7
"""Processor time of the n-grams for each order and token, and of the compressors for each byte (Zen 5; docs/log.md)."""
MOST_WAITING = 0.25
"""At most this share of the time that is left is kept for waiting."""


@dataclass
class Ladder:
    """A running baseline process; `finish` waits for it.  ``work_seconds``: of a processor, that it will need in all."""

    folder: Path
    held: HeldOut
    vocabulary: Vocabulary
    order: int
    process: subprocess.Popen | None
    work_seconds: float = 0.0
    started: float = field(default_factory=time.monotonic)

    def waiting_seconds(self, left_seconds: float) -> float:
        """How much of the time that is left to keep for `finish` to wait, beside training (see `to_keep`)."""
        if self.process is None or self.process.poll() is not None:
            return 0.0
        used = machine.processor_seconds(self.process.pid)
        return 0.0 if used is None else to_keep(self.work_seconds, used, time.monotonic() - self.started, left_seconds)

    def finish(self, ours: Likelihood, seen: tuple[np.ndarray, np.ndarray] | None) -> tuple[list[Baseline], dict[str, Any]]:
        """Every rung against ours, and what the process took.  ``seen``: a stream of only the tokens that the model saw, and
        where its pieces begin; None where it saw all of them, and the two n-gram rungs are one.

        Where the process failed there are no rungs, and ``failed`` says so: a model is not lost for its baselines.
        """
        # While the process may still be at work.
        few = None if seen is None else counted(seen[0], self.held.tokens, self.vocabulary, self.order, seen[1]).nll
        if self.process is not None and _end(self.process):
            return [], {"failed": f"The baselines could not be measured; {self.folder / 'log.txt'} says why."}
        result = read_facts(self.folder / RESULT_FILE)
        total = float(ours.bytes.sum())
        rungs = [
            against_number(name, ours, compressed_bits_per_byte(size, total)) for name, size in result["compressed_bytes"].items()
        ]
        for name, facts in result["counted"].items():
            rungs.append(against(name, ours, self.held.likelihood(np.load(self.folder / facts["nll_file"])), self._label(name)))
        if few is None:
            few = np.load(self.folder / result["counted"][f"{self.order}_gram"]["nll_file"])
        rungs.append(against(f"{self.order}_gram_seen", ours, self.held.likelihood(few), self._label("seen")))
        return [rung for rung in rungs if rung is not None], result

    def _label(self, name: str) -> str | None:
        """What a report calls an n-gram of another order than the usual 5; None where it has a name."""
        if self.order == 5 or name == "unigram":
            return None
        return f"{self.order}-gram on what the model saw" if name == "seen" else f"{self.order}-gram on all training text"

    def stop(self) -> None:
        """End the process, when the run ends without it."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            _end(self.process)


def _end(process: subprocess.Popen) -> int:
    """Wait for the process; its exit code.  Its input, without which it ends, is closed only then."""
    code = process.wait()
    if process.stdin is not None:
        process.stdin.close()
    return code


def start(folder: Path, held: HeldOut, *, corpus: Corpus, train_tokens: TokenStore, vocabulary: Vocabulary, order: int) -> Ladder:
    """Begin the ladder at low priority; its files lie in ``folder``.  One that is complete there already is used as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    ladder = Ladder(folder, held, vocabulary, order, None)
    stores = {
        "unigram": Counted(tokens=str(train_tokens.folder), order=1),
        f"{order}_gram": Counted(tokens=str(train_tokens.folder), order=order),
    }
    request = Request(
        out=str(folder),
        test_text=str(folder / "test.bin"),
        train_text=str(folder / "train.bin"),
        test_tokens=str(folder / "test.npy"),
        counted=stores,
        vocabulary_size=vocabulary.size,
        end_of_text=vocabulary.end_of_text,
        nice=NICE,
    )
    asked = request.dump() | {"corpus": corpus.hash, "tokenizer": vocabulary.tokenizer_hash, "bytes": int(held.token_bytes.sum())}
    if (folder / RESULT_FILE).exists() and read_facts(folder / "asked.json") == asked:
        return ladder
    texts = tail((d.text for d in corpus.documents("train")), corpus.bytes("train"), PRIMING_BYTES)
    train_text, test_text = joined(texts), joined(held.texts)
    write_file(folder / "train.bin", train_text)
    write_file(folder / "test.bin", test_text)
    np.save(folder / "test.npy", held.tokens)
    write_json(folder / "request.json", request.dump())
    (folder / RESULT_FILE).unlink(missing_ok=True)
    write_json(folder / "asked.json", asked)
    ladder.work_seconds = SECONDS_PER_TOKEN * (1 + order) * train_tokens.num_tokens + SECONDS_PER_BYTE * (
        len(train_text[-PRIMING_BYTES:]) + 2 * len(test_text)
    )
    with open(folder / "log.txt", "wb") as log:
        ladder.process = subprocess.Popen(
            [sys.executable, "-m", "telos.evaluate.baselines", str(folder / "request.json"), "--with-parent"],
            stdout=log, stderr=log, stdin=subprocess.PIPE, env=os.environ | {"OMP_NUM_THREADS": "1"},
        )  # fmt: skip
    return ladder


def to_keep(work: float, used: float, gone: float, left: float) -> float:
    """Seconds w of the ``left`` ones that a process needs for itself to do ``work`` seconds of a processor by their end:

        used + r (left − w) + R w = work,   r = used ÷ gone,   R = min(1, 2 r)

    It has had r of a core beside the training, and has about twice that when the training is over; at most `MOST_WAITING`.
    """
    rate = used / max(gone, 1e-9)
    gain = max(1e-9, min(1.0, 2 * rate) - rate)
    return min(MOST_WAITING * left, max(0.0, (work - used - rate * left) / gain)) if left > 0 else 0.0
