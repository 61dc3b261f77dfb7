"""The loop: it learns, resumes to the bit, keeps its budget, stops when asked or when the loss is no number."""

import os
import signal
import threading
import time

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from telos.foundation.errors import TelosError
from telos.foundation.record import read
from telos.foundation.units import Duration
from telos.objectives import Loss
from telos.objectives.causal import Causal
from telos.tokens.batches import Batches
from telos.train.clock import Clock
from telos.train.loop import EMPTY_STEPS

EXACT = ("step", "loss", "nats_per_token", "gradient_norm", "learning_rate_scale", "tokens")


def exact_steps(folder):
    return [{name: line[name] for name in EXACT} for line in read(folder / "metrics.jsonl") if "loss" in line]


def weights(outcome):
    return load_file(outcome.checkpoint / "model.safetensors")


def same(first, second):
    return set(first) == set(second) and all(torch.equal(first[n], second[n]) for n in first)


def test_it_learns_and_records_every_step(run, tmp_path):
    outcome = run(tmp_path / "a", budget="60 steps")
    lines = list(read(tmp_path / "a" / "metrics.jsonl"))
    assert [line["step"] for line in lines] == list(range(1, 61))
    assert lines[-1]["nats_per_token"] < 0.7 * lines[0]["nats_per_token"]
    assert lines[-1]["loss"] == outcome.loss
    assert lines[-1]["nats_per_token"] == pytest.approx(outcome.loss, rel=1e-6)
    assert all(line["tokens_per_second"] > 0 and line["gradient_norm"] > 0 for line in lines)
    assert (outcome.step, outcome.exit_code, outcome.resumed_from, outcome.stopped_by) == (60, 0, None, None)
    assert outcome.tokens == lines[-1]["tokens"]


def test_the_saved_weights_are_the_networks(run, tiny, tmp_path):
    network = tiny()
    outcome = run(tmp_path / "a", network)
    assert same(weights(outcome), dict(network.state_dict()))
    assert not network.training


@pytest.mark.parametrize("cut", [1, 5, 11])
def test_going_on_gives_the_bits_of_an_unbroken_run(run, tiny, tmp_path, cut):
    """A longer budget is the same recipe, and dropout is on: all the loop's randomness is keyed."""
    whole = run(tmp_path / "a", tiny(dropout=0.2), evaluate=lambda network: {"draw": float(torch.rand(()))})

    def stop(network):
        os.kill(os.getpid(), signal.SIGTERM)
        return {}

    first = run(tmp_path / "b", tiny(dropout=0.2), evaluate=stop, evaluate_every=f"{cut} steps")
    assert (first.step, first.stopped_by, first.exit_code) == (cut, "SIGTERM", 143)
    second = run(tmp_path / "b", tiny(dropout=0.2))
    assert second.resumed_from == cut
    assert exact_steps(tmp_path / "a") == exact_steps(tmp_path / "b")
    assert same(weights(whole), weights(second))


def test_evaluation_logging_and_checkpoints_change_no_bit(run, tiny, tmp_path):
    quiet = run(tmp_path / "a", tiny(dropout=0.2), log_every=100, watchers=[])
    loud = run(tmp_path / "b", tiny(dropout=0.2), log_every=1, evaluate_every="1 steps", checkpoint_every="1 steps",
               evaluate=lambda network: {"draw": float(torch.rand(()))})  # fmt: skip
    assert same(weights(quiet), weights(loud))


def test_another_seed_gives_other_bits(run, tmp_path):
    assert not same(weights(run(tmp_path / "a")), weights(run(tmp_path / "b", seed=2)))


def test_running_again_what_is_done_changes_nothing(run, tmp_path):
    first = run(tmp_path / "a")
    kept = (tmp_path / "a" / "metrics.jsonl").read_bytes()
    again = run(tmp_path / "a")
    assert (again.step, again.resumed_from, again.loss) == (12, 12, first.loss)
    assert (tmp_path / "a" / "metrics.jsonl").read_bytes() == kept


@pytest.mark.parametrize(("budget", "steps"), [("7 steps", 7), ("1k tokens", 11), ("0.5 epochs", None), ("2 epochs", None)])
def test_budgets_that_count(run, store, tmp_path, budget, steps):
    outcome = run(tmp_path / "a", budget=budget)
    if steps is None:
        rows = -(-store.num_tokens // 24)
        steps = -(-Duration.parse(budget).value * rows // 4)
    assert outcome.step == steps


def test_validation_lines_stand_in_the_record(run, tmp_path):
    modes = []

    def evaluate(network):
        modes.append((network.training, torch.is_grad_enabled()))
        return {"nats_per_token": 2.5}

    run(tmp_path / "a", budget="10 steps", evaluate=evaluate, evaluate_every="20%")
    lines = [line for line in read(tmp_path / "a" / "metrics.jsonl") if "validation_nats_per_token" in line]
    assert [line["step"] for line in lines] == [2, 4, 6, 8, 10]
    assert modes == [(False, False)] * 5


def test_an_objective_may_have_one_value_a_row(run, tmp_path):
    shapes = []

    class WithLabel(Causal):
        def examples(self, row, rng, vocabulary):
            return super().examples(row, rng, vocabulary) | {"number": np.array(row.number)}

        def loss(self, model, batch, rng):
            shapes.append(tuple(batch["number"].shape))
            return super().loss(model, batch, rng)

    outcome = run(tmp_path / "a", objective=WithLabel(), budget="2 steps", micro_batch_tokens=48)
    assert outcome.step == 2
    assert set(shapes) == {(2,)}


def test_owned_parts_are_trained_saved_and_restored(run, tiny, tmp_path):
    class WithBias(Causal):
        def loss(self, model, batch, rng):
            terms = super().loss(model, batch, rng).terms
            return Loss(terms | {"bias": ((model.owned.weight - 3).square().sum(), 1.0)}, {"size": 7.0})

        def weights(self, batch):
            return {**super().weights(batch), "bias": 1.0}

    def owned():
        made = torch.nn.Linear(4, 4, bias=False)
        torch.nn.init.zeros_(made.weight)
        frozen = torch.nn.Linear(2, 2)
        made.add_module("companion", frozen.requires_grad_(False))
        return made

    part = owned()
    outcome = run(tmp_path / "a", budget="40 steps", objective=WithBias(), owned=part, micro_batch_tokens=96)
    saved = weights(outcome)
    assert torch.equal(saved["objective.weight"], part.weight)
    assert part.weight.mean() > 0.1
    assert not any("companion" in name for name in saved)
    other = owned()
    run(tmp_path / "a", budget="40 steps", objective=WithBias(), owned=other)
    assert torch.equal(other.weight, part.weight)
    lines = list(read(tmp_path / "a" / "metrics.jsonl"))
    assert lines[-1]["loss"] == pytest.approx(lines[-1]["nats_per_token"] + lines[-1]["loss_bias"], rel=1e-5)
    assert lines[-1]["size"] == 7.0


# -- time ---------------------------------------------------------------------------------------------------------------


class _Slow(Causal):
    """Each loss takes time on a clock of our own: 0.4–0.6 s, by its step."""

    def loss(self, model, batch, rng):
        TIME["now"] += 0.4 + 0.2 * rng.random()
        return super().loss(model, batch, rng)


TIME = {"now": 0.0}


def slow_clock(budget, gone=0.0, **settings):
    TIME["now"] = 0.0
    return Clock(Duration.parse(budget), time.time() - gone, now=lambda: TIME["now"], **settings)


@pytest.mark.parametrize("budget", [10, 11, 12.3, 20])
def test_a_budget_in_time_is_kept_and_the_schedule_comes_to_its_end(run, tmp_path, budget):
    """Ends within half a step of the deadline; the last learning rate is that of the last half step."""
    clock = slow_clock(f"{budget}s", gone=2, reserve_seconds=1)
    outcome = run(tmp_path / "a", budget=f"{budget}s", clock=clock, objective=_Slow())
    training = budget - 2 - 1
    assert outcome.overhead_seconds == pytest.approx(2, abs=0.05)
    assert outcome.trained_seconds == pytest.approx(training, abs=0.35)
    lines = list(read(tmp_path / "a" / "metrics.jsonl"))
    assert 0 < lines[-1]["learning_rate_scale"] <= 0.8 / (0.4 * training)
    assert max(line["learning_rate_scale"] for line in lines) == 1


@pytest.mark.parametrize(("seconds", "times"), [(0.2, 3), (0.4, 1), (2.0, 0)])
def test_validations_take_a_few_percent_of_a_budget_in_time(run, tmp_path, seconds, times):
    """The one before training is always made; four are asked for, the last of them at the end."""
    called = []

    def evaluate(network):
        TIME["now"] += seconds
        called.append(TIME["now"])
        return {}

    outcome = run(tmp_path / "a", budget="20s", clock=slow_clock("20s"), objective=_Slow(), evaluate=evaluate,
                  evaluate_every="25%")  # fmt: skip
    assert outcome.trained_seconds + seconds == pytest.approx(20, abs=0.6)
    assert times <= len(called) - 1 <= times + 1
    assert (len(called) - 1) * seconds <= 0.05 * 20


def test_time_adds_up_over_resumes(run, tmp_path):
    calls = []

    def stop(network):
        calls.append(network)
        if len(calls) == 2:  # the first is before training
            os.kill(os.getpid(), signal.SIGINT)
        return {}

    settings = {"budget": "20s", "objective": _Slow()}
    first = run(tmp_path / "a", clock=slow_clock("20s", gone=1), evaluate=stop, evaluate_every="8s", **settings)
    assert first.stopped_by == "SIGINT"
    assert first.trained_seconds == pytest.approx(8.3, abs=0.35)
    second = run(tmp_path / "a", clock=slow_clock("20s", gone=3), **settings)
    assert second.overhead_seconds == pytest.approx(4, abs=0.05)
    assert second.trained_seconds == pytest.approx(16, abs=0.35)
    assert list(read(tmp_path / "a" / "metrics.jsonl"))[-1]["learning_rate_scale"] < 0.15
    again = run(tmp_path / "a", clock=slow_clock("20s", gone=1), **settings)
    assert again.step == second.step


def test_a_real_clock(run, tmp_path):
    clock = Clock(Duration(2, "seconds"), time.time())
    outcome = run(tmp_path / "a", budget="2s", clock=clock, checkpoint_every="0.5s")
    assert 1.6 < outcome.trained_seconds + outcome.overhead_seconds < 2.6


def test_a_budget_too_short_for_a_step_is_refused(run, tmp_path):
    clock = slow_clock("30s", gone=52.1, reserve_seconds=10)
    with pytest.raises(TelosError) as caught:
        run(tmp_path / "a", budget="30s", clock=clock)
    assert caught.value.must == "a budget must have time for a training step: 30s"
    assert caught.value.found == "52s gone before the first step, 10s kept for what follows"
    assert caught.value.fix == "give a budget of at least 1m 03s, or fewer documents or a smaller model"
    assert not list((tmp_path / "a").rglob("step-*"))


# -- being stopped ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_saves_at_the_exact_step_and_handlers_come_back(run, tmp_path, capfd, name, code):
    before = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]

    def stop(network):
        os.kill(os.getpid(), getattr(signal, name))
        return {}

    outcome = run(tmp_path / "a", evaluate=stop, evaluate_every="5 steps")
    assert (outcome.step, outcome.exit_code, outcome.checkpoint.name) == (5, code, "step-5")
    assert outcome.checkpoint.exists()
    assert [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)] == before
    assert f"{name}: this step is finished and saved (a second signal ends at once)" in capfd.readouterr().err


def test_after_the_first_signal_a_second_ends_the_process(run, tmp_path):
    seen = []

    def stop(network):
        os.kill(os.getpid(), signal.SIGINT)
        seen.extend(signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM))
        return {}

    run(tmp_path / "a", evaluate=stop, evaluate_every="5 steps")
    assert seen == [signal.SIG_DFL, signal.SIG_DFL]


def test_outside_the_main_thread_it_trains_without_handlers(run, tmp_path):
    done = []
    thread = threading.Thread(target=lambda: done.append(run(tmp_path / "a")))
    thread.start()
    thread.join()
    assert done[0].step == 12


class _Poisoned(Causal):
    """The loss of a row is not a number where its first target is ``poison`` and the step is late enough."""

    poison: int = 0
    everywhere: bool = False

    def loss(self, model, batch, rng):
        loss = super().loss(model, batch, rng)
        bad = (batch["targets"][:, 0] == self.poison).any() if not self.everywhere else torch.tensor(True)
        total, coefficient = loss.terms["nll"]
        return Loss({"nll": (total * torch.where(bad, torch.nan, 1.0), coefficient)})


def test_a_loss_that_is_no_number_stops_before_the_update_and_names_step_and_documents(run, tiny, store, tmp_path):
    batches = Batches(store, 24, 4, 1)
    for step in range(5, 12):
        seen = [int(row.tokens[0]) for earlier in range(step + 1) for row in batches.batch_at(earlier)]
        new = [row for row in batches.batch_at(step) if seen.count(int(row.tokens[0])) == 1]
        if new:
            break
    row = new[0]
    poison = int(row.tokens[0])
    network = tiny()
    with pytest.raises(TelosError) as caught:
        run(tmp_path / "a", network, objective=_Poisoned(poison=poison), checkpoint_every="1 steps")
    assert caught.value.must == "the loss must be a finite number"
    documents = shown(row.documents.tolist())
    assert caught.value.found == (
        f"loss nan at step {step + 1}, in 1 of 4 rows, of training document{documents}; the checkpoint of step {step} is good"
    )
    assert caught.value.fix == "run with a lower optimizer.learning_rate into another --out, or look at what is named"
    assert all(p.isfinite().all() for p in network.parameters())


def shown(numbers):
    numbers = sorted(set(numbers))
    return f"{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers[:3]))}{' …' * (len(numbers) > 3)}"


def documents_at(store, step):
    """Of all rows of a batch."""
    return [number for row in Batches(store, 24, 4, 1).batch_at(step) for number in row.documents.tolist()]


def test_a_loss_that_is_no_number_everywhere(run, store, tmp_path):
    with pytest.raises(TelosError) as caught:
        run(tmp_path / "a", objective=_Poisoned(everywhere=True))
    documents = shown(documents_at(store, 0))
    assert caught.value.found == f"loss nan at step 1, in 4 of 4 rows, of training document{documents}; nothing was saved yet"


def test_a_gradient_that_is_infinite_stops_too(run, store, tmp_path):
    class Steep(Causal):
        def loss(self, model, batch, rng):
            loss = super().loss(model, batch, rng)
            total, coefficient = loss.terms["nll"]
            return Loss({"nll": (total + (model.network.gain - model.network.gain).sqrt().sum(), coefficient)})

    with pytest.raises(TelosError) as caught:
        run(tmp_path / "a", objective=Steep())
    documents = shown(documents_at(store, 0))
    assert f"gradient norm nan at step 1, by no single one of 4 rows, of training document{documents}" in caught.value.found


class _Blind(Causal):
    """Has something to predict from step ``sees`` on."""

    sees: int | None = None

    def at(self, progress, rng):
        def make(row, rng, vocabulary):
            example = self.examples(row, rng, vocabulary)
            seen = self.sees is not None and progress.steps > self.sees
            return example | {"weights": example["weights"] * seen}

        return make


@pytest.mark.parametrize(("budget", "steps"), [("5 steps", 5), ("200 steps", EMPTY_STEPS)])
def test_rows_with_nothing_to_predict_are_refused(run, tmp_path, budget, steps):
    with pytest.raises(TelosError) as caught:
        run(tmp_path / "a", objective=_Blind(), budget=budget)
    assert caught.value.must.endswith("needs rows with something to predict")
    assert caught.value.found == f"none in {steps} steps of 4 rows"
    run(tmp_path / "b", objective=_Blind(sees=3), budget="5 steps")


def test_an_error_in_the_loader_is_raised_where_the_step_is(run, tmp_path):
    class Broken(Causal):
        def examples(self, row, rng, vocabulary):
            if row.number == 4 * 5 + 1:
                raise RuntimeError(f"row {row.number}")
            return super().examples(row, rng, vocabulary)

    with pytest.raises(RuntimeError, match="row 21"):
        run(tmp_path / "a", objective=Broken())
    assert [line["step"] for line in read(tmp_path / "a" / "metrics.jsonl")] == [1, 2, 3, 4, 5]
    assert not any(thread.name.startswith("telos-loader") for thread in threading.enumerate())
