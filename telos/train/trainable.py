"""A network and what the objective owns, as the one thing that the trainer trains.

It is the model that an objective is handed: it answers as the network does, has what the objective built as ``owned``, and
collects the penalties of every `hidden` call for the loop to add.  Where batches come in lanes it holds each lane's state,
hands it in and keeps the new one, without its gradient (truncated back-propagation through time; Williams and Peng 1990); the
state is part of a checkpoint.  Tests: tests/train/test_lanes.py.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from telos.foundation.errors import TelosError
from telos.models import Hidden, Inputs
from telos.objectives import Batch, Objective, _saved
from telos.train.terms import Terms

OWNED_PREFIX = "objective."
LANES = "lanes.values"
"""Name of the carried states in a checkpoint."""


def of_folder(folder: Path, network: Any, objective: Objective, names: Sequence[str]) -> "Trainable":
    """A saved network with the parts that its objective owns, as they were saved beside it, in evaluation mode.  ``names``: of
    the classes that it tells."""
    # The mean and the deviation of the numbers that it tells are saved with the head.
    network.vocabulary = network.vocabulary.with_labels(names).with_value_scale((0.0, 1.0))
    owned = objective.build(network, network.vocabulary)
    if owned is not None:
        _saved.fill(folder, owned)
    model = Trainable(network, owned)
    model.train(False)
    return model


def learned(
    folder: Path, network: Any, fits: Callable[[Objective], bool], must: str, fix: str
) -> "tuple[Trainable, Any, tuple[str, ...]]":
    """`of_folder` with what its folder says: (model, objective, names of its classes); `TelosError` (``must``, ``fix``) where it
    was not trained for an objective that ``fits``."""
    found = _saved.read(folder)
    if found is None or not fits(found[0]):
        raise TelosError(must, f"{folder} was trained for {_saved.trained_for(found)}", fix)
    return of_folder(folder, network, *found), *found


class Trainable:
    """``network`` is a `telos.models.Network` that is an `nn.Module`; ``owned``: what `Objective.build` gave; ``lanes``: how many
    states to carry from step to step, or None; ``terms``: of the objective, added to the nats wherever there is a gradient."""

    def __init__(self, network: Any, owned: nn.Module | None, lanes: int | None = None, terms: Terms | None = None):
        self.network, self.owned, self.terms = network, owned, terms
        self.penalties: dict[str, Tensor] = {}
        self.lanes_BS: Tensor | None = None if lanes is None else network.new_state(lanes, 0).values_BS
        self._reading: tuple[slice, Batch] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.network, name)

    def hidden(self, inputs: Inputs, state: Any = None) -> Hidden:
        beside: dict[str, Any] = {}
        if self.terms is not None and torch.is_grad_enabled():
            beside = self.terms.beside(inputs, lambda: self._hidden(inputs, state, keep=False), self.network.compute_dtype)
        hidden = self._hidden(inputs, state)
        hidden.beside = beside
        self.penalize(hidden.penalties)
        return hidden

    def penalize(self, penalties: dict[str, Tensor]) -> None:
        """Penalties for the loop to add; those of `hidden` are noted by itself."""
        for name, value in penalties.items():
            self.penalties[name] = self.penalties[name] + value if name in self.penalties else value

    def nll(self, hidden: Hidden, targets_BT: Tensor) -> Tensor:
        """Nats of each target, (B, T).  Where there are terms, with the value of the nats and the gradient of the whole."""
        if self.terms is None or not torch.is_grad_enabled():
            return self.network.nll(hidden, targets_BT)
        return self.terms.nll(self.network, hidden, targets_BT)

    def class_nll(self, logits_BC: Hidden, classes_B: Tensor) -> Tensor:
        """The same of each class (B,), from what a head made of `hidden` (`Hidden.map`)."""
        if self.terms is None or not torch.is_grad_enabled():
            return functional.cross_entropy(logits_BC.values_BTD, classes_B, reduction="none")
        return self.terms.class_nll(logits_BC.values_BTD, logits_BC.beside.get("second"), classes_B)

    def take_terms(self) -> dict[str, tuple[float, float]]:
        """Mean and coefficient of each term since the last call."""
        return {} if self.terms is None else self.terms.take()

    def _hidden(self, inputs: Inputs, state: Any, *, keep: bool = True) -> Hidden:
        if self._reading is not None and state is None:
            return self._in_lanes(inputs, *self._reading, keep=keep)
        return self.network.hidden(inputs, state)

    # -- lanes ------------------------------------------------------------------------------------------------------

    @contextmanager
    def reading(self, rows: slice, batch: Batch) -> Iterator[None]:
        """What `hidden` reads meanwhile are these rows of the step's batch, and so these lanes."""
        self._reading = None if self.lanes_BS is None else (rows, batch)
        try:
            yield
        finally:
            self._reading = None

    def _in_lanes(self, inputs: Inputs, rows: slice, batch: Batch, *, keep: bool) -> Hidden:
        """From the state of each lane, or from zero where its row continues nothing.  ``keep`` the new one for the next step."""
        assert self.lanes_BS is not None
        state = self.network.new_state(inputs.tokens_BT.shape[0], inputs.tokens_BT.shape[1])
        if "continues" in batch.columns:
            state.values_BS = self.lanes_BS[rows] * batch["continues"][:, None]
        hidden = self.network.hidden(inputs, state)
        if not keep:
            return hidden
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
