"""Who may import whom, and what must not be imported at all for a quick answer."""

import configparser
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ["torch", "daft", "transformers", "matplotlib", "pyarrow", "numba", "tokenizers"]
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def lint(folder: Path) -> subprocess.CompletedProcess:
    """import-linter over the package `telos` in a folder, with that folder's .importlinter."""
    environment = os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "200"}
    command = [sys.executable, "-c", LINT, "--no-cache"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_imports_keep_to_the_floors(root):
    found = lint(root)
    assert found.returncode == 0, found.stdout + found.stderr


def floors(root: Path) -> list[list[str]]:
    parser = configparser.ConfigParser()
    parser.read(root / ".importlinter")
    lines = parser["importlinter:contract:floors"]["layers"].split("\n")
    return [[name.strip(" ()") for name in line.replace(":", "|").split("|")] for line in lines if line]


def house(root: Path, folder: Path, **imports: str) -> Path:
    """An empty house with the same rooms and the same rules; ``imports``: room → an import that it makes."""
    rooms = [name for floor in floors(root) for name in floor]
    for room in [*rooms, *imports]:
        (folder / "telos" / room).mkdir(parents=True, exist_ok=True)
        (folder / "telos" / room / "__init__.py").write_text(imports.get(room, ""))
    (folder / "telos" / "__init__.py").write_text("")
    (folder / ".importlinter").write_text((root / ".importlinter").read_text())
    return folder


@pytest.mark.parametrize(
    ("room", "line", "broken"),
    [
        ("train", "from telos import evaluate, objectives, models, foundation", False),
        ("recipe", "import telos.run", False),
        ("foundation", "import telos.tokens", True),
        ("models", "from telos import generate", True),
        ("layers", "def f():\n    from telos.optim import x", True),
        ("optim", "import telos.layers", True),
        ("corpus", "import telos.tokens", True),
        ("serve", "import telos.lab", True),
        ("evaluate", "import telos.train", True),
        ("attic", "", True),
    ],
)
def test_the_rules_refuse_an_import_up_or_sideways_and_a_room_without_a_floor(root, tmp_path, room, line, broken):
    found = lint(house(root, tmp_path, **{room: line}))
    assert (found.returncode != 0) == broken, found.stdout + found.stderr


@pytest.mark.parametrize("module", ["telos", "telos.cli", "telos.foundation.spec", "telos.generate.detokenize"])
def test_nothing_heavy_is_imported_before_it_is_needed(module):
    code = f"import sys, {module}; print([name for name in {HEAVY} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_help_imports_nothing_heavy():
    code = f"""
import sys
sys.argv = ["telos", "--help"]
from telos.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stderr == "[]\n"
    assert "telos" in found.stdout
