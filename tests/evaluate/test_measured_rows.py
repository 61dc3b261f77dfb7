"""An objective over the stream that gives no likelihood of text is measured on rows; the figures are of documents."""

import numpy as np
import pytest
import torch

from telos.document_results import pieces
from telos.evaluate.documents import measure
from telos.models import Hidden
from telos.objectives.causal import Causal
from telos.objectives.classification import Classification
from telos.objectives.masked import MASK, Masked
from telos.objectives.sequence_to_sequence import SequenceToSequence
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

VOCABULARY = Vocabulary(30, "test", {END_OF_TEXT: 30}).with_specials((MASK,))


class Documents:
    """A store of these documents, each with its end."""

    marks, end_of_text = None, 30

    def __init__(self, *documents):
        self.stream = np.concatenate(documents)
        self.starts = np.cumsum([0, *map(len, documents)])

    def read(self, start, stop):
        return self.stream[start:stop]


class Known:
    """Its nll of a target is the target's id, whatever it reads."""

    device = torch.device("cpu")

    def hidden(self, inputs, state=None):
        return Hidden(inputs.tokens_BT[..., None].float())

    def nll(self, hidden, targets):
        return targets.float()


def test_pieces_are_the_document_and_follow_one_another():
    rows = pieces(Documents(np.array([3, 30]), np.array([4, 5, 6, 7, 8, 9, 30])), 1, 3)
    assert [row.tokens.tolist() for row in rows] == [[4, 5, 6], [7, 8, 9], [30]]
    assert [row.previous for row in rows] == [30, 6, 9]
    assert [row.documents.tolist() for row in rows] == [[1] * 3, [1] * 3, [1]]


class Whole(Masked):
    """Hides all, so that sums are known."""

    def _choose(self, row, rng, end_of_text):
        places = np.flatnonzero(row.tokens != end_of_text)
        return places, np.arange(len(places))


def test_figures_are_of_documents_and_not_of_rows():
    documents = [np.array([*range(20), 30]), np.array([7, 30]), np.array([3] * 14 + [30])]
    rows = [row for i in (0, 1, 2) for row in pieces(Documents(*documents), i, 8)]
    found = measure(Known(), Whole(), rows, VOCABULARY)
    assert found.sums["nats_per_hidden_token"].tolist() == [190, 7, 42]
    assert found.weights["nats_per_hidden_token"].tolist() == [20, 1, 14]
    assert found.value("nats_per_hidden_token") == pytest.approx(239 / 35)
    assert found.headline()["units"] == 3


def test_what_is_hidden_is_the_same_at_every_measurement():
    rows = pieces(Documents(np.array([*range(30), 30])), 0, 8)
    first, again = (measure(Known(), Masked(), rows, VOCABULARY) for _ in range(2))
    assert first.sums["nats_per_hidden_token"].tolist() == again.sums["nats_per_hidden_token"].tolist()


def test_which_objectives_score_text():
    assert Causal().scores_text
    assert [objective().scores_text for objective in (Masked, SequenceToSequence, Classification)] == [False] * 3
