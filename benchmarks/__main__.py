"""Run the benchmarks, one after another: `python -m benchmarks [NAME…]`; no name: all but `objectives`, which takes hours.

Each prints one JSON line: our figure, the peer's from the same run, their ratio, and what the hardware allows.  It is kept in
benchmarks/results/NAME.json with the date and the versions.
"""

import ast
import datetime
import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

from telos.foundation.files import write_json
from telos.foundation.progress import say

FOLDER = Path(__file__).resolve().parent
HOURS = ("objectives",)
"""Run only where they are named."""
PACKAGES = ("telos", "torch", "transformers", "tokenizers", "numpy")


def names() -> list[str]:
    """Every benchmark: files bench_NAME.py."""
    return sorted(path.stem.removeprefix("bench_") for path in FOLDER.glob("bench_*.py"))


def listed() -> str:
    """Each benchmark with the first line of what it says of itself."""
    said = {name: ast.get_docstring(ast.parse((FOLDER / f"bench_{name}.py").read_text(encoding="utf-8"))) for name in names()}
    return "\n".join(f"  {name:<18} {str(text).splitlines()[0]}" for name, text in said.items())


def run(name: str) -> bool:
    """Run one and keep its line; False where it failed or lacks its data."""
    say(f"benchmark {name}")
    done = subprocess.run([sys.executable, str(FOLDER / f"bench_{name}.py")], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        say(f"benchmark {name} gave no figure (exit code {done.returncode})")
        return False
    line = done.stdout.splitlines()[-1]
    print(line, flush=True)
    versions = {package: importlib.metadata.version(package) for package in PACKAGES}
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    (FOLDER / "results").mkdir(exist_ok=True)
    write_json(FOLDER / "results" / f"{name}.json", {"date": today, "versions": versions} | json.loads(line))
    return True


def main(wanted: list[str]) -> int:
    if {"-h", "--help"} & set(wanted):
        print(f"{__doc__}\n{listed()}")
        return 0
    unknown = [name for name in wanted if name not in names()]
    if unknown:
        say(f"error: a benchmark must be one of {', '.join(names())}")
        say(f"  found: {', '.join(unknown)}\n  to do: name one of these, or none for all but the longest")
        return 2
    failed = [name for name in wanted or [one for one in names() if one not in HOURS] if not run(name)]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
