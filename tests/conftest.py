"""What every test stands on: a quiet environment, one thread, and the real text beside the repository."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
# Before any import of daft, transformers or huggingface_hub: tests send nothing anywhere and download nothing.
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import pytest
from hypothesis import settings

settings.register_profile("telos", deadline=None)  # a first call may compile, and the machine may have other work
settings.load_profile("telos")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root folder."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real text beside the repository; the test is skipped where there is none (mark it `data`)."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real text (../shared/data) is not beside this repository")
    return folder


@pytest.fixture
def allocated(tmp_path: Path) -> Callable[[Callable[[], object]], int]:
    """``allocated(work)``: most bytes that torch's allocator had given out at a time while ``work`` ran, by its profiler."""

    def measure(work: Callable[[], object]) -> int:
        from torch.profiler import ProfilerActivity, profile

        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as account:
            work()
        account.export_chrome_trace(str(tmp_path / "trace.json"))
        events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
        seen = sorted((e for e in events if e.get("name") == "[memory]"), key=lambda e: e["ts"])
        begun = seen[0]["args"]["Total Allocated"] - seen[0]["args"]["Bytes"]  # what earlier tests have left
        return max(event["args"]["Total Allocated"] for event in seen) - begun

    return measure


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Tests that run beside one another must not fight over cores."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.get_num_threads() != 1:
        torch.set_num_threads(1)
