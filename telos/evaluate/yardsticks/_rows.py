"""Rows that go through a network together, and what it says of them: nats of whole texts, distributions at single places.

Texts of about one length share a batch of about ``batch_tokens``; what is said of one depends on no other (but for rounding).
Tests: tests/evaluate/yardsticks/test_rows.py (each against one row at a time, and against the definition).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from telos.evaluate.yardsticks._subject import Subject
from telos.foundation.random import generator
from telos.models import Hidden, Inputs

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Partial:
    """A text of which some tokens are not known, and the place that is asked for.  ``tokens`` (n,): at a place that is not
    ``known`` (n,) they mean nothing."""

    tokens: np.ndarray
    known: np.ndarray
    place: int


def batches(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Numbers of rows, those of about one length together; a batch has at most so many tokens, or one row."""
    order = np.argsort(lengths, kind="stable")[::-1].tolist()
    while order:
        most = max(1, batch_tokens // max(1, lengths[order[0]]))
        yield order[:most]
        order = order[most:]


def padded(rows: Sequence[np.ndarray], device: Any, dtype: type = np.int64) -> "Tensor":
    """(B, longest), filled up with 0."""
    import torch

    joined: np.ndarray = np.zeros((len(rows), max(len(row) for row in rows)), dtype)
    for i, row in enumerate(rows):
        joined[i, : len(row)] = row
    return torch.from_numpy(joined).to(device)


def text_nats(subject: Subject, texts: Sequence[np.ndarray], batch_tokens: int) -> list[np.ndarray]:
    """Nats of each token of each text given those before it, float64; each stands at the beginning of a document."""
    import torch

    vocabulary = subject.model.vocabulary
    if subject.counts:
        ended = [np.append(ids, vocabulary.end_of_text).astype(np.int64) for ids in texts]
        nats = subject.model.nll(np.concatenate(ended)).astype(np.float64) if ended else np.zeros(0)
        return [part[:-1] for part in np.split(nats, np.cumsum([len(ids) for ids in ended])[:-1])] if ended else []
    network, found = subject.model, [np.zeros(0)] * len(texts)
    device = subject.whole.device
    with torch.no_grad():
        for chosen in batches([len(ids) for ids in texts], batch_tokens):
            some = [texts[i].astype(np.int64) for i in chosen]
            if not len(some[0]):  # the longest of them
                continue
            read = [np.append(vocabulary.begin_of_text, ids[:-1]) for ids in some]
            nll_BT = network.nll(network.hidden(Inputs(padded(read, device))), padded(some, device)).double().cpu().numpy()
            for row, i in enumerate(chosen):
                found[i] = nll_BT[row, : len(texts[i])]
    return found


def distributions(
    subject: Subject, rows: Sequence[Partial], batch_tokens: int, seed: int = 1
) -> Iterator[tuple[int, np.ndarray]]:
    """(number of the row, log-probabilities (V,) of the token at its place given what is known), in any order.

    masked     every token that is not known is hidden, the asked one among them
    permuted   those that are not known are absent; the known ones stand before the asked one in an order drawn from the seed
    """
    ask = {"masked": _masked, "permuted": _permuted}[str(subject.way)]
    lengths = [len(row.tokens) + 1 for row in rows]
    yield from _asked(subject, rows, lengths, batch_tokens, lambda some: ask(subject, some, seed))


def next_tokens(
    subject: Subject, sources: Sequence[np.ndarray], written: Sequence[np.ndarray], batch_tokens: int
) -> Iterator[tuple[int, np.ndarray]]:
    """(number, log-probabilities (V,) of what follows ``written`` as the answer to the source) of a model of spans."""
    lengths = [len(a) + len(b) + 2 for a, b in zip(sources, written, strict=True)]
    rows = list(zip(sources, written, strict=True))
    yield from _asked(subject, rows, lengths, batch_tokens, lambda some: _answering(subject, some))


def span_nats(
    subject: Subject, sources: Sequence[np.ndarray], targets: Sequence[np.ndarray], batch_tokens: int, *, ends: bool
) -> np.ndarray:
    """Nats of each target but its first token, which is its sentinel, given the source: (rows,) float64.

    ``ends``: those of its end as well."""
    import torch

    from telos.objectives import collate

    objective: Any = subject.objective
    found, rng = np.zeros(len(sources)), np.random.default_rng(0)  # nothing is drawn
    with torch.no_grad():
        for chosen in batches([len(a) + len(b) + 2 for a, b in zip(sources, targets, strict=True)], batch_tokens):
            examples = []
            for i in chosen:
                example = _example(subject, sources[i], targets[i])
                counted = np.flatnonzero(example["weights"])[1 : None if ends else -1]
                example["weights"][:] = 0
                example["weights"][counted] = 1
                examples.append(example)
            sums_B, _ = objective.measure(subject.whole, collate(examples, str(subject.whole.device)), rng)[
                "nats_per_target_token"
            ]
            found[chosen] = sums_B.double().cpu().numpy()
    return found


def originals(subject: Subject, texts: Sequence[np.ndarray], batch_tokens: int) -> np.ndarray:
    """Σ_t log p(token t was not replaced) of each text under a detector, (texts,) float64."""
    import torch

    network, found = subject.model, np.zeros(len(texts))
    with torch.no_grad():
        for chosen in batches([len(ids) for ids in texts], batch_tokens):
            tokens, segments = _rows(subject, [texts[i] for i in chosen])
            values = network.hidden(Inputs(tokens, segments, "bidirectional")).values_BTD
            logits_BT = torch.nn.functional.logsigmoid(subject.owned.head(values).double())
            found[chosen] = (logits_BT * (segments > 0)).sum(1).cpu().numpy()
    return found


# -- asking -----------------------------------------------------------------------------------------------------------


def _asked(
    subject: Subject,
    rows: Sequence[Any],
    lengths: Sequence[int],
    batch_tokens: int,
    ask: "Callable[[list[Any]], tuple[Inputs, Tensor]]",
) -> Iterator[tuple[int, np.ndarray]]:
    """``ask``: what is read of some rows, and the place (B,) of each at which the output layer is asked."""
    import torch

    with torch.no_grad():
        for chosen in batches(lengths, batch_tokens):
            inputs, places_B = ask([rows[i] for i in chosen])
            values_BTD = subject.model.hidden(inputs).values_BTD
            at = Hidden(values_BTD[torch.arange(len(chosen), device=values_BTD.device), places_B][:, None])
            log_p_BV = subject.model.over_logits(at, lambda logits: logits.log_softmax(-1))[:, 0].cpu().numpy()
            yield from zip(chosen, log_p_BV, strict=True)


def _rows(subject: Subject, texts: Sequence[np.ndarray]) -> "tuple[Tensor, Tensor]":
    """(tokens, segments), both (B, T): 1 where a text is, 0 where nothing is."""
    device = subject.whole.device
    return padded(texts, device), padded([np.ones(len(ids), np.int32) for ids in texts], device, np.int32)


def _masked(subject: Subject, rows: list[Partial], seed: int) -> "tuple[Inputs, Tensor]":
    import torch

    from telos.objectives.masked import MASK

    mask = subject.model.vocabulary.specials[MASK]
    tokens, segments = _rows(subject, [np.where(row.known, row.tokens, mask) for row in rows])
    return Inputs(tokens, segments, "bidirectional"), torch.tensor([row.place for row in rows], device=tokens.device)


def _permuted(subject: Subject, rows: list[Partial], seed: int) -> "tuple[Inputs, Tensor]":
    import torch

    from telos.objectives.permutation import QUERY, visible

    query, device = subject.model.vocabulary.specials[QUERY], subject.whole.device
    places = [np.flatnonzero(row.known) for row in rows]
    texts = [np.append(row.tokens[known], query) for row, known in zip(rows, places, strict=True)]
    ranks = [np.append(generator(seed, "order", len(known), row.place).permutation(len(known)), len(known))
             for row, known in zip(rows, places, strict=True)]  # fmt: skip
    positions = [np.append(known, row.place) for row, known in zip(rows, places, strict=True)]
    tokens, segments = _rows(subject, texts)
    last_B = torch.tensor([len(known) for known in places], device=device)
    asked_BT = torch.arange(tokens.shape[1], device=device) == last_B[:, None]
    seen = visible(segments, padded(ranks, device), asked_BT)
    return Inputs(tokens, pattern="dense", positions_BT=padded(positions, device), visible_BTT=seen), last_B


def _answering(subject: Subject, rows: list[tuple[np.ndarray, np.ndarray]]) -> "tuple[Inputs, Tensor]":
    import torch

    from telos.objectives import collate

    objective: Any = subject.objective
    examples = [_example(subject, *row) for row in rows]
    # The last predicted token is the end that `arrange` puts there: what the model reads before it is all that was written.
    last = [int(np.flatnonzero(example["weights"])[-1]) for example in examples]
    device = subject.whole.device
    return objective.inputs(collate(examples, str(device))), torch.tensor(last, device=device)


def _example(subject: Subject, source: np.ndarray, target: np.ndarray) -> dict[str, np.ndarray]:
    from telos.objectives._paired import Pairs, arrange

    objective: Any = subject.objective
    nothing = np.zeros(0, np.int64)
    pairs = Pairs(source, np.zeros_like(source), target, np.zeros_like(target) if len(target) else nothing, 1)
    vocabulary = subject.model.vocabulary
    return arrange(pairs, objective.laid_out, vocabulary.end_of_text, vocabulary.begin_of_text)
