"""What is chosen by measuring: precision, compilation, threads; and that a resume keeps it."""

import json
from types import SimpleNamespace

import pytest
import torch

from telos.foundation.errors import TelosError
from telos.train import choices as choices_module
from telos.train import compilation, precision
from telos.train.choices import choose, least_step_seconds
from telos.train.settings import Train

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _as_before():
    yield
    torch.compiler.set_stance("default")
    torch.set_num_threads(1)


# -- precision ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fp32", "bf16", "chosen"), [(1e11, 4e11, "bf16"), (1e11, 1.2e11, "fp32"), (1e11, 1e10, "fp32")])
def test_bf16_where_it_is_clearly_faster(fp32, bf16, chosen):
    assert precision.decide("auto", {"float32": fp32, "bfloat16": bf16}, CPU) == chosen


@pytest.mark.parametrize("asked", ["fp32", "bf16"])
def test_what_is_asked_for_is_done(asked):
    assert precision.decide(asked, {"float32": 1.0, "bfloat16": 1.0}, CPU) == asked


def test_rates_are_measured():
    rates = precision.measure(CPU)
    assert set(rates) == {"float32", "bfloat16"}
    assert all(rate > 1e8 for rate in rates.values())
    assert precision.measure(torch.device("cuda")) == {}


@pytest.mark.parametrize(("name", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_the_network_is_told_and_its_weights_stay_fp32(run, tiny, tmp_path, name, dtype):
    network = tiny()
    outcome = run(tmp_path / "a", network, precision=name)
    assert network.compute_dtype is dtype
    assert outcome.choices["precision"] == name
    assert all(p.dtype is torch.float32 for p in network.parameters())


# -- kept over resumes --------------------------------------------------------------------------------------------------


def test_choices_are_recorded_and_reused(tmp_path, monkeypatch):
    monkeypatch.setattr(choices_module.precision, "measure", lambda device: {"float32": 1e10, "bfloat16": 9e10})
    first = choose(Train(threads=1), CPU, tmp_path)
    first.compile = False
    first.save(tmp_path)
    monkeypatch.setattr(choices_module.precision, "measure", lambda device: {"float32": 9e10, "bfloat16": 1e10})
    again = choose(Train(threads=1), CPU, tmp_path)
    assert (again.precision, again.compile, again.threads) == ("bf16", False, 1)
    assert again.facts == {"matrix_float32_flops_per_second": 1e10, "matrix_bfloat16_flops_per_second": 9e10}
    assert choose(Train(threads=1, precision="fp32"), CPU, tmp_path).precision == "fp32", "another setting is chosen anew"


def test_a_changed_number_of_cores_is_said(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(choices_module, "cores", lambda: 8)
    choose(Train(precision="fp32"), CPU, tmp_path).save(tmp_path)
    monkeypatch.setattr(choices_module, "cores", lambda: 2)
    assert choose(Train(precision="fp32"), CPU, tmp_path).threads == 2
    assert "the number of threads changed from 8 to 2: sums round differently from here on" in capfd.readouterr().err


def test_they_are_on_disk_before_the_first_step(run, tmp_path):
    def look(network):
        nonlocal found
        found = json.loads((tmp_path / "a" / "checkpoints" / "choices.json").read_text())
        return {}

    found = None
    outcome = run(tmp_path / "a", evaluate=look, evaluate_every="1 steps")
    assert found == outcome.choices


def test_the_least_time_of_a_step():
    made = choices_module.Choices({}, 1, "bf16", facts={"matrix_bfloat16_flops_per_second": 1e9})
    assert least_step_seconds(made, 4e9) == 2.0
    made.precision = "fp32"
    assert least_step_seconds(made, 4e9) == 0


# -- compilation --------------------------------------------------------------------------------------------------------


class Compilable(torch.nn.Linear):
    """A network whose compilation is counted, and fails where it is told to."""

    def __init__(self, error=None):
        super().__init__(3, 3)
        self.compiled, self.error = 0, error

    def compile_blocks(self):
        self.compiled += 1
        if self.error:
            raise self.error


def never():
    raise AssertionError("must not be measured")


@pytest.mark.parametrize(("seconds", "slowness", "expected"), [(60, 1.0, False), (120, 1.0, True), (120, 3.0, False)])
def test_auto_compiles_where_the_time_that_is_left_is_long_enough(monkeypatch, seconds, slowness, expected):
    """The default budget of 3 minutes compiles, one of 1 minute does not, nor one on a machine three times as slow."""
    monkeypatch.setattr(compilation, "slowness", lambda: slowness)
    monkeypatch.setattr(compilation, "compiler", lambda: "/usr/bin/g++")
    assert compilation.decide("auto", Compilable(), lambda: seconds) is expected


def test_it_pays_at_the_least_time(monkeypatch):
    monkeypatch.setattr(compilation, "slowness", lambda: 2.0)
    saved = compilation.least_seconds() * (1 - 1 / compilation.GAIN)
    assert saved == pytest.approx(2 * compilation.COMPILE_SECONDS)


def test_what_is_asked_for_is_not_measured(monkeypatch):
    monkeypatch.setattr(compilation, "compiler", lambda: "/usr/bin/g++")
    assert compilation.decide(True, Compilable(), never) is True
    assert compilation.decide(False, Compilable(), never) is False
    assert compilation.decide("auto", torch.nn.Linear(2, 2), never) is False


def test_without_a_compiler_one_line_says_what_it_costs(monkeypatch, capfd):
    monkeypatch.setattr(compilation, "compiler", lambda: None)
    monkeypatch.setattr(compilation, "slowness", lambda: 1.0)
    assert compilation.decide("auto", Compilable(), lambda: 1000.0) is False
    said = capfd.readouterr().err.splitlines()
    assert said == ["no C++ compiler (g++ or clang++): training runs uncompiled, about 23 % fewer tokens within the budget"]
    assert compilation.decide("auto", Compilable(), lambda: 10.0) is False
    assert capfd.readouterr().err == ""


def test_asking_for_compilation_without_a_compiler_is_an_error(monkeypatch):
    monkeypatch.setattr(compilation, "compiler", lambda: None)
    with pytest.raises(TelosError) as caught:
        compilation.decide(True, Compilable(), never)
    assert caught.value.must == "train.compile=true needs a C++ compiler"
    assert caught.value.found == "neither g++ nor clang++ is installed, nor $CXX set"


def test_a_compilation_that_fails_costs_one_line(capfd):
    network = Compilable(RuntimeError("\nCppCompileError: no Python.h\nand more"))
    assert compilation.compile_network(network, never) is None
    assert capfd.readouterr().err.splitlines()[1:] == [
        "compilation failed, training runs uncompiled: RuntimeError: CppCompileError: no Python.h"
    ]


def test_after_a_failure_compiled_functions_run_uncompiled():
    broken = SimpleNamespace(compile_blocks=lambda: None)

    def backend(graph, inputs):
        raise RuntimeError("the compiler crashed")

    function = torch.compile(lambda x: x * 2, backend=backend, fullgraph=True)
    assert compilation.compile_network(broken, lambda: function(torch.ones(3))) is None
    assert torch.equal(function(torch.ones(3)), torch.full((3,), 2.0))


def test_afterwards_a_new_shape_runs_uncompiled():
    compiled = []

    def backend(graph, inputs):
        compiled.append(tuple(inputs[0].shape))
        return graph.forward

    function = torch.compile(lambda x: x * 2, backend=backend, fullgraph=True, dynamic=False)
    network = SimpleNamespace(compile_blocks=lambda: None)
    assert compilation.compile_network(network, lambda: function(torch.ones(3))) >= 0
    assert torch.equal(function(torch.ones(4)), torch.full((4,), 2.0))
    function(torch.ones(3))
    assert compiled == [(3,)]


def test_the_loop_compiles_and_records_it(run, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(compilation, "compiler", lambda: "/usr/bin/g++")
    network, calls = tiny(), []
    type(network).compile_blocks = lambda self: calls.append(id(self))
    try:
        outcome = run(tmp_path / "a", network, budget="2 steps", compile=True)
        again = run(tmp_path / "b", tiny(), budget="2 steps", compile="auto")
    finally:
        del type(network).compile_blocks
    assert calls == [id(network)]
    assert outcome.choices["compile"] is True
    assert outcome.choices["facts"]["compile_seconds"] > 0
    assert again.choices["compile"] is False
    assert again.choices["facts"]["uncompiled_step_seconds"] > 0


@pytest.mark.parametrize("content", ["{", "[1]", '{"asked": {"threads": 1, "precision": "fp32", "compile": "auto"}, "more": 1}'])
def test_damaged_choices_are_an_error_in_three_parts(tmp_path, content):
    (tmp_path / "choices.json").write_text(content)
    with pytest.raises(TelosError, match=r"choices\.json must be as the run wrote it\n  found: .+\n  to do: put it back"):
        choose(Train(threads=1, precision="fp32"), CPU, tmp_path)
