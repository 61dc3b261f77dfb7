"""The bag of embeddings: the mean by loops, n-grams by fastText's hash, padding that is not read, and what it refuses."""

import numpy as np
import pytest
import torch

from telos.foundation.errors import TelosError
from telos.models import Inputs
from telos.models.bag_of_embeddings import FACTOR, BagOfEmbeddings
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

VOCABULARY = Vocabulary(40, "test", {END_OF_TEXT: 40})
TEXTS = [[40, 3, 5, 3, 9], [40, 7], [40, 1, 2, 3, 4, 5, 6, 7], [40]]


def inputs(texts, width=None):
    width = width or max(map(len, texts))
    tokens = torch.tensor([text + [0] * (width - len(text)) for text in texts])
    segments = torch.tensor([[1] * len(text) + [0] * (width - len(text)) for text in texts], dtype=torch.int32)
    return Inputs(tokens, segments_BT=segments)


def rows_of(text, spec):
    """Rows of the table for one text, by loops over Python's whole numbers."""
    rows = list(text)
    for n in range(2, spec.ngrams + 1):
        for start in range(len(text) - n + 1):
            hashed = text[start] + 1
            for token in text[start + 1 : start + n]:
                hashed = (hashed * FACTOR + token + 1) % 2**64
            signed = hashed - 2**64 if hashed >= 2**63 else hashed
            rows.append(VOCABULARY.size + signed % spec.buckets)
    return rows


@pytest.mark.parametrize("change", [{}, {"hidden_size": 5}, {"ngrams": 1}, {"ngrams": 4}, {"buckets": 7}, {"context_length": 3}])
def test_the_mean_of_the_embeddings_of_tokens_and_n_grams(change):
    spec = BagOfEmbeddings(**{"hidden_size": 16, "buckets": 1000} | change)
    network = spec.build(VOCABULARY, seed=2)
    table = network.embeddings.detach().double().numpy()
    found = network.hidden(inputs(TEXTS)).values_BTD
    assert found.shape == (4, 1, spec.hidden_size)
    wanted = np.stack([table[rows_of(text, spec)].mean(0) for text in TEXTS])
    assert np.abs(found[:, 0].detach().numpy() - wanted).max() < 1e-5


@torch.no_grad()
def test_padding_and_other_segments_are_not_read():
    network = BagOfEmbeddings(hidden_size=8, ngrams=3, buckets=100).build(VOCABULARY)
    narrow = network.hidden(inputs(TEXTS)).values_BTD
    wide = inputs(TEXTS, width=30)
    assert torch.equal(network.hidden(wide).values_BTD, narrow)
    wide.tokens_BT[wide.segments_BT == 0] = 17
    assert torch.equal(network.hidden(wide).values_BTD, narrow)
    alone = [network.hidden(Inputs(torch.tensor([text]))).values_BTD for text in TEXTS]
    torch.testing.assert_close(torch.cat(alone), narrow, atol=1e-6, rtol=0)


@torch.no_grad()
def test_only_n_grams_know_the_order():
    one, other = Inputs(torch.tensor([[40, 3, 5]])), Inputs(torch.tensor([[40, 5, 3]]))
    for ngrams, same in ((1, True), (2, False)):
        network = BagOfEmbeddings(hidden_size=8, ngrams=ngrams).build(VOCABULARY)
        assert torch.allclose(network.hidden(one).values_BTD, network.hidden(other).values_BTD) == same


def test_dropout_is_of_training_alone():
    network = BagOfEmbeddings(hidden_size=64, dropout=0.5).build(VOCABULARY)
    torch.manual_seed(0)
    assert 10 < (network.train().hidden(inputs(TEXTS[:1])).values_BTD == 0).sum() < 54
    assert (network.eval().hidden(inputs(TEXTS[:1])).values_BTD == 0).sum() == 0


def test_word_dropout_leaves_out_its_share_of_tokens_and_n_grams_in_training_alone():
    text = [40, *torch.randint(0, 40, (3999,), generator=torch.Generator().manual_seed(1)).tolist()]
    network = BagOfEmbeddings(hidden_size=4, ngrams=2, buckets=1000, word_dropout=0.3).build(VOCABULARY)
    read = torch.ones(2, 4000, dtype=torch.bool)
    torch.manual_seed(0)
    rows, counts = network.train().grams(torch.tensor([text, text]), read)
    tokens = int((rows < VOCABULARY.size).sum())
    assert 0.67 < tokens / 8000 < 0.73
    assert 0.67 < (len(rows) - tokens) / 7998 < 0.73
    assert len(rows) == int(counts.sum())
    whole = rows_of(text, network.spec)
    assert rows[: counts[0]].tolist() != rows[counts[0] :].tolist(), "each text loses others"
    assert set(rows.tolist()) <= set(whole)
    assert network.eval().grams(torch.tensor([text]), read[:1])[0].tolist() == whole
    nothing = BagOfEmbeddings(word_dropout=0.99999).build(VOCABULARY).train().hidden(inputs([[40]]))
    assert nothing.values_BTD.abs().sum() == 0, "a text without anything left is the zero vector, not an undefined mean"


@torch.no_grad()
def test_what_training_never_saw_is_left_out():
    spec = BagOfEmbeddings(hidden_size=8, ngrams=2, buckets=10**6, skip_unseen=True)
    network = spec.build(VOCABULARY, seed=2)
    learned, met = TEXTS[0], [40, 3, 9, 5, 11]  # 11, (9, 5) and (5, 11) were not there
    assert network.eval().hidden(inputs([learned])).values_BTD.abs().sum() == 0, "nothing was seen yet"
    trained = network.train().hidden(inputs([learned, [40, 7]], width=9)).values_BTD
    table, network = network.embeddings.double(), network.eval()
    known = set(rows_of(learned, spec)) | set(rows_of([40, 7], spec))
    assert set(torch.nonzero(network.seen)[:, 0].tolist()) == known, "padding is not seen"
    wanted = torch.stack([table[row] for row in rows_of(met, spec) if row in known]).mean(0)
    assert len([row for row in rows_of(met, spec) if row not in known]) == 3
    assert (network.hidden(inputs([met])).values_BTD[0, 0] - wanted).abs().max() < 1e-6
    assert torch.equal(network.hidden(inputs([learned, [40, 7]], width=9)).values_BTD, trained)
    other = spec.build(VOCABULARY, seed=3)
    other.load_state_dict(network.state_dict())
    assert torch.equal(other.eval().hidden(inputs([met])).values_BTD, network.hidden(inputs([met])).values_BTD)
    assert BagOfEmbeddings().build(VOCABULARY).state_dict().keys() == {"embeddings"}


def test_gradients_in_float64():
    network = BagOfEmbeddings(hidden_size=3, ngrams=2, buckets=5).build(VOCABULARY).double()

    def hidden(table):
        network.embeddings = None  # type: ignore[assignment]
        del network.embeddings
        network.embeddings = table
        return network.hidden(inputs(TEXTS)).values_BTD

    table = network.embeddings.detach().clone().requires_grad_()
    assert torch.autograd.gradcheck(hidden, (table,))


def test_what_it_cannot_say():
    network = BagOfEmbeddings().build(VOCABULARY)
    hidden = network.hidden(inputs(TEXTS))
    for name, given in (("nll", (hidden, torch.zeros(4, 1))), ("over_logits", (hidden, abs)), ("new_state", (1, 1))):
        with pytest.raises(TelosError) as error:
            getattr(network, name)(*given)
        assert error.value.must == "a model must give a likelihood of text to be scored or to write"
        assert error.value.found == "'bag_of_embeddings' reads a text as a whole and gives none"
        assert "telos classify" in error.value.fix
