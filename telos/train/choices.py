"""What is chosen by measuring before the first step, and kept for every resume: threads, precision, compilation, attention
kernel.

They change the bits of training, so they are written to ``checkpoints/choices.json`` before the first step and read back by
every process that goes on.  Tests: tests/train/test_choices.py.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from telos.foundation.errors import TelosError
from telos.foundation.files import read_facts, write_json
from telos.foundation.machine import cores
from telos.foundation.progress import say
from telos.train import precision
from telos.train.precision import DTYPES, Precision
from telos.train.settings import Train

FILE = "choices.json"


@dataclass(slots=True)
class Choices:
    """``asked``: the settings that were decided from; others make the choice anew.  ``facts``: what was measured, units in
    the names; for run.json.  ``compile`` is None until it is decided; so is ``attention``, which a network without a choice of
    kernels leaves None."""

    asked: dict[str, Any]
    threads: int
    precision: Precision
    compile: bool | None = None
    attention: str | None = None
    facts: dict[str, float] = field(default_factory=dict)

    @property
    def dtype(self) -> torch.dtype:
        return DTYPES[self.precision]

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / FILE, asdict(self))


def choose(settings: Train, device: torch.device, folder: Path) -> Choices:
    """Threads and precision, recorded or measured; the number of threads is set."""
    asked = {"threads": settings.threads, "precision": settings.precision, "compile": settings.compile}
    recorded = read_facts(folder / FILE) if (folder / FILE).exists() else {}
    if recorded.get("asked") == asked:
        try:
            choices = Choices(**recorded)
        except TypeError as error:
            raise TelosError(f"{folder / FILE} must be as the run wrote it", f"other contents: {error}",
                             "put it back, or choose another --out") from None  # fmt: skip
        if choices.threads > cores():
            say(f"the number of threads changed from {choices.threads} to {cores()}: sums round differently from here on")
            choices.threads = cores()
        torch.set_num_threads(choices.threads)
        return choices
    threads = settings.threads or cores()
    torch.set_num_threads(threads)
    rates = precision.measure(device)
    facts = {f"matrix_{name}_flops_per_second": rate for name, rate in rates.items()}
    return Choices(asked, threads, precision.decide(settings.precision, rates, device), facts=facts)


def least_step_seconds(choices: Choices, flops: float) -> float:
    """A time that no step of so many FLOPs can be below: twice the measured matrix rate, since what else runs on the machine
    may have halved it; 0 where none was measured."""
    name = {"fp32": "float32", "bf16": "bfloat16"}[choices.precision]
    rate = choices.facts.get(f"matrix_{name}_flops_per_second")
    return flops / (2 * rate) if rate else 0.0
