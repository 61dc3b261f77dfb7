"""The family of optimizers: a spec, and what it builds for the parameters of one network.

A parameter's settings follow from its role (embedding, matrix, vector, head) and from the groups that a recipe names.
Tests: tests/optim/optimizers/ (torch's own optimizers), tests/contracts/.
"""

import fnmatch
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Protocol

from pydantic import Field

from telos.foundation.errors import TelosError, nearest
from telos.foundation.spec import Spec
from telos.optim.width import ADAPTIVE, rate_factors

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Parameter

ROLES = ("embedding", "matrix", "vector", "head")


class Optimized(Protocol):
    """What an optimizer asks of a network: its parameters and the role of each trainable one."""

    def named_parameters(self) -> "Iterable[tuple[str, Parameter]]": ...

    def roles(self) -> "dict[str, str]": ...


class Group(Spec):
    """Settings of some parameters, where they differ from the optimizer's.

    ``match``: a role (embedding, matrix, vector, head) or a pattern over parameter names (``model.layers.0.*``); the first
    group that matches a parameter holds for it.  None leaves the optimizer's own value.
    """

    match: str
    learning_rate: float | None = Field(None, ge=0)
    weight_decay: float | None = Field(None, ge=0)

    def covers(self, name: str, role: str) -> bool:
        return self.match == role if self.match in ROLES else fnmatch.fnmatchcase(name, self.match)


class Optimizer(Spec, family="telos.optim.optimizers", default="muon"):
    """Settings of an optimizer; `build` gives an `Updater`.

    ``base_width``: the learning rates, those of groups too, are those of a network of this width (hidden size); another width
    trains with rates that have the same effect (`telos.optim.width`).  None: the rates are taken as they stand.
    """

    width_powers: ClassVar[Mapping[str, int]] = ADAPTIVE
    """Role → power of width ÷ base width on its learning rate."""

    groups: tuple[Group, ...] = ()
    base_width: int | None = Field(None, ge=1)

    def build(self, network: Optimized) -> "Updater":
        """The updater of every trainable parameter of ``network``.  `TelosError` where a group matches none of them."""
        raise NotImplementedError

    def width_factors(self, network: Optimized) -> dict[str, float]:
        """Trainable parameter → factor on its learning rate; its weight decay is divided by it."""
        listed = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
        return rate_factors(listed, network.roles(), self.base_width, self.width_powers)


class Updater(ABC):
    """A built optimizer: moments of its own, parameters of the network.

    The state is flat, name → tensor, so that it is saved as safetensors; ``step`` (int64 scalar) counts updates.
    """

    spec: Optimizer
    parameters: "dict[str, Parameter]"
    """Every parameter that `step` changes, by name."""

    @abstractmethod
    def step(self, learning_rate_scale: float) -> None:
        """One update from the gradients that are there, every learning rate times ``learning_rate_scale``."""

    @abstractmethod
    def state_dict(self) -> "dict[str, Tensor]":
        """The live state (not a copy), flat: ``step``, and ``NAME of parameter:NAME of moment``."""

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters.values():
            parameter.grad = None

    def load_state_dict(self, state: "dict[str, Tensor]") -> None:
        """Go on from a saved state.  `TelosError` where it is of other parameters."""
        own = self.state_dict()
        missing, extra = sorted(set(own) - set(state)), sorted(set(state) - set(own))
        wrong = [f"{n} of shape {tuple(state[n].shape)}" for n in own if n in state and state[n].shape != own[n].shape]
        if missing or extra or wrong:
            problem = [*(f"no {n}" for n in missing), *(f"unknown {n}" for n in extra), *wrong]
            raise TelosError(f"the state of optimizer '{self.spec.kind()}' must be of these parameters",
                             f"{', '.join(problem[:3])}{' …' if len(problem) > 3 else ''}",
                             "continue with the settings of the run that wrote it")  # fmt: skip
        for name, tensor in own.items():
            tensor.copy_(state[name])


def trainable(network: Optimized, groups: Sequence[Group]) -> "Iterator[tuple[str, Parameter, str, Group | None]]":
    """(name, parameter, role, first matching group) of each trainable parameter, after checking that all is covered.

    Raises `TelosError` for a group that matches no trainable parameter.  A trainable parameter without a known role is a fault
    of the network, not of its user: an assertion.
    """
    parameters = {name: p for name, p in network.named_parameters() if p.requires_grad}
    roles = network.roles()
    unknown = [name for name in parameters if roles.get(name) not in ROLES]
    assert not unknown, f"trainable parameters without a role: {unknown}"
    for place, group in enumerate(groups):
        if not any(group.covers(name, roles[name]) for name in parameters):
            meant = nearest(group.match, [*ROLES, *parameters])
            example = meant or next(iter(parameters), "")
            raise TelosError(f"optimizer.groups.{place}.match must match a trainable parameter", f"'{group.match}' matches none",
                             f"write a role ({', '.join(ROLES)}) or a pattern such as '{example}'")  # fmt: skip
    for name, parameter in parameters.items():
        yield name, parameter, roles[name], next((g for g in groups if g.covers(name, roles[name])), None)
