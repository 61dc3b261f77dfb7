"""Daft, the data engine, imported so that it reports nothing to anyone and prints nothing.

Without these variables Daft sends its version and platform to a telemetry host at import and at every query
(daft/scarf_telemetry.py).  Test: tests/corpus/test_engine.py.
"""

import os
from types import ModuleType


def daft() -> ModuleType:
    """The module `daft`, imported on first use (0.3 s) with telemetry, progress bars and query lines switched off."""
    os.environ["DO_NOT_TRACK"] = "1"
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("DAFT_PROGRESS_BAR", "0")
    os.environ.setdefault("DAFT_SHOW_QUERY_ID", "0")
    import daft as engine

    return engine
