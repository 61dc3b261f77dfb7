"""A network and what the objective owns, as the one thing that the trainer trains.

It is the model that an objective is handed: it answers as the network does, has what the objective built as ``owned``, and
collects the penalties of every `hidden` call for the loop to add.  Where batches come in lanes it holds each lane's state,
hands it in and keeps the new one, without its gradient (truncated back-propagation through time; Williams and Peng 1990); the
state is part of a checkpoint.  Tests: tests/train/test_lanes.py.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from telos.foundation.errors import TelosError
from telos.models import Hidden, Inputs
from telos.objectives import Batch

OWNED_PREFIX = "objective."
LANES = "lanes.values"
"""Name of the carried states in a checkpoint."""


class Trainable:
    """``network`` is a `telos.models.Network` that is an `nn.Module`; ``owned``: what `Objective.build` gave; ``lanes``: how many
    states to carry from step to step, or None."""

    def __init__(self, network: Any, owned: nn.Module | None, lanes: int | None = None):
        self.network, self.owned = network, owned
        self.penalties: dict[str, Tensor] = {}
        self.lanes_BS: Tensor | None = None if lanes is None else network.new_state(lanes, 0).values_BS
        self._reading: tuple[slice, Batch] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.network, name)

    def hidden(self, inputs: Inputs, state: Any = None) -> Hidden:
        if self._reading is not None and state is None:
            hidden = self._in_lanes(inputs, *self._reading)
        else:
            hidden = self.network.hidden(inputs, state)
        self.penalize(hidden.penalties)
        return hidden

    def penalize(self, penalties: dict[str, Tensor]) -> None:
        """Penalties for the loop to add; those of `hidden` are noted by itself."""
        for name, value in penalties.items():
            self.penalties[name] = self.penalties[name] + value if name in self.penalties else value

    # -- lanes ------------------------------------------------------------------------------------------------------

    @contextmanager
    def reading(self, rows: slice, batch: Batch) -> Iterator[None]:
        """What `hidden` reads meanwhile are these rows of the step's batch, and so these lanes."""
        self._reading = None if self.lanes_BS is None else (rows, batch)
        try:
            yield
        finally:
            self._reading = None

    def _in_lanes(self, inputs: Inputs, rows: slice, batch: Batch) -> Hidden:
        """From the state of each lane, or from zero where its row continues nothing."""
        assert self.lanes_BS is not None
        state = self.network.new_state(inputs.tokens_BT.shape[0], inputs.tokens_BT.shape[1])
        if "continues" in batch.columns:
            state.values_BS = self.lanes_BS[rows] * batch["continues"][:, None]
        hidden = self.network.hidden(inputs, state)
        with torch.no_grad():
            if int(batch["lengths"].min()) < inputs.tokens_BT.shape[1]:
                state.keep(batch["lengths"])
            self.lanes_BS[rows] = state.values_BS.detach()
        return Hidden(hidden.values_BTD, None, hidden.penalties)

    @contextmanager
    def lanes_as_they_were(self) -> Iterator[None]:
        """For steps that do not count: afterwards the lanes' states are what they were before."""
        before = None if self.lanes_BS is None else self.lanes_BS.clone()
        try:
            yield
        finally:
            self.lanes_BS = before

    def take_penalties(self) -> dict[str, Tensor]:
        """Penalties since the last call, name → sum over `hidden` calls."""
        taken, self.penalties = self.penalties, {}
        return taken

    # -- parameters -------------------------------------------------------------------------------------------------

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        yield from self.network.named_parameters()
        if self.owned is not None:
            for name, parameter in self.owned.named_parameters():
                yield OWNED_PREFIX + name, parameter

    def roles(self) -> dict[str, str]:
        """The network's, and the owned parts' own where they state them; else by shape."""
        found: dict[str, str] = dict(self.network.roles())
        if self.owned is not None:
            stated = self.owned.roles() if hasattr(self.owned, "roles") else {}  # type: ignore[operator]
            for name, parameter in self.owned.named_parameters():
                found[OWNED_PREFIX + name] = stated.get(name, "matrix" if parameter.ndim == 2 else "vector")
        return found

    @property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device

    def train(self, mode: bool = True) -> None:
        """Training or evaluation mode, of network and owned parts."""
        for module in (self.network, self.owned):
            if module is not None:
                module.train(mode)

    # -- to and from a checkpoint -----------------------------------------------------------------------------------

    def state(self) -> dict[str, Tensor]:
        """Live tensors that a checkpoint holds: parameters (a tied one once) and saved buffers; of the owned parts only
        what is trained, since frozen companions are kept by folder and hash; and the lanes' states."""
        saved = self.network.state_dict()
        names = [*dict(self.network.named_parameters()), *dict(self.network.named_buffers())]
        owned = self.owned.named_parameters() if self.owned is not None else ()
        lanes = {} if self.lanes_BS is None else {LANES: self.lanes_BS}
        return (
            {n: saved[n].detach() for n in names if n in saved}
            | {OWNED_PREFIX + n: p.detach() for n, p in owned if p.requires_grad}
            | lanes
        )

    def load(self, state: dict[str, Tensor]) -> None:
        """Take over the values of a state; `TelosError` where it is of another network."""
        own = self.state()
        wrong = [n for n in own if n not in state or state[n].shape != own[n].shape] + [n for n in state if n not in own]
        if wrong:
            raise TelosError("a checkpoint must hold this network's weights", f"{wrong[0]} differs ({len(wrong)} in all)",
                             "continue with the model of the run that wrote it, or choose another --out")  # fmt: skip
        for name, tensor in own.items():
            tensor.copy_(state[name])
