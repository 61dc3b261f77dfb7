"""The baselines beside a run: the time that is kept for them, and the order in which things are waited for."""

import time
from types import SimpleNamespace

import numpy as np
import pytest

from telos import ladder, training
from telos.foundation.units import Duration
from telos.ladder import MOST_WAITING, Ladder, to_keep
from telos.tokens.vocabulary import Vocabulary
from telos.train.clock import Clock


@pytest.mark.parametrize(
    ("work", "used", "gone", "left", "kept"),
    [
        (12, 6, 10, 100, 0),  # it ends long before
        (12, 2, 20, 100, 0),  # a tenth of a core is just enough
        (12, 1, 20, 120, (12 - 1 - 6) / 0.05),  # a twentieth is not: 6 seconds more at a tenth and a twentieth
        (30, 8, 10, 20, 5.0),  # no more than a quarter of what is left
        (12, 0, 0, 100, 25.0),
        (12, 20, 10, 100, 0),
        (12, 1, 10, 0, 0),
        (12, 1, 10, -5, 0),
    ],
)
def test_what_is_kept_for_the_baselines(work, used, gone, left, kept):
    assert to_keep(work, used, gone, left) == pytest.approx(min(kept, max(0, MOST_WAITING * left)))


def test_what_is_kept_is_enough():
    """The work is done at the end: at the rate so far beside training, at twice that afterwards."""
    work, used, gone, left = 15.0, 1.0, 20.0, 250.0
    kept = to_keep(work, used, gone, left)
    rate = used / gone
    assert 0 < kept < MOST_WAITING * left
    assert used + rate * (left - kept) + 2 * rate * kept == pytest.approx(work)


def test_time_is_kept_for_the_baselines():
    for budget, kept in (("100s", 20.0), ("100 steps", 0.0)):
        clock = Clock(Duration.parse(budget), time.time(), reserve_seconds=training.CLOSING_SECONDS)
        asked = []
        clock.waiting = lambda left, asked=asked: asked.append(left) or 20.0
        clock.look_ahead()
        clock.look_ahead()
        assert clock.waiting_seconds == kept
        assert clock.available_seconds == (pytest.approx(100 - training.CLOSING_SECONDS - kept, abs=2) if kept else None)
        assert clock.state()["reserve_seconds"] == training.CLOSING_SECONDS + kept
        assert asked == ([pytest.approx(100 - training.CLOSING_SECONDS, abs=2)] * 2 if kept else [])


def test_what_the_model_saw_is_counted_before_the_process_is_waited_for(tmp_path, monkeypatch):
    order = []
    stdin = SimpleNamespace(close=lambda: order.append("let go"))
    process = SimpleNamespace(poll=lambda: None, wait=lambda: order.append("waited") or 1, stdin=stdin)
    monkeypatch.setattr(ladder, "counted", lambda *_: order.append("counted") or SimpleNamespace(nll=None))
    climbing = Ladder(tmp_path, SimpleNamespace(tokens=np.arange(3)), Vocabulary(7, "x"), 5, process)
    rungs, facts = climbing.finish(None, (np.arange(3), np.zeros(3)))
    assert order == ["counted", "waited", "let go"]
    assert rungs == []
    assert "could not be measured" in facts["failed"]
