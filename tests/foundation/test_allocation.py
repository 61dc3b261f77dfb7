"""Freed memory is used again while it is kept, and given back afterwards."""

import resource
import subprocess
import sys

import pytest

from telos.foundation.allocation import _glibc, freed_memory_kept

pytestmark = pytest.mark.skipif(_glibc() is None, reason="the C library is not glibc")

COUNT = """
import resource, sys
from contextlib import nullcontext
import numpy as np
from telos.foundation.allocation import freed_memory_kept

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()

def work():
    return np.ones(12_000_000).sum()  # 96 MB

small = resident()
with freed_memory_kept() if sys.argv[1] == "kept" else nullcontext():
    work()
    before = faults()
    for _ in range(5):
        work()
    print(faults() - before)
print(resident() - small)
"""


def _measured(kept: str) -> list[int]:
    shown = subprocess.run([sys.executable, "-c", COUNT, kept], capture_output=True, text=True, check=True).stdout
    return [int(word) for word in shown.split()]


def test_kept_memory_is_not_asked_for_again_and_is_given_back():
    faults, left = _measured("kept")
    often, _ = _measured("not")
    pages = 96_000_000 // resource.getpagesize()
    assert faults < pages / 2
    assert often > 2 * faults + 100
    assert left < 48_000_000


def test_nested_blocks_end_with_the_outermost():
    with freed_memory_kept():
        with freed_memory_kept():
            pass
        from telos.foundation import allocation

        assert allocation._depth == 1
    assert allocation._depth == 0
