"""What the loop is given."""

from types import SimpleNamespace

import numpy as np
import pytest

from telos import training
from telos.foundation.errors import TelosError
from telos.foundation.files import read_json, write_json
from telos.foundation.units import Duration
from telos.objectives.causal import Causal
from telos.recipe import Run
from telos.train.settings import Train


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
    monkeypatch.setattr(training.machine, "slowness", lambda: 1.0)
    store = SimpleNamespace(document_ids=np.array([b"a"]), num_documents=1, document=lambda i: np.zeros(640), end_of_text=9)
    model = SimpleNamespace(context_length=64, carries_state=False)
    recipe = SimpleNamespace(evaluate=SimpleNamespace(stride=64), training=Train(budget="100s"), model=model)
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


@pytest.mark.parametrize(
    ("budget", "pace", "most", "for_time"),
    [("100s", 1e-5, 500_000, False), ("100s", 1e-4, 150_000, True), ("100s", 1.0, training.LEAST_SCORED_BYTES, True),
     ("100 steps", 1.0, 500_000, False)],
)  # fmt: skip
def test_scoring_takes_a_bounded_share_of_a_budget_in_time(tmp_path, monkeypatch, budget, pace, most, for_time):  # noqa: PLR0917
    """A slow machine scores less text; a resumed run scores the same text, whatever the machine does meanwhile."""
    asked = []

    def of(*_, for_time):
        asked.append((_[-1], for_time))
        return SimpleNamespace(token_bytes=np.array([1000, 500]))

    monkeypatch.setattr(training, "HeldOut", SimpleNamespace(of=of))
    monkeypatch.setattr(training, "_pass_seconds", lambda *_: pace * 128 * 64)
    write_json(tmp_path / "run.json", {"seed": 1})
    evaluate = SimpleNamespace(max_bytes=500_000, stride=64)
    model = SimpleNamespace(learns_by="gradient", context_length=32, carries_state=False)
    recipe = SimpleNamespace(evaluate=evaluate, training=Train(budget=budget), model=model, objective=Causal())
    stores = {"train": SimpleNamespace(num_tokens=10, num_bytes=10)}
    clock, prepared = SimpleNamespace(reserve_seconds=3.0), SimpleNamespace(corpus=None, stores=stores, tokenizer=None)
    training.hold_out(recipe, prepared, tmp_path, clock)
    monkeypatch.setattr(training, "_pass_seconds", lambda *_: 7.0)
    training.hold_out(recipe, prepared, tmp_path, SimpleNamespace(reserve_seconds=0.0))
    assert asked == [(most, for_time)] * 2
    assert clock.reserve_seconds == pytest.approx(3 if "steps" in budget else 3 + 1500 * pace)
    assert read_json(tmp_path / "run.json")["seed"] == 1


def test_closing_takes_longer_on_a_slow_machine(monkeypatch):
    monkeypatch.setattr(training.machine, "slowness", lambda: 4.0)
    found = [training.closing_seconds(Duration.parse(budget)) for budget in ("10m", "60s", "10s", "9 steps")]
    assert found == [12, 9, 3, 12]


def test_a_model_that_counts_has_no_objective_but_likelihood():
    training.check(Run.parse({"model": {"kind": "ngram"}}))
    with pytest.raises(TelosError) as error:
        training.check(Run.parse({"model": {"kind": "ngram"}, "objective": {"kind": "masked"}}))
    assert error.value.must == "objective 'masked' needs a model that learns by gradient"
    assert error.value.found == "'ngram' learns by counting"
