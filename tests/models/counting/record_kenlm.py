"""Writes the files in kenlm/: what KenLM's own programs say of a small text, for the tests beside this file.

    python tests/models/counting/record_kenlm.py FOLDER

FOLDER holds `lmplz` and `query`, built from the sources in kenlm 0.3.0 (pip download --no-binary kenlm kenlm; cmake; make lmplz
query; Boost).
"""

import gzip
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent / "kenlm"
WORDS = ["the", "cat", "sat", "on", "a", "mat", "今天", "天气", "很", "好", "<0x20>", *(f"word{i}" for i in range(11, 80))]
ORDER = 4
PRUNE = {"whole": (), "pruned": (0, 0, 1, 2)}
"""Name of a file → thresholds of ``lmplz --prune``."""

HAND_MADE = """
\\data\\
ngram 1=5
ngram 2=4
ngram 3=3

\\1-grams:
-99 <s> -0.4
-0.7 </s>
-0.6 the -0.3
-0.9 cat -0.25
-1.5 <unk>

\\2-grams:
-0.2 <s> the -0.1
-0.5 the cat -0.15
-1.1 cat cat
-0.35 cat </s>

\\3-grams:
-0.11 <s> the cat
-0.22 the cat </s>
-0.33 the cat the

\\end\\
"""
"""The end of its last 3-gram, cat the, is not listed."""


def sentences(count: int, seed: int) -> list[list[int]]:
    """Word numbers from a source with memory, drawn by a congruential generator, so that they are the same everywhere."""
    state, made = seed, []

    def draw(below: int) -> int:
        nonlocal state
        state = (6364136223846793005 * state + 1442695040888963407) % 2**64
        return (state >> 33) % below

    for _ in range(count):
        words: list[int] = []
        while draw(6) or not words:
            last, before = words[-1] if words else 0, words[-2] if len(words) > 1 else 3
            rare = draw(len(WORDS)) * draw(len(WORDS)) // len(WORDS)
            words.append((last * 3 + before + draw(3)) % 10 if draw(3) else rare)
        made.append(words)
    return made


def text(of: list[list[int]]) -> str:
    return "".join(" ".join(WORDS[word] for word in words) + "\n" for words in of)


TRAIN, TEST = sentences(400, 1), sentences(30, 2)


def main(programs: Path) -> None:
    HERE.mkdir(exist_ok=True)
    train, test = text(TRAIN), text(TEST)
    scores = {}
    for name, thresholds in PRUNE.items():
        prune = ["--prune", *map(str, thresholds)] if thresholds else []
        arpa = subprocess.run([programs / "lmplz", "-o", str(ORDER), "-S", "5%", *prune],
                              input=train, capture_output=True, text=True, check=True).stdout  # fmt: skip
        (HERE / f"{name}.arpa.gz").write_bytes(gzip.compress(arpa.encode(), mtime=0))
        scores[name] = queried(programs, arpa, test)
    scores["hand_made"] = queried(
        programs,
        re.sub(r"(?m)(?<=\d) (?=[<a-z])|(?<=[>a-z]) (?=-)", "\t", HAND_MADE),
        "the cat\nthe cat the\ncat cat the the cat the cat\ndog the\n",
    )
    (HERE / "query.json").write_text(json.dumps(scores, ensure_ascii=False, indent=0))


def queried(programs: Path, arpa: str, test: str) -> list[list[list]]:
    """[word, log10 p] of each word and of the end, a sentence at a time."""
    with tempfile.NamedTemporaryFile("w", suffix=".arpa") as file:
        file.write(arpa)
        file.flush()
        command = [programs / "query", "-v", "word", file.name]
        out = subprocess.run(command, input=test, capture_output=True, text=True, check=True).stdout
    found: list[list[list]] = [[]]
    for word, value in re.findall(r"(\S+)=\d+ \d+ (-?[\d.e+-]+)", out):
        found[-1].append([word, float(value)])
        if word == "</s>":
            found.append([])
    return found[:-1]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
