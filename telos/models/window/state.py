"""The last tokens before a place, within its document: what a window reads, and what it remembers between calls.

A token is held as its code, id + 1; 0 stands where the document, or what was read of it, has not begun.
Tests: tests/models/test_window.py, tests/contracts/test_models.py.
"""

import torch
from torch import Tensor

from telos.foundation.errors import TelosError


class WindowState:
    """``values_BS`` (B, k − 1) int64: codes of the last tokens, the newest first; ``lengths_B``: tokens read by each row."""

    def __init__(self, rows: int, remembered: int, device: torch.device):
        self.values_BS = torch.zeros(rows, remembered, dtype=torch.int64, device=device)
        self.lengths_B = torch.zeros(rows, dtype=torch.int64, device=device)
        self._after_BPS = self.values_BS[:, None]  # values after 0, 1, 2 … tokens of the last call

    @property
    def rows(self) -> int:
        return self.values_BS.shape[0]

    def advance(self, codes_BTW: Tensor) -> None:
        """Take over what `window_codes` gave for new tokens."""
        self._after_BPS = torch.cat([self.values_BS[:, None], codes_BTW[:, :, :-1]], 1)
        self.values_BS = self._after_BPS[:, -1]
        self.lengths_B = self.lengths_B + codes_BTW.shape[1]

    def keep(self, lengths_B: Tensor) -> None:
        """Go back to the state after the first ``lengths_B`` tokens of each row (drops padding or rejected tokens), which must
        lie within the last call or at its beginning."""
        lengths_B = lengths_B.to(self.lengths_B)
        at = lengths_B - self.lengths_B + self._after_BPS.shape[1] - 1
        assert 0 <= int(at.min()) <= int(at.max()) < self._after_BPS.shape[1], "only tokens of the last call can be dropped"
        self.values_BS = self._after_BPS[torch.arange(self.rows, device=at.device), at]
        self.lengths_B, self._after_BPS = lengths_B, self.values_BS[:, None]

    def select(self, rows: Tensor) -> None:
        """Keep some rows, in the order given."""
        self.values_BS, self.lengths_B = self.values_BS[rows], self.lengths_B[rows]
        self._after_BPS = self._after_BPS[rows]


def window_codes(tokens_BT: Tensor, segments_BT: Tensor | None, before_BS: Tensor) -> Tensor:
    """The codes of each place's token and the k − 1 before it, (B, T, k), the newest first.

    ``before_BS`` (B, k − 1): codes of the tokens before the first, the newest first; they belong to the first token's segment.
    A token of another segment than the place's own gives 0.
    """
    rows, width = before_BS.shape
    if rows != tokens_BT.shape[0]:
        raise TelosError("a state must have as many rows as the tokens that go on from it",
                         f"{rows} rows, tokens of {tokens_BT.shape[0]}", "make one with new_state for these rows")  # fmt: skip
    codes_BTW = torch.cat([before_BS.long().flip(1), tokens_BT + 1], 1).unfold(1, width + 1, 1).flip(2)
    if segments_BT is None:
        return codes_BTW
    segments = torch.cat([segments_BT[:, :1].expand(-1, width), segments_BT], 1).unfold(1, width + 1, 1).flip(2)
    return codes_BTW * (segments == segments_BT[:, :, None])
