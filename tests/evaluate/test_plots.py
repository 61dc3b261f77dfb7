"""Plots as SVG: well-formed, with their texts and data, the same bytes for the same data."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from telos.evaluate import plots
from telos.evaluate.plots import _binned, _running_mean

STEPS = np.arange(1, 1001)
TRAIN = {"steps": STEPS, "tokens": STEPS * 8192, "seconds": STEPS * 0.2, "nats_per_token": 8 / np.sqrt(STEPS) + 2,
         "learning_rate_scale": np.minimum(STEPS / 100, 1)}  # fmt: skip
RUNGS = [("this model", 1.3, (1.28, 1.32), True), ("上一次的模型", 1.4, (1.38, 1.43), False), ("gzip -9", 2.4, None, False)]


def texts(svg: str) -> list[str]:
    return ["".join(node.itertext()) for node in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_the_ladder_has_every_rung_in_order():
    svg = plots.ladder(RUNGS)
    found = texts(svg)
    for label, value, *_ in RUNGS:
        assert label in found
        assert f"{value:.3f}" in found
    heights = {label: _height(svg, label) for label, *_ in RUNGS}
    assert heights["this model"] < heights["上一次的模型"] < heights["gzip -9"]  # y grows downwards


def test_curves_say_their_axes():
    validation = {"seconds": [50, 100], "tokens": [1e6, 2e6], "nats_per_token": [3.0, 2.5]}
    over_tokens = texts(plots.figure(TRAIN, validation, "tokens"))
    assert {"tokens seen", "nats per token", "validation", "2M"} <= set(over_tokens)
    over_seconds = texts(plots.figure(TRAIN, None, "seconds"))
    assert "seconds of training" in over_seconds
    assert "validation" not in over_seconds
    assert {"step", "learning rate ÷ its peak"} <= set(texts(plots.learning_rate_scale(TRAIN)))


def test_a_curve_of_any_figure():
    train = {name: values for name, values in TRAIN.items() if name != "nats_per_token"} | {"accuracy": 1 - 1 / np.sqrt(STEPS)}
    validation = {"seconds": [50], "tokens": [1e6], "accuracy": [0.9]}
    assert plots.figures(train) == ["accuracy"]
    svg = plots.figure(train, validation, "tokens", "accuracy")
    assert {"accuracy", "validation", "tokens seen"} <= set(texts(svg))
    # What rises begins low: those steps are cut, not the last ones.
    shown = [float(text) for text in texts(svg) if re.fullmatch(r"[01]\.\d+", text)]
    assert min(shown) > 0.5
    assert max(shown) >= 0.95


@pytest.mark.parametrize("points", [2, 3])
def test_few_points_are_enough(points: int):
    few = {name: values[:points] for name, values in TRAIN.items()}
    assert plots.figure(few, None, "seconds").startswith("<svg")
    assert plots.ladder(RUNGS[:1]).startswith("<svg")


def test_same_data_same_bytes_and_no_global_settings():
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    assert plots.ladder(RUNGS) == plots.ladder(RUNGS)
    assert dict(mpl.rcParams) == before


def test_long_runs_stay_small_and_keep_their_mean():
    steps = np.arange(200_000.0)
    x, y = _binned(steps, steps * 2)
    assert len(x) == len(y) <= 400
    assert y.mean() == pytest.approx(steps.mean() * 2)
    x, y = _binned([1, 2, 3], [1.0, np.nan, 3.0])
    assert (x.tolist(), y.tolist()) == ([1, 3], [1, 3])
    np.testing.assert_allclose(_running_mean(np.full(100, 3.0)), 3)
    ramp = _running_mean(np.arange(100.0))
    np.testing.assert_allclose(ramp[5:-5], np.arange(5, 95))


def _height(svg: str, label: str) -> float:
    """y of a text element."""
    for node in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"):
        if "".join(node.itertext()) == label:
            place = node.get("y") or re.findall(r"translate\([\d.]+[ ,]+([\d.]+)\)", node.get("transform"))[0]
            return float(place)
    raise AssertionError(label)
