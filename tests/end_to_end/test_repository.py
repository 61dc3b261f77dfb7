"""What the repository says of itself is true: hops, commands, links, recipes, pins, both languages."""

import ast
import importlib.util
import itertools
import re
import shlex
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
RECIPES = sorted(path for folder in ("", "models", "objectives") for path in (ROOT / "recipes" / folder).glob("*.yaml"))
HOP = re.compile(r"^\d+\. `([\w/]+\.py)::([\w.]+)`", re.MULTILINE)
MOST_HOPS, MOST_LINES = 8, 1500

page = pytest.mark.parametrize("path", PAGES, ids=lambda p: str(p.relative_to(ROOT)))


def fences(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def commands(path: Path) -> list[list[str]]:
    """The commands of a page's ```console blocks: lines after `$ `, lines ending in a backslash joined, no comments."""
    lines = "\n".join(fences(path, "console")).replace("\\\n", " ").splitlines()
    typed = [line[2:] for line in lines if line.startswith("$ ")]
    return [shlex.split(part, comments=True) for line in typed for part in line.split(" && ")]


# -- the way from `telos run` to the gradient step -------------------------------------------------------------------


def hops() -> list[tuple[str, str]]:
    return HOP.findall((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))


def source(path: str, name: str) -> str:
    """The source of a function, or of a class's method written as Class.method."""
    text = (ROOT / path).read_text(encoding="utf-8")
    nodes = ast.parse(text).body
    for part in name.split("."):
        found = [n for n in nodes if isinstance(n, (ast.FunctionDef, ast.ClassDef)) and n.name == part]
        assert found, f"ARCHITECTURE.md names {path}::{name}, which does not exist"
        nodes = found[0].body
    return ast.get_source_segment(text, found[0]) or ""


def called(code: str) -> set[str]:
    """Names that a function calls, or hands on to be called."""
    nodes = list(ast.walk(ast.parse(code)))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    return names | {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def test_each_hop_exists_and_calls_the_next():
    way = hops()
    assert 2 <= len(way) - 1 <= MOST_HOPS, "a hop is a call from one function to the next"
    assert way[0] == ("telos/cli.py", "run"), "the way begins at the verb"
    for (path, name), (_, next_name) in itertools.pairwise(way):
        assert next_name.rpartition(".")[2] in called(source(path, name)), f"{path}::{name} does not mention {next_name}"
    assert {"zero_grad", "accumulate", "step"} <= called(source(*way[-1])), "the way ends at the gradient step"
    assert "backward" in called(source("telos/train/gradients.py", "accumulate"))


def test_the_way_is_short():
    """Lines of the files on the way, each whole and counted once."""
    lines = {path: len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path, _ in hops()}
    assert 0 < sum(lines.values()) <= MOST_LINES, lines


def test_a_hop_that_is_not_called_is_noticed():
    assert "train" not in called("def run(x):\n    'We train.'\n    return x.rest('train')  # train")
    assert {"train", "loop"} <= called("def run(x):\n    return loop.train(x)")


# -- commands and links on the pages ---------------------------------------------------------------------------------


def parse(words: list[str]) -> None:
    """Refuse a command line that `telos` would refuse: verb, options, names of settings."""
    import typer

    from telos import recipe
    from telos.cli import app
    from telos.foundation.overrides import split_arguments

    command, rest = typer.main.get_command(app), words
    while (inner := getattr(command, "commands", None)) is not None and rest:
        assert rest[0] in inner, f"no verb {rest[0]!r} in: telos {shlex.join(words)}"
        command, rest = inner[rest[0]], rest[1:]
    command.make_context(str(command.name), list(rest))
    if words and words[0] in ("run", "train", "explain"):
        settings = [o for o in split_arguments(words)[1] if not o.startswith("objective.")]
        files = any(o.startswith("corpus.") for o in settings)
        recipe.resolve({"corpus": {"kind": "files", "path": "texts"}} if files else {}, settings)


@page
def test_commands_on_a_page_are_possible(path):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for words in commands(path):
        if words[0].rpartition("/")[2] == "telos":
            parse(words[1:])
        elif words[0] == "make":
            assert {w for w in words[1:] if "=" not in w and not w.startswith("-")} <= targets, words
        else:
            assert words[0] in ("git", "cd", "pip", "python", "python3", "curl", "source"), f"nobody checks {words}"


def test_commands_are_found_and_wrong_ones_refused(tmp_path):
    (tmp_path / "page.md").write_text(
        "```console\n$ cd x && telos run a \\\n  --out b  # why\nanswer\n```\n```python\n$ telos no\n```\n"
    )
    assert commands(tmp_path / "page.md") == [["cd", "x"], ["telos", "run", "a", "--out", "b"]]
    parse(["run", "texts", "model.num_layers=4"])
    for wrong in (["rum"], ["corpus", "bild"], ["run", "--bugdet", "3m"], ["explain", "model.num_layer=4"]):
        with pytest.raises((AssertionError, Exception), match=r"no verb|[Nn]o such option|valid names"):
            parse(wrong)


@page
def test_links_lead_somewhere(path):
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:", target) and not target.startswith("#"):
            assert (path.parent / target.split("#")[0]).exists(), f"{path.name} links to {target}"


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("README.md", "README.zh.md"),
        ("docs/index.md", "docs/zh/index.md"),
        ("docs/corpus.md", "docs/zh/corpus.md"),
        ("docs/sizing.md", "docs/zh/sizing.md"),
        ("docs/ladder.md", "docs/zh/ladder.md"),
        ("docs/yardsticks.md", "docs/zh/yardsticks.md"),
        ("docs/compare.md", "docs/zh/compare.md"),
    ],
    ids=["readme", "docs", "corpus", "sizing", "ladder", "yardsticks", "compare"],
)
def test_both_languages_hold_the_same(english, chinese):
    """As many headings of each depth, the same commands but for prompts, and a link to each other."""
    one, other = (ROOT / english, ROOT / chinese)
    if not other.exists():
        pytest.fail(f"{chinese} is missing")
    shape = [[len(h) for h in re.findall(r"^(#+) ", p.read_text(encoding="utf-8"), re.MULTILINE)] for p in (one, other)]
    assert shape[0] == shape[1]
    verbs = [[words[:2] for words in commands(p)] for p in (one, other)]
    assert verbs[0] == verbs[1]
    assert re.search(r"[\u4e00-\u9fff]{8}", other.read_text(encoding="utf-8"))
    assert other.name in one.read_text(encoding="utf-8")
    assert one.name in other.read_text(encoding="utf-8")


# -- recipes and pins ------------------------------------------------------------------------------------------------


def load_pins() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pins", ROOT / ".ci/pins.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_a_recipe_loads_and_states_its_claim(path):
    from telos import recipe

    made, origin = recipe.resolve(recipe.from_file(path), [])
    assert made.hash()
    assert any(where.startswith(str(path)) for where in origin.values())
    header = path.read_text(encoding="utf-8").split("\n\n")[0]
    # What an objective comes to is compared on one page, docs/objectives.md; its recipe says which models can express it.
    for word in ("hardware", "minutes", *(("needs",) if path.parent.name == "objectives" else ("memory", "expected"))):
        assert re.search(rf"^# {word} +\S", header, re.MULTILINE), f"{path.name} does not state: {word}"
    for line in re.findall(r"^#   (telos .*?)(?:   .*)?$", header, re.MULTILINE):
        parse(shlex.split(line)[1:])
        for named in re.findall(r"recipes/\S+\.yaml", line):
            assert named == path.relative_to(ROOT).as_posix()


def test_every_objective_has_a_recipe_and_a_place_on_the_pages():
    """Of its own kind, in recipes/objectives/; formula and source in both languages."""
    from telos import recipe
    from telos.objectives import Objective

    pages = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("docs/objectives.md", "docs/zh/objectives.md")}
    for kind in Objective.kinds():
        made, _ = recipe.resolve(recipe.from_file(ROOT / f"recipes/objectives/{kind}.yaml"), [])
        assert made.objective.kind() == kind
        for name, page in pages.items():
            listed = [line for line in page.splitlines() if line.startswith("- **`")]
            assert any(f"**`{kind}`**" in line for line in listed), f"{name} has no formula of {kind}"


def test_the_default_recipe_is_what_run_does():
    from telos import recipe

    assert (
        recipe.resolve(recipe.from_file(ROOT / "recipes/default.yaml"), [])[0]
        == recipe.resolve(recipe.for_path(None, None), [])[0]
    )


def test_everything_that_is_needed_is_pinned():
    """Each dependency and each extra has one exact version, within its bounds, without a build's label, a host or a path."""
    from packaging.requirements import Requirement

    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[0-9][0-9a-z.]*", line) for line in lines)
    pins = {name.lower().replace("_", "-"): version for name, version in (line.split("==") for line in lines)}
    assert len(pins) == len(lines)
    assert pins["torch"] == "2.13.0"
    installed = {line.split("==")[0].lower().replace("_", "-") for line in load_pins().pins()}
    assert installed <= set(pins), "run `make pins`"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    for requirement in map(Requirement, needed):
        if requirement.name != "telos":
            assert pins[requirement.name.lower()] in requirement.specifier, requirement
            assert all(s.operator == ">=" for s in requirement.specifier), f"lower bounds only: {requirement}"


def test_the_changelog_keeps_its_form():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", h) for h in headings[1:])
    assert set(re.findall(r"^### (.+)$", text, re.MULTILINE)) <= {
        "Added",
        "Changed",
        "Deprecated",
        "Removed",
        "Fixed",
        "Security",
    }


def test_the_diary_is_dated_newest_first():
    entries = re.findall(r"^## (.+)$", (ROOT / "docs/log.md").read_text(encoding="utf-8"), re.MULTILINE)
    dates = [re.match(r"\d{4}-\d\d-\d\d", entry) for entry in entries]
    assert entries
    assert all(dates)
    assert sorted((d[0] for d in dates if d), reverse=True) == [d[0] for d in dates if d]
