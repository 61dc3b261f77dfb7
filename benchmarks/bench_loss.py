"""Cross-entropy with the output layer, in chunks, beside the plain one: time, memory and gradient; and the same with terms.

8 × 1,024 places, a vocabulary of 32,000, width 384; forward and backward, in fp32 and in bf16.

    ours            telos.layers.cross_entropy.linear_nll
    plain           logits = x Wᵀ in the same type, log-softmax of them in fp32, its negative at the targets
    terms           label smoothing, z-loss, focal weighting, confidence penalty, as training adds them (closed forms, in chunks)
    terms_autograd  the same formulas in torch's plain functions, in the same chunks

Times in turn in one process, A B A B, by the clock and of the processor (which other work disturbs less); extra memory of each in
a process of its own: the highest resident memory while it ran less that before, gradients included.  The limit is the time of
the four matrix products alone, the logits made twice.  TELOS_BENCH_RUNS: how often, 5 by default.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from telos.foundation import machine
from telos.foundation.progress import say
from telos.layers.cross_entropy import chunk_rows, linear_nll
from telos.layers.over_logits import chunked
from telos.objectives.terms import Rows, Term

PLACES, VOCABULARY, WIDTH = 8 * 1024, 32_000, 384
RUNS = int(os.environ.get("TELOS_BENCH_RUNS", "5"))
TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
TERMS = tuple(Term.parse(kind) for kind in ("label_smoothing", "z_loss", "focal", "confidence_penalty"))
TARGET_MEMORY, TARGET_GRADIENT = 0.2, 1e-6


def problem(dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Values, weights and targets, as after some training: logits of a spread of about 2."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(PLACES, WIDTH, generator=generator).to(dtype).requires_grad_()
    weight = (torch.randn(VOCABULARY, WIDTH, generator=generator) * 2 / WIDTH**0.5).requires_grad_()
    return x, weight, torch.randint(0, VOCABULARY, (PLACES,), generator=generator)


def ours(x: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    return linear_nll(x, weight, targets)


def plain(x: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    return functional.nll_loss(torch.log_softmax((x @ weight.to(x.dtype).t()).float(), -1), targets, reduction="none")


def closed(logits: Tensor, targets: Tensor) -> Tensor:
    rows = Rows(logits, targets, frozenset({"mean", "negentropy"}))
    return rows.statistics.nll + sum(term.coefficient * term.of(rows) for term in TERMS)


def by_autograd(logits: Tensor, targets: Tensor) -> Tensor:
    smoothing, square, _, confidence = (term.coefficient for term in TERMS)
    log_p = torch.log_softmax(logits, -1)
    nll = functional.nll_loss(log_p, targets, reduction="none")
    smooth = (1 - smoothing) * nll - smoothing * log_p.mean(-1)
    focal = ((1 - (-nll).exp()) ** 2 - 1) * nll
    entropy = (log_p.exp() * log_p).sum(-1)
    return smooth + square * torch.logsumexp(logits, -1) ** 2 + focal + confidence * entropy


def in_chunks(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    def loss(x: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        used = weight.to(x.dtype)
        return chunked(lambda rows, some: function((rows @ used.t()).float(), some), [x, targets], VOCABULARY)

    return loss


LOSSES: dict[str, Callable[..., Tensor]] = {
    "ours": ours,
    "plain": plain,
    "terms": in_chunks(closed),
    "terms_autograd": in_chunks(by_autograd),
}


Seconds = tuple[float, float]
"""By the clock, and of the processor."""


def now() -> Seconds:
    return time.perf_counter(), time.process_time()


def since(began: Seconds) -> Seconds:
    clock, processor = now()
    return clock - began[0], processor - began[1]


def step(name: str, made: tuple[Tensor, Tensor, Tensor]) -> tuple[Seconds, float, list[Tensor]]:
    """Time, mean loss and gradients."""
    x, weight, targets = made
    began = now()
    loss = LOSSES[name](x, weight, targets).mean()
    found = torch.autograd.grad(loss, (x, weight))
    return since(began), loss.item(), list(found)


def products(made: tuple[Tensor, Tensor, Tensor]) -> Seconds:
    """Time of the matrix products alone, in the chunks of ours."""
    x, weight, _ = made
    with torch.no_grad():
        used = weight.to(x.dtype)
        began = now()
        for part in x.split(chunk_rows(VOCABULARY)):
            _ = part @ used.t()
            logits = part @ used.t()
            _ = logits @ used, logits.t() @ part
        return since(began)


def resident(field: str) -> int:
    """Bytes of VmRSS or VmHWM."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(field))


def extra_bytes(name: str, precision: str) -> int:
    """In this process: what one step takes above what stood before."""
    made = problem(TYPES[precision])
    x, weight, _ = made
    _ = x[:64] @ weight.to(x.dtype)[:64].t()  # the library's own buffers
    before = resident("VmRSS")
    step(name, made)
    return resident("VmHWM") - before


def elsewhere(name: str, precision: str) -> int:
    """`extra_bytes` in a process of its own."""
    done = subprocess.run([sys.executable, __file__, name, precision], capture_output=True, text=True, check=True)
    return int(done.stdout)


def apart(found: list[Tensor], expected: list[Tensor]) -> float:
    """The largest distance of two gradients in shares of the norm."""
    return max(float((a.double() - b.double()).norm() / b.double().norm()) for a, b in zip(found, expected, strict=True))


def measure(precision: str) -> dict[str, Any]:
    made = problem(TYPES[precision])
    seconds: dict[str, list[Seconds]] = {name: [] for name in (*LOSSES, "products")}
    losses: dict[str, float] = {}
    gradients: dict[str, list[Tensor]] = {}
    for run in range(RUNS + 1):
        say(f"{precision}, run {run} of {RUNS}" if run else f"{precision}, once without counting")
        for name in LOSSES:
            taken, losses[name], found = step(name, made)
            if run:
                seconds[name].append(taken)
            else:
                gradients[name] = found
        if run:
            seconds["products"].append(products(made))
    clock, medians = ({name: statistics.median(each[i] for each in taken) for name, taken in seconds.items()} for i in (0, 1))
    memory = {name: elsewhere(name, precision) for name in LOSSES}
    return {
        "seconds": {name: round(value, 3) for name, value in clock.items()},
        "processor_seconds": {name: round(value, 3) for name, value in medians.items()},
        "processor_seconds_of_each_run": {name: [round(each[1], 3) for each in taken] for name, taken in seconds.items()},
        "extra_bytes": memory,
        "loss": losses,
        "ratio_seconds": round(clock["ours"] / clock["plain"], 3),
        "ratio_processor_seconds": round(medians["ours"] / medians["plain"], 3),
        "ratio_memory": round(memory["ours"] / memory["plain"], 3),
        "share_of_limit": round(medians["products"] / medians["ours"], 3),
        "gradient_apart": apart(gradients["ours"], gradients["plain"]),
        "terms_gradient_apart": apart(gradients["terms"], gradients["terms_autograd"]),
    }


def main(words: list[str]) -> int:
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", machine.cores())))
    if words:
        print(extra_bytes(*words))
        return 0
    found = {precision: measure(precision) for precision in TYPES}
    about = {name: machine.describe()[name] for name in ("processor", "cores", "memory_bytes")}
    good = all(f["ratio_memory"] <= TARGET_MEMORY and f["ratio_processor_seconds"] <= 1 for f in found.values())
    facts = {"benchmark": "loss", "places": PLACES, "vocabulary": VOCABULARY, "width": WIDTH, "runs": RUNS,
             "threads": torch.get_num_threads()} | found  # fmt: skip
    print(json.dumps(facts | {"within_target": good and found["fp32"]["gradient_apart"] <= TARGET_GRADIENT,
                              "machine": about}))  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
