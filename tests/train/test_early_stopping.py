"""Early stopping: which weights are kept, when training ends, the same through kills, and what is refused."""

import math
import os
import signal

import pytest
import torch
from safetensors.torch import load_file

from telos.foundation.errors import TelosError
from telos.foundation.record import read
from telos.train.early_stopping import Best, EarlyStopping
from telos.train.settings import Train
from telos.train.trainable import Trainable

FIGURES = [0.3, 0.5, 0.4, 0.5, 0.2, 0.6, 0.1]
"""Accuracies of evaluations 1 …; the best of the first five is the second."""


class Told:
    """An evaluation that tells the next figure, and keeps a copy of the weights that it saw.  ``kill_at``: the evaluation at
    which the process is asked to stop; the first call is before training and tells nothing of importance."""

    def __init__(self, figures=FIGURES, name="accuracy", first=0, kill_at=None):
        self.figures, self.name, self.seen, self.kill_at = figures, name, first, kill_at
        self.begun, self.weights = first > 0, {}

    def __call__(self, network):
        if not self.begun:
            self.begun = True
            return {self.name: 0.0, "other": 0}
        self.seen += 1
        if self.seen == self.kill_at:
            os.kill(os.getpid(), signal.SIGTERM)
        self.weights[self.seen] = {n: p.detach().clone() for n, p in network.named_parameters()}
        return {self.name: self.figures[self.seen - 1], "other": -self.seen}


def same(first, second):
    return set(first) == set(second) and all(torch.equal(first[n], second[n]) for n in first)


def stopping(**settings):
    return {"budget": "7 steps", "evaluate_every": "1 steps", "early_stopping": settings}


def kept(network):
    return dict(network.named_parameters())


@pytest.mark.parametrize(
    ("settings", "figures", "name", "ends"),
    [
        ({"patience": 3}, FIGURES, "accuracy", (5, 2)),
        ({"patience": 2}, FIGURES, "accuracy", (4, 2)),
        ({"patience": 1}, FIGURES, "accuracy", (3, 2)),
        ({"patience": 4}, FIGURES, "accuracy", (7, 6)),
        ({"patience": None}, FIGURES, "accuracy", (7, 6)),
        ({"patience": None}, FIGURES, "nats_per_label", (7, 7)),
        ({"patience": 3}, FIGURES, "mean_absolute_error", (4, 1)),
        ({"patience": None, "better": "lower"}, FIGURES, "accuracy", (7, 7)),
        ({"patience": 2, "metric": "other"}, FIGURES, "accuracy", (3, 1)),
        ({"patience": 2}, [math.nan, 0.1, math.nan, math.inf, 0.9], "accuracy", (4, 2)),
    ],
)  # fmt: skip
def test_the_best_weights_are_kept_and_training_ends(run, tiny, tmp_path, capfd, settings, figures, name, ends):  # noqa: PLR0917
    (steps, best), network, told = ends, tiny(), Told(figures, name)
    outcome = run(tmp_path / "a", network, evaluate=told, **stopping(**settings))
    assert (outcome.step, outcome.exit_code, outcome.stopped_by) == (steps, 0, None)
    assert same(kept(network), told.weights[best])
    assert not same(kept(network), told.weights[steps]) or best == steps
    assert not network.training
    assert outcome.best["step"] == best
    last = load_file(outcome.checkpoint / "model.safetensors")
    assert same(last, told.weights[steps]), "a checkpoint has the last weights, which training would go on from"
    assert same(load_file(outcome.checkpoint / "best.safetensors"), told.weights[best])
    assert ("training ends after step" in capfd.readouterr().err) == (steps < 7)
    assert [line["step"] for line in read(tmp_path / "a" / "metrics.jsonl") if f"validation_{name}" in line] == [
        *range(1, steps + 1)
    ]


@pytest.mark.parametrize("cut", [1, 2, 3, 4])
def test_through_a_kill_it_keeps_and_stops_as_without(run, tiny, tmp_path, cut):
    whole, network = Told(), tiny(dropout=0.2)
    run(tmp_path / "a", network, evaluate=whole, **stopping(patience=3))
    first = tiny(dropout=0.2)
    stopped = run(tmp_path / "b", first, evaluate=Told(kill_at=cut), **stopping(patience=3))
    assert (stopped.step, stopped.stopped_by) == (cut, "SIGTERM")
    second = tiny(dropout=0.2)
    outcome = run(tmp_path / "b", second, evaluate=Told(first=cut), **stopping(patience=3))
    assert (outcome.resumed_from, outcome.step, outcome.best) == (cut, 5, {"step": 2, "validation_accuracy": 0.5})
    assert same(kept(second), kept(network))
    assert same(kept(second), whole.weights[2])


def test_running_again_what_stopped_early_changes_nothing(run, tiny, tmp_path):
    told, again = Told(), tiny()
    outcome = run(tmp_path / "a", evaluate=told, **stopping(patience=3))
    record = (tmp_path / "a" / "metrics.jsonl").read_bytes()
    repeated = run(tmp_path / "a", again, evaluate=Told(first=6), **stopping(patience=3))
    assert (repeated.step, repeated.best) == (outcome.step, outcome.best)
    assert same(kept(again), told.weights[2])
    assert (tmp_path / "a" / "metrics.jsonl").read_bytes() == record


def test_the_last_step_of_a_counted_budget_is_judged_too(run, tiny, tmp_path):
    network, told = tiny(), Told([0.1, 0.2, 0.3])
    outcome = run(tmp_path / "a", network, evaluate=told, **stopping() | {"evaluate_every": "3 steps"})
    assert outcome.best == {"step": 7, "validation_accuracy": 0.3}
    assert told.seen == 3


def test_without_it_the_last_weights_stay_and_nothing_more_is_saved(run, tiny, tmp_path):
    network, told = tiny(), Told(first=1)
    outcome = run(tmp_path / "a", network, evaluate=told, budget="6 steps", evaluate_every="1 steps")
    assert same(kept(network), told.weights[7])
    assert outcome.best is None
    assert not (outcome.checkpoint / "best.safetensors").exists()


def test_what_the_objective_owns_is_kept_with_the_network(tiny):
    network, owned = tiny(), torch.nn.Linear(3, 2)
    model, best = Trainable(network, owned), Best(EarlyStopping())
    best.observe(1, {"accuracy": 0.7}, model)
    before = owned.weight.detach().clone()
    with torch.no_grad():
        owned.weight += 1
        network.head += 1
    best.observe(2, {"accuracy": 0.6}, model)
    best.restore(model)
    assert torch.equal(owned.weight, before)


def test_a_network_without_a_validation_is_refused(run, tmp_path):
    with pytest.raises(TelosError) as caught:
        run(tmp_path / "a", evaluate=None, **stopping())
    assert caught.value.must == "train.early_stopping needs validation text"
    assert caught.value.found == "none of the corpus is"
    assert caught.value.fix == "give it a share (split.validation_fraction=0.1), or leave train.early_stopping out"


def test_a_figure_that_the_validation_does_not_give_is_refused_before_the_first_step(run, tmp_path):
    with pytest.raises(TelosError) as caught:
        run(tmp_path / "a", evaluate=lambda network: {"accuracy": 0.5, "nats_per_label": 1.0}, **stopping(metric="acuracy"))
    assert caught.value.must == "train.early_stopping.metric must be a figure of the validation: accuracy, nats_per_label"
    assert caught.value.found == "'acuracy'"
    assert caught.value.fix == "write 'accuracy'"
    assert not list((tmp_path / "a").rglob("step-*"))
    with pytest.raises(TelosError) as caught:
        run(tmp_path / "b", evaluate=lambda network: {}, **stopping())
    assert caught.value.must == "train.early_stopping.metric must be a figure of the validation: it has none"
    assert caught.value.found == "no figure to watch"


def test_it_needs_evaluations():
    with pytest.raises(TelosError) as caught:
        Train(early_stopping={}, evaluate_every="0 steps")
    assert caught.value.must == "recipe: early_stopping must have evaluations: evaluate_every above 0"
    with pytest.raises(TelosError) as caught:
        Train(early_stopping={"patience": 0})
    assert caught.value.must == "early_stopping.patience: must be greater than or equal to 1"
