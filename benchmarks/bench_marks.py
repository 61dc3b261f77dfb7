"""Tokens a second of examples that each objective over the stream makes on one core, and bytes a second of word marks.

    python benchmarks/bench_marks.py            # prints one JSON line; about two minutes

Text: litbank-novels (English) and zh-laws (Chinese), 4 MB of each, a BPE of 4,096 tokens.  Examples: what the loader does for a
step, from drawing rows to the batch's tensors, at contexts of 256 and 1,024 tokens, 16,384 tokens a step; the tokens counted are
those drawn from the text.  Every objective is found by folder, with the settings that it has by itself, and some with others;
those that read whole documents or need settings are left out.  The fastest step counts, which other work on the machine
disturbed least.  The least asked for is 2 M tokens/s.

Marks: encoding the same texts with and without them.  ``words_bytes_per_second`` cuts the text into words and nothing else: in
Chinese that is jieba, and no marks can be faster.  All times are processor time of one thread.
"""

import gzip
import itertools
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import orjson
import torch

from telos.corpus.segmentation import words
from telos.foundation import machine
from telos.foundation.document import Document
from telos.foundation.errors import TelosError
from telos.models.transformer import Transformer
from telos.objectives import Objective
from telos.tokens.batches import Batches
from telos.tokens.marks import Marker
from telos.tokens.store import TokenStore
from telos.tokens.tokenizers import TrainedTokenizer
from telos.tokens.tokenizers.bpe import BPE
from telos.train.loader import Loader

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
CORPORA = {"litbank-novels": "litbank-novels/train.jsonl.gz", "zh-laws": "zh-laws/national.jsonl.gz"}
TEXT_BYTES, STEP_TOKENS, SECONDS, LEAST = 4_000_000, 16_384, 1.0, 2_000_000
ALSO = {
    "masked, words": {"kind": "masked", "hide": "word"},
    "masked, spans": {"kind": "masked", "hide": "span"},
    "denoising_autoencoder, infilling": {"kind": "denoising_autoencoder", "deletion": 0.0, "infilling": 0.3},
}


def texts(corpus: str) -> Iterator[str]:
    room = TEXT_BYTES
    with gzip.open(DATA / CORPORA[corpus]) as file:
        for line in file:
            text = orjson.loads(line)["text"]
            yield text
            room -= len(text.encode())
            if room <= 0:
                return


def objectives() -> dict[str, Objective]:
    """Name → one over the stream, its layout chosen for the first architecture that it can be trained on."""
    found: dict[str, Objective] = {}
    settings: dict[str, dict] = {kind: {"kind": kind} for kind in Objective.kinds()}
    for name, given in (settings | ALSO).items():
        try:
            objective = Objective.parse(given)
        except TelosError:
            continue
        if objective.unit == "document":
            continue
        for architecture in ("decoder", "encoder", "encoder_decoder"):
            model = Transformer(architecture=architecture, context_length=256)
            try:
                objective.check(model)
            except TelosError:
                continue
            found[name] = objective.fitted(model)
            break
    return found


def tokens_per_second(objective: Objective, store: TokenStore, tokenizer: TrainedTokenizer, context: int) -> float:
    raw = objective.raw_length(context)
    batches = Batches(store, raw, max(objective.rows_together, STEP_TOKENS // raw // objective.rows_together), seed=1)
    vocabulary = tokenizer.vocabulary.with_specials(objective.special_tokens())
    if hasattr(vocabulary, "with_tokenizer"):
        vocabulary = vocabulary.with_tokenizer(tokenizer)
    with Loader(batches, objective, vocabulary, 1, torch.device("cpu")).open() as loader:
        loader.build(0)
        best, until = 0.0, time.process_time() + SECONDS
        for step in itertools.count(1):
            began = time.process_time()
            rows, _ = loader.build(step)
            ended = time.process_time()
            best = max(best, sum(len(row.tokens) for row in rows) / (ended - began))
            if ended > until:
                return best
    raise AssertionError


def bytes_per_second(given: list[str], work: Callable[[str], object]) -> float:
    began = time.process_time()
    for text in given:
        work(text)
    return sum(len(text.encode()) for text in given) / (time.process_time() - began)


def of_corpus(corpus: str, folder: Path) -> dict[str, object]:
    given = list(texts(corpus))
    tokenizer = BPE(vocab_size=4096).train(lambda: iter(given), sum(len(text.encode()) for text in given))
    sum(1 for _ in words("先读一遍词典"))  # the dictionary is read at the first word
    marker, encoded = Marker(tokenizer), {text: tokenizer.encode(text) for text in given}
    marked = bytes_per_second(given, lambda text: marker(encoded[text], text))
    store = TokenStore.write(
        folder / corpus, (Document(f"{i:032x}", t, f"{i}") for i, t in enumerate(given)), tokenizer, marks=True
    )
    facts: dict[str, object] = {
        "encoding_bytes_per_second": round(bytes_per_second(given, tokenizer.encode)),
        "marking_bytes_per_second": round(marked),
        "words_bytes_per_second": round(bytes_per_second(given, lambda text: sum(1 for _ in words(text)))),
        "tokens_per_word": round(float(1 / np.mean(store.marks.read(0, store.num_tokens) & 1)), 2),
    }
    for context in (256, 1024):
        facts[f"tokens_per_second_{context}"] = {
            name: round(tokens_per_second(objective, store, tokenizer, context)) for name, objective in objectives().items()
        }
    return facts


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        facts = {corpus: of_corpus(corpus, Path(folder)) for corpus in CORPORA}
    slowest = min((rate, f"{name} ({corpus}, {of.rsplit('_', 1)[1]})") for corpus, found in facts.items()
                  for of, rates in found.items() if isinstance(rates, dict) for name, rate in rates.items())  # fmt: skip
    about = {name: machine.describe()[name] for name in ("processor", "cores", "memory_bytes")}
    line = {
        "benchmark": "examples",
        "slowest": slowest[1],
        "slowest_tokens_per_second": slowest[0],
        "least_asked_for": LEAST,
        "ratio": round(slowest[0] / LEAST, 2),
        "corpora": facts,
        "machine": about,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    if not DATA.is_dir():
        raise SystemExit(f"the real text must be in {DATA}: there is none")
    main()
