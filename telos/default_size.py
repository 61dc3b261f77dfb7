"""How large a network is where a recipe does not say: by the time that it has to learn in.

The best size for a computation C grows about as √C, and so does the number of tokens that it then sees (Hoffmann et al. 2022,
"Training Compute-Optimal Large Language Models", arXiv:2203.15556, table 2).  The first size is measured on two cores
(docs/log.md, 2026-11-25), the others follow by that rule: 0.8, 2.7, 6.3 and 14 million weights in the layers.
The machine does not enter, so that a recipe means the same everywhere.  Tests: tests/end_to_end/test_recipe_file.py.
"""

from collections.abc import Mapping
from typing import Any

from telos.foundation.errors import TelosError
from telos.foundation.units import Duration

HEAD_SIZE = 64

SIZES = ((8 * 60, 4, 128), (40 * 60, 6, 192), (4 * 3600, 8, 256), (float("inf"), 8, 384))
"""(budget in seconds up to which, layers, width)"""


def sized(model: Any, budget: Any) -> Any:
    """Settings of a Transformer with what they leave open: layers, width, heads; those of another model as they are."""
    settings = {"kind": model} if isinstance(model, str) else model if model is not None else {}
    if not isinstance(settings, Mapping) or settings.get("kind", "transformer") != "transformer":
        return model
    try:
        duration = Duration.parse(budget)
    except (TelosError, ValueError):  # the recipe itself says what is wrong with it
        return settings
    if duration.unit != "seconds":
        return settings
    layers, width = next((layers, width) for most, layers, width in SIZES if duration.value <= most)
    found = {"num_layers": layers, "hidden_size": width} | dict(settings)
    if "hidden_size" not in settings and "num_heads" not in settings and "head_size" not in settings:
        found["num_heads"] = width // HEAD_SIZE
    return found
