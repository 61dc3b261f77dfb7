"""Figures: well-formed SVG, to scale, escaped, the same each time."""

from xml.etree import ElementTree

import pytest

from telos.corpus import figures

SVG = "{http://www.w3.org/2000/svg}"


def parse(svg):
    return ElementTree.fromstring(svg.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1))


def widths(svg):
    return [float(node.get("width").rstrip("%")) for node in parse(svg).iter(f"{SVG}rect")]


def texts(svg):
    return [node.text for node in parse(svg).iter(f"{SVG}text")]


def test_bars_are_to_scale():
    svg = figures.bars("n", [("甲 <b>", "3 & 1", [(3, "#000"), (1, "#fff")]), ("none", "", []), ("half", "2", [(2, "#000")])])
    assert widths(svg) == [75.0, 25.0, 50.0]
    assert texts(svg)[:2] == ["甲 <b>", "3 & 1"]
    assert svg == figures.bars(
        "n", [("甲 <b>", "3 & 1", [(3, "#000"), (1, "#fff")]), ("none", "", []), ("half", "2", [(2, "#000")])]
    )


def test_a_small_bar_is_seen_and_an_empty_one_is_not_drawn():
    svg = figures.bars("n", [("all", "", [(1e9, "#000"), (0, "#fff")]), ("one", "", [(1, "#000")])])
    assert widths(svg) == [100.0, 0.0, 0.4]


def test_a_histogram_stays_within_its_frame():
    svg = figures.histogram("n", [0, 4, 2, 0], [(0, "1"), (0.5, "4"), (1, "16")], "characters")
    heights = [float(node.get("height")) for node in parse(svg).iter(f"{SVG}rect")]
    assert heights == [1.0, 110.0, 55.0]
    assert texts(svg) == ["4", "1", "4", "16", "characters"]
    anchors = [node.get("text-anchor") for node in parse(svg).iter(f"{SVG}text")]
    assert anchors == ["middle", "start", "middle", "end", "middle"]
    for node in parse(svg).iter(f"{SVG}rect"):
        assert 0 <= float(node.get("x")[:-1]) <= 100
        assert float(node.get("x")[:-1]) + float(node.get("width")[:-1]) <= 100.01


@pytest.mark.parametrize("counts", [[], [0], [0, 0], [5]])
def test_little_data_is_enough(counts):
    parse(figures.histogram("n", counts, [], "x"))
    parse(figures.bars("n", []))
