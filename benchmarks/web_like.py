"""A set of web-like English documents with planted near copies, made of ../shared/data and of Python's own documentation.

Passages of prose and technical text are cut at line ends to lengths as web pages have them (log-normal, mean about 2.7 kB).  Of
every hundred documents 15 are copies of others: five with next to nothing changed, the rest with more and more words
exchanged, up to a Jaccard similarity of about one half; a few documents have fifty copies.  The same seed, data and Python
give the same set.
"""

import ast
import gzip
import json
import random
import sysconfig
from collections.abc import Iterator
from pathlib import Path

MEAN_LOG, SIGMA_LOG = 7.45, 0.95
SMALLEST, LARGEST = 300, 30_000


def sources(data: Path) -> Iterator[str]:
    """Long texts, in a fixed order."""
    for name, field in (("litbank-novels/train", "text"), ("peps/peps", "text"), ("movie-reviews/reviews", "text")):
        with gzip.open(data / f"{name}.jsonl.gz") as file:
            for line in file:
                yield json.loads(line)[field]
    yield (data / "wikitext-2" / "train.txt").read_text()
    yield (data / "wikitext-2" / "valid.txt").read_text()
    for path in sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py")):
        if "site-packages" not in path.parts and "test" not in path.parts:
            yield documentation(path)


def documentation(path: Path) -> str:
    """The docstrings of a module."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return ""
    holders = (node for node in ast.walk(tree) if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)))
    return "\n\n".join(text for node in holders if (text := ast.get_docstring(node)))


def passages(data: Path, rng: random.Random) -> Iterator[str]:
    """The sources cut to pieces."""
    for text in sources(data):
        at = 0
        while at < len(text):
            size = min(LARGEST, max(SMALLEST, int(rng.lognormvariate(MEAN_LOG, SIGMA_LOG))))
            end = text.find("\n", at + size)
            end = len(text) if end < 0 else end
            piece = text[at:end].strip()
            at = end
            if len(piece) >= SMALLEST:
                yield piece


def changed(text: str, share: float, rng: random.Random) -> str:
    """The text with a share of its words replaced by other words of it."""
    words = text.split(" ")
    for _ in range(round(share * len(words))):
        words[rng.randrange(len(words))] = rng.choice(words)
    return " ".join(words)


def make(data: Path, documents: int, seed: int = 1) -> tuple[list[str], list[tuple[int, int]]]:
    """Texts in a random order, and the pairs (original, copy) of their places."""
    rng = random.Random(seed)
    copies = documents * 15 // 100
    originals = list(passages(data, rng))
    rng.shuffle(originals)
    originals = originals[: documents - copies]
    famous = rng.sample(range(len(originals)), max(1, copies // 500))
    texts, pairs = list(originals), []
    while len(texts) < len(originals) + copies:
        number = len(texts) - len(originals)
        source = famous[number % len(famous)] if number < 50 * len(famous) else rng.randrange(len(originals))
        share = rng.random() * (0.002 if number % 3 == 0 else 0.12)
        pairs.append((source, len(texts)))
        texts.append(changed(originals[source], share, rng))
    order = list(range(len(texts)))
    rng.shuffle(order)
    places = {old: new for new, old in enumerate(order)}
    return [texts[old] for old in order], [(places[a], places[b]) for a, b in pairs]
