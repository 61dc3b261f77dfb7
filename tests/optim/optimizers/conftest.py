"""A small network with every role, and gradients that are the same for two copies of it."""

import pytest
import torch
from torch import nn


class Roles(nn.Module):
    """Parameters of every role; two matrices of one shape, a wide and a tall one."""

    def __init__(self, dtype: torch.dtype = torch.float32):
        super().__init__()
        generator = torch.Generator().manual_seed(5)
        shapes = {"embed": (11, 8), "square_a": (8, 8), "square_b": (8, 8), "wide": (8, 20), "tall": (20, 8), "gain": (8,),
                  "lm_head": (11, 8)}  # fmt: skip
        for name, shape in shapes.items():
            self.register_parameter(name, nn.Parameter(torch.randn(shape, generator=generator, dtype=dtype)))

    def roles(self) -> dict[str, str]:
        known = {"embed": "embedding", "gain": "vector", "lm_head": "head"}
        return {name: known.get(name, "matrix") for name, _ in self.named_parameters()}

    def fill_gradients(self, step: int) -> None:
        generator = torch.Generator().manual_seed(100 + step)
        for parameter in self.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype) * 0.1


@pytest.fixture
def roles() -> type[Roles]:
    return Roles
