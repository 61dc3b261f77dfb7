"""Text by unmasking: of a text that is hidden whole, some tokens are shown at each step, each drawn from all that can be seen.

Of h hidden tokens with k steps left, ⌈h ÷ k⌉ are shown at once, drawn independently of one another; with as many steps as tokens
they come one at a time, and a text has the model's own probability of that order.  ``order`` "random" is the reverse process
of absorbing-state diffusion (Sahoo et al. 2024, "Simple and Effective Masked Diffusion Language Models", section 3.2; that only
the order of the tokens counts and not the time between them: Zheng et al. 2024, arXiv:2409.02908, section 4); "confidence" shows
those first of whose token the model is most certain (Chang et al. 2022, "MaskGIT", section 3.2; Nie et al. 2025, "LLaDA",
arXiv:2502.09992, section 2.4).  Where an end of text is shown, the places behind it are no part of the text any more.
Tests: tests/generate/test_unmasking.py (a joint distribution that is known; one step and many; rows alone and together).
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from telos.foundation.errors import TelosError
from telos.foundation.progress import progress
from telos.foundation.random import generator, key
from telos.generate.detokenize import Detokenizer
from telos.generate.engine import FinishReason, Generation, Prompt, require_own_tokenizer, still
from telos.generate.sampling import Sampling, draw
from telos.models import Hidden, Inputs, Network
from telos.tokens.tokenizers import TrainedTokenizer


class Unmasking(Sampling):
    """``steps``: forward passes (None: one for each token).  ``order``: which tokens are shown first.  ``max_tokens``: places
    behind the prompt that are hidden at first.  Of `Sampling` all else holds but the whole characters, of which text that grows
    in any order knows nothing."""

    steps: int | None = Field(None, ge=1)
    order: Literal["random", "confidence"] = "random"


class _Row:
    """``tokens`` (n,): prompt and what is shown, ``mask`` elsewhere."""

    def __init__(self, prompt: list[int], sequence: tuple[int, ...], hidden: int, mask: int):
        self.prompt, self.sequence = prompt, sequence
        self.tokens = np.array(prompt + [mask] * hidden, np.int64)
        self.hidden = np.arange(len(prompt), len(self.tokens))
        self.nats = np.zeros(len(self.tokens))
        self.ended = False

    def show(self, places: np.ndarray, tokens: np.ndarray, nats: np.ndarray, end_of_text: int) -> None:
        self.tokens[places], self.nats[places] = tokens, nats
        self.hidden = np.setdiff1d(self.hidden, places)
        ends = places[tokens == end_of_text]
        if len(ends):
            self.ended = True
            self.tokens = self.tokens[: ends.min() + 1]
            self.hidden = self.hidden[self.hidden < ends.min()]


class Unmasker:
    """Writes with a network that sees both directions and was trained to predict hidden tokens.  ``mask``: the id that hides."""

    def __init__(self, network: Network, tokenizer: TrainedTokenizer, mask: int):
        require_own_tokenizer(network, tokenizer)
        self.network, self.tokenizer, self.mask = network, tokenizer, mask
        vocabulary = network.vocabulary
        self._never = torch.tensor([i for i in vocabulary.specials.values() if i != vocabulary.end_of_text])

    continues = True

    def generate(
        self, prompts: Sequence[Prompt], unmasking: Unmasking | None = None, *, rows_at_once: int = 16
    ) -> list[Generation]:
        """A continuation of each prompt (text, or token ids), in their order.  ``log_probabilities``: of each token when it was
        shown.  `TelosError` where a prompt leaves no place in the model's context."""
        unmasking = unmasking or Unmasking()
        rows, met = [], Counter[int]()
        for prompt in prompts:
            ids = self._ids(prompt)
            named = key(0, "prompt", *ids)
            hidden = min(unmasking.max_tokens, self.network.context_length - len(ids))
            rows.append(_Row(ids, (named, met[named]), hidden, self.mask))
            met[named] += 1
        steps = max((_steps(row, unmasking) for row in rows), default=0)
        with progress("unmasking", steps * -(-len(rows) // rows_at_once), "steps") as advance, still(self.network):
            for at in range(0, len(rows), rows_at_once):
                batch = rows[at : at + rows_at_once]
                left = [_steps(row, unmasking) for row in batch]
                for step in range(max(left)):
                    self._step([(row, left[i] - step) for i, row in enumerate(batch) if len(row.hidden)], unmasking, step)
                    advance(1)
        return [self._told(row, unmasking) for row in rows]

    def _step(self, rows: list[tuple[_Row, int]], unmasking: Unmasking, step: int) -> None:
        """Show some hidden tokens of each row, of which the second number is how many steps it has."""
        if not rows:
            return
        random = [generator(unmasking.seed, "unmask", *row.sequence, step) for row, _ in rows]
        counts = [-(-len(row.hidden) // max(1, left)) for row, left in rows]
        asked = [row.hidden for row, _ in rows]
        if unmasking.order == "random":
            asked = [np.sort(rng.permutation(row.hidden)[:n]) for rng, (row, _), n in zip(random, rows, counts, strict=True)]
        logits_NV, sizes = self._logits([row for row, _ in rows], asked), [len(places) for places in asked]
        plain_NV = logits_NV.log_softmax(-1)
        seen_NV = torch.zeros_like(logits_NV, dtype=torch.bool)
        for at, (row, _), size in zip(np.cumsum([0, *sizes]), rows, sizes, strict=False):
            seen_NV[at : at + size, torch.from_numpy(row.tokens[row.tokens != self.mask])] = True
        numbers = torch.from_numpy(np.concatenate([rng.random(size) for rng, size in zip(random, sizes, strict=True)]))
        shaped_NV = unmasking.shape(logits_NV, seen_NV)
        chosen_N = shaped_NV.argmax(-1) if unmasking.greedy else draw(shaped_NV, numbers)
        nats_N = plain_NV.gather(1, chosen_N[:, None])[:, 0]
        parts = zip(chosen_N.split(sizes), nats_N.split(sizes), strict=True)
        for (row, _), places, count, (chosen, nats) in zip(rows, asked, counts, parts, strict=True):
            first = np.argsort(-nats.numpy(), kind="stable")[:count]
            row.show(places[first], chosen.numpy()[first], nats.numpy()[first], self.network.vocabulary.end_of_text)

    def _logits(self, rows: list[_Row], asked: list[np.ndarray]) -> Tensor:
        """Of these places of each row, (N, V) fp64 on the CPU; −inf for what hides or divides text and is none."""
        device = next(self.network.parameters()).device  # type: ignore[attr-defined]
        longest = max(len(row.tokens) for row in rows)
        tokens_BT = torch.tensor([[*row.tokens.tolist(), *[self.mask] * (longest - len(row.tokens))] for row in rows])
        lengths = torch.tensor([len(row.tokens) for row in rows])
        segments_BT = (torch.arange(longest) < lengths[:, None]).int()
        chosen_BT = torch.zeros_like(segments_BT, dtype=torch.bool)
        for at, places in enumerate(asked):
            chosen_BT[at, torch.from_numpy(places)] = True
        inputs = Inputs(tokens_BT.to(device), segments_BT=segments_BT.to(device), pattern="bidirectional")
        values_BTD = self.network.hidden(inputs).values_BTD
        logits_NV = self.network.over_logits(Hidden(values_BTD[chosen_BT.to(device)][None]), lambda z: z)[0].double().cpu()
        return logits_NV.index_fill(1, self._never, -math.inf)

    def _ids(self, prompt: Prompt) -> list[int]:
        ids = [int(i) for i in (self.tokenizer.encode(prompt) if isinstance(prompt, str) else prompt)]
        if wrong := [i for i in ids if not 0 <= i < self.network.vocabulary.size]:
            raise TelosError(f"token ids of a prompt must lie in 0 … {self.network.vocabulary.size - 1}", f"{wrong[0]}",
                             "encode with the model's own tokenizer")  # fmt: skip
        if len(ids) >= self.network.context_length:
            raise TelosError(f"a prompt must leave room in the model's context of {self.network.context_length} tokens",
                             f"{len(ids)} tokens", "shorten the prompt, or train with a larger model.context_length")  # fmt: skip
        return ids

    def _told(self, row: _Row, unmasking: Unmasking) -> Generation:
        new = slice(len(row.prompt), len(row.tokens) - row.ended)
        text = Detokenizer(self.tokenizer.token_bytes, unmasking.stop, before=row.prompt)
        tokens, pieces = tuple(row.tokens[new].tolist()), []
        for token in tokens:
            pieces.append(text.add(token))
        shown = "".join([*pieces, text.finish()])
        reason: FinishReason = "stop" if text.stopped else "end_of_text" if row.ended else "length"
        return Generation(shown, tokens, reason, tuple(row.nats[new].tolist()))


def _steps(row: _Row, unmasking: Unmasking) -> int:
    return min(len(row.hidden), unmasking.steps or len(row.hidden))
