"""What a window reads: plain loops over documents say the same; and what its state holds between calls."""

import pytest
import torch

from telos.foundation.errors import TelosError
from telos.models import Inputs, Model
from telos.models.softmax_regression import SoftmaxRegression
from telos.models.window.state import WindowState, window_codes
from telos.tokens.vocabulary import END_OF_TEXT, Vocabulary

VOCABULARY = Vocabulary(10, "test", {END_OF_TEXT: 10})
TOKENS = torch.tensor([[10, 3, 1, 4, 10, 5, 9, 2], [10, 7, 7, 10, 8, 10, 1, 0]])
SEGMENTS = torch.tensor([[0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 1, 1, 2, 2, 2]], dtype=torch.int32)


def plain(tokens: list[int], segments: list[int], before: list[int], width: int) -> list[list[int]]:
    """Tokens of each window, the newest first, 10 where there is none; ``before``: the newest first."""
    found = []
    for at in range(len(tokens)):
        history = [tokens[i] if segments[i] == segments[at] else 10 for i in range(at, -1, -1)]
        history += before if segments[0] == segments[at] else []
        found.append((history + [10] * width)[:width])
    return found


@pytest.mark.parametrize("width", [1, 2, 3, 5])
@pytest.mark.parametrize("parted", [True, False])
def test_windows_are_those_of_plain_loops(width, parted):
    segments = SEGMENTS if parted else torch.zeros_like(SEGMENTS)
    before = torch.tensor([[4, 2, 0, 0], [1, 1, 6, 0]])[:, : width - 1]
    codes = window_codes(TOKENS, SEGMENTS if parted else None, before)
    ids = torch.where(codes == 0, 10, codes - 1).tolist()
    for row in range(2):
        held = [code - 1 for code in before[row].tolist() if code]
        assert ids[row] == plain(TOKENS[row].tolist(), segments[row].tolist(), held, width)


def test_the_state_holds_the_last_tokens_of_the_last_document():
    state = WindowState(2, 2, torch.device("cpu"))
    state.advance(window_codes(TOKENS, SEGMENTS, state.values_BS))
    assert (state.values_BS - 1).tolist() == [[2, 9], [0, 1]]
    assert state.lengths_B.tolist() == [8, 8]
    state.keep(torch.tensor([5, 0]))
    assert state.values_BS.tolist() == [[11, 0], [0, 0]], "the end of text that begins the second document, and nothing"
    assert state.lengths_B.tolist() == [5, 0]
    state.select(torch.tensor([1, 0, 0]))
    assert state.values_BS.tolist() == [[0, 0], [11, 0], [11, 0]]
    state.advance(window_codes(torch.full((3, 1), 6), None, state.values_BS))
    assert state.values_BS.tolist() == [[7, 0], [7, 11], [7, 11]]
    with pytest.raises(AssertionError, match="only tokens of the last call"):
        state.keep(torch.tensor([0, 4, 6]))


def test_a_state_of_another_number_of_rows_is_refused():
    network = SoftmaxRegression(window=3).build(VOCABULARY)
    with pytest.raises(TelosError) as error:
        network.hidden(Inputs(TOKENS), network.new_state(3, 8))
    assert error.value.must == "a state must have as many rows as the tokens that go on from it"
    assert error.value.found == "3 rows, tokens of 2"


@pytest.mark.parametrize("kind", ["softmax_regression", "perceptron"])
@torch.no_grad()
def test_a_token_before_the_window_changes_nothing_and_one_within_does(kind):
    network = Model.parse({"kind": kind, "window": 3}).build(VOCABULARY).eval()
    for parameter in network.parameters():
        parameter.normal_(generator=torch.Generator().manual_seed(1))
    first = network.over_logits(network.hidden(Inputs(TOKENS)), lambda z: z)
    for place in range(8):
        changed = TOKENS.clone()
        changed[:, place] = (changed[:, place] + 1) % 11
        other = network.over_logits(network.hidden(Inputs(changed)), lambda z: z)
        differs = (other - first).abs().amax((0, 2)) > 1e-6
        assert differs.tolist() == [place <= at < place + 3 for at in range(8)]
