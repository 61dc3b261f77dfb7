"""Learning rates that do not depend on the width of the network (µP, the maximal update parametrization).

With m = width ÷ base width, a parameter's learning rate is that of the base width times m to a power that follows from its role
and from the optimizer's kind:

                      embedding   vector   matrix (hidden)   head
    Adam and the like     0          0          −1            −1
    SGD                  +1         +1           0            −1
    Muon                  –          –           0             –

Yang et al. 2022 (arXiv:2203.03466), "Tensor Programs V", tables 3 and 8 (rows "Adam LR" and "SGD LR").  An orthogonalised step of
a matrix has the same effect on activations at any width (Yang, Simon and Bernstein 2023, arXiv:2310.17813, condition 1), so
Muon's stays.  A decoupled weight decay acts through the learning rate; it is multiplied by the inverse, so that η λ stays (as in
the authors' own code, `mup.optim`).

The rest of table 3 is initialisation: variance 1/fan-in of hidden matrices, a head of zeros (or of variance 1/fan-in²).  The
head size of attention must stay as the width grows (more heads, not wider ones), and all widths must grow by the same factor.
A tied embedding is the head, too, and takes the head's power: table 8's multiplier would stand in the network.
Tests: tests/optim/test_width.py (the table; a coordinate check over three widths); benchmarks/bench_coordinate_check.py draws it.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

ADAPTIVE: dict[str, int] = {"embedding": 0, "vector": 0, "matrix": -1, "head": -1}
"""Powers of m for optimizers whose step has the size of the learning rate in every coordinate."""
PLAIN: dict[str, int] = {"embedding": 1, "vector": 1, "matrix": 0, "head": -1}
"""Powers of m for optimizers whose step has the size of the gradient."""


def network_width(parameters: Iterable[tuple[str, "Tensor"]], roles: Mapping[str, str]) -> int:
    """Fan-in of the head, which is the width that the last layer gives; of the embedding where it is tied or there is no head."""
    found = {roles[name]: parameter.shape[-1] for name, parameter in parameters if roles.get(name) in ("embedding", "head")}
    assert found, "a network whose learning rates follow its width has an embedding or a head"
    return found.get("head", found.get("embedding", 0))


def rate_factors(
    parameters: Iterable[tuple[str, "Tensor"]], roles: Mapping[str, str], base_width: int | None, powers: Mapping[str, int]
) -> dict[str, float]:
    """Parameter name → the factor m^power on its learning rate; 1 where ``base_width`` is None."""
    listed = list(parameters)
    if base_width is None:
        return {name: 1.0 for name, _ in listed}
    m = network_width(listed, roles) / base_width
    tied = "head" not in roles.values()
    acting = {name: "head" if tied and roles[name] == "embedding" else roles[name] for name, _ in listed}
    return {name: m ** powers[role] for name, role in acting.items()}
