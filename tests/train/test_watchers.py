"""Watchers: what they write, and that one that fails stops nothing."""

import pytest

from telos.foundation.record import read
from telos.optim.schedules import Progress
from telos.train.watchers import Start, Watcher, Watchers, Watching
from telos.train.watchers.metrics_jsonl import MetricsJsonl
from telos.train.watchers.progress_bar import ProgressBar


class Failing(Watcher):
    """Fails where it is told to."""

    at: str

    def open(self, start):
        if self.at == "open":
            raise OSError("no room")
        return FailingNow(self.at)


class FailingNow(Watching):
    def __init__(self, at):
        self.at = at

    def _fail(self, at):
        if at == self.at:
            raise RuntimeError(f"broken at {at}")

    def step(self, values, progress):
        self._fail("step")

    def validation(self, values):
        self._fail("validation")

    def close(self):
        self._fail("close")


@pytest.mark.parametrize("at", ["open", "step", "validation", "close"])
def test_one_that_fails_stops_nothing_and_is_said_once(run, tmp_path, capfd, at):
    watchers = (Failing(at=at), MetricsJsonl())
    outcome = run(tmp_path / "a", watchers=watchers, evaluate=lambda network: {"x": 1.0}, evaluate_every="2 steps")
    assert outcome.step == 12
    assert len([line for line in read(tmp_path / "a" / "metrics.jsonl") if "loss" in line]) == 12
    error = "OSError: no room" if at == "open" else f"RuntimeError: broken at {at}"
    said = [line for line in capfd.readouterr().err.splitlines() if "watcher" in line]
    assert said == [f"watcher test_watchers (1) failed and is left out from here on: {error}"]


def test_metrics_drops_the_lines_of_steps_that_are_done_again(tmp_path):
    progress = Progress(1, 1, 1, 1, 0.1)
    first = Watchers((MetricsJsonl(),), Start(tmp_path, 0, progress))
    for step in range(1, 6):
        first.step({"step": step, "loss": 1.0}, progress)
        first.validation({"step": step, "validation_x": 0.5})
    first.close()
    with open(tmp_path / "metrics.jsonl", "ab") as file:
        file.write(b'{"step": 6, "lo')
    second = Watchers((MetricsJsonl(),), Start(tmp_path, 3, progress))
    second.step({"step": 4, "loss": 2.0}, progress)
    second.close()
    lines = list(read(tmp_path / "metrics.jsonl"))
    assert [(line["step"], line.get("loss")) for line in lines] == [(1, 1.0), (1, None), (2, 1.0), (2, None), (3, 1.0), (3, None),
                                                                    (4, 2.0)]  # fmt: skip


def test_the_bar_counts_tokens_to_the_end_of_the_budget(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr("telos.foundation.progress.PLAIN_EVERY_SECONDS", 0.0)
    bar = ProgressBar().open(Start(tmp_path, 4, Progress(4, 400, 0, 0, 0.2)))
    bar.step({"step": 6, "loss": 3.0, "nats_per_token": 2.5}, Progress(6, 600, 0, 0, 0.6))
    bar.step({"step": 8, "loss": 3.25}, Progress(8, 800, 0, 0, 1.0))
    bar.close()
    lines = capfd.readouterr().err.splitlines()
    assert lines[0].startswith("training from step 4: 50% ")
    assert lines[0].endswith("left step 6 loss 2.500")
    assert lines[1].startswith("training from step 4: 100% ")
    assert "tokens/s" in lines[1]
    assert lines[1].endswith("step 8 loss 3.250")


def test_the_bar_in_a_whole_run(run, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr("telos.foundation.progress.PLAIN_EVERY_SECONDS", 0.0)
    run(tmp_path / "a", watchers=["progress_bar"])
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("training: ")]
    assert [" ".join(line.split()[1:2]) for line in lines[:12]] == [f"{100 * step / 12:.0f}%" for step in range(1, 13)]
    assert " step 12 loss " in lines[11]
