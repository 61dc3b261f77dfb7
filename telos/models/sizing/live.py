"""How many bytes of tensors are alive, in a computation that is only gone through and not done.

Operations run on torch's fake tensors, which have shape, type and device and no memory, so that a network of any size is built,
trained for a step and asked in a moment.  Every storage counts from the operation that makes it until nothing refers to it,
autograd's saved tensors included.  Scratch memory within an operation, the allocator's own gaps, Python and the libraries
are not seen.  Tests: tests/models/test_sizing.py (torch's own account of a real step; resident memory).
"""

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

aten = torch.ops.aten


class LiveBytes(TorchDispatchMode):
    """``now``: bytes of storages that are alive; ``peak``: the most since the last `forget_peak`.

    Values are not there, and some code asks for them.  A number read from a tensor is 0, and a truth is true.  Where the places
    of a condition are asked for, ``holding`` says in what share of all places it holds: 1 is the most, and a network that sends
    each token to a few of many experts says how few (`telos.models.Network.routed_fraction`).
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self.holding = 1.0
        self._sizes: dict[int, int] = {}

    def forget_peak(self) -> None:
        self.peak = self.now

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if func is aten._local_scalar_dense.default:
            return args[0].dtype is torch.bool
        if func is aten.nonzero.default:
            result = torch.zeros(round(self.holding * args[0].numel()), args[0].ndim, dtype=torch.int64, device=args[0].device)
        elif func is aten.index.Tensor:
            result = func(args[0], [place for index in args[1] for place in self._places(index)])
        elif func is aten.bincount.default:
            result = args[0].new_zeros((kwargs or {}).get("minlength", args[2] if len(args) > 2 else 0))
        else:
            result = func(*args, **(kwargs or {}))
        for value in tree_leaves(result):
            if isinstance(value, torch.Tensor):
                self._add(value.untyped_storage())
        return result

    def _places(self, index: torch.Tensor | None) -> list[torch.Tensor | None]:
        """An index as indexing takes it: one that says where a condition holds, as the places along each of its axes."""
        if index is None or index.dtype is not torch.bool:
            return [index]
        return [index.new_zeros(round(self.holding * index.numel()), dtype=torch.int64) for _ in range(index.ndim)]

    def _add(self, storage: torch.UntypedStorage) -> None:
        place = storage._cdata
        if place not in self._sizes:
            self._sizes[place] = storage.nbytes()
            self.now += storage.nbytes()
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self._gone, place)

    def _gone(self, place: int) -> None:
        self.now -= self._sizes.pop(place)


@contextmanager
def without_memory() -> Iterator[LiveBytes]:
    """Within, tensors are made and operations gone through without memory; gives the account of what they would take."""
    with FakeTensorMode(allow_non_fake_inputs=True), LiveBytes() as live:
        yield live


def possible(step: Callable[[], Any]) -> bool:
    """Do a step; False where its shapes follow from values, which fake tensors do not have."""
    from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException

    try:
        step()
    except (DataDependentOutputException, DynamicOutputShapeException):
        return False
    return True
