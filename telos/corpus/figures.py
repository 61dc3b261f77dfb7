"""Bars as inline SVG: the figures of a corpus's page.

Drawn here, not by matplotlib: what the page says of a corpus must not follow a library's version, and a bar
chart costs microseconds in place of tenths of a second.  Positions are shares of the width, so that a figure fits a phone
without its letters shrinking; letters are set in the page's own fonts, Chinese included.  All text is escaped.
Test: tests/corpus/test_figures.py.
"""

from collections.abc import Sequence
from html import escape

from telos.foundation.units import format_count

KEPT, LOST, SECOND, GRID, SOFT = "#0b6e99", "#e3a08f", "#9cc5d8", "#e2e5e9", "#5b626b"
_LETTER, _ROW, _BAR = 13, 40, 12
_PLOT, _AXIS = 110, 34
_SEEN = 0.4
"""Per cent of the width that the smallest bar has, so that it is seen."""


def bars(name: str, rows: Sequence[tuple[str, str, Sequence[tuple[float, str]]]]) -> str:
    """Horizontal bars, each under its label.  A row: (label, what stands at the right, segments of (length, colour)); the
    longest row fills the width."""
    whole = max((sum(length for length, _ in segments) for _, _, segments in rows), default=0) or 1
    made = []
    for i, (label, value, segments) in enumerate(rows):
        y, x = i * _ROW, 0.0
        made.append(_text("0", y + _LETTER, label) + _text("100%", y + _LETTER, value, SOFT, "end"))
        for length, color in segments:
            share = max(100 * length / whole, _SEEN) if length else 0.0
            made.append(_rect(x, y + _LETTER + 6, share, _BAR, color))
            x += share
    return _svg(name, len(rows) * _ROW, made)


def histogram(name: str, counts: Sequence[int], ticks: Sequence[tuple[float, str]], unit: str) -> str:
    """Upright bars over equal steps.  ``ticks``: (place in 0–1 along the axis, label).  ``unit``: what the axis measures."""
    most, step = max(counts, default=0) or 1, 100 / max(1, len(counts))
    made = [_rect(0, _LETTER + _PLOT, 100, 1, GRID)]
    for i, count in enumerate(counts):
        if count:
            height = max(1.0, _PLOT * count / most)
            made.append(_rect(i * step + 0.08 * step, _LETTER + _PLOT - height, 0.84 * step, height, KEPT, title=f"{count:,}"))
    top = max(range(len(counts)), key=counts.__getitem__, default=0)
    made.append(_text(_at((top + 0.5) * step), _LETTER - 2, format_count(most), SOFT, _anchor((top + 0.5) * step)))
    for place, label in ticks:
        made.append(_text(_at(100 * place), 2 * _LETTER + _PLOT + 4, label, SOFT, _anchor(100 * place)))
    made.append(_text("50%", 3 * _LETTER + _PLOT + 8, unit, SOFT, "middle"))
    return _svg(name, _LETTER + _PLOT + _AXIS, made)


def _svg(name: str, height: int, inside: Sequence[str]) -> str:
    return (f'<svg class="bars" role="img" aria-label="{escape(name)}" width="100%" height="{height}">'
            f"<title>{escape(name)}</title>{''.join(inside)}</svg>")  # fmt: skip


def _rect(x: float, y: float, width: float, height: float, color: str, *, title: str = "") -> str:
    shape = f'<rect x="{x:.2f}%" y="{y:.1f}" width="{width:.2f}%" height="{height:.1f}" fill="{color}"'
    return f"{shape}><title>{escape(title)}</title></rect>" if title else f"{shape}/>"


def _text(x: str, y: float, text: str, color: str = "#1c2024", anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y:.1f}" font-size="{_LETTER}" fill="{color}" text-anchor="{anchor}">{escape(text)}</text>'


def _at(percent: float) -> str:
    return f"{percent:.2f}%"


def _anchor(percent: float) -> str:
    """Labels near an end of the axis do not stick out of it."""
    return "start" if percent < 5 else "end" if percent > 95 else "middle"
