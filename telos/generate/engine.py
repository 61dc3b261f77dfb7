"""Text from a model: batched or streamed, the same tokens either way.

A row's draws are keyed by its prompt, not by its place in the batch, and a row sees no other, so that a prompt's
continuation is the same alone, in any batch, and streamed (up to rounding of the model's own products).
Tests: tests/generate/test_engine.py; greedy text against transformers in tests/models/test_hugging_face.py.
"""

import contextlib
import functools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from telos.foundation.errors import TelosError
from telos.foundation.progress import progress
from telos.foundation.random import key
from telos.generate.beam import Beam, Hypothesis, search
from telos.generate.characters import Characters
from telos.generate.detokenize import Detokenizer
from telos.generate.lanes import CountingLanes, Lanes, NetworkLanes, reads_source
from telos.generate.sampling import Sampling
from telos.models import Counting, Model, Network
from telos.tokens.tokenizers import TrainedTokenizer

Prompt = str | Sequence[int]
FinishReason = Literal["end_of_text", "stop", "length"]


@dataclass(frozen=True, slots=True)
class Generation:
    """One continuation.  ``text``: the new text, without prompt, end of text, stop string, or bytes that are no character.
    ``tokens``: the new ids, without the end of text.  ``log_probabilities``: of each of ``tokens`` under the model itself, in
    nats, before any change by `Sampling`.  ``finish_reason``: the model ended the text, a stop string came, or
    ``max_tokens`` or the model's context was used up ("length")."""

    text: str
    tokens: tuple[int, ...]
    finish_reason: FinishReason
    log_probabilities: tuple[float, ...]


def require_own_tokenizer(model: Network | Counting, tokenizer: TrainedTokenizer) -> None:
    if model.vocabulary.tokenizer_hash != tokenizer.vocabulary.tokenizer_hash:
        raise TelosError("a model must be used with the tokenizer that it was trained with",
                         f"tokenizer {tokenizer.vocabulary.tokenizer_hash}, the model's is {model.vocabulary.tokenizer_hash}",
                         "load both from one model folder")  # fmt: skip


@contextlib.contextmanager
def still(model: Network | Counting) -> Iterator[None]:
    """No gradient and no dropout, for one step: between the pieces of a stream the caller may train."""
    training = getattr(model, "training", False)
    if training:
        model.eval()  # type: ignore[union-attr]
    try:
        with torch.no_grad():
            yield
    finally:
        if training:
            model.train()  # type: ignore[union-attr]


class _Row:
    """One sequence while it grows.  ``source``: of an encoder-decoder."""

    def __init__(self, prompt: list[int], sequence: tuple[int, ...], limit: int, text: Detokenizer, *, source: list[int] | None):
        self.prompt, self.sequence, self.limit, self.text, self.source = prompt, sequence, limit, text, source
        self.state: int | None = None
        self.pieces: list[str] = []
        self.tokens: list[int] = []
        self.log_probabilities: list[float] = []
        self.finish_reason: FinishReason | None = None

    def take(self, token: int, log_probability: float, end_of_text: int) -> None:
        """Append a token, or finish."""
        if token == end_of_text:
            self.finish_reason = "end_of_text"
        else:
            self.tokens.append(token)
            self.log_probabilities.append(log_probability)
            self.pieces.append(self.text.add(token))
            if self.text.stopped:
                self.finish_reason = "stop"
            elif len(self.tokens) == self.limit:
                self.finish_reason = "length"
        if self.finish_reason is not None:
            self.pieces.append(self.text.finish())

    def result(self) -> Generation:
        assert self.finish_reason is not None
        return Generation("".join(self.pieces), tuple(self.tokens), self.finish_reason, tuple(self.log_probabilities))


class Engine:
    """Generates with a network or a counting model and its tokenizer."""

    def __init__(self, model: Network | Counting, tokenizer: TrainedTokenizer):
        require_own_tokenizer(model, tokenizer)
        self.model, self.tokenizer = model, tokenizer
        self._reads_source = reads_source(model)
        if isinstance(model, Network) and not self._reads_source and "causal" not in getattr(model, "spec", Model).patterns:
            raise TelosError("text is written by a model with causal or encoder_decoder attention",
                             f"'{model.spec.kind()}' has {', '.join(sorted(model.spec.patterns))}",
                             "choose another model")  # fmt: skip

    @property
    def continues(self) -> bool:
        """Whether a text goes on from its prompt; an encoder-decoder answers it with a text of its own."""
        return not self._reads_source

    def generate(
        self, prompts: Sequence[Prompt], sampling: Sampling | None = None, *, begin: bool = True, rows_at_once: int = 16
    ) -> list[Generation]:
        """Continue each prompt (text, or token ids); one result per prompt, in their order.

        An encoder-decoder reads the prompt as its source, and what it writes is a text of its own.  ``begin``: put the end of
        text, which stands before every document, in front of the prompt (what is written always has it).  ``rows_at_once``:
        how many sequences share a forward pass; results do not depend on it.  A prompt that is given n times has n
        different continuations (greedy: equal ones).  Memory: one state of ``rows_at_once`` rows.

        Raises `TelosError` where a prompt is longer than the model's context, is empty with ``begin=False``, or holds
        an id outside the vocabulary.
        """
        sampling = sampling or Sampling()
        rows = self._rows(prompts, sampling.max_tokens, sampling.stop, begin)
        batches = [rows[at : at + rows_at_once] for at in range(0, len(rows), rows_at_once)]
        shown = progress("generate", len(rows), "texts") if len(batches) > 1 else contextlib.nullcontext(lambda by: None)
        with shown as advance:
            for batch in batches:
                for _ in self._grow(batch, sampling):
                    pass
                advance(len(batch))
        return [row.result() for row in rows]

    def stream(self, prompt: Prompt, sampling: Sampling | None = None, *, begin: bool = True) -> Iterator[str]:
        """The same text as `generate`, in pieces as they become certain: whole characters, never part of a stop string.

        The prompt is checked at the call, not at the first piece.
        """
        sampling = sampling or Sampling()
        rows = self._rows([prompt], sampling.max_tokens, sampling.stop, begin)
        return self._pieces(rows, sampling)

    def beam_search(
        self, prompts: Sequence[Prompt], beam: Beam | None = None, *, begin: bool = True, prompts_at_once: int = 16
    ) -> list[list[tuple[Generation, float]]]:
        """The best continuations of each prompt that `telos.generate.beam` finds, best first, each with its score.

        ``begin`` and errors as for `generate`.  Memory: one state of ``prompts_at_once`` times ``beam.beams`` rows.
        """
        beam = beam or Beam()
        rows = self._rows(prompts, beam.max_tokens, (), begin)
        found: list[list[tuple[Generation, float]]] = []
        for at in range(0, len(rows), prompts_at_once):
            batch = rows[at : at + prompts_at_once]
            with still(self.model):
                hypotheses = search(self._lanes(batch), beam, self.model.vocabulary.end_of_text, [row.limit for row in batch])
            found += [[(self._told(row, one), one.score) for one in best] for row, best in zip(batch, hypotheses, strict=True)]
        return found

    def _told(self, row: _Row, hypothesis: Hypothesis) -> Generation:
        text = Detokenizer(self.tokenizer.token_bytes, before=row.prompt)
        pieces = [text.add(token) for token in hypothesis.tokens] + [text.finish()]
        reason: FinishReason = "end_of_text" if hypothesis.ended else "length"
        return Generation("".join(pieces), hypothesis.tokens, reason, hypothesis.log_probabilities)

    def _pieces(self, rows: list[_Row], sampling: Sampling) -> Iterator[str]:
        shown = 0
        for _ in self._grow(rows, sampling):
            piece = "".join(rows[0].pieces[shown:])
            shown = len(rows[0].pieces)
            if piece:
                yield piece

    # -- the loop ---------------------------------------------------------------------------------------------------

    def _grow(self, rows: list[_Row], sampling: Sampling) -> Iterator[None]:
        """One token more for every unfinished row at each step, until all are finished."""
        lanes: Lanes | None = None
        position, seen = 0, torch.empty(0)
        chosen: list[int] = []
        while rows:
            with still(self.model):
                if lanes is None:
                    lanes = self._lanes(rows)
                    seen = torch.stack([_mask(row.prompt, lanes.logits_BV.shape[1]) for row in rows])
                else:
                    lanes.grow(chosen)
                logits = lanes.logits_BV
                fitting = self._fitting(rows, logits) if sampling.whole_characters and not sampling.greedy else logits
                chosen = sampling.choose(fitting, seen, [row.sequence for row in rows], position)
                at = torch.tensor(chosen)[:, None]
                nats = (logits.double().gather(1, at)[:, 0] - logits.double().logsumexp(-1)).tolist()
                seen.scatter_(1, at, True)
                for row, token, value in zip(rows, chosen, nats, strict=True):
                    row.take(token, value, self.model.vocabulary.end_of_text)
                position += 1
                going = [i for i, row in enumerate(rows) if row.finish_reason is None]
                if 0 < len(going) < len(rows):
                    lanes.select(going)
                    seen = seen[going]
                rows, chosen = [rows[i] for i in going], [chosen[i] for i in going]
            yield

    def _fitting(self, rows: list[_Row], logits_BV: torch.Tensor) -> torch.Tensor:
        """The logits, −inf for tokens that would break a character (unless that leaves none)."""
        characters, masks = self._characters, []
        for row in rows:
            if row.state is None:
                row.state = characters.state(row.prompt)
            elif row.tokens:
                row.state = characters.state(row.tokens[-1:], row.state)
            masks.append(characters.allowed(row.state, row.limit - len(row.tokens) - 1))
        allowed_BV = torch.from_numpy(np.stack(masks))
        allowed_BV |= ~(allowed_BV & logits_BV.isfinite()).any(-1, keepdim=True)
        return logits_BV.masked_fill(~allowed_BV, -math.inf)

    @functools.cached_property
    def _characters(self) -> Characters:
        vocabulary = self.model.vocabulary
        return Characters(self.tokenizer.token_bytes, vocabulary.size, vocabulary.end_of_text)

    def _lanes(self, rows: list[_Row]) -> Lanes:
        prompts = [row.prompt for row in rows]
        if isinstance(self.model, Counting):
            return CountingLanes(self.model, prompts)
        # The last new token is never read, so it needs no place in the state.
        capacity = max(len(row.prompt) + row.limit - 1 for row in rows)
        return NetworkLanes(self.model, prompts, capacity, [row.source for row in rows if row.source is not None] or None)

    # -- prompts ----------------------------------------------------------------------------------------------------

    @property
    def _longest(self) -> int | None:
        """Tokens that the model can read; None where there is no end to it."""
        return None if isinstance(self.model, Counting) or self.model.spec.carries_state else self.model.context_length

    def _rows(self, prompts: Sequence[Prompt], limit: int, stop: Sequence[str], begin: bool) -> list[_Row]:
        rows: list[_Row] = []
        met: Counter[int] = Counter()
        for prompt in prompts:
            given = self._ids(prompt, begin)
            ids, source = ([self.model.vocabulary.begin_of_text], given) if self._reads_source else (given, None)
            # The token after a full context can still be predicted, though not be read.
            room = limit if self._longest is None else min(limit, self._longest - len(ids) + 1)
            named = key(0, "prompt", *given)
            text = Detokenizer(self.tokenizer.token_bytes, stop, before=ids)
            rows.append(_Row(ids, (named, met[named]), room, text, source=source))
            met[named] += 1
        return rows

    def _ids(self, prompt: Prompt, begin: bool) -> list[int]:
        """What the model reads of a prompt: behind the end of text with ``begin``, as a source before it."""
        given = self.tokenizer.encode(prompt) if isinstance(prompt, str) else prompt
        vocabulary = self.model.vocabulary
        size = vocabulary.size
        if self._reads_source:
            ids = [int(i) for i in vocabulary.ended(given)]
        else:
            ids = [vocabulary.begin_of_text] * begin + [int(i) for i in given]
        if not ids:
            raise TelosError("a prompt must have at least one token where no begin of text is put before it", "an empty prompt",
                             "give some text, or leave begin=True")  # fmt: skip
        if wrong := [i for i in ids if not 0 <= i < size]:
            raise TelosError(
                f"token ids of a prompt must lie in 0 … {size - 1}", f"{wrong[0]}", "encode with the model's own tokenizer"
            )
        if self._longest is not None and len(ids) > self._longest:
            own = " (one of them ends it)" if self._reads_source else " (one of them begins the text)" if begin else ""
            raise TelosError(
                f"a prompt must fit into the model's context of {self._longest} tokens",
                f"{len(ids)} tokens{own}",
                "shorten the prompt, or train with a larger model.context_length",
            )
        return ids


def _mask(ids: list[int], size: int) -> torch.Tensor:
    """bool (V,): which tokens the prompt holds."""
    mask = torch.zeros(size, dtype=torch.bool)
    mask[ids] = True
    return mask
