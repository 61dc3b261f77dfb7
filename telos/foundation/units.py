"""Quantities as people write them: durations, counts and bytes."""

import math
import re
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import core_schema

Unit = Literal["seconds", "steps", "tokens", "epochs", "fraction"]

_SCALE = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "B": 1e9, "T": 1e12}
_SECONDS = {"s": 1, "sec": 1, "second": 1, "seconds": 1, "m": 60, "min": 60, "minute": 60, "minutes": 60,
            "h": 3600, "hour": 3600, "hours": 3600, "d": 86400, "day": 86400, "days": 86400}  # fmt: skip
_COUNTED: dict[str, Unit] = {"step": "steps", "steps": "steps", "token": "tokens", "tokens": "tokens",
                             "epoch": "epochs", "epochs": "epochs"}  # fmt: skip
_BYTES = {"b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}
_NUMBER = r"([0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)"


@dataclass(frozen=True, slots=True)
class Duration:
    """How long: ``"3m"``, ``"90s"``, ``"2000 steps"``, ``"5M tokens"``, ``"2 epochs"`` or ``"10%"`` of the whole.

    ``value`` is in ``unit``, finite and not negative; a percentage is held as a fraction in 0–1.
    """

    value: float
    unit: Unit

    @classmethod
    def parse(cls, text: "str | Duration") -> "Duration":
        if isinstance(text, Duration):
            return text
        if not isinstance(text, str):
            raise ValueError(_DURATION_HELP)
        compact = text.strip()
        if match := re.fullmatch(_NUMBER + r"\s*%", compact):
            return cls(_within(float(match[1]) / 100), "fraction")
        total, rest = 0.0, compact
        while match := re.match(_NUMBER + r"\s*([a-z]+)\s*", rest):
            if match[2] not in _SECONDS:
                break
            total, rest = total + float(match[1]) * _SECONDS[match[2]], rest[match.end() :]
        if not rest and compact:
            return cls(_finite(total), "seconds")
        match = re.fullmatch(_NUMBER + r"\s*([kKMGBT]?)\s*([a-z]+)", compact)
        if match and match[3] in _COUNTED:
            return cls(_finite(float(match[1]) * _SCALE[match[2]]), _COUNTED[match[3]])
        raise ValueError(_DURATION_HELP)

    def __str__(self) -> str:
        if self.unit == "fraction":
            return f"{self.value * 100:.15g}%"
        if self.unit == "seconds":
            for size, letter in ((3600, "h"), (60, "m")):
                if self.value >= size and self.value % size == 0:
                    return f"{self.value // size:.0f}{letter}"
            return f"{self.value:.15g}s"
        return f"{self.value:.15g} {self.unit}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler) -> dict:
        return {"type": "string", "examples": ["3m", "2000 steps", "5M tokens", "2 epochs", "10%"]}


_DURATION_HELP = "must be a duration such as 3m, 90s, 2000 steps, 5M tokens, 2 epochs or 10%"


def _within(fraction: float) -> float:
    if not 0 <= fraction <= 1:
        raise ValueError("a percentage must lie in 0% to 100%")
    return fraction


def _finite(number: float) -> float:
    """``1e400`` is infinite as a float."""
    if not math.isfinite(number):
        raise ValueError("must be a number that a float can hold")
    return number


def parse_bytes(text: str | int) -> int:
    """``"16 MB"`` → 16000000, ``"4GiB"`` → 4294967296; a bare number is bytes."""
    if isinstance(text, int) and not isinstance(text, bool):
        return text
    match = re.fullmatch(_NUMBER + r"\s*([a-zA-Z]*)", str(text).strip())
    if not match or (match[2].lower() or "b") not in _BYTES:
        raise ValueError("must be a size such as 500000, 16 MB or 4 GiB")
    return int(_finite(float(match[1]) * _BYTES[match[2].lower() or "b"]))


def format_bytes(count: float) -> str:
    """12345678 → ``"12.3 MB"`` (decimal units, three figures)."""
    return f"{format_count(count, ' ')}B"


def format_count(count: float, gap: str = "") -> str:
    """6012345 → ``"6.01M"``."""
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(count) >= size * 0.9995:
            return f"{count / size:.3g}{gap}{letter}"
    return f"{count:.3g}{gap}"


def counted(count: int, noun: str) -> str:
    """1, "file" → ``"1 file"``; 1200 → ``"1,200 files"``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def format_seconds(seconds: float) -> str:
    """75.2 → ``"1m 15s"``."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02d}m"


_FIGURES = {"r_squared": "R²", "spearman": "Spearman's correlation", "f1": "F1", "span_f1": "F1 of spans",
            "answer_f1": "F1 of answers", "nats_per_token_bound": "nats per token, an upper bound"}  # fmt: skip


def figure_name(name: str) -> str:
    """A figure's name in words; of a mix the part stands before it: masked: nats per hidden token."""
    part, _, own = name.rpartition(".")
    return f"{part.replace('_', ' ')}: " * bool(part) + _FIGURES.get(own, own.replace("_", " "))


def figure(name: str, value: float) -> str:
    """A figure in words, in the order in which it is read: accuracy 0.812; 2.982 nats per target token."""
    part, _, own = figure_name(name).rpartition(": ")
    told = f"{value:.3f} {own}" if " per " in own else f"{own} {value:.3f}"
    return f"{part}: {told}" if part else told
