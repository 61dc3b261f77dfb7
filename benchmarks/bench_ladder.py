"""Every family on one text: trains each recipe of recipes/models/ and prints one table and one JSON line.

    python benchmarks/bench_ladder.py [RECIPE …]        # some two minutes for each of them on two cores; --help: which there are

Each recipe is trained by `telos train` in a process of its own, one after another.  The table has what a family is measured by:
bits per byte of held-out text where it has a likelihood, else its own figure (accuracy, nats per target or hidden token), with
parameters, seconds from process start to result and tokens of training a second.  What fails says why and the table goes on.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from telos.foundation import machine, yaml
from telos.foundation.progress import say
from telos.foundation.units import format_bytes

ROOT = Path(__file__).resolve().parent.parent
RECIPES = ROOT / "recipes" / "models"
FIGURES = ("bits_per_byte", "accuracy", "nats_per_target_token", "nats_per_hidden_token")
COLUMNS = ("recipe", "kind", "figure", "value", "parameters", "seconds", "tokens_per_second", "peak_memory_bytes")


def kind_of(name: str) -> str:
    """The family of a recipe, which may be named otherwise: an encoder is a Transformer."""
    model = yaml.load((RECIPES / f"{name}.yaml").read_text(encoding="utf-8"), name)["model"]
    return str(model if isinstance(model, str) else model["kind"])


def trained(name: str, folder: Path) -> dict[str, Any]:
    """The facts of one recipe."""
    command = [sys.executable, "-m", "telos.cli", "train", str(RECIPES / f"{name}.yaml"), "--out", str(folder / name), "--json"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    facts = json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else {}
    about = {"recipe": name, "kind": kind_of(name)}
    if done.returncode:
        return about | {"failed": facts.get("error", {}).get("found", f"exit code {done.returncode}")}
    figure = next((name for name in FIGURES if name in facts), None)
    row = about | {"figure": figure, "value": facts.get(figure or ""), "ci95": facts.get(f"{figure}_ci95")}
    return row | {name: facts.get(name) for name in COLUMNS[4:]}


def table(rows: list[dict[str, Any]]) -> str:
    """The rows for people, in Markdown."""
    shown = ["| recipe | figure | value | parameters | seconds | tokens a second | memory |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        if "failed" in row:
            shown.append(f"| {row['recipe']} | failed: {row['failed']} | | | | | |")
            continue
        cells = [row["recipe"], str(row["figure"]).replace("_", " "), number(row["value"], 3), number(row["parameters"], 0),
                 number(row["seconds"], 0), number(row["tokens_per_second"], 0),
                 "" if row["peak_memory_bytes"] is None else format_bytes(row["peak_memory_bytes"])]  # fmt: skip
        shown.append(f"| {' | '.join(cells)} |")
    return "\n".join(shown)


def number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def main(wanted: list[str]) -> int:
    recipes = sorted(path.stem for path in RECIPES.glob("*.yaml"))
    if {"-h", "--help"} & set(wanted):
        print(f"{__doc__}\nrecipes: {', '.join(recipes)}")
        return 0
    unknown = [name for name in wanted if name not in recipes]
    if unknown:
        say(f"error: a recipe must be one of {', '.join(recipes)}\n  found: {', '.join(unknown)}\n  to do: name one of these")
        return 2
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in wanted or recipes:
            say(f"{name} …")
            rows.append(trained(name, Path(folder)))
    print(table(rows))
    about = {name: machine.describe()[name] for name in ("processor", "cores", "memory_bytes")}
    print(json.dumps({"benchmark": "ladder", "rows": rows, "machine": about}))
    return 1 if any("failed" in row for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
