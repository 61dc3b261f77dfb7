"""A 5-gram of WikiText-2 by words, beside KenLM's `lmplz` and `query`: perplexity of the validation text, and seconds.

    TELOS_BENCH_KENLM=FOLDER python benchmarks/bench_ngram.py     # prints one JSON line; about a minute on two cores

FOLDER holds the programs `lmplz` and `query`, built from the sources in kenlm (pip download --no-deps --no-binary kenlm kenlm;
cmake, Boost).  Both estimate interpolated modified Kneser-Ney from the same sentences (lines) over the same vocabulary: the words
of the training text, one token that is never seen (KenLM's <unk>; the text's own is written @unk@, as KenLM takes <UNK> for its
own, too), and the end.  Then KenLM scores the ARPA file that we wrote: only the last digits differ.  ``seconds``: of
estimating, in turn, three times each.
"""

import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from telos.foundation.progress import say
from telos.models.counting.arpa import write_arpa
from telos.models.ngram import CountedNGram, NGram
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "wikitext-2"
ORDER, TURNS = 5, 3
MOST_DIFFERENCE = 0.005


def sentences(split: str) -> list[list[str]]:
    lines = (DATA / f"{split}.txt").read_text(encoding="utf-8").replace("<unk>", "@unk@").split("\n")
    return [line.split() for line in lines if line.strip()]


def main() -> int:
    programs = os.environ.get("TELOS_BENCH_KENLM")
    if programs is None or not DATA.is_dir():
        say("this benchmark needs KenLM's programs (TELOS_BENCH_KENLM=FOLDER) and ../shared/data/wikitext-2")
        return 1
    train, valid = sentences("train"), sentences("valid")
    words = [*dict.fromkeys(word for sentence in train for word in sentence), "<unk>"]
    ids, end = {word: token for token, word in enumerate(words)}, len(words)
    streams = [np.array([t for s in split for t in [*(ids.get(w, end - 1) for w in s), end]]) for split in (train, valid)]
    seconds: dict[str, list[float]] = {"ours": [], "lmplz": []}
    with tempfile.TemporaryDirectory() as folder:
        texts = [Path(folder, name) for name in ("train.txt", "valid.txt")]
        for text, split in zip(texts, (train, valid), strict=True):
            text.write_text("".join(" ".join(sentence) + "\n" for sentence in split), encoding="utf-8")
        theirs, ours = Path(folder, "lmplz.arpa"), Path(folder, "ours.arpa")
        for _ in range(TURNS):
            began = time.perf_counter()
            model = NGram(order=ORDER).build(Vocabulary(len(words), "", {END_OF_TEXT: end}))
            model.fit(streams[0])
            seconds["ours"].append(time.perf_counter() - began)
            began = time.perf_counter()
            command = [f"{programs}/lmplz", "-o", str(ORDER), "-S", "1G", "--arpa", str(theirs), "--text", str(texts[0])]
            subprocess.run(command, check=True, capture_output=True)
            seconds["lmplz"].append(time.perf_counter() - began)
        write_arpa(model.back_off, [*words, ""], ours)
        found = {
            "ours": perplexity(model, streams[1]),
            "ours_by_kenlm": queried(programs, ours, texts[1]),
            "lmplz_by_kenlm": queried(programs, theirs, texts[1]),
        }
    ratio = found["ours"] / found["lmplz_by_kenlm"]
    print(json.dumps({
        "benchmark": "ngram", "order": ORDER, "vocabulary": len(words) + 1, "valid_tokens": len(streams[1]),
        "perplexity": found, "ratio_of_perplexities": ratio, "within": abs(ratio - 1) < MOST_DIFFERENCE,
        "seconds": seconds, "ratio_of_seconds": min(seconds["lmplz"]) / min(seconds["ours"]),
    }))  # fmt: skip
    return 0


def perplexity(model: CountedNGram, stream: np.ndarray) -> float:
    return math.exp(model.nll(stream).mean(dtype=np.float64))


def queried(programs: str, arpa: Path, text: Path) -> float:
    """KenLM's perplexity of a text, its unknown words included."""
    command, given = [f"{programs}/query", "-v", "summary", str(arpa)], text.read_text(encoding="utf-8")
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=True)
    return float(re.search(r"Perplexity including OOVs:\s*([\d.e+]+)", done.stdout)[1])


if __name__ == "__main__":
    sys.exit(main())
