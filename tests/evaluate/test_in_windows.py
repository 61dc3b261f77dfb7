"""Answers by windows: every place is in one, the surest one tells, a text that fits is as without."""

import numpy as np
import pytest
import torch

from telos.evaluate.documents import told
from telos.evaluate.in_windows import starts, told_in_windows
from telos.models.transformer import Transformer
from telos.objectives.span_extraction import SpanExtraction
from telos.tokens.annotations import NOWHERE
from telos.tokens.batches import Row
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary
from tests.objectives.heads import with_drawn_head

VOCABULARY = Vocabulary(20, "test", {END_OF_TEXT: 20})
OBJECTIVE = SpanExtraction(max_question_tokens=4, longest_answer=3)
SPEC = Transformer(num_layers=1, hidden_size=16, num_heads=2, context_length=16)
ROOM = 10


def row(tokens, number=0):
    beside = {"question": np.array([3, 5], np.uint16), "answers": np.array([[NOWHERE, NOWHERE]])}
    return Row(np.array(tokens, np.uint16), 20, np.full(len(tokens), number), number, beside=beside)


@pytest.mark.parametrize("room", [1, 2, 7, 10])
@pytest.mark.parametrize("tokens", [0, 1, 9, 10, 11, 15, 40])
def test_windows_cover_a_text_and_overlap_by_half(tokens, room):
    found = starts(tokens, room)
    assert found == sorted(set(found))
    assert all(0 <= at <= max(0, tokens - room) for at in found)
    for first in range(tokens):
        last = min(first + room // 2, tokens - 1)
        assert any(at <= first and last < at + room for at in found), (first, last)


def test_a_text_that_fits_is_told_as_without_windows():
    model = with_drawn_head(OBJECTIVE, SPEC, VOCABULARY)
    rows = [row([*range(7)], 0), row([8, 8, 1, 9], 1), row([*range(ROOM)], 2)]
    assert OBJECTIVE.raw_length(SPEC.context_length) == ROOM
    ours = told_in_windows(model, OBJECTIVE, rows, VOCABULARY)
    assert [one.tolist() for one in ours] == [one.tolist() for one in told(model, OBJECTIVE, rows, VOCABULARY)]


@pytest.mark.parametrize("unanswerable", [False, True])
@pytest.mark.parametrize("place", [0, 9, 17, 30, 43])
def test_the_surest_window_tells(monkeypatch, place, unanswerable):
    """Token 7 begins and ends the answer where it stands; of several, the one that is surer."""
    objective = OBJECTIVE.replace(unanswerable=unanswerable)
    model = with_drawn_head(objective, SPEC, VOCABULARY)

    def logits(self, model, batch):
        sure = (batch["tokens"] == 7).float() * 5 + (batch["tokens"] == 6).float() * 4
        return sure[..., None].expand(-1, -1, 2).masked_fill(~batch["context"][..., None], -torch.inf)

    monkeypatch.setattr(SpanExtraction, "logits", logits)
    text = [1] * 44
    text[20], text[place] = 6, 7
    nothing = [1] * 44
    found = told_in_windows(model, objective, [row(text, 0), row([*text[:20], *text[21:]], 1), row(nothing, 2)], VOCABULARY)
    assert found[0].tolist() == [place, place]
    assert found[1].tolist() == [place - (place > 20)] * 2
    assert found[2][0] >= 0, "of equal logits a span, as where a text fits"
