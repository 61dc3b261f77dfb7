"""Learning a BPE of 8,192 tokens from zh-laws and litbank-novels: seconds and peak memory, beside Hugging Face alone.

    python benchmarks/bench_tokenizer.py            # prints one JSON line; about three minutes on two cores

Each learning runs in a process of its own, from process start to the trained tokenizer, ours and the peer's in turn.  The
peer is Hugging Face's BpeTrainer on whole documents with the same pattern, uncut and unlimited.  ``limit_seconds`` is what
reading the text, cutting it into words and counting them and their pairs takes: learning with no merge at all.
``cpu_seconds`` sums over cores; it suffers less than ``seconds`` where the machine has other work.
"""

import gzip
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import orjson

from telos.foundation import machine
from telos.foundation.progress import say

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
CORPORA = {
    "zh-laws": ["zh-laws/national.jsonl.gz"],
    "litbank-novels": ["litbank-novels/train.jsonl.gz", "litbank-novels/valid.jsonl.gz"],
}
VOCAB_SIZE = 8192
MOST_SECONDS, MOST_BYTES = 60.0, 1.5e9


def texts(corpus: str) -> Iterator[str]:
    for name in CORPORA[corpus]:
        with gzip.open(DATA / name) as file:
            for line in file:
                yield orjson.loads(line)["text"]


def learn_ours(corpus: str) -> None:
    from telos.tokens.tokenizers.bpe import BPE

    BPE(vocab_size=VOCAB_SIZE).train(lambda: texts(corpus), text_bytes(corpus))


def learn_peer(corpus: str) -> None:
    from tokenizers import trainers

    from telos.tokens.byte_level import CHARACTERS

    backend = pattern_only()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE - 1, min_frequency=2, show_progress=False, initial_alphabet=sorted(CHARACTERS)
    )
    backend.train_from_iterator(texts(corpus), trainer)


def learn_limit(corpus: str) -> None:
    """The words are read, cut and counted; no merge is learned."""
    from tokenizers import trainers

    from telos.tokens.byte_level import CHARACTERS
    from telos.tokens.pretokenize import rough_pieces

    pieces = (piece for text in texts(corpus) for piece in rough_pieces(text))
    trainer = trainers.BpeTrainer(vocab_size=256, show_progress=False, initial_alphabet=sorted(CHARACTERS))
    pattern_only().train_from_iterator(pieces, trainer)


def pattern_only():
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers

    from telos.tokens.pretokenize import PATTERN

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(PATTERN), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    return backend


def text_bytes(corpus: str) -> int:
    return sum(len(text.encode()) for text in texts(corpus))


def child(who: str, corpus: str) -> None:
    {"ours": learn_ours, "peer": learn_peer, "limit": learn_limit}[who](corpus)
    measured = {"seconds": time.time() - machine.process_started(), "cpu_seconds": time.process_time()}
    print(json.dumps({name: round(value, 2) for name, value in measured.items()}
                     | {"peak_memory_bytes": machine.peak_memory_bytes()}))  # fmt: skip


def measure(who: str, corpus: str) -> dict:
    say(f"{who} on {corpus} …")
    done = subprocess.run([sys.executable, __file__, who, corpus], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    results = {}
    for corpus in CORPORA:
        ours, peer, limit = (measure(who, corpus) for who in ("ours", "peer", "limit"))
        results[corpus] = {
            "text_bytes": text_bytes(corpus),
            **ours,
            **{f"peer_{name}": value for name, value in peer.items()},
            **{f"ratio_{name}": round(value / peer[name], 3) for name, value in ours.items()},
            **{f"limit_{name}": value for name, value in limit.items() if name != "peak_memory_bytes"},
            "within_target": ours["seconds"] <= MOST_SECONDS and ours["peak_memory_bytes"] <= MOST_BYTES,
        }
    about = {name: machine.describe()[name] for name in ("processor", "cores", "memory_bytes")}
    print(json.dumps({"benchmark": "bpe_training", "vocab_size": VOCAB_SIZE, "corpora": results, "machine": about}))


if __name__ == "__main__":
    if not DATA.is_dir():
        raise SystemExit(f"the real text must be in {DATA}: there is none")
    if len(sys.argv) == 3:
        child(sys.argv[1], sys.argv[2])
    else:
        main()
