"""Scoring a stream by windows, with a network whose answer is known."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from telos.evaluate.score import network_nll, windows
from telos.foundation.errors import TelosError
from telos.models import Hidden, Inputs, Network
from telos.models.seq2seq import Seq2Seq
from telos.models.transformer import Transformer
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

END = 9
VOCABULARY = Vocabulary(9, "0" * 16, {END_OF_TEXT: END})


class Sees(Network, torch.nn.Module):
    """Its nll of a target is 1000 · (tokens that it sees) + 10 · (the token before) + the target."""

    spec, vocabulary = Transformer(), VOCABULARY

    def __init__(self, context_length: int):
        torch.nn.Module.__init__(self)
        self.context_length = context_length
        self.dropout = torch.nn.Dropout(0.5)
        self.shapes: list[tuple[int, int]] = []

    def hidden(self, inputs: Inputs, state=None) -> Hidden:
        tokens = inputs.tokens_BT
        assert not self.training
        assert not self.dropout.training
        assert tokens.dtype == torch.int64
        self.shapes.append(tuple(tokens.shape))
        segments = torch.zeros_like(tokens) if inputs.segments_BT is None else inputs.segments_BT
        same = segments[:, :, None] == segments[:, None, :]
        seen = (same & torch.ones(same.shape[1:]).tril().bool()).sum(-1)
        return Hidden((1000.0 * seen + 10 * tokens)[..., None])

    def nll(self, hidden: Hidden, targets_BT: torch.Tensor) -> torch.Tensor:
        return hidden.values_BTD[..., 0] + targets_BT

    over_logits = new_state = roles = flops_per_token = None


def sees(context_length: int) -> Sees:
    network = Sees(context_length)
    network.train()
    network.dropout.eval()
    return network


def taken_apart(nll: np.ndarray) -> tuple[list[int], list[int], list[int]]:
    whole = nll.astype(int)
    return (whole // 1000).tolist(), (whole % 1000 // 10).tolist(), (whole % 10).tolist()


def test_windows_that_do_not_overlap_are_the_rows_of_training():
    stream = np.array([1, 2, 3, END, 4, 5, 6, 7, 8, 1, END, 2, END], np.uint16)
    network = sees(4)
    seen, before, targets = taken_apart(network_nll(network, stream))
    assert targets == stream.tolist()
    assert before == [END, *stream[:-1]]
    assert seen == [1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 1, 1]
    assert network.training
    assert not network.dropout.training


def test_sliding_windows_see_at_least_what_was_asked():
    stream = np.array([1, 2, END, 3, 4, 5, 6, 7, 8, 1, 2, END], np.uint16)
    seen, before, targets = taken_apart(network_nll(sees(4), stream, stride=2))
    # Window 1: targets 0–3.  Window 2 begins where document 2 does, at 3: new targets 4–6.  Then 2 new targets each.
    assert seen == [1, 2, 3, 1, 2, 3, 4, 3, 4, 3, 4, 3]
    assert before == [END, *stream[:-1]]
    assert targets == stream.tolist()


def test_short_documents_cost_nothing_extra():
    stream = np.array([1, 2, 3, END] * 50)
    starts, _ = windows(stream, END, length=8, stride=1)
    assert len(starts) == len(stream) // 8


@given(
    stream=st.lists(st.integers(0, END), max_size=70),
    length=st.integers(1, 9),
    stride=st.integers(1, 9),
    batch_tokens=st.integers(1, 40),
)
def test_each_token_once_with_its_context(stream: list[int], length: int, stride: int, batch_tokens: int):
    stride = min(stride, length)
    tokens = np.array(stream, np.uint16)
    nll = network_nll(sees(9), tokens, context_length=length, stride=stride, batch_tokens=batch_tokens)
    assert nll.dtype == np.float32
    seen, before, targets = taken_apart(nll)
    assert targets == stream
    assert before == [END, *stream][: len(stream)]
    depth = 0
    for i, token in enumerate(stream):
        assert min(depth + 1, length - stride + 1) <= seen[i] <= min(depth + 1, length)
        depth = 0 if token == END else depth + 1


def test_batches_have_one_shape_and_little_waste():
    network = sees(8)
    network_nll(network, np.zeros(8 * 21, np.uint16), batch_tokens=64)
    assert set(network.shapes) == {(7, 8)}
    assert len(network.shapes) == 3


def test_a_transformer_gives_what_one_pass_over_each_document_gives():
    network = Transformer(num_layers=2, hidden_size=16, num_heads=2, context_length=32).build(VOCABULARY, seed=3)
    with torch.no_grad():  # a fresh network says 1 / V everywhere, which would hide what it sees
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(4)) * 0.3)
    rng = np.random.default_rng(1)
    documents = [np.append(rng.integers(0, END, n), END) for n in (3, 15, 1, 0, 7, 22)]
    with torch.no_grad():
        alone = []
        for d in documents:
            read = torch.from_numpy(np.concatenate([[END], d[:-1]]))[None]
            alone.append(network.nll(network.hidden(Inputs(read)), torch.from_numpy(d)[None])[0])
    stream = np.concatenate(documents)
    found = network_nll(network, stream, stride=1, batch_tokens=70)
    np.testing.assert_allclose(found, torch.cat(alone).numpy(), atol=2e-5)
    in_bfloat16 = network_nll(network, stream, stride=1, dtype="bfloat16")
    assert 0 < np.abs(in_bfloat16 - found).max() < 0.2
    assert network.compute_dtype == torch.float32
    cut = network_nll(network, stream, context_length=4)
    assert np.abs(cut - found).max() > 0.01  # the context does matter


def test_a_network_without_a_type_of_its_own_computes_under_autocast():
    class Scales(Sees):
        def hidden(self, inputs: Inputs, state=None) -> Hidden:
            return Hidden(torch.nn.functional.linear(torch.ones(*inputs.tokens_BT.shape, 1), torch.full((1, 1), 1 / 3)))

    stream = np.zeros(3, int)
    assert network_nll(Scales(4), stream)[0] == np.float32(1 / 3)
    assert network_nll(Scales(4), stream, dtype="bfloat16")[0] == torch.tensor(1 / 3, dtype=torch.bfloat16).float().item()


def test_windows_that_cannot_be_are_refused():
    with pytest.raises(TelosError, match="context_length must be 1 to 4, what the network was built for") as error:
        network_nll(sees(4), np.zeros(3, int), context_length=5)
    assert (error.value.found, error.value.fix) == ("5", "choose a context_length from 1 to 4")
    with pytest.raises(TelosError, match="stride must be 1 to 3, the window") as error:
        network_nll(sees(4), np.zeros(3, int), context_length=3, stride=0)
    assert (error.value.found, error.value.fix) == ("0", "choose a stride from 1 to 3")


def test_a_model_that_reads_a_source_is_refused():
    with pytest.raises(TelosError, match="a text is scored by a model with causal attention") as error:
        network_nll(Seq2Seq(hidden_size=8).build(VOCABULARY), np.zeros(3, int))
    assert error.value.found == "'seq2seq' has encoder_decoder"


def test_nothing_to_score_is_nothing():
    assert network_nll(sees(4), np.zeros(0, np.uint16)).shape == (0,)
