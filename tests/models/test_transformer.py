"""The decoder by itself; equality with transformers is in test_hugging_face.py."""

import math

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from telos.foundation import machine
from telos.foundation.errors import TelosError
from telos.models import Inputs
from telos.models.transformer import Transformer
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

VOCABULARY = Vocabulary(49, "test", {END_OF_TEXT: 49})
SMALL = Transformer(num_layers=2, hidden_size=32, num_heads=4, num_key_value_heads=2, context_length=16)


def _network(spec=SMALL, noise=0.2):
    network = spec.build(VOCABULARY, seed=1)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=noise)
    return network


def _logits(network, tokens, segments=None):
    return network.over_logits(network.hidden(Inputs(tokens, segments_BT=segments)), lambda z: z)


TOKENS = torch.randint(0, 49, (2, 16), generator=torch.Generator().manual_seed(4))


def test_a_fresh_network_gives_every_token_the_same_probability():
    network = SMALL.build(VOCABULARY, seed=7)
    nll = network.nll(network.hidden(Inputs(TOKENS)), TOKENS)
    torch.testing.assert_close(nll, torch.full((2, 16), math.log(50)))


def test_weights_are_a_function_of_the_seed():
    first, again, other = (dict(SMALL.build(VOCABULARY, seed=s).named_parameters()) for s in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["model.embed_tokens.weight"], other["model.embed_tokens.weight"])


def test_changing_a_token_changes_nothing_before_it():
    network, changed = _network(), TOKENS.clone()
    changed[:, 9] = (changed[:, 9] + 1) % 49
    before, after = _logits(network, TOKENS), _logits(network, changed)
    torch.testing.assert_close(before[:, :9], after[:, :9])
    assert (before[:, 9:] - after[:, 9:]).abs().amax(-1).min() > 1e-4


def test_a_document_does_not_see_another():
    """Packed behind another document, a document has the logits that it has alone."""
    network = _network()
    segments = torch.tensor([[0] * 6 + [1] * 10] * 2, dtype=torch.int32)
    packed = _logits(network, TOKENS, segments)
    torch.testing.assert_close(packed[:, 6:], _logits(network, TOKENS[:, 6:]), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(packed[:, :6], _logits(network, TOKENS[:, :6]), atol=1e-5, rtol=1e-5)


def test_every_parameter_has_a_role():
    for tied in (False, True):
        network = SMALL.replace(tie_embeddings=tied).build(VOCABULARY)
        assert set(network.roles()) == {name for name, _ in network.named_parameters()}
        assert ("head" in network.roles().values()) == (not tied)


@pytest.mark.parametrize("change", [{}, {"num_layers": 3}, {"tie_embeddings": True}, {"num_key_value_heads": 4}])
def test_flops_agree_with_torchs_counter(change):
    network = SMALL.replace(**change).build(VOCABULARY)
    with FlopCounterMode(display=False) as counter:
        _logits(network, TOKENS)
    # torch counts the masked half of the scores too: 2 layers' T² H K twice
    masked = 2 * network.spec.num_layers * 4 * 8 * 16 * 16 * 2
    assert counter.get_total_flops() - masked == pytest.approx(network.flops_per_token(16) * 32)


@pytest.mark.parametrize("spec", [SMALL.replace(num_layers=0), SMALL.replace(context_length=1)])
def test_edge_sizes_work(spec):
    network = _network(spec)
    tokens = TOKENS[:1, : spec.context_length]
    assert _logits(network, tokens).isfinite().all()


def test_bf16_is_close_to_fp32():
    network = _network(noise=0.05)
    exact = _logits(network, TOKENS)
    network.compute_dtype = torch.bfloat16
    assert (_logits(network, TOKENS) - exact).norm() < 0.02 * exact.norm()


@pytest.mark.skipif(machine.compiler() is None, reason="no C++ compiler")
@pytest.mark.filterwarnings("ignore")  # torch warns of itself while it compiles
def test_the_compiled_blocks_equal_the_plain_ones():
    network = _network()
    segments = torch.tensor([[0] * 6 + [1] * 10] * 2, dtype=torch.int32)

    def loss_and_gradients():
        network.zero_grad()
        nll = network.nll(network.hidden(Inputs(TOKENS, segments_BT=segments)), TOKENS)
        nll.sum().backward()
        return nll.detach(), {name: p.grad.clone() for name, p in network.named_parameters()}

    plain, plain_gradients = loss_and_gradients()
    network.compile_blocks()
    compiled, compiled_gradients = loss_and_gradients()
    torch.testing.assert_close(compiled, plain, atol=1e-5, rtol=1e-5)
    for name, expected in plain_gradients.items():
        assert (compiled_gradients[name] - expected).norm() <= 1e-5 * expected.norm(), name


@pytest.mark.parametrize(("settings", "words"), [
    ({"hidden_size": 32, "num_heads": 5}, "num_heads (5) must divide hidden_size (32)"),
    ({"num_heads": 4, "num_key_value_heads": 3}, "num_key_value_heads (3) must divide num_heads (4)"),
    ({"head_size": 7}, "must be even"),
])  # fmt: skip
def test_sizes_that_cannot_be_are_refused(settings, words):
    with pytest.raises(TelosError) as error:
        Transformer(**settings)
    assert words in str(error.value)
