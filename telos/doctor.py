"""`telos doctor`: what this machine can do, measured where it can be measured in a second."""

import importlib.util
import shutil
from pathlib import Path
from typing import Any

from telos.foundation import machine
from telos.foundation.units import format_bytes

EXTRAS = {"transformers": "check exports against transformers"}
"""Optional package → what it is for."""


def examine() -> dict[str, Any]:
    """Facts with their units in the names; rates are measured now, in about a second."""
    facts = machine.describe()
    facts["free_disk_bytes"] = shutil.disk_usage(Path.cwd()).free
    facts["gpu"] = machine.gpu()
    facts["matrix_flops_per_second"] = {dtype: machine.matrix_rate(dtype) for dtype in ("float32", "bfloat16")}
    facts["versions"] = machine.versions()
    facts["optional"] = {name: importlib.util.find_spec(name) is not None for name in EXTRAS}
    facts["advice"] = _advice(facts)
    return facts


def _advice(facts: dict[str, Any]) -> list[str]:
    from telos.train.compilation import GAIN
    from telos.train.precision import WORTH

    rates = facts["matrix_flops_per_second"]
    advice = []
    if facts["compiler"] is None:
        advice.append(
            f"No C++ compiler: models train uncompiled, {100 * (1 - 1 / GAIN):.0f} % fewer tokens. Install g++ to change that."
        )
    if rates["bfloat16"] > WORTH * rates["float32"]:
        advice.append(f"bf16 products are {rates['bfloat16'] / rates['float32']:.1f} times as fast as fp32: training uses bf16.")
    else:
        advice.append("bf16 products are not faster than fp32 here: training uses fp32.")
    if facts["memory_bytes"] < 4e9:
        advice.append("Less than 4 GB of memory: choose a smaller model or train.micro_batch_tokens=2048.")
    if facts["free_disk_bytes"] < 2e9:
        advice.append("Less than 2 GB of free disk here.")
    return advice


def render(facts: dict[str, Any]) -> str:
    """The facts for a terminal."""
    rates = facts["matrix_flops_per_second"]
    missing = [name for name, there in facts["optional"].items() if not there]
    rows = [
        ("processor", f"{facts['processor']}, {facts['cores']} cores"),
        ("instructions", ", ".join(facts["instructions"]) or "none of those that matter here"),
        ("memory", format_bytes(facts["memory_bytes"])),
        ("free disk", format_bytes(facts["free_disk_bytes"])),
        ("GPU", facts["gpu"] or "none"),
        ("matrix products", ", ".join(f"{name} {rate / 1e9:.0f} GFLOP/s" for name, rate in rates.items())),
        ("C++ compiler", facts["compiler"] or "none"),
        ("Python", facts["python"]),
        ("packages", ", ".join(f"{name} {version}" for name, version in facts["versions"].items())),
        ("not installed", ", ".join(f"{name} ({EXTRAS[name]})" for name in missing) or "nothing"),
    ]
    return "\n".join([f"{name:<16} {value}" for name, value in rows] + [""] + facts["advice"])
