"""What holds for the estimate of every family of models."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from telos.models import Model, sizing
from telos.models.sizing.live import without_memory
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

VOCABULARY = Vocabulary(40, "0123456789abcdef", {END_OF_TEXT: 40})
GRADIENT = [kind for kind in Model.kinds() if Model.member(kind).learns_by == "gradient"]
LENGTH = 16


@pytest.mark.parametrize("kind", Model.kinds())
def test_every_family_is_estimated(kind):
    estimate = Model.parse(kind).estimate(VOCABULARY)
    assert estimate.parameters > 0
    assert 0 < estimate.weights_bytes <= estimate.inference_bytes
    assert estimate.training_bytes is None or estimate.training_bytes > estimate.weights_bytes
    larger = Model.parse(kind).estimate(Vocabulary(4000, "0123456789abcdef", {END_OF_TEXT: 4000}))
    assert larger.parameters > estimate.parameters
    assert larger.inference_bytes > estimate.inference_bytes


@pytest.mark.parametrize("kind", GRADIENT)
def test_a_network_is_what_was_estimated(kind):
    spec = Model.parse(kind)
    built, estimate = spec.build(VOCABULARY), spec.estimate(VOCABULARY, context_length=LENGTH)
    assert estimate.parameters == sum(parameter.numel() for parameter in built.parameters())
    assert estimate.flops_per_token == built.flops_per_token(LENGTH)


@pytest.mark.parametrize("kind", GRADIENT)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_step_takes_what_was_estimated(kind, dtype, allocated):
    """By torch's own account of its allocations, within 10 %."""
    spec, rows = Model.parse(kind), 3
    estimate = spec.estimate(VOCABULARY, rows=rows, context_length=LENGTH, dtype=dtype)

    def step():
        network = spec.build(VOCABULARY)
        network.compute_dtype = getattr(torch, dtype)
        sizing.plain_training(spec, None, rows, LENGTH)(network)()

    assert estimate.training_bytes == pytest.approx(allocated(step), rel=0.1)


@pytest.mark.parametrize("kind", GRADIENT)
def test_memory_grows_with_rows_and_context(kind):
    """A training step's; and no family is beyond what can be told from settings alone."""
    spec = Model.parse(kind)
    few, rows, longer = (
        spec.estimate(VOCABULARY, rows=r, context_length=length).training_bytes for r, length in ((2, 8), (8, 8), (2, 16))
    )
    assert few is not None
    assert few < rows
    assert few < longer


@pytest.mark.parametrize("kind", [kind for kind in GRADIENT if Model.member(kind).has_likelihood])
def test_stated_operations_are_those_that_torch_counts(kind):
    """Of matrix products in a forward pass; a causal mask, which leaves half of the scores out, is not seen by torch."""
    spec = Model.parse(kind)
    with without_memory(), torch.no_grad(), FlopCounterMode(display=False) as counter:
        built, read = spec.build(VOCABULARY).eval(), sizing.reading(spec, 2, LENGTH)
        built.nll(built.hidden(read), read.tokens_BT)
        stated, roles = built.flops_per_token(LENGTH), set(built.roles().values())
    counted = counter.get_total_flops() / (2 * LENGTH)
    if roles & {"matrix", "head"}:
        assert 0.9 * stated <= counted <= 1.1 * stated
    else:
        assert counted == 0, "it has no matrix and multiplies none"
