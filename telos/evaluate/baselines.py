"""The ladder that every model is held against: general compressors, and counting models on the model's own tokens.

| name | what |
|---|---|
| gzip, xz | ``gzip -9`` and ``xz -9e`` of the held-out text alone |
| xz_primed | ``xz -9e`` after the training text (`telos.evaluate.compressors`) |
| unigram | order 1 of the same Kneser-Ney estimator, on all training tokens |
| 5_gram | order 5, on all training tokens |
| 5_gram_seen | order 5, on only the tokens that the model saw |

They run beside the training in a process of their own, ``python -m telos.evaluate.baselines REQUEST.json``, at low priority
and without torch; or as plain functions.  Tests: tests/evaluate/test_baselines.py.
"""

import os
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from telos.evaluate.compressors import gzip_bytes, xz_bytes, xz_primed_bytes
from telos.foundation import machine
from telos.foundation.errors import TelosError
from telos.foundation.files import read_json, write_json
from telos.foundation.progress import say
from telos.foundation.spec import Spec
from telos.models.ngram import NGram
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

LABELS = {
    "gzip": "gzip -9",
    "xz": "xz -9e",
    "xz_primed": "xz -9e primed with the training text",
    "unigram": "unigram",
    "5_gram": "5-gram on all training text",
    "5_gram_seen": "5-gram on only what the model saw",
}
"""Names of the baselines → how a report calls them."""
RESULT_FILE = "result.json"


class Counted(Spec):
    """A counting baseline.  ``tokens``: a token store's folder, or a ``.npy`` file, to fit on."""

    tokens: str
    order: int = Field(5, ge=1)


class Request(Spec):
    """What to run.  Paths are relative to the working folder.

    ``out``: folder for result.json and one ``NAME.npy`` (float32, nats of each test token) a counting baseline.
    ``test_text``, ``train_text``: files of bytes (`telos.evaluate.compressors.joined`); without the first no compressor
    runs, without the second none is primed.  ``test_tokens``: a token store's folder or a ``.npy`` file.  ``counted``:
    name → what to fit.  ``vocabulary_size``, ``end_of_text``: of the tokens.  ``nice``: added to the process's niceness.
    """

    out: str
    test_text: str | None = None
    train_text: str | None = None
    test_tokens: str | None = None
    counted: dict[str, Counted] = Field(default_factory=dict)
    vocabulary_size: int | None = None
    end_of_text: int | None = None
    nice: int = Field(10, ge=0, le=19)


@dataclass(frozen=True, slots=True)
class Scored:
    """A counting baseline on the test tokens.  ``nll``: nats of each, float32."""

    nll: np.ndarray
    fitted_tokens: int
    fit_seconds: float
    score_seconds: float
    state_bytes: int


def compressed_bytes(test: bytes, train: bytes | None = None) -> dict[str, int]:
    """Name → size in bytes of the test text, for each compressor; xz_primed where there is a training text."""
    sizes = {"gzip": gzip_bytes(test), "xz": xz_bytes(test)}
    return sizes | ({} if train is None else {"xz_primed": xz_primed_bytes(train, test)})


def compressed_bits_per_byte(size_bytes: float, text_bytes: float) -> float:
    """8 · compressed size / bytes of text (the documents' own, without the bytes that end them)."""
    return 8 * size_bytes / text_bytes


def counted(
    train: np.ndarray, test: np.ndarray, vocabulary: Vocabulary, order: int = 5, starts: np.ndarray | None = None
) -> Scored:
    """An n-gram model fitted on one stream of tokens and scored on another.  ``starts``: where pieces cut
    out of documents begin in the first (see `counts.depths`)."""
    began = time.perf_counter()
    model = NGram(order=order).build(vocabulary)
    model.fit(train, starts)
    fitted = time.perf_counter()
    nll = model.nll(test)
    return Scored(nll, len(train), fitted - began, time.perf_counter() - fitted, model.state_bytes)


def run(request: Request) -> dict[str, Any]:
    """Do what the request asks, write the files into ``out`` and return what result.json holds.

    ``compressed_bytes`` and ``compressor_seconds``: name → number; ``counted``: name → facts of a `Scored` and its
    ``nll_file``; ``seconds``, ``peak_memory_bytes`` of all.
    """
    began = time.perf_counter()
    out = Path(request.out)
    out.mkdir(parents=True, exist_ok=True)
    result: dict[str, Any] = {"compressed_bytes": {}, "counted": {}}
    if request.counted:
        result["counted"] = _run_counted(request, out)
    if request.test_text is not None:
        train = None if request.train_text is None else _bytes(request.train_text)
        result["compressed_bytes"] = compressed_bytes(_bytes(request.test_text), train)
    result |= {"seconds": time.perf_counter() - began, "peak_memory_bytes": machine.peak_memory_bytes()}
    write_json(out / RESULT_FILE, result)
    return result


def _run_counted(request: Request, out: Path) -> dict[str, Any]:
    if request.test_tokens is None or request.vocabulary_size is None or request.end_of_text is None:
        raise TelosError("counting baselines need test_tokens, vocabulary_size and end_of_text", "one of them is missing",
                         "add it to the request")  # fmt: skip
    vocabulary = Vocabulary(request.vocabulary_size - 1, "", {END_OF_TEXT: request.end_of_text})
    test = _tokens(request.test_tokens)
    facts = {}
    for name, asked in request.counted.items():
        scored = counted(_tokens(asked.tokens), test, vocabulary, asked.order)
        np.save(out / f"{name}.npy", scored.nll)
        kept = ("fitted_tokens", "fit_seconds", "score_seconds", "state_bytes")
        facts[name] = {"order": asked.order, "nll_file": f"{name}.npy"} | {field: getattr(scored, field) for field in kept}
        say(f"{name}: {scored.nll.mean():.3f} nats/token in {scored.fit_seconds + scored.score_seconds:.1f} s")
    return facts


def _bytes(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise TelosError("a text that the baselines read must exist", f"no file {path}", "correct the path") from None


def _tokens(path: str) -> np.ndarray:
    """A whole stream: of a token store's folder, or of a ``.npy`` file."""
    if Path(path).is_dir():
        from telos.tokens.store import TokenStore

        store = TokenStore.open(Path(path))
        return store.read(0, store.num_tokens)
    if not Path(path).is_file():
        raise TelosError("tokens that the baselines read must exist", f"nothing at {path}", "correct the path")
    return np.load(path, mmap_mode="r")


def _end_with_input() -> None:
    # Not through sys.stdin: a thread that holds its buffer makes the interpreter fail on its way out.
    while os.read(0, 1024):
        pass
    os._exit(1)


def main(arguments: list[str]) -> int:
    """The process: one argument, the request's file.  Exit code 2 with three lines where the user can mend it.

    With ``--with-parent`` it ends when its standard input does, that is when the process that started it dies.
    """
    if "--with-parent" in arguments:
        arguments = [a for a in arguments if a != "--with-parent"]
        threading.Thread(target=_end_with_input, daemon=True).start()
    try:
        if len(arguments) != 1:
            raise TelosError("the baselines take one request file", f"{len(arguments)} arguments",
                             "python -m telos.evaluate.baselines REQUEST.json")  # fmt: skip
        request = Request.parse(read_json(Path(arguments[0])))
        os.nice(request.nice)
        run(request)
    except TelosError as error:
        say(f"error: {error}")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
