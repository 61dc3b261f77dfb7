"""Tables and pictures of docs/objectives/compared.md from what `bench_objectives.py` left in its folder.

    python benchmarks/objectives_page.py FOLDER

Between ``<!-- LANGUAGE -->`` and ``<!-- end -->`` of the page in English and of the one in Chinese: what each objective took and
came to, one row each.  Bold is the best of its kind and what is not shown to differ from it.  The plots of report.html go to
docs/pictures, its facts to benchmarks/results/objectives_LANGUAGE.json.  Tests: tests/end_to_end/test_benchmarks.py.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from telos.foundation.files import write_file, write_json
from telos.foundation.units import format_count

ROOT = Path(__file__).resolve().parent.parent
PAGES = {"en": ROOT / "docs" / "objectives" / "compared.md", "zh": ROOT / "docs" / "zh" / "objectives-compared.md"}
PICTURES = ROOT / "docs" / "pictures"
RESULTS = ROOT / "benchmarks" / "results"
COLUMNS = {
    "bits_per_byte": ("bits per byte ↓", "每字节比特 ↓"),
    "minimal_pairs": ("minimal pairs ↑", "最小对 ↑"),
    "cloze": ("cloze ↑", "完形填空 ↑"),
    "infilling": ("infilling ↑", "填中 ↑"),
    "linear_probe": ("linear probe ↑", "线性探针 ↑"),
    "fine_tuning": ("fine-tuning ↑", "短微调 ↑"),
    "generation": ("repetition ↓", "重复 ↓"),
}
JUDGED = ("judge, bits per byte", "裁判的每字节比特")
KINDS = {"bound": ("bound", "上界"), "pseudo": ("pseudo", "伪似然"), "detection": ("detection", "判别"),
         "left side alone": ("left side", "只看左侧"), "number of tokens": ("size known", "知道长度")}  # fmt: skip
HEAD = (("objective", "tokens"), ("目标", "词元"))
PICTURE = re.compile(r"<svg[^>]*aria-label=\"([^\"]+)\".*?</svg>", re.DOTALL)


def cells(yardstick: dict[str, Any], language: int) -> dict[str, str]:
    """Recipe → its figure, marked."""
    found = {}
    for group in yardstick["groups"]:
        best = {group["reference"]} | {one["name"] for one in group["comparisons"] if one["verdict"] == "tie"}
        kind = next((names[language] for key, names in KINDS.items() if key in group["comparable"]), None)
        for one in group["figures"]:
            text = "∞" if one["value"] is None else f"{one['value']:.3f}"
            text = f"**{text}**" if one["name"] in best and len(group["figures"]) > 1 else text
            found[one["name"]] = text + (f" ({kind})" if kind else "")
    return found


def table(facts: dict[str, Any], language: int) -> str:
    """One row a recipe, one column a yardstick."""
    measured = {one["kind"]: cells(one, language) for one in facts["yardsticks"]}
    kinds = [kind for kind in COLUMNS if kind in measured]
    head = [*HEAD[language], *(COLUMNS[kind][language] for kind in kinds)]
    judged = {one["name"]: f"{one['beside']['judge_bits_per_byte']:.3f}" for yardstick in facts["yardsticks"]
              for group in yardstick["groups"] for one in group["figures"] if "judge_bits_per_byte" in one["beside"]}  # fmt: skip
    if judged:
        measured["judged"] = judged
        kinds.append("judged")
        head.append(JUDGED[language])
    lines = [head, ["---"] * len(head)]
    for row in facts["recipes"]:
        if "failed" in row:
            continue
        lines.append([f"`{row['name']}`", format_count(row["tokens"]), *(measured[kind].get(row["name"], "—") for kind in kinds)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def between(page: str, mark: str, made: str) -> str:
    """The page with ``made`` between the marks."""
    before, rest = page.split(f"<!-- {mark} -->\n", 1)
    return f"{before}<!-- {mark} -->\n{made}\n<!-- end -->{rest.split('<!-- end -->', 1)[1]}"


def main(folder: Path) -> int:
    for language in ("english", "chinese"):
        compared = folder / language / "compared"
        if not (compared / "report.json").exists():
            continue
        facts = json.loads((compared / "report.json").read_text(encoding="utf-8"))
        facts = {name: value for name, value in facts.items() if name not in ("comparison", "report")}
        write_json(RESULTS / f"objectives_{language}.json", facts)
        drawn = {}
        for found in PICTURE.finditer((compared / "report.html").read_text(encoding="utf-8")):
            drawn[found[1]] = f"objectives-{language}-{found[1]}.svg"
            write_file(PICTURES / drawn[found[1]], found[0])
        for number, (short, page) in enumerate(PAGES.items()):
            up = "../pictures"
            shown = "\n\n".join(f"![{label}]({up}/{name})" for label, name in drawn.items())
            made = f"\n{table(facts, number)}\n\n{shown}\n"
            page.write_text(between(page.read_text(encoding="utf-8"), language, made), encoding="utf-8")
            print(f"{short}: {language}, {len(drawn)} pictures")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
