"""An ARPA file of n-grams as a folder of ours: the model, and a tokenizer whose tokens are the file's words.

Words that a toolkit counted are parted by white space, so that its words make a tokenizer of their own (Hugging Face's
WordLevel): every other word of a text is ``<unk>``, which the file must list.  Where the words are the tokens of one of our
tokenizers (`telos.models.counting.spelling`), that tokenizer is given beside the file.
Tests: tests/models/importing/test_arpa.py, tests/end_to_end/test_arpa.py (export → import → export is the same file).
"""

import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from telos import __version__
from telos.foundation.errors import TelosError
from telos.foundation.files import sha256
from telos.models.counting.arpa import read_arpa
from telos.models.counting.arpa_reader import END
from telos.models.counting.spelling import spellings
from telos.models.ngram import CountedNGram, NGram
from telos.models.saved import save_model
from telos.tokens.tokenizers import TrainedTokenizer, load_tokenizer
from telos.tokens.tokenizers.pretrained import Pretrained

UNKNOWN = ("<unk>", "<UNK>")
"""How toolkits write the word that stands for all that are not listed."""
ENDINGS = (".arpa", ".arpa.gz")
HEAD_BYTES = 4096
"""Where the first line of a section must stand: some toolkits write comments before it."""


def is_arpa(path: Path) -> bool:
    """Whether a file is an ARPA file by its name or its beginning."""
    if path.name.endswith(ENDINGS):
        return True
    try:
        with gzip.open(path) if path.name.endswith(".gz") else path.open("rb") as file:
            return b"\\data\\" in file.read(HEAD_BYTES)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        return False


def import_arpa(path: Path, out: Path, tokenizer: str | Path | None = None) -> dict[str, Any]:
    """Write the folder ``out``; facts about it.  ``tokenizer``: the folder of that which the words are the tokens of.

    Raises `TelosError` for what `read_arpa` refuses, words that are not the tokenizer's, and a file without ``<unk>``.
    """
    if tokenizer is None:
        words, back_off = read_arpa(path)
        trained: TrainedTokenizer = word_list(words, path)
    else:
        trained = load_tokenizer(Path(tokenizer))
        back_off = read_arpa(path, spellings(trained))[1]
    model: CountedNGram = NGram(order=back_off.order, smoothing="arpa").build(trained.vocabulary)
    model.back_off = back_off
    lineage = {"telos": __version__, "imported_from": str(path), "files": {path.name: sha256(path)}}
    save_model(model, trained, out, card=_CARD.format(order=back_off.order, name=path.name), lineage=lineage)
    listed = [back_off.entries(length) for length in range(1, back_off.order + 1)]
    return {
        "model": str(out),
        "architecture": f"{back_off.order}-gram",
        "parameters": sum(listed) + sum(listed[:-1]),
        "vocabulary_size": trained.vocabulary.size,
        "dtype": "float64",
        "source": str(path),
        "writes": True,
    }


def word_list(words: Sequence[str], path: Path) -> TrainedTokenizer:
    """The tokenizer whose tokens are these words, ids in their order, and last the end of text, ``</s>``."""
    from tokenizers import AddedToken, models, pre_tokenizers
    from tokenizers import Tokenizer as Backend

    unknown = next((word for word in UNKNOWN if word in words), None)
    if unknown is None:
        raise TelosError(f"an ARPA file must list {UNKNOWN[0]}, which stands for every word that it does not", f"none in {path}",
                         "make it with an open vocabulary, or name the tokenizer of its words: --tokenizer DIR")  # fmt: skip
    backend = Backend(models.WordLevel({word: token for token, word in enumerate(words)}, unk_token=unknown))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    backend.add_special_tokens([AddedToken(END, special=True, normalized=False)])
    spec = Pretrained(path=path.name, end_of_text=END, begin_of_text=END, roles={"unk_token": unknown})
    return spec.restore(backend.to_str(pretty=True) + "\n")


_CARD = """---
library_name: telos
pipeline_tag: text-generation
---

A {order}-gram model that was imported from {name}; lineage.json says from which file.
"""
