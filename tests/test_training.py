"""What the loop is given."""

from types import SimpleNamespace

import numpy as np
import pytest

from telos import training


@pytest.fixture
def scored(monkeypatch):
    """Scoring that takes as long as is said, on a clock of our own: a call gives the reserve that follows from it."""
    now = [0.0]
    lasts = iter(())
    monkeypatch.setattr(training, "time", SimpleNamespace(perf_counter=lambda: now[0]))

    def network_nll(network, tokens, **settings):
        now[0] += next(lasts)
        return np.zeros(len(tokens), np.float32)

    monkeypatch.setattr(training, "network_nll", network_nll)
    store = SimpleNamespace(document_ids=np.array([b"a"]), num_documents=1, document=lambda i: np.zeros(640), end_of_text=9)
    recipe = SimpleNamespace(evaluate=SimpleNamespace(stride=64))
    clock = SimpleNamespace(reserve_seconds=0.0)
    held = SimpleNamespace(tokens=np.zeros(6400, np.int64))
    network = SimpleNamespace(context_length=64, vocabulary=SimpleNamespace(end_of_text=9))
    evaluate = training._validation(recipe, SimpleNamespace(stores={"validation": store}), held, clock, rows=10)

    def call(*seconds: float) -> list[float]:
        nonlocal lasts
        lasts = iter(seconds)
        return [evaluate(network) and clock.reserve_seconds - training.CLOSING_SECONDS for _ in seconds]

    return call


def test_the_time_kept_for_the_held_out_text_follows_from_the_validation_text(scored):
    """640 tokens are one forward pass of ten rows, 6,400 are ten."""
    assert scored(0.5) == pytest.approx([5.0])


def test_one_slow_validation_takes_no_time_from_training_and_three_do(scored):
    assert scored(0.5, 0.5, 9.0, 0.6) == pytest.approx([5, 5, 5, 6])
    assert scored(2.0, 2.0, 2.0) == pytest.approx([20, 20, 20])


def test_a_slow_first_validation_is_made_good_by_the_second(scored):
    assert scored(9.0, 0.5, 0.5) == pytest.approx([90, 5, 5])
