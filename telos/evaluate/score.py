"""Nats of every token of a stream under a network.

    nll_t = −log p(x_t | tokens of x_t's document within the window)                        (nats)

The stream is cut into windows of ``context_length`` targets, each read with the token before it, as in training; a token
sees its own document only.  With a ``stride`` below ``context_length`` the windows overlap, and a target is scored in the
first window that covers it: it then has at least ``context_length − stride`` tokens before it, or its document has no
more.  A window begins no earlier than the document of its first new target, so short documents cost nothing extra.
A network that carries a state reads windows of any length: `extent` makes them long, with a little overlap.
Tests: tests/evaluate/test_score.py (a network whose answer is known, every stride; the Transformer against one pass).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from telos.foundation.allocation import freed_memory_kept
from telos.foundation.errors import TelosError
from telos.foundation.progress import progress
from telos.models import Inputs, Model, Network

if TYPE_CHECKING:
    import torch


CARRIED_WINDOW, CARRIED_OVERLAP = 1024, 128
"""Targets in a window of a network that carries a state, and tokens that it has read before the first new one: more than it
remembers anything of.  Longer windows would leave fewer rows to read side by side."""
CARRIED_ROWS = 32
"""Such windows at a time: a step of few rows takes as long as one of many."""


def extent(model: Model, stride: int | None = None) -> tuple[int, int]:
    """(targets in a window, new ones in each) of a network of this spec; ``stride``: None for its usual one, half the context."""
    length = model.context_length  # type: ignore[attr-defined]
    if not model.carries_state:
        return length, stride or max(1, length // 2)
    window = max(CARRIED_WINDOW, 4 * length)
    return window, stride or window - max(CARRIED_OVERLAP, length)


def network_nll(
    network: Network,
    tokens: np.ndarray,
    *,
    context_length: int | None = None,
    stride: int | None = None,
    batch_tokens: int = 8192,
    rows: int | None = None,
    dtype: Literal["float32", "bfloat16"] | None = None,
    what: str = "score",
) -> np.ndarray:
    """Nats of each token of a stream, float32 of shape (n,).

    ``tokens``: documents one after another, each ended by ``end_of_text``, which also stands before the first.
    ``context_length``: targets in a window, by default the network's.  ``stride``: new targets in a window, by default
    all (windows that do not overlap).  ``batch_tokens``: about how many targets go through the network at once.
    ``dtype``: of activations, by default the network's.  ``what``: the name beside the progress bar.

    Cost: n · context_length / stride tokens forward.  Raises `TelosError` where the window does not fit the network or
    the stride does not fit the window.
    """
    import torch

    patterns = getattr(getattr(network, "spec", None), "patterns", {"causal"})
    if "causal" not in patterns:
        raise TelosError("a text is scored by a model with causal attention",
                         f"'{network.spec.kind()}' has {', '.join(sorted(patterns))}", "choose another model")  # fmt: skip
    longest = network.context_length
    length = longest if context_length is None else context_length
    if not (1 <= length <= longest or (length > 0 and network.spec.carries_state)):
        raise TelosError(f"context_length must be 1 to {longest}, what the network was built for", str(length),
                         f"choose a context_length from 1 to {longest}")  # fmt: skip
    step = length if stride is None else stride
    if not 1 <= step <= length:
        raise TelosError(f"stride must be 1 to {length}, the window", str(step), f"choose a stride from 1 to {length}")
    targets = np.asarray(tokens, np.int64)
    nll = np.zeros(len(targets), np.float32)
    if not len(targets):
        return nll
    starts, news = windows(targets, network.vocabulary.end_of_text, length, step)
    if length > longest:
        rows = _even(len(starts), rows or CARRIED_ROWS)
    rows = rows or _even(len(starts), max(1, batch_tokens // length))
    with (
        torch.no_grad(),
        freed_memory_kept(),
        _evaluating(network),
        _computing_in(network, dtype),
        progress(what, len(targets), "tokens") as advance,
    ):
        for at in range(0, len(starts), rows):
            start, new = starts[at : at + rows], news[at : at + rows]
            found = _window_nll(network, targets, start, length, rows)
            scored = start[:, None] + np.arange(found.shape[1])
            counted = (scored >= new[:, None]) & (scored < len(targets))
            nll[scored[counted]] = found[counted]
            advance(int(counted.sum()))
    return nll


def windows(tokens: np.ndarray, end: int, length: int, stride: int) -> tuple[np.ndarray, np.ndarray]:
    """(first target, first target not scored before) of each window over a stream, int64; see the module."""
    ends = np.flatnonzero(tokens == end)
    starts, news, new = [0], [0], min(length, len(tokens))
    while new < len(tokens):
        before = int(np.searchsorted(ends, new))  # documents that end before the target
        document = int(ends[before - 1]) + 1 if before else 0
        start = min(new, max(document, new - (length - stride)))
        starts.append(start)
        news.append(new)
        new = min(start + length, len(tokens))
    return np.array(starts), np.array(news)


def _window_nll(network: Network, tokens: np.ndarray, starts: np.ndarray, length: int, rows: int) -> np.ndarray:
    """Nats of the targets of some windows, (len(starts), ≤ length); always ``rows`` rows go in, so that shapes repeat.

    Places beyond the stream, and rows beyond the windows, hold the last token: nothing that is counted sees them."""
    import torch

    end = network.vocabulary.end_of_text
    length = min(length, len(tokens))
    padded = np.concatenate([starts, np.repeat(starts[-1:], rows - len(starts))])
    places = padded[:, None] + np.arange(length)
    targets = tokens[np.minimum(places, len(tokens) - 1)]
    inputs = np.where(places > 0, tokens[np.clip(places - 1, 0, len(tokens) - 1)], end)
    segments = np.cumsum(targets == end, axis=1) - (targets == end)
    if network.vocabulary.begin_of_text != end:
        inputs = np.where(inputs == end, network.vocabulary.begin_of_text, inputs)
    device = _device(network)
    read = Inputs(torch.from_numpy(inputs).to(device))
    if segments.any():  # one document a row needs no mask, which is faster
        read.segments_BT = torch.from_numpy(segments.astype(np.int32)).to(device)
    nll_BT = network.nll(network.hidden(read), torch.from_numpy(targets).to(device))
    return nll_BT.float().cpu().numpy()[: len(starts)]


def _even(windows: int, most: int) -> int:
    """Rows a batch, at most ``most``, so that the last batch is nearly full."""
    batches = -(-windows // most)
    return -(-windows // batches)


@contextmanager
def _evaluating(network: Any) -> Iterator[None]:
    """Dropout and the like off, and afterwards as they were."""
    modes = {module: module.training for module in network.modules()} if hasattr(network, "modules") else {}
    try:
        for module in modes:
            module.training = False
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def _device(network: Any) -> "torch.device":
    """Where the network's parameters are; the processor where it has none."""
    import torch

    return next((p.device for p in getattr(network, "parameters", tuple)()), torch.device("cpu"))


@contextmanager
def _computing_in(network: Any, dtype: str | None) -> Iterator[None]:
    """Activations in this type: by the network's own ``compute_dtype`` where it has one, else under autocast."""
    import torch

    if dtype is None:
        yield
    elif hasattr(network, "compute_dtype"):
        usual = network.compute_dtype
        network.compute_dtype = getattr(torch, dtype)
        try:
            yield
        finally:
            network.compute_dtype = usual
    else:
        with torch.autocast(_device(network).type, dtype=getattr(torch, dtype)):
            yield
