"""The convolutional classifier: torch.nn.Conv1d text by text, padding that is not read, texts shorter than every filter."""

import pytest
import torch
from torch import nn

from telos.foundation.errors import TelosError
from telos.models import Inputs
from telos.models.convolution import Convolution
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

VOCABULARY = Vocabulary(40, "test", {END_OF_TEXT: 40})
TEXTS = [[40, 3, 5, 3, 9], [40, 7], [40, 1, 2, 3, 4, 5, 6, 7], [40]]
SMALL = Convolution(embedding_size=6, num_filters=5)


def inputs(texts, width=None):
    width = width or max(map(len, texts))
    tokens = torch.tensor([text + [0] * (width - len(text)) for text in texts])
    segments = torch.tensor([[1] * len(text) + [0] * (width - len(text)) for text in texts], dtype=torch.int32)
    return Inputs(tokens, segments_BT=segments)


def built(spec):
    network = spec.build(VOCABULARY, seed=2).eval()
    with torch.no_grad():
        network.embeddings.mul_(7)  # as if trained: some filters pass their bias, some do not
        for filters in network.filters:
            filters.bias.normal_(-1, 1, generator=torch.Generator().manual_seed(1))
    return network


def reference(network, text):
    """Conv1d with the same weights over one text alone, padded with zeros; the largest of each filter after ReLU."""
    x = network.embeddings[torch.tensor(text)].t()[None]
    found = []
    for width, filters in zip(network.spec.widths, network.filters, strict=True):
        layer = nn.Conv1d(network.spec.embedding_size, network.spec.num_filters, width, padding=width - 1)
        layer.weight.copy_(filters.weight.view(-1, width, network.spec.embedding_size).transpose(1, 2))
        layer.bias.copy_(filters.bias)
        found.append(layer(x).relu().amax(2)[0])
    return torch.cat(found)


@pytest.mark.parametrize("change", [{}, {"widths": (1,)}, {"widths": (2, 7)}, {"num_filters": 3}, {"embedding_size": 4}])
@torch.no_grad()
def test_equal_to_conv1d_over_each_text_alone(change):
    network = built(SMALL.replace(**change))
    wanted = torch.stack([reference(network, text) for text in TEXTS])
    assert 0 < (wanted == 0).sum() < wanted.numel(), "some filters find nothing"
    for width in (None, 30):
        found = network.hidden(inputs(TEXTS, width)).values_BTD
        torch.testing.assert_close(found[:, 0], wanted, atol=1e-5, rtol=0)


@torch.no_grad()
def test_what_stands_in_the_padding_is_not_read():
    network = built(SMALL)
    wide = inputs(TEXTS, 30)
    before = network.hidden(wide).values_BTD
    wide.tokens_BT[wide.segments_BT == 0] = 17
    assert torch.equal(network.hidden(wide).values_BTD, before)


@torch.no_grad()
def test_in_bf16():
    network = built(SMALL)
    exact = network.hidden(inputs(TEXTS)).values_BTD
    network.compute_dtype = torch.bfloat16
    found = network.hidden(inputs(TEXTS)).values_BTD
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), exact, atol=0.1, rtol=0.05)


def test_dropout_is_of_training_alone():
    for name in ("dropout", "embedding_dropout"):
        network = built(SMALL.replace(dropout=0.0).replace(**{name: 0.5}))
        quiet = network.hidden(inputs(TEXTS)).values_BTD
        assert torch.equal(network.hidden(inputs(TEXTS)).values_BTD, quiet)
        assert not torch.equal(network.train().hidden(inputs(TEXTS)).values_BTD, quiet)


@torch.no_grad()
def test_embeddings_begin_small():
    embeddings = Convolution(embedding_size=300).build(VOCABULARY).embeddings
    assert 0.249 < embeddings.abs().max() <= 0.25
    assert abs(embeddings.mean()) < 0.01


def test_settings_that_make_no_sense():
    for widths in ((0, 3), (3, 3), ()):
        with pytest.raises(TelosError) as error:
            Convolution(widths=widths)
        assert "widths" in str(error.value)
