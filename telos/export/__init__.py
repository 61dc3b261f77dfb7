"""The family of forms in which a model leaves for other tools: ``telos export MODEL --to KIND --out PATH``.

A model folder of a network that transformers knows is in transformers' form already; a file here is for what is not.
"""

from pathlib import Path
from typing import Any

from telos.foundation.spec import Spec
from telos.models.saved import load_model
from telos.tokens.tokenizers import TrainedTokenizer


class Export(Spec, family="telos.export"):
    """A form; `write` is all that a member has to have."""

    def write(self, model: Any, tokenizer: TrainedTokenizer, out: Path) -> dict[str, Any]:
        """Write ``out``, replacing what this form wrote there before; facts for the command's answer, units in their names.

        Raises `TelosError` for a model that has no such form, and where something else is at ``out``."""
        raise NotImplementedError


def export_model(folder: str | Path, to: str, out: str | Path) -> dict[str, Any]:
    """Write a model folder in a form; facts about what was written."""
    form = Export.parse(to)
    model, tokenizer = load_model(Path(folder))
    facts = form.write(model, tokenizer, Path(out))
    return {"model": str(folder), "to": form.kind(), "written": str(out), "bytes": Path(out).stat().st_size} | facts
