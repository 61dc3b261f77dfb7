"""40,000 documents of the web's kind and length, 110 MB, made from what is installed here and from ../shared/data.

    python benchmarks/web_documents.py FOLDER      # documents-0.jsonl … documents-7.jsonl, and one line on what they are

Documentation strings of installed Python packages and of the standard library, READMEs, package descriptions, manuals and change
logs, C4 and Dolma pages, PEPs, reviews, Wikipedia articles and novels, cut at line ends into pieces whose lengths spread as
those of web pages do (lognormal).  Which pieces are taken, and their order, hangs on hashes of names and texts alone, so that
the same machine gives the same set.
"""

import ast
import gzip
import hashlib
import json
import math
import os
import sys
import sysconfig
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import orjson

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
ROOTS = (sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), "/usr/share/doc")
DOCUMENTS, SHARDS = 40_000, 8
MEDIAN_BYTES, SPREAD, LEAST_BYTES, MOST_BYTES = 2075, 0.95, 120, 40_000
"""Of a piece: the logarithm of its length has the median's as its mean and ``SPREAD`` as its standard deviation."""
SHARES = {"docstrings": 0.30, "documentation": 0.35, "pages": 0.15, "novels": 0.20}
ENOUGH = 20_000
"""Pieces of a kind; reading stops there.  ``SHARES``: of the documents, at most; the others fill up what a kind lacks."""


def number_of(*parts: str) -> int:
    """64 bits that hang on the texts alone."""
    return int.from_bytes(hashlib.blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=8).digest(), "little")


def length_of(key: int) -> int:
    """A length from 64 bits: the Box-Muller transform of their halves."""
    first, second = (key >> 32) + 1, key & 0xFFFFFFFF
    normal = math.sqrt(-2 * math.log(first / 2**32)) * math.cos(2 * math.pi * second / 2**32)
    return int(min(MOST_BYTES, max(LEAST_BYTES, MEDIAN_BYTES * math.exp(SPREAD * normal))))


def pieces(text: str, name: str) -> Iterator[str]:
    """A long text in pieces that end with a line, or with a word where a line is too long."""
    start = 0
    while start < len(text):
        end = start + length_of(number_of(name, str(start)))
        if end < len(text):
            end = max(text.rfind("\n", start + 1, end), text.rfind(" ", start + 1, end) if "\n" not in text[start:end] else -1)
            end = end if end > start else start + MOST_BYTES
        piece = text[start:end].strip("\n")
        if len(piece) >= LEAST_BYTES:
            yield piece
        start = end


def files(*ends: str) -> list[Path]:
    """Installed files whose names end so, in an order that scatters packages."""
    found = {path for root in ROOTS for folder, _, names in os.walk(root) for name in names
             if name.endswith(ends) and (path := Path(folder, name)).is_file()}  # fmt: skip
    return sorted(found, key=lambda path: number_of("/".join(path.parts[-3:])))


def docstrings() -> Iterator[tuple[str, str]]:
    for path in files(".py"):
        try:
            with warnings.catch_warnings(action="ignore"):
                tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, ValueError, OSError, RecursionError):
            continue
        nodes = (node for node in ast.walk(tree) if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef))
        yield path.name, "\n\n".join(text for node in nodes if (text := ast.get_docstring(node)))


def documentation() -> Iterator[tuple[str, str]]:
    for path in files(".md", ".rst", ".txt", ".gz", "METADATA", "README", "changelog", "NEWS", "TODO"):
        if path.stat().st_size > 4 << 20 or "LICENSE" in path.name:
            continue
        try:
            raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            yield path.name, raw.decode("utf-8")
        except (OSError, EOFError, UnicodeDecodeError):
            continue


def records(*names: str) -> Iterator[tuple[str, str]]:
    for name in names:
        with (gzip.open if name.endswith(".gz") else open)(DATA / name, "rt", encoding="utf-8") as file:
            for number, line in enumerate(file):
                yield f"{name}:{number}", orjson.loads(line)["text"]


def pages() -> Iterator[tuple[str, str]]:
    yield from records("llama-factory-demos/c4_demo.jsonl", "movie-reviews/reviews.jsonl.gz", "peps/peps.jsonl.gz",
                       *(f"dolma-web-sample/multiple_files/cc_en_head-{n}.jsonl" for n in ("0091", "0174")))  # fmt: skip
    yield "wiki_demo", (DATA / "llama-factory-demos/wiki_demo.txt").read_text(encoding="utf-8")


def novels() -> Iterator[tuple[str, str]]:
    yield from records("litbank-novels/train.jsonl.gz")


def choose() -> tuple[list[str], Counter[str]]:
    """The documents in their order, and how many of which kind."""
    kinds = {"docstrings": docstrings, "documentation": documentation, "pages": pages, "novels": novels}
    found: dict[str, list[tuple[int, str]]] = {}
    for kind, texts in kinds.items():
        unique: dict[str, int] = {}
        for name, text in texts():
            unique |= {piece: number_of(piece) for piece in pieces(text, name)}
            if len(unique) > ENOUGH:
                break
        found[kind] = sorted((number, piece) for piece, number in unique.items())
    taken = {kind: min(len(some), int(SHARES[kind] * DOCUMENTS)) for kind, some in found.items()}
    for kind in ("pages", "documentation", "docstrings", "novels"):
        taken[kind] += min(len(found[kind]) - taken[kind], DOCUMENTS - sum(taken.values()))
    chosen = sorted(item for kind, some in found.items() for item in some[: taken[kind]])
    return [piece for _, piece in chosen], Counter(taken)


def build(folder: Path) -> dict[str, object]:
    """Write the documents as JSONL in shards; what they are."""
    folder.mkdir(parents=True, exist_ok=True)
    texts, kinds = choose()
    for shard in range(SHARDS):
        some = texts[shard * len(texts) // SHARDS : (shard + 1) * len(texts) // SHARDS]
        lines = [orjson.dumps({"id": f"{shard}-{n}", "text": text}) + b"\n" for n, text in enumerate(some)]
        (folder / f"documents-{shard}.jsonl").write_bytes(b"".join(lines))
    return {"documents": len(texts), "text_bytes": sum(len(text.encode()) for text in texts), "kinds": dict(kinds),
            "hash": f"{number_of(*texts):016x}"}  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(build(Path(sys.argv[1]))))
