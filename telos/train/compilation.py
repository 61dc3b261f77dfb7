"""Whether torch.compile pays within the budget, and compiling so that a failure costs one line and not the run.

Tests: tests/train/test_choices.py (the decision, no compiler, a compiler that fails), test_transformer.py (a compiled run).
"""

import time
from collections.abc import Callable
from typing import Any, Literal

import torch

from telos.foundation.errors import TelosError
from telos.foundation.machine import compiler, slowness
from telos.foundation.progress import say

GAIN = 1.3
"""Compiled training steps of small Transformers on a CPU are faster by 20–40 %."""

COMPILE_SECONDS = 20.0
"""What compiling one block and the loss takes (15–25 s on Zen 5 alone), whatever the budget."""


def least_seconds() -> float:
    """Training shorter than this has ended before compilation, slower on a slower or busy machine, has paid for itself."""
    return COMPILE_SECONDS * slowness() / (1 - 1 / GAIN)


def decide(asked: Literal["auto"] | bool, network: Any, training_seconds: Callable[[], float]) -> bool:
    """Whether to compile.  ``training_seconds``: how long training will take uncompiled; called only if that decides it.

    Raises `TelosError` where compilation is asked for and there is no compiler.
    """
    if asked is False or not hasattr(network, "compile_blocks"):
        return False
    on_cpu = next(network.parameters()).device.type == "cpu"
    if on_cpu and compiler() is None:
        if asked is True:
            raise TelosError("train.compile=true needs a C++ compiler", "neither g++ nor clang++ is installed, nor $CXX set",
                             "install one (for example: apt install g++), or set train.compile=auto")  # fmt: skip
        if training_seconds() >= least_seconds():
            say(f"no C++ compiler (g++ or clang++): training runs uncompiled, about {100 * (1 - 1 / GAIN):.0f} % fewer tokens "
                "within the budget")  # fmt: skip
        return False
    return asked is True or training_seconds() >= least_seconds()


def compile_network(network: Any, run_once: Callable[[], None]) -> float | None:
    """Compile ``network`` now, by running it once forward and backward; seconds taken, None where it failed.  A line says each.

    Afterwards a shape that was not compiled runs uncompiled instead of stopping for another compilation.
    """
    began = time.perf_counter()
    say("compiling the network, some 20 s or more")
    torch.compiler.set_stance("default")
    try:
        network.compile_blocks()
        run_once()
    except Exception as error:
        torch.compiler.set_stance("force_eager")
        lines = [line for line in str(error).splitlines() if line.strip()]
        say(f"compilation failed, training runs uncompiled: {type(error).__name__}: {lines[0] if lines else 'no message'}")
        return None
    torch.compiler.set_stance("eager_on_recompile")
    return time.perf_counter() - began
