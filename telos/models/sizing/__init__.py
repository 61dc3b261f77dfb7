"""What a model will take, from its settings alone: parameters, operations, memory.

    training bytes  = most bytes of tensors alive in a step: weights + gradients + optimizer's state + activations and
                      temporaries at the peak
    inference bytes = the same while a row as long as the context is read: weights + state (key-value cache …) + temporaries

Both are found by going through the network's own code on tensors without memory (`telos.models.sizing.live`), so that a new
family needs nothing of its own.  Not in them: Python with its libraries, the corpus, a compiler, and the gaps that the C
library's heap keeps between tensors (with glibc a third as much again after two steps of a small Transformer, a few percent
where MALLOC_MMAP_THRESHOLD_=65536 is set).  Compiled code keeps fewer temporaries.  Time: that of building the network and
of going through one step without its work, some 0.3 s.
Tests: tests/models/test_sizing.py (torch's own account within 1 %, resident memory within 10 %), tests/contracts/test_sizing.py
(every family).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from telos.models import Inputs, Model
    from telos.optim.optimizers import Optimizer
    from telos.tokens.vocabulary import Vocabulary

Dtype = Literal["float32", "bfloat16"]
Training = Callable[[Any], Callable[[], Any]]
"""Given a network, makes what else training needs, and gives a function that does one step."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """``flops_per_token``: of a forward pass; training takes three times that.  Weights, gradients, optimizer and activations are
    the parts of ``training_bytes``; ``state_bytes`` is a part of ``inference_bytes``.  None: does not apply, or does not follow
    from the settings alone."""

    parameters: int
    flops_per_token: float | None
    training_bytes: int | None
    inference_bytes: int | None
    weights_bytes: int
    gradients_bytes: int = 0
    optimizer_bytes: int = 0
    activations_bytes: int | None = None
    state_bytes: int | None = None


def of_network(
    spec: "Model",
    vocabulary: "Vocabulary",
    *,
    rows: int,
    context_length: int | None,
    dtype: Dtype,
    optimizer: "Optimizer | None" = None,
    training: Training | None = None,
) -> Estimate:
    """The estimate of a network.  ``training`` in place of a plain step with ``optimizer`` (None: the default one)."""
    import torch

    from telos.models.sizing.live import possible, without_memory

    with without_memory() as live:
        network = spec.build(vocabulary)
        network.compute_dtype = getattr(torch, dtype)
        live.holding = network.routed_fraction
        length = context_length or network.context_length
        sizes = [(p.numel(), p.numel() * p.element_size(), p.requires_grad) for p in network.parameters()]
        parameters, weights = sum(s[0] for s in sizes), live.now
        network.train()
        step = (training or plain_training(spec, optimizer, rows, length))(network)
        kept = live.now - weights
        live.forget_peak()
        trained = live.peak if possible(step) else None
        del step
        for parameter in network.parameters():
            parameter.grad = None
        network.eval()
        live.forget_peak()
        state: list[int] = []
        answered = live.peak if possible(lambda: state.append(answer(spec, network, length, live))) else None
        # Operations are counted last: a family may count them by asking its own parameters.
        flops = network.flops_per_token(length)
    gradients = sum(size for _, size, trainable in sizes if trainable)
    activations = None if trained is None else max(0, trained - weights - kept - gradients)
    return Estimate(parameters, flops, trained, answered, weights, gradients, kept, activations, state[0] if state else None)


def of_counting(spec: "Model", vocabulary: "Vocabulary") -> Estimate:
    """The estimate of a counting model whose size does not grow with the text: the arrays that it holds before any."""
    import numpy as np

    arrays = [value for value in vars(spec.build(vocabulary)).values() if isinstance(value, np.ndarray)]
    held = sum(array.nbytes for array in arrays)
    return Estimate(sum(array.size for array in arrays), None, None, held, held)


def reading(spec: "Model", rows: int, length: int) -> "Inputs":
    """Rows of one document each, as the first pattern that the model knows reads them."""
    import torch

    from telos.models import Inputs, Pattern

    tokens = torch.zeros(rows, length, dtype=torch.int64)
    order: tuple[Pattern, ...] = ("causal", "bidirectional", "prefix", "encoder_decoder")
    pattern = next(p for p in order if p in spec.patterns)
    return Inputs(
        tokens,
        torch.zeros(rows, length, dtype=torch.int32),
        pattern,
        prefix_BT=torch.zeros(rows, length, dtype=torch.bool) if pattern == "prefix" else None,
        source_BS=torch.zeros_like(tokens) if pattern == "encoder_decoder" else None,
    )


def plain_training(spec: "Model", optimizer: "Optimizer | None", rows: int, length: int) -> Training:
    """Likelihood of the next token where the model has one, and one update."""
    from telos.optim.optimizers import Optimizer

    def loss(network: Any, read: "Inputs") -> Any:
        hidden = network.hidden(read)
        if spec.has_likelihood:
            return network.nll(hidden, read.tokens_BT).sum()
        return hidden.values_BTD.float().sum()

    def training(network: Any) -> Callable[[], None]:
        updater, read = (optimizer or Optimizer.parse({})).build(network), reading(spec, rows, length)

        def step() -> None:
            loss(network, read).backward()
            updater.step(1.0)

        return step

    return training


def answer(spec: "Model", network: Any, length: int, live: Any) -> int:
    """Read one row as long as the context and ask for the next token; bytes of the state."""
    import torch

    from telos.models import Hidden

    with torch.no_grad():
        read = reading(spec, 1, length)
        read.segments_BT = None
        before = live.now
        # What reads its text as a whole, or in both directions, continues nothing.
        state = network.new_state(1, length) if spec.has_likelihood and spec.patterns & {"causal", "encoder_decoder"} else None
        taken = live.now - before
        hidden = network.hidden(read, state)
        if spec.has_likelihood:
            network.over_logits(Hidden(hidden.values_BTD[:, -1:]), lambda logits: logits)
    return taken
