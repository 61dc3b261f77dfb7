"""Answers in texts longer than a model reads: by windows that overlap by half, of which the surest one tells.

    margin of a window = s_first + s_last − s_nothing          (the last where a question may have no answer)

s are the logits of its best span, and of the first token of all.  Devlin et al. 2019 (BERT), whose published code reads SQuAD by
a sliding window; an answer of at most half a window's tokens is whole in one of them.  Cost: a text is read about twice.
Tests: tests/evaluate/test_in_windows.py.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from telos.evaluate.documents import in_batches
from telos.tokens.annotations import NOWHERE
from telos.tokens.batches import Row
from telos.tokens.vocabulary import Vocabulary


def starts(tokens: int, room: int) -> list[int]:
    """Where windows of ``room`` tokens begin in so many: half of one apart, the last at the end of the text."""
    last = max(0, tokens - room)
    return [*range(0, last, max(1, room // 2)), last]


def told_in_windows(
    model: Any, objective: Any, rows: Sequence[Row], vocabulary: Vocabulary, *, seed: int = 1
) -> list[np.ndarray]:
    """First and last token of the answer in each row, (2,); `NOWHERE` for none.  ``rows``: whole texts with their questions, of
    any length.  ``objective``: one that tells spans with their margin (`telos.objectives.span_extraction`)."""
    import torch

    room = objective.raw_length(model.context_length)
    windows, of = [], []
    for place, row in enumerate(rows):
        for start in starts(len(row.tokens), room):
            part = slice(start, start + room)
            beside = {"question": row.beside["question"], "answers": np.array([[NOWHERE, NOWHERE]])}
            windows.append(Row(row.tokens[part], row.previous, row.documents[part], row.number, beside=beside))
            of.append((place, start))
    found = [np.array([NOWHERE, NOWHERE])] * len(rows)
    surest = np.full(len(rows), -np.inf)
    with torch.no_grad():
        for places, batch in in_batches(objective, windows, vocabulary, seed=seed, device=str(model.device), what="windows"):
            spans, margins = (values.cpu().numpy() for values in objective.told_with_margin(model, batch))
            for number, span, margin in zip(places, spans, margins, strict=True):
                place, start = of[number]
                if margin > surest[place]:
                    surest[place] = margin
                    found[place] = span if span[0] == NOWHERE else span + start
    return found
