"""BLiMP for every family with a likelihood, trained on litbank-novels with one budget: a table and one JSON line.

    python benchmarks/bench_blimp.py [--budget 3m] [RECIPE …] [SETTING=VALUE …]     # about four minutes a family

Text: the training novels of ../shared/data/litbank-novels; pairs: ../shared/data/blimp, 67 paradigms of 1,000.  Each family has
the settings of its recipe in recipes/models/, the same 4,096 BPE tokens and the same time.  ``published``: the means that the
authors give for models trained on far more text.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from telos.foundation import machine, yaml
from telos.foundation.progress import say
from telos.models import Model

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
RECIPES = ROOT / "recipes" / "models"
KEPT = ("model", "optimizer", "schedule", "train", "objective")
"""Groups that are taken from a family's recipe."""


def families() -> list[str]:
    """Recipes of a model with a likelihood, and text as what it learns from."""
    found = []
    for path in sorted(RECIPES.glob("*.yaml")):
        settings = yaml.load(path.read_text(encoding="utf-8"), path.name)
        if kind_of(settings, "objective", "causal") == "causal" and Model.member(kind_of(settings, "model")).has_likelihood:
            found.append(path.stem)
    return found


def kind_of(settings: dict[str, Any], group: str, usual: str | None = None) -> str:
    """The kind of a recipe's group, whatever the recipe is called."""
    given = settings.get(group, usual)
    return str(given if isinstance(given, str) else given.get("kind", usual))


def command(*words: str) -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-m", "telos.cli", *words, "--json"], stdout=subprocess.PIPE, text=True, check=False)
    facts = json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else {}
    if done.returncode:
        raise RuntimeError(facts.get("error", {}).get("found", f"exit code {done.returncode}"))
    return facts


def measured(kind: str, budget: str, overrides: list[str], folder: Path) -> dict[str, Any]:
    """One family: train, then the pairs."""
    settings = yaml.load((RECIPES / f"{kind}.yaml").read_text(encoding="utf-8"), kind)
    recipe = {name: settings[name] for name in KEPT if name in settings}
    recipe["train"] = {k: v for k, v in (recipe.get("train") or {}).items() if k != "budget"} | {"budget": budget}
    recipe |= {"corpus": {"kind": "files", "path": str(DATA / "litbank-novels"), "include": "*.jsonl.gz"},
               "tokenizer": {"kind": "bpe", "vocab_size": 4096}}  # fmt: skip
    path = folder / f"{kind}.yaml"
    path.write_text(json.dumps(recipe))  # JSON is YAML
    try:
        trained = command("train", str(path), *overrides, "--out", str(folder / kind))
        pairs = command("evaluate", str(folder / kind / "model"), str(DATA / "blimp" / "blimp.jsonl.gz"))
    except RuntimeError as error:
        return {"kind": kind, "failed": str(error)}
    return {"kind": kind, "bits_per_byte": trained["bits_per_byte"], "parameters": trained.get("parameters"),
            "tokens": trained.get("tokens"), "accuracy": pairs["accuracy"], "accuracy_ci95": pairs["accuracy_ci95"],
            "ties": pairs["ties"]}  # fmt: skip


def main(wanted: list[str]) -> int:
    budget = wanted.pop(wanted.index("--budget") + 1) if "--budget" in wanted else "3m"
    overrides = [word for word in wanted if "=" in word]
    wanted = [word for word in wanted if word != "--budget" and word not in overrides]
    if not DATA.is_dir():
        say(f"error: the texts must lie in {DATA}\n  found: nothing there\n  to do: put litbank-novels and blimp there")
        return 2
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for kind in wanted or families():
            say(f"{kind} …")
            rows.append(measured(kind, budget, overrides, Path(folder)))
    print("| kind | bits per byte | BLiMP accuracy | 95 % interval | tokens seen |\n|---|---|---|---|---|")
    for row in rows:
        if "failed" in row:
            print(f"| {row['kind']} | failed: {row['failed']} | | | |")
        else:
            low, high = row["accuracy_ci95"]
            seen = f"{row['tokens']:,}" if row.get("tokens") else "all"
            print(f"| {row['kind']} | {row['bits_per_byte']:.3f} | {row['accuracy']:.1%} | {low:.1%} to {high:.1%} | {seen} |")
    about = {name: machine.describe()[name] for name in ("processor", "cores", "memory_bytes")}
    published = {"5-gram": 0.612, "LSTM": 0.698, "Transformer-XL": 0.696, "GPT-2 large": 0.830}
    print(
        json.dumps(
            {
                "benchmark": "blimp",
                "budget": budget,
                "settings": overrides,
                "rows": rows,
                "published": published,
                "machine": about,
            }
        )
    )
    return 1 if any("failed" in row for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
