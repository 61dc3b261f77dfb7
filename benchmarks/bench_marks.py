"""Which tokens begin words and sentences: bytes of text a second on one core, beside encoding and beside jieba alone.

    python benchmarks/bench_marks.py            # prints one JSON line; about a minute

Text: 4 MB each of litbank-novels (English) and zh-laws (Chinese), a BPE of 4,096 tokens.  ``words_bytes_per_second`` cuts the
text into words and nothing else: in Chinese that is jieba, and no marks can be faster.  ``ratio`` is marking ÷ cutting.  All
times are processor time of one thread.
"""

import gzip
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson

from telos.corpus.segmentation import words
from telos.foundation import machine
from telos.tokens.marks import Marker
from telos.tokens.tokenizers.bpe import BPE

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
CORPORA = {"litbank-novels": "litbank-novels/train.jsonl.gz", "zh-laws": "zh-laws/national.jsonl.gz"}
TEXT_BYTES = 4_000_000


def texts(corpus: str) -> Iterator[str]:
    room = TEXT_BYTES
    with gzip.open(DATA / CORPORA[corpus]) as file:
        for line in file:
            text = orjson.loads(line)["text"]
            yield text
            room -= len(text.encode())
            if room <= 0:
                return


def bytes_per_second(given: list[str], work: Callable[[str], object]) -> float:
    began = time.process_time()
    for text in given:
        work(text)
    return sum(len(text.encode()) for text in given) / (time.process_time() - began)


def of_corpus(corpus: str) -> dict[str, float]:
    given = list(texts(corpus))
    tokenizer = BPE(vocab_size=4096).train(lambda: iter(given), sum(len(text.encode()) for text in given))
    marker, encoded = Marker(tokenizer), {text: tokenizer.encode(text) for text in given}
    cutting = bytes_per_second(given, lambda text: sum(1 for _ in words(text)))
    marking = bytes_per_second(given, lambda text: marker(encoded[text], text))
    return {
        "encoding_bytes_per_second": round(bytes_per_second(given, tokenizer.encode)),
        "words_bytes_per_second": round(cutting),
        "marking_bytes_per_second": round(marking),
        "ratio": round(marking / cutting, 2),
    }


def main() -> None:
    list(words("词典先读一遍"))
    facts = {corpus: of_corpus(corpus) for corpus in CORPORA}
    about = {name: machine.describe()[name] for name in ("processor", "cores", "memory_bytes")}
    print(json.dumps({"benchmark": "marks", "corpora": facts, "machine": about}))


if __name__ == "__main__":
    if not DATA.is_dir():
        raise SystemExit(f"the real text must be in {DATA}: there is none")
    main()
