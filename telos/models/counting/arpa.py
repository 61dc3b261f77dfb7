"""ARPA files: back-off models as text, which every n-gram toolkit reads and writes.

    \\data\\                              \\2-grams:
    ngram 1=4                             -0.30103 <s> the
    ngram 2=3                             -0.8     the cat  -0.2
    \\1-grams:                             …
    -1.2  the  -0.3                       \\end\\

A line is log10 p, the n-gram, and log10 of its weight as a context (none: 0).  Format: SRILM's ngram-format(5).  The end of text
is ``<s>`` where it stands before a document and ``</s>`` where it ends one; a log10 p of -99 or less is probability 0.
Tests: tests/models/counting/test_arpa.py (export → import → export, bad files), test_kenlm.py (KenLM's scores on the same file).
"""

import contextlib
import gzip
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import IO, cast

import numpy as np

from telos.foundation.errors import TelosError
from telos.foundation.files import replacing
from telos.foundation.progress import progress
from telos.models.counting.arpa_reader import BEGIN, END, ZERO, ArpaReader
from telos.models.counting.back_off import BackOff


def write_arpa(model: BackOff, words: Sequence[str], path: str | Path) -> None:
    """Write a model.  ``words``: how each token but the end of text is spelled, by id, distinct and without white space.

    Nine digits, so that a file that was read and is written again is the same file.
    """
    spelled = [END if token == model.end else word for token, word in enumerate(words)]
    _check_words(spelled, model.size)
    total = sum(model.entries(k) for k in range(1, model.order + 1)) + 1
    with progress("writing ARPA", total, "n-grams") as advance, replacing(Path(path)) as raw, _packed(raw, path) as file:
        sizes = [f"ngram {k}={model.entries(k) + (k == 1)}\n" for k in range(1, model.order + 1)]
        file.write("".join(["\\data\\\n", *sizes]).encode())
        for length in range(1, model.order + 1):
            file.write(f"\n\\{length}-grams:\n".encode())
            file.writelines(line.encode() for line in _lines(model, spelled, length))
            advance(model.entries(length))
        file.write(b"\n\\end\\\n")


def _lines(model: BackOff, words: list[str], length: int) -> Iterator[str]:
    p = model.unigrams if length == 1 else model.probabilities[length - 2]
    values = _texts(p)
    weights = _texts(model.weights[length - 1]) if length < model.order else None
    grams = model.grams(length)
    if length == 1:
        yield f"{ZERO:g}\t{BEGIN}" + (f"\t{weights[model.end]}\n" if weights else "\n")
    for i, gram in enumerate(grams.tolist()):
        first = BEGIN if length > 1 and gram[0] == model.end else words[gram[0]]
        text = " ".join([first, *(words[token] for token in gram[1:])])
        weight = f"\t{weights[i]}" if weights and gram[-1] != model.end else ""
        yield f"{values[i]}\t{text}{weight}\n"


def _texts(values: np.ndarray) -> list[str]:
    logs = np.full(len(values), ZERO)
    np.log10(values, out=logs, where=values > 0)
    return [f"{value:.9g}" for value in logs.tolist()]


def read_arpa(path: str | Path, words: Sequence[str] | None = None) -> tuple[list[str], BackOff]:
    """(words, model) of a file, gzipped or not.  Each word's place is its token; the end of text, which is not among them, comes
    last.

    ``words``: the order that the tokens are to have, the same words as in the file, ``</s>`` where the end of text is to be
    another than the last; None: as they stand there.
    An n-gram whose context is not listed gets it listed, with the probability and weight that it has anyway.
    Raises `TelosError` where the file is no ARPA file, is cut short, or says something twice.
    """
    with _opened(path) as file:
        reader = ArpaReader(str(path), file)
        sizes = reader.sizes()
        with progress("reading ARPA", sum(sizes), "n-grams") as advance:
            found = reader.words(sizes[0])
            ordered = _order(reader, found, words)
            end = ordered.index(END)
            tokens = {word.encode(): token for token, word in enumerate(ordered)} | {BEGIN.encode(): end}
            model = BackOff(len(ordered), end, np.array([found[word][0] for word in ordered]))
            weights = np.array([(found.get(BEGIN, (0.0, 1.0)) if word == END else found[word])[1] for word in ordered])
            for length, size in enumerate(sizes[1:], start=2):
                advance(sizes[length - 2])
                weights = _append(model, reader.section(length, size, tokens), weights, str(path))
            advance(sizes[-1])
        reader.end()
    return [word for word in ordered if word != END], model


def _order(reader: ArpaReader, found: Collection[str], words: Sequence[str] | None) -> list[str]:
    """The words by token, the end of text where it is named, or last."""
    if END not in found:
        raise reader.wrong(None, f"{END}, which ends a text, must be listed", "no such word")
    ordinary = [word for word in found if word not in (BEGIN, END)]
    given = list(ordinary if words is None else words)
    wanted = given if END in given else [*given, END]
    if sorted(wanted) != sorted([*ordinary, END]):
        strange = sorted(set(wanted) ^ {*ordinary, END}) or ["the same word twice"]
        raise TelosError(f"the words of {reader.name} must be the tokenizer's", f"{len(strange)} in one of them only: "
                         f"{', '.join(strange[:3])}", "use the tokenizer that the file was made with")  # fmt: skip
    return wanted


def _append(model: BackOff, section: tuple[np.ndarray, np.ndarray, np.ndarray], weights: np.ndarray, name: str) -> np.ndarray:
    """Give the model the n-grams of one length more; the weights of these as contexts.  ``weights``: of those before."""
    grams, p, own = section
    length = grams.shape[1]
    for k in range(2, length):  # contexts that are not listed
        weights = _list_missing(model, np.unique(grams[:, :k], axis=0), weights)
    context = model.ids(grams[:, :-1])
    keys = context * model.size + grams[:, -1]
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    if (twice := np.flatnonzero(keys[1:] == keys[:-1])).size:
        raise TelosError("each n-gram of an ARPA file must be listed once", f"one of {length} words twice in {name} "
                         f"({twice.size} such)", "remove one of them")  # fmt: skip
    model.append(keys, p[order], weights)
    return own[order]


def _list_missing(model: BackOff, grams: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """List n-grams that are not, with the probabilities they have; ``weights`` of the longest n-grams come back with theirs."""
    length = grams.shape[1]
    missing = grams[model.ids(grams) < 0]
    if not len(missing):
        return weights
    probabilities, old = model.of(missing), model.keys[length - 2]
    keys = np.concatenate([old, model.ids(missing[:, :-1]) * model.size + missing[:, -1]])
    order = np.argsort(keys)
    new_ids = np.empty(len(order), np.int64)
    new_ids[order] = np.arange(len(order))
    model.keys[length - 2] = keys[order]
    model.probabilities[length - 2] = np.concatenate([model.probabilities[length - 2], probabilities])[order]
    if length == model.order:
        return np.concatenate([weights, np.ones(len(missing))])[order]
    longer = model.keys[length - 1]
    model.keys[length - 1] = new_ids[longer // model.size] * model.size + longer % model.size  # their order stays
    model.weights[length - 1] = np.concatenate([model.weights[length - 1], np.ones(len(missing))])[order]
    return weights


_SPACE = re.compile(r"[\0\s]", re.ASCII)


def _check_words(words: list[str], size: int) -> None:
    wrong = [word for word in words if not word or _SPACE.search(word) or word == BEGIN]
    if len(words) != size or len(set(words)) != size or wrong:
        found = f"{wrong[0]!r}" if wrong else f"{len(words)} words, {len(set(words))} of them distinct, for {size} tokens"
        raise TelosError("words of an ARPA file must be distinct and without white space, one a token", found,
                         "spell them with telos.models.counting.spelling")  # fmt: skip


def _opened(path: str | Path) -> IO[bytes]:
    try:
        return cast(IO[bytes], gzip.open(path)) if _is_gzipped(path) else open(path, "rb")
    except FileNotFoundError:
        raise TelosError("an ARPA file must exist", f"no file {path}", "correct the path") from None


@contextlib.contextmanager
def _packed(file: IO[bytes], path: str | Path) -> Iterator[IO[bytes]]:
    """What to write to.  Without a time or a name in it: the same model, the same file."""
    if not _is_gzipped(path):
        yield file
        return
    with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
        yield cast(IO[bytes], packed)


def _is_gzipped(path: str | Path) -> bool:
    return str(path).endswith(".gz")
