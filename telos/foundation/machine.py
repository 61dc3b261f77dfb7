"""What this machine is and how fast it multiplies matrices."""

import functools
import importlib.metadata
import os
import platform
import shutil
import time
from pathlib import Path
from typing import Any


def cores() -> int:
    """Processor cores that this process may use: affinity, and the container's quota where there is one."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _first_words("/sys/fs/cgroup/cpu.max")
    if len(quota) == 2 and quota[0] != "max":
        allowed = min(allowed, max(1, round(int(quota[0]) / int(quota[1]))))
    return allowed


def memory_bytes() -> int:
    """Memory that this process may use: the machine's, or the container's limit where that is lower."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _first_words("/sys/fs/cgroup/memory.max")
    return min(total, int(limit[0])) if limit and limit[0] != "max" else total


def peak_memory_bytes() -> int:
    """Largest resident size of this process so far."""
    for line in _lines("/proc/self/status"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    import resource

    # On Linux this figure begins with the size of the process that started this one, so it is asked only elsewhere.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if platform.system() == "Darwin" else peak * 1024


def processor_seconds(process: int) -> float | None:
    """Processor time of a process by its number, its children and theirs included; None where the system does not tell."""
    parents: dict[int, int] = {}
    seconds: dict[int, float] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        fields = " ".join(_lines(str(path))).rpartition(")")[2].split()
        if fields:  # it has not just ended
            # Of itself and of the children that it has waited for, in user and in system mode.
            seconds[int(path.parent.name)] = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
            parents[int(path.parent.name)] = int(fields[1])
    if process not in seconds:
        return None
    family, grown = {process}, 0
    while grown != len(family):
        grown = len(family)
        family |= {child for child, parent in parents.items() if parent in family}
    return sum(seconds[member] for member in family)


def process_started() -> float:
    """When this process started, on the clock of `time.time`; so that a budget includes interpreter and imports."""
    try:
        ticks = float(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
        # Not /proc/uptime, which in some containers counts from the container's own start.
        return min(_IMPORTED, time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + ticks)
    except (OSError, AttributeError):  # no /proc, or no such clock
        return _IMPORTED


_IMPORTED = time.time()


def instructions() -> list[str]:
    """Vector and matrix instructions that matter here, of those that the processor names."""
    known = ["avx2", "avx512f", "avx512_bf16", "avx512_fp16", "avx512_vnni", "amx_tile", "amx_bf16", "amx_int8",
             "asimd", "sve", "bf16", "i8mm"]  # fmt: skip
    flags = set(_cpuinfo("flags").split()) | set(_cpuinfo("Features").split())
    return [name for name in known if name in flags]


@functools.cache
def compiler() -> str | None:
    """The C++ compiler that torch.compile would use, or None."""
    named = os.environ.get("CXX")
    return shutil.which(named) if named else shutil.which("g++") or shutil.which("clang++")


def describe() -> dict[str, Any]:
    """Facts for run.json and `telos doctor`; nothing is measured and torch is not imported."""
    return {
        "processor": _cpuinfo("model name") or platform.processor() or platform.machine(),
        "architecture": platform.machine(),
        "cores": cores(),
        "memory_bytes": memory_bytes(),
        "instructions": instructions(),
        "compiler": Path(found).name if (found := compiler()) else None,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def versions() -> dict[str, str]:
    """Package → version, of those that decide the bits of a run; read from their metadata, nothing is imported."""
    return {name: importlib.metadata.version(name) for name in ("torch", "numpy", "tokenizers", "safetensors", "daft", "numba")}


def matrix_rate(dtype: str, seconds: float = 0.2, size: tuple[int, int, int] = (2048, 512, 1536)) -> float:
    """Measured matrix-product rate in FLOP/s: x (M, K) times w (N, K) transposed, best of several runs in ``seconds``."""
    import torch

    m, k, n = size
    kind, best, total = getattr(torch, dtype), 0.0, 0.0
    x, w = torch.randn(m, k).to(kind), torch.randn(n, k).to(kind)
    torch.nn.functional.linear(x, w)
    while total < seconds:
        began = time.perf_counter()
        torch.nn.functional.linear(x, w)
        took = time.perf_counter() - began
        best, total = max(best, 2 * m * k * n / took), total + took
    return best


REFERENCE_SECONDS = 0.006
"""What the work of `slowness` takes on Zen 5 with nothing beside it."""


def slowness() -> float:
    """How many times longer Python takes here and now than on the machine of docs/log.md, 1 or more: the middle of five trials.
    Other programs that use the cores count."""
    taken = []
    for _ in range(5):
        began, found = time.perf_counter(), dict.fromkeys(range(997), 0)
        for i in range(60_000):
            found[i % 997] += i
        taken.append(time.perf_counter() - began)
    return max(1.0, sorted(taken)[2] / REFERENCE_SECONDS)


def gpu() -> str | None:
    """Name of the GPU that torch can use, or None."""
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else None


def _cpuinfo(field: str) -> str:
    for line in _lines("/proc/cpuinfo"):
        name, _, value = line.partition(":")
        if name.strip() == field:
            return value.strip()
    return ""


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def _first_words(path: str) -> list[str]:
    return next((line.split() for line in _lines(path)), [])
