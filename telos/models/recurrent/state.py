"""The state of recurrent layers: what a row remembers, after any of the tokens that were read last.

Tests: tests/models/test_recurrent.py, tests/contracts/test_models.py.
"""

import torch
from torch import Tensor


class RecurrentState:
    """``values_BS``: all layers' parts side by side, 0 before the first token, in the type and place of ``weight``;
    ``lengths_B``: tokens read by each row."""

    def __init__(self, sizes: list[int], rows: int, weight: Tensor):
        self.sizes = sizes
        self.values_BS = torch.zeros(rows, sum(sizes), dtype=weight.dtype, device=weight.device)
        self.lengths_B = torch.zeros(rows, dtype=torch.int64, device=weight.device)
        self._before_BS = self.values_BS
        self._steps: list[list[Tensor]] = []  # of the last call: parts of some steps, (T, B, size) each
        self._read = 0

    @property
    def rows(self) -> int:
        return self.values_BS.shape[0]

    def parts(self) -> list[Tensor]:
        """The state of each layer's part, (B, size)."""
        return list(self.values_BS.split(self.sizes, 1)) if self.sizes else []

    def advance(self, steps: list[Tensor], read: int, joined: bool) -> None:
        """Take over the parts after each of ``read`` steps; ``joined``: they belong to one call with those before."""
        if not joined:
            self._before_BS, self._steps, self._read = self.values_BS, [], 0
        self._steps.append([part.detach() for part in steps])
        self._read += read
        self.lengths_B = self.lengths_B + read
        if steps and read:
            self.values_BS = torch.cat([part[-1].to(self.values_BS.dtype) for part in steps], 1)

    def keep(self, lengths_B: Tensor) -> None:
        """Go back to the state after the first ``lengths_B`` tokens of each row (drops padding or rejected tokens), which must
        lie within the last call or at its beginning."""
        lengths_B = lengths_B.to(self.lengths_B)
        at = (lengths_B - self.lengths_B + self._read).tolist()
        assert all(0 <= place <= self._read for place in at), "only tokens of the last call can be dropped"
        self.values_BS = torch.stack([self._after(row, place) for row, place in enumerate(at)])
        self.lengths_B, self._before_BS, self._steps, self._read = lengths_B, self.values_BS, [], 0

    def _after(self, row: int, place: int) -> Tensor:
        """One row's values after ``place`` tokens of the last call."""
        if place == 0 or not self.sizes:
            return self._before_BS[row]
        for steps in self._steps:
            if place <= len(steps[0]):
                return torch.cat([part[place - 1, row].to(self.values_BS.dtype) for part in steps])
            place -= len(steps[0])
        raise AssertionError(place)

    def select(self, rows: Tensor) -> None:
        """Keep some rows, in the order given."""
        self.values_BS, self.lengths_B = self.values_BS[rows], self.lengths_B[rows]
        self._before_BS = self._before_BS[rows]
        self._steps = [[part[:, rows] for part in steps] for steps in self._steps]
