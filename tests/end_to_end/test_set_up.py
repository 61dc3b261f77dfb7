"""Setting up on a bare machine: what is refused, what is shown, and that a stamp saves the second time."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time

import pytest


@pytest.fixture(scope="module")
def set_up(root):
    spec = importlib.util.spec_from_file_location("set_up", root / ".ci/set_up.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_old_python_is_refused(set_up):
    with pytest.raises(set_up.Refused) as error:
        set_up.check((3, 9, 2), True)
    assert str(error.value).splitlines() == [
        "error: Telos needs Python 3.11 or newer",
        "  found: Python 3.9",
        "  to do: install a newer one, then: make PYTHON=/path/to/python3.11 …",
    ]
    set_up.check((3, 11, 0), True)


def test_a_python_without_venv_is_refused(set_up):
    with pytest.raises(set_up.Refused, match=r"venv and ensurepip\n  found: they are missing\n  to do: apt install python3-venv"):
        set_up.check((3, 12, 1), False)


def test_an_old_python_can_read_the_script(root):
    """No syntax newer than 3.6, so that the message above is what an old interpreter shows."""
    import ast

    ast.parse((root / ".ci/set_up.py").read_text(encoding="utf-8"), feature_version=(3, 6))


def test_what_is_shown_of_pip(set_up):
    assert set_up.shown("  Downloading torch-2.13.0-cp311.whl.metadata (29 kB)\n") is None
    assert set_up.shown("Downloading numpy-2.4.6-cp311.whl (16.5 MB)\n") == "  downloading numpy-2.4.6-cp311.whl (16.5 MB)"
    assert set_up.shown("Installing collected packages: mpmath, urllib3\n") == "  installing"
    assert set_up.shown("Requirement already satisfied: pip\n") is None


def test_a_failing_pip_is_explained(set_up, tmp_path, capfd, monkeypatch, root):
    monkeypatch.chdir(root)
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\necho Collecting torch\necho ERROR: no route to host >&2\nexit 1\n")
    fake.chmod(0o755)
    with pytest.raises(set_up.Refused, match="check the network connection"):
        set_up.install(str(fake), ".", str(tmp_path / "pip.log"))
    assert "no route to host" in capfd.readouterr().err
    assert "Collecting torch" in (tmp_path / "pip.log").read_text()


def test_the_package_is_found_beside_its_clone(root, tmp_path):
    """In the folder that holds a clone named telos, `import telos` is the package, not the clone as a namespace."""
    pytest.importorskip("setuptools")
    clone = tmp_path / "telos"
    (clone / "telos").mkdir(parents=True)
    (clone / "telos/__init__.py").touch()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, clone / name)
    build = "from setuptools import build_meta; build_meta.build_editable('wheels')"
    subprocess.run([sys.executable, "-c", build], cwd=clone, check=True, capture_output=True)
    installed = tmp_path / "installed"
    shutil.unpack_archive(next((clone / "wheels").glob("*.whl")), installed, "zip")
    look = f"import site; site.addsitedir({str(installed)!r}); import telos; print(telos.__file__)"
    alone = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    found = subprocess.run(
        [sys.executable, "-S", "-c", look], cwd=tmp_path, env=alone, capture_output=True, text=True, check=False
    )
    assert found.stdout.strip() == str(clone / "telos/__init__.py"), found.stderr


@pytest.fixture
def clone(root, tmp_path):
    """Makefile and pins in an empty folder, with a set-up that only notes that it ran."""
    folder = tmp_path / "a clone"
    (folder / ".ci").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(root / name, folder / name)
    (folder / ".ci/set_up.py").write_text(
        "import os, sys\nos.makedirs(sys.argv[1], exist_ok=True)\nopen('ran.txt', 'a').write(sys.argv[2] + ' ')\n"
    )
    return folder


def make(folder, *words, **environment):
    return subprocess.run(
        ["make", "-C", str(folder), *words], env=os.environ | environment, capture_output=True, text=True, check=False
    )


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
class TestStamps:
    def test_nothing_is_installed_twice(self, clone):
        for _ in range(2):
            assert make(clone, ".venv/set-up-dev", f"PYTHON={sys.executable}").returncode == 0
        assert (clone / "ran.txt").read_text() == ". .[dev] "

    def test_new_pins_are_installed(self, clone):
        make(clone, ".venv/set-up", f"PYTHON={sys.executable}")
        later = time.time() + 10
        os.utime(clone / "constraints.txt", (later, later))
        make(clone, ".venv/set-up", f"PYTHON={sys.executable}")
        assert (clone / "ran.txt").read_text() == ". . "

    def test_two_targets_at_once_install_one_after_the_other(self, clone):
        done = make(clone, "-j4", ".venv/set-up", ".venv/set-up-dev", f"PYTHON={sys.executable}")
        assert done.returncode == 0, done.stderr
        assert (clone / "ran.txt").read_text() == ". .[dev] "

    def test_no_python_is_said(self, clone):
        done = make(clone, "demo", "PYTHON=python9.9")
        assert done.returncode == 2
        assert "error: Telos needs Python 3.11 or newer; python9.9 was not found" in done.stderr

    def test_an_old_python3_is_passed_over_for_a_newer_one(self, clone, tmp_path):
        programs = tmp_path / "programs"
        programs.mkdir()
        (programs / "python3").write_text("#!/bin/sh\nexit 1\n")
        (programs / "python3.12").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        for program in programs.iterdir():
            program.chmod(0o755)
        done = make(clone, "-n", ".venv/set-up", PATH=f"{programs}:{os.environ['PATH']}")
        assert re.search(r"^python3\.1\d \.ci/set_up\.py \.venv \.$", done.stdout, re.MULTILINE), done.stdout

    def test_help_names_every_target_that_people_use(self, clone):
        shown = make(clone, "help").stdout
        for target in ("demo", "test", "check", "bench", "test-long", "clean"):
            assert f"make {target} " in shown
