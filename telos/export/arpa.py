"""ARPA: an n-gram model as a file that every n-gram toolkit reads, gzipped where it is named .gz.

The format stands in `telos.models.counting.arpa`.  Words are the tokens, spelled without white space
(`telos.models.counting.spelling`), so that another toolkit scores a text that was tokenized here.  `telos import FILE
--tokenizer MODEL` is the way back, and the same file comes out again.
Tests: tests/export/test_arpa.py, tests/end_to_end/test_arpa.py.
"""

from pathlib import Path
from typing import Any

from telos.export import Export
from telos.foundation.errors import TelosError
from telos.models.counting.spelling import spellings
from telos.models.importing.arpa import ENDINGS
from telos.models.ngram import CountedNGram
from telos.tokens.tokenizers import TrainedTokenizer


class Arpa(Export):
    """No settings."""

    def write(self, model: Any, tokenizer: TrainedTokenizer, out: Path) -> dict[str, Any]:
        if not isinstance(model, CountedNGram):
            raise TelosError("an ARPA file holds n-grams, and so the model must be of kind ngram", f"'{model.spec.kind()}'",
                             "export an n-gram model, or use the model folder itself")  # fmt: skip
        if not out.name.endswith(ENDINGS):
            raise TelosError("an ARPA file's name must end in .arpa or .arpa.gz", f"{out.name}", f"write --out {out}.arpa.gz")
        out.parent.mkdir(parents=True, exist_ok=True)
        model.to_arpa(out, spellings(tokenizer))
        back_off = model.back_off
        return {"order": back_off.order, "n_grams": [back_off.entries(length) for length in range(1, back_off.order + 1)]}
